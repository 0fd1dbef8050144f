"""The seed of a cloud: databases, accounts, flavors, images and network, made once and copied by each build."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor
from string import Template
from typing import TYPE_CHECKING, Any

from ansible.module_utils.cloud import layout, ports, processes
from ansible.module_utils.cloud.api import Api
from ansible.module_utils.cloud.services import Service, ServiceGroup

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = ("mysql", "images", "keystone", "rabbitmq")
SERVICES = ("keystone", "placement", "glance", "neutron", "nova-api")
BACKENDS = ("epmd", "rabbitmq", "mariadb", "memcached")
STEP_SECONDS = 300
# nova fills these from its own configuration, so that a copied database knows the ports of its build.
CELL_DATABASE = "{scheme}://{username}:{password}@{hostname}:{port}/%s?{query}"
CELL_TRANSPORT = "{scheme}://{username}:{password}@{hostname}:{port}/"


class SeedError(RuntimeError):
    """A step of the preparation failed; the message names it and ends with its output."""


class SeedBuilder:
    """Makes the seed in a folder of its own, with the services of the prepared environment."""

    def __init__(self, folder: str, environment: str, definitions: dict[str, Any], claims: str) -> None:
        """Take the folder to make, the prepared environment's folder, and the site's definitions."""
        self.folder = folder
        self.venv = os.path.join(environment, "venv")
        self.base = os.path.join(environment, "nova")
        self.claims = claims
        self.definitions = definitions
        self.variables = layout.environment(self.venv, [self.base], folder)

    def build(self, say: Callable[[str], None]) -> dict[str, Any]:
        """Return what a build must know of the seed: password, first port, folder, ids."""
        # An earlier attempt may have been killed in the middle.
        processes.kill_all(os.path.basename(self.folder), self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder, mode=0o700)
        base_port = ports.claim(self.claims, self.folder)
        password = secrets.token_hex(12)
        filled = layout.values(self.folder, self.venv, self.base, base_port, password)
        filled["compute_driver"] = "fake.MediumFakeDriver"
        group = ServiceGroup(self.folder, self.variables)
        try:
            self._write(filled)
            ids = self._fill(group, filled, say)
        finally:
            group.stop([*reversed(SERVICES), "rabbitmq", "memcached", "mariadb", "epmd"])
            ports.release(self.claims, self.folder)
        return {"password": password, "base_port": base_port, "workspace": self.folder, **ids}

    def _write(self, filled: dict[str, str]) -> None:
        layout.make_folders(self.folder)
        layout.write_files(self.folder, self.definitions["files"], filled)
        copy_paste_files(self.folder, self.venv, self.base)
        with open(os.path.join(self.folder, "init.sql"), "w", encoding="utf-8") as stream:
            stream.write(Template(self.definitions["create_sql"]).substitute(filled))
        for name in ("fernet", "credential"):
            os.makedirs(os.path.join(self.folder, "keystone", name), mode=0o700)
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/mysql", f"--user={filled['user']}"]
        install += ["--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-file-per-table=0"]
        self._step([*install, "--innodb-log-file-size=16M"])

    def _fill(self, group: ServiceGroup, filled: dict[str, str], say: Callable[[str], None]) -> dict[str, Any]:
        services = [Service.from_mapping(one, filled) for one in self.definitions["services"]]
        begun = time.monotonic()
        group.start([one for one in services if one.name in BACKENDS], STEP_SECONDS)
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(one, filled) for one in (self._keystone, self._nova, self._others)]:
                done.result()
        say(f"create the databases: {time.monotonic() - begun:.1f} s")
        begun = time.monotonic()
        group.start([one for one in services if one.name == "keystone"], STEP_SECONDS)
        api = Api(layout.endpoints(filled), filled["password"])
        _accounts(api, filled)
        there: Future[None] = Future()
        there.set_result(None)
        rest = [one for one in services if one.name in SERVICES and one.name != "keystone"]
        group.start(rest, STEP_SECONDS, {"nova": there})
        ids = _resources(api)
        self._step(["mariadb", "-u", "root", "-S", f"{self.folder}/mysql.sock"], self.definitions["fill_sql"])
        say(f"create accounts, flavors, images, network: {time.monotonic() - begun:.1f} s")
        return ids

    def _keystone(self, filled: dict[str, str]) -> None:
        manage = [f"{self.venv}/bin/keystone-manage", "--config-file", f"{self.folder}/etc/keystone/keystone.conf"]
        user = ["--keystone-user", filled["user"], "--keystone-group", filled["user"]]
        self._step([*manage, "db_sync"])
        self._step([*manage, "fernet_setup", *user])
        self._step([*manage, "credential_setup", *user])
        urls = [
            word
            for name in ("public", "internal", "admin")
            for word in (f"--bootstrap-{name}-url", filled["url_keystone"] + "/v3")
        ]
        password = ["--bootstrap-password", filled["password"], "--bootstrap-region-id", "RegionOne"]
        self._step([*manage, "bootstrap", *password, *urls])

    def _others(self, _: dict[str, str]) -> None:
        tools, etc = f"{self.venv}/bin", f"{self.folder}/etc"
        self._step([f"{tools}/placement-manage", "--config-file", f"{etc}/placement/placement.conf", "db", "sync"])
        self._step([f"{tools}/glance-manage", "--config-file", f"{etc}/glance/glance-api.conf", "db_sync"])
        neutron = [f"{tools}/neutron-db-manage", "--config-file", f"{etc}/neutron/neutron.conf"]
        self._step([*neutron, "upgrade", "heads"])

    def _nova(self, _: dict[str, str]) -> None:
        manage = [f"{self.venv}/bin/python", f"{self.base}/bin/nova-manage"]
        manage += ["--config-file", f"{self.folder}/etc/nova/nova.conf"]
        self._step([*manage, "api_db", "sync"])
        self._step([*manage, "cell_v2", "map_cell0", "--database_connection", CELL_DATABASE % "nova_cell0"])
        self._step([*manage, "db", "sync"])
        cell = ["--name", "cell1", "--database_connection", CELL_DATABASE % "nova", "--transport-url", CELL_TRANSPORT]
        self._step([*manage, "cell_v2", "create_cell", *cell])

    def _step(self, argv: list[str], text: str = "") -> None:
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, check=False, timeout=STEP_SECONDS, env=self.variables
        )
        with open(os.path.join(self.folder, "logs", "preparation.txt"), "a", encoding="utf-8") as log:
            log.write(done.stdout + done.stderr)
        if done.returncode:
            end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise SeedError(f"{os.path.basename(argv[0])} failed (exit status {done.returncode}):\n{end}")


def keep(building: str, seed: dict[str, Any], folder: str) -> None:
    """Move what builds need from the folder `building` to `folder`; complete when its seed.json exists."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o700)
    for name in KEPT:
        os.rename(os.path.join(building, name), os.path.join(folder, name))
    layout.write_private(os.path.join(folder, "seed.json.new"), json.dumps(seed))
    os.rename(os.path.join(folder, "seed.json.new"), os.path.join(folder, "seed.json"))
    shutil.rmtree(building, ignore_errors=True)


