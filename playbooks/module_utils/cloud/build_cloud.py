"""One build's cloud: the seed copied, nova from the patch, every service up, the driver proven."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from string import Template
from typing import Any

from ansible.module_utils.cloud import layout, patch, ports, processes, seed
from ansible.module_utils.cloud.api import Api, ApiError
from ansible.module_utils.cloud.services import Service, ServiceError, ServiceGroup


class BuildCloudError(RuntimeError):
    """The cloud cannot be used; the message says what is wrong with it."""


class BuildCloud:
    """Brings a cloud up in a workspace; `seconds` tells afterwards how long each step took."""

    def __init__(self, workspace: str, node: dict[str, str], definitions: dict[str, Any]) -> None:
        """Take the workspace, the node's prepared folders (environment, seed, claims) and the site's definitions."""
        self.workspace = workspace
        self.definitions = definitions
        self.claims = node["claims"]
        self.venv = os.path.join(node["environment"], "venv")
        self.base = os.path.join(node["environment"], "nova")
        self.tests = os.path.join(node["environment"], "tests.txt")
        self.seed_folder = node["seed"]
        self.seconds: dict[str, Any] = {}

    def up(self, source: str, driver: str, packages: dict[str, dict[str, str]], timeout_seconds: float) -> None:
        """Install nova from `source` and start everything; raises one of this package's errors with a clear message."""
        facts = seed.read(self.seed_folder)
        if facts is None:
            raise BuildCloudError(f"{self.seed_folder}: the node is not prepared")
        overlay = os.path.join(self.workspace, "overlay")
        base_port = ports.claim(self.claims, self.workspace)
        filled = layout.values(self.workspace, self.venv, overlay, base_port, facts["password"])
        filled["compute_driver"] = driver
        filled |= {name: facts[name] for name in ("image", "image_alt", "network_extensions")}
        folders = self._unpack(packages)
        variables = layout.environment(self.venv, [source, overlay], self.workspace)
        self._timed("restore", self._restore, facts, filled, source)
        group = ServiceGroup(self.workspace, variables)
        services = [Service.from_mapping(one, filled) for one in self.definitions["services"]]
        deadline = time.monotonic() + timeout_seconds
        with ThreadPoolExecutor(1) as pool:
            # The databases and the other projects need nothing of nova: they start while pip installs it.
            installed = pool.submit(self._install_nova, source, folders, variables, filled, deadline)
            self.seconds["ready"] = group.start(services, timeout_seconds, {"nova": installed})
        self._timed("compute", self._wait_for_compute, group, filled, deadline)
        self._prove_driver(group, driver)

    def _install_nova(
        self, source: str, packages: list[str], variables: dict[str, str], filled: dict[str, str], deadline: float
    ) -> None:
        python, overlay = os.path.join(self.venv, "bin", "python"), filled["overlay"]
        self._timed("bytecode", patch.reuse_bytecode, self.base, source)
        self._timed("install", patch.install, self.workspace, python, source, packages, variables, overlay)
        patch.link_drivers(source, overlay)
        if patch.changes_schema(self.base, source):
            self._timed("schema", self._migrate, variables, filled, deadline)

    def _restore(self, facts: dict[str, Any], filled: dict[str, str], source: str) -> None:
        layout.make_folders(self.workspace)
        for name in seed.KEPT:
            target = os.path.join(self.workspace, name)
            shutil.rmtree(target, ignore_errors=True)
            subprocess.run(["cp", "-a", "--reflink=auto", os.path.join(self.seed_folder, name), target], check=True)
        layout.write_files(self.workspace, self.definitions["files"], filled)
        seed.copy_paste_files(self.workspace, self.venv, source)
        then = layout.values(facts["workspace"], self.venv, "", facts["base_port"], facts["password"])
        old = {f"seed_{name}": value for name, value in then.items()}
        sql = Template(self.definitions["restore_sql"]).substitute(filled | old)
        layout.write_private(os.path.join(self.workspace, "init.sql"), sql)

    def _unpack(self, packages: dict[str, dict[str, str]]) -> list[str]:
        folders = []
        for name, files in packages.items():
            folders.append(os.path.join(self.workspace, "packages", name))
            for path, text in files.items():
                target = os.path.join(folders[-1], path)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "w", encoding="utf-8") as stream:
                    stream.write(text)
        return folders

    def _migrate(self, variables: dict[str, str], filled: dict[str, str], deadline: float) -> None:
        while ports.is_free(int(filled["port_mariadb"])) and time.monotonic() < deadline:
            time.sleep(0.1)
        log = os.path.join(self.workspace, "logs", "nova-manage.txt")
        for area in ("api_db", "db"):
            argv = [f"{filled['overlay']}/bin/nova-manage", "--config-file", f"{self.workspace}/etc/nova/nova.conf"]
            argv += [area, "sync"]
            status = processes.run(self.workspace, argv, variables, log, timeout_seconds=300)
            if status:
                end = processes.tail(log)
                raise BuildCloudError(f"nova-manage {area} sync failed (exit status {status}):\n{end}")

    def _wait_for_compute(self, group: ServiceGroup, filled: dict[str, str], deadline: float) -> None:
        urls = {**layout.endpoints(filled), "nova_versions": filled["url_nova"]}
        api = Api(urls, filled["password"])
        last = "nova-compute has not reported"
        while True:
            group.check_alive()
            try:
                services = api.get("nova", "/os-services?binary=nova-compute")["services"]
                if any(one["state"] == "up" for one in services) and api.get("nova", "/os-hypervisors")["hypervisors"]:
                    break
            except ApiError as error:
                last = str(error)
            if time.monotonic() > deadline:
                raise ServiceError(f"nova-compute is not up: {last}\n{processes.tail(group.log('nova-compute'))}")
            time.sleep(0.3)
        version = next(one for one in api.get("nova_versions", "/")["versions"] if one["status"] == "CURRENT")
        filled |= {"min_microversion": version["min_version"], "max_microversion": version["version"]}
        self._hand_over(filled)

    def _hand_over(self, filled: dict[str, str]) -> None:
        text = Template(self.definitions["tempest_conf"]).substitute(filled)
        layout.write_private(os.path.join(self.workspace, "tempest.conf"), text)
        # What a deployment leaves for the tempest role, whichever role deployed.
        handed = {"programs": os.path.join(self.venv, "bin"), "tempest_conf": f"{self.workspace}/tempest.conf"}
        handed["tests"] = self.tests
        with open(os.path.join(self.workspace, "deployment.json"), "w", encoding="utf-8") as stream:
            json.dump(handed, stream)

    def _prove_driver(self, group: ServiceGroup, driver: str) -> None:
        wanted = f"Loading compute driver '{driver}'"
        with open(group.log("nova-compute"), encoding="utf-8", errors="replace") as log:
            loaded = [line.rstrip() for line in log if "Loading compute driver" in line]
        if not any(wanted in line for line in loaded):
            said = loaded[-1] if loaded else "nothing about a driver"
            raise BuildCloudError(f"nova-compute did not load the driver {driver}: its log says {said}")
        self.seconds["driver"] = loaded[-1]

    def _timed(self, name: str, step: Any, *arguments: Any) -> None:
        begun = time.monotonic()
        step(*arguments)
        self.seconds[name] = round(time.monotonic() - begun, 1)
