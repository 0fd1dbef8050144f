"""What tempest needs of a cloud that a deployment has brought up."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
from typing import Any

from ansible.module_utils.deployment import program
from ansible.module_utils.deployment.script import environment
from ansible.module_utils.deployment.verdict import CIFault

CALL_SECONDS = 300
LAST_VLAN = 4094
# from this version of the compute API on a server can be asked for that has no network
NO_NETWORK = "2.37"


class CloudError(RuntimeError):
    """The cloud does not do what tempest needs; the message says what."""


class Cloud:
    """The cloud's administrator, by the deployment's own client. What is there already is not made again."""

    def __init__(self, folder: str, name: str, client: str = "openstack") -> None:
        """Take the folder of what deployed the cloud, and the cloud's name in clouds.yaml."""
        self._environment, self._client, self._name = environment(folder), client, name
        self._known: dict[str, dict[str, str]] = {}
        self.made: list[str] = []

    def ask(self, *words: str, compute_api: str = "", timeout_seconds: float = CALL_SECONDS) -> Any:
        """Return what the client says as JSON; raises CloudError with its last line, CIFault where none starts."""
        version = ["--os-compute-api-version", compute_api] if compute_api else []
        argv = [self._client, "--os-cloud", self._name, *version, *words, "-f", "json"]
        said = " ".join(words[:3])
        try:
            done = program.answer(argv, timeout_seconds, variables=self._environment)
        except subprocess.TimeoutExpired:
            raise CloudError(f"openstack {said} did not answer in {timeout_seconds:.0f} s") from None
        except OSError as error:
            raise CIFault(f"the client openstack does not start: {error}") from None
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise CloudError(f"openstack {said}: {lines[-1][:400]}")
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise CloudError(f"openstack {said}: answers no JSON") from None

    def image(self, wanted: str) -> str:
        """Return the id of an active image: the one of that name, or the first; raises CIFault where there is none."""
        images = [one for one in self.ask("image", "list") if one["Status"] == "active"]
        found = [one for one in images if not wanted or wanted in (one["Name"], one["ID"])]
        if not images:
            raise CIFault("no active image (see what the deployment is to upload: with devstack `IMAGE_URLS`)")
        if not found:
            names = ", ".join(sorted(one["Name"] for one in images))
            raise CIFault(f"`cloud_image`: no active image {wanted} (there are: {names})")
        return str(found[0]["ID"])

    def _there(self, kind: str, *options: str) -> dict[str, str]:
        """Return the ids of what there is of a kind, by name; each call of the client takes seconds."""
        if kind not in self._known:
            self._known[kind] = {str(one["Name"]): str(one["ID"]) for one in self.ask(kind, "list", *options)}
        return self._known[kind]

    def flavor(self, wanted: dict[str, Any]) -> str:
        """Return the id of a flavor of that name, made if it is not there."""
        there = self._there("flavor", "--all")
        if wanted["name"] in there:
            return there[wanted["name"]]
        sizes = [word for name in ("ram", "disk", "vcpus") for word in (f"--{name}", str(wanted[name]))]
        self.made.append(f"flavor {wanted['name']}")
        return str(self.ask("flavor", "create", *sizes, wanted["name"])["id"])

    def network(self, name: str, physical_network: str, vlan: int, subnet: str) -> str:
        """Return the id of a shared VLAN network of that name with one subnet, made if it is not there."""
        if vlan > LAST_VLAN:
            raise CIFault(f"network {name}: VLAN {vlan} is none (the LPAR's id is too high for its vlan_offset)")
        there = self._there("network")
        if name not in there:
            place = ["--provider-network-type", "vlan", "--provider-physical-network", physical_network]
            made = self.ask("network", "create", "--share", *place, "--provider-segment", str(vlan), name)
            there[name] = str(made["id"])
            self.made.append(f"network {name} on VLAN {vlan}")
        if f"{name}-subnet" not in self._there("subnet"):
            self.ask("subnet", "create", "--network", there[name], "--subnet-range", subnet, f"{name}-subnet")
        return there[name]

    def primer(self, name: str, image: str, flavor: str, network: str, timeout_seconds: float) -> None:
        """Boot a first server, which keeps the image's disk in the pool; raises CloudError unless it is active."""
        if name not in self._there("server"):
            connected = ["--network", network] if network else ["--nic", "none"]
            words = ["--image", image, "--flavor", flavor, *connected, "--wait", name]
            version = "" if network else NO_NETWORK
            self.ask("server", "create", *words, compute_api=version, timeout_seconds=timeout_seconds)
            self.made.append(f"server {name}")
        server = self.ask("server", "show", name)
        if server["status"] != "ACTIVE":
            fault = server.get("fault") or {}
            why = fault.get("message", "") if isinstance(fault, dict) else fault
            raise CloudError(f"the first server, {name}, is {server['status']}: {why}"[:400])


def write_tempest_conf(source: str, target: str, options: dict[str, dict[str, Any]]) -> None:
    """Write the deployment's tempest.conf with the site's options set, for its owner alone; raises CloudError."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        with open(source, encoding="utf-8") as stream:
            parser.read_file(stream)
    except (OSError, configparser.Error) as error:
        raise CloudError(f"the deployment's tempest.conf cannot be read: {error}") from None
    for section, values in options.items():
        if section != parser.default_section and not parser.has_section(section):
            parser.add_section(section)
        for name, value in values.items():
            parser.set(section, name, str(value))
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        parser.write(stream, space_around_delimiters=True)