def read(folder: str) -> dict[str, Any] | None:
    """Return the seed's facts, None when there is no complete seed."""
    try:
        with open(os.path.join(folder, "seed.json"), encoding="utf-8") as stream:
            return dict(json.load(stream))
    except FileNotFoundError:
        return None


def copy_paste_files(workspace: str, venv: str, nova: str) -> None:
    """Copy the WSGI pipelines that come with glance and with the nova of this cloud."""
    shutil.copyfile(f"{venv}/etc/glance/glance-api-paste.ini", f"{workspace}/etc/glance/glance-api-paste.ini")
    shutil.copyfile(f"{nova}/etc/nova/api-paste.ini", f"{workspace}/etc/nova/api-paste.ini")


def _accounts(api: Api, filled: dict[str, str]) -> None:
    body = {"project": {"name": "service", "domain_id": "default"}}
    project = api.post("keystone", "/projects", body)["project"]["id"]
    roles = {one["name"]: one["id"] for one in api.get("keystone", "/roles")["roles"]}
    kinds = {"placement": "placement", "glance": "image", "neutron": "network", "nova": "compute"}
    for name, kind in kinds.items():
        user = {"name": name, "password": filled["password"], "domain_id": "default", "default_project_id": project}
        who = api.post("keystone", "/users", {"user": user})["user"]["id"]
        for role in ("admin", "service"):
            api.put("keystone", f"/projects/{project}/users/{who}/roles/{roles[role]}")
        service = api.post("keystone", "/services", {"service": {"name": name, "type": kind}})["service"]["id"]
        for interface in ("public", "internal", "admin"):
            endpoint = {"service_id": service, "interface": interface, "region_id": "RegionOne"}
            endpoint["url"] = filled[f"url_{name}"] + layout.PATHS[name]
            api.post("keystone", "/endpoints", {"endpoint": endpoint})


def _resources(api: Api) -> dict[str, str]:
    for name, flavor, ram in (("m1.nano", "42", 128), ("m1.micro", "84", 192)):
        body = {"name": name, "id": flavor, "ram": ram, "disk": 1, "vcpus": 1}
        api.post("nova", "/flavors", {"flavor": body})
    images = []
    for name in ("tiny", "tiny-alt"):
        body = {"name": name, "disk_format": "raw", "container_format": "bare", "visibility": "public"}
        images.append(api.post("glance", "/images", body)["id"])
        api.put("glance", f"/images/{images[-1]}/file", b"\0" * 4096)
    network = api.post("neutron", "/networks", {"network": {"name": "shared", "shared": True}})["network"]["id"]
    subnet = {"network_id": network, "ip_version": 4, "cidr": "10.99.0.0/16", "name": "shared", "enable_dhcp": False}
    api.post("neutron", "/subnets", {"subnet": subnet})
    extensions = sorted(one["alias"] for one in api.get("neutron", "/extensions")["extensions"])
    return {"image": images[0], "image_alt": images[1], "network_extensions": ",".join(extensions)}
