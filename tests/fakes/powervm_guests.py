"""Guests of CI nodes on a PowerVM system, as tempest runs leave them there, and clean-ups of these."""

from __future__ import annotations

import importlib
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ansible.module_utils

from tests.fakes.powervm_rest import PowerVmRest
from tests.fakes.powervm_system import PowerVmSystem

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = Path(__file__).resolve().parents[2] / "playbooks" / "module_utils"


def module(name: str) -> Any:
    """Import a module that Ansible finds beside the playbooks."""
    if str(MODULES) not in ansible.module_utils.__path__:
        ansible.module_utils.__path__ = [*ansible.module_utils.__path__, str(MODULES)]
    return importlib.import_module(f"ansible.module_utils.{name}")


@dataclass
class Told:
    """What a clean-up told."""

    records: list[dict[str, str]] = field(default_factory=list)
    why: str = ""

    def of(self, what: str, kind: str = "") -> list[dict[str, str]]:
        return [one for one in self.records if one["what"] == what and (not kind or one["kind"] == kind)]

    def names(self, what: str, kind: str) -> list[str]:
        return sorted(one["name"] for one in self.of(what, kind))

    @property
    def whys(self) -> list[str]:
        return [one["why"] for one in self.of("left")]


class Guests:
    """A system with nodes 5 and 51 on it, an LPAR that is nobody's, and the management partition."""

    def __init__(self) -> None:
        self.system = PowerVmSystem()
        self.management = self.system.lpar(3, "novalink", IsManagementPartition="true")
        self.nodes = {number: self.system.lpar(number, f"ci-node-{number}") for number in (5, 51)}
        self.system.lpar(900, "payroll")
        self._number = 100

    def add(self, node: int, *, rich: bool = True, state: str = "running", name: str = "") -> str:
        """Add an LPAR of a node's tempest run: with one of everything, or with a disk in the pool alone."""
        system, instance = self.system, self.system.new_uuid()
        self._number += 1
        name = name or f"pvm{node}-tempest-{zlib.crc32(instance.encode()) % 1000:03}-{instance[:8]}"
        lpar = system.lpar(self._number, name, state, instance)
        unit = system.unit(unit_name(name))
        for vios in (0, 1):
            system.map_scsi(vios, lpar, unit)
        if rich:
            system.map_scsi(0, lpar, system.medium(0, f"cfg_{instance.replace('-', '')[:29]}.iso"))
            system.map_scsi(1, lpar, system.disk(1, f"b_{name[:8].replace('-', '_')}_{instance[:4]}"))
            system.map_scsi(1, lpar, None)
            system.map_fc(1, lpar)
            system.port(lpar, "VirtualNICDedicated")
            system.port(lpar, "SRIOVEthernetLogicalPort")
            system.trunk(self.management, instance)
        return lpar

    @contextmanager
    def served(self, folder: Path, **settings: Any) -> Iterator[PowerVmRest]:
        """Serve the system."""
        with PowerVmRest(self.system, folder, **settings) as rest:
            yield rest


def unit_name(lpar_name: str) -> str:
    """Return the name of the logical unit that an LPAR boots from."""
    return "boot_" + "".join(one if one.isalnum() or one in "._" else "_" for one in lpar_name)


def orders(rest: PowerVmRest, node: int = 5, **changes: Any) -> Any:
    """Return the orders for a clean-up after a node."""
    connection = {"host": "127.0.0.1", "port": rest.port, "protocol": "http", "username": "", "password_file": None}
    fields = {
        "node": module("lpar_cleanup.node").Node(node, changes.pop("serial", f"IBM,02{rest.system.serial}")),
        "connection": connection | changes.pop("connection", {}),
        "orphans": "leave",
        "dead_nodes": (),
        "vlan_offsets": (1000, 2000),
        "parallel": 4,
        "normal_seconds": 1,
        "confirm_seconds": 0,
        "timeout_seconds": 60,
        "dry": False,
    }
    return module("lpar_cleanup.cleanup").Orders(**{**fields, **changes})


def clean_up(rest: PowerVmRest, node: int = 5, **changes: Any) -> Told:
    """Clean up after a node, in this process."""
    told = Told()
    module("lpar_cleanup.cleanup").clean_up(orders(rest, node, **changes), told.records.append)
    return told


def clean_up_within(seconds: float, rest: PowerVmRest, **changes: Any) -> Told:
    """Clean up after node 5 as the Ansible module does: in a process that is killed when its time is over."""
    order, work = orders(rest, **changes), module("lpar_cleanup.cleanup").clean_up
    return Told(*module("lpar_cleanup.bounded").run_bounded(lambda tell: work(order, tell), seconds))
