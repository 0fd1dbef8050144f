"""The system that this node is on, through its PowerVM REST API."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.lpar_cleanup.attempts import Deadline, insist
from ansible.module_utils.lpar_cleanup.plan import Lpar, Refused
from pypowervm import adapter as pvm_adapter
from pypowervm import const
from pypowervm.wrappers import base_partition, managed_system, virtual_io_server
from pypowervm.wrappers import logical_partition as partition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible.module_utils.lpar_cleanup.node import Node

REQUEST_TIMEOUT_SECONDS = 60
MAPPINGS = (const.XAG.VIO_SMAP, const.XAG.VIO_FMAP)
SHORTEST_SERIAL = 5
PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True)
class System:
    """One managed system, and how long there is time for it."""

    adapter: Any
    wrapper: Any
    deadline: Deadline

    @property
    def uuid(self) -> str:
        """The system's UUID."""
        return str(self.wrapper.uuid)

    def lpars(self) -> list[Lpar]:
        """Return every partition: LPARs, the management partition and VIOSes."""
        return [_lpar(one) for one in self._all(partition.LPAR)] + [_lpar(one) for one in self.vioses()]

    def lpar(self, uuid: str) -> Any:
        """Return the LPAR as it is now."""
        return self.get(partition.LPAR, uuid=uuid)

    def vioses(self) -> list[Any]:
        """Return the VIOSes without their mappings."""
        return list(self._all(virtual_io_server.VIOS))

    def vios(self, uuid: str) -> Any:
        """Return a VIOS with its mappings."""
        return virtual_io_server.VIOS.get(self.adapter, uuid=uuid, xag=list(MAPPINGS))

    def get(self, kind: Any, **where: Any) -> Any:
        """Return one thing, or all of a kind, trying again while the server is busy."""
        return insist(lambda: kind.get(self.adapter, **where), self.deadline)

    def _all(self, kind: Any) -> Any:
        return self.get(kind, parent_type=managed_system.System, parent_uuid=self.uuid)


def connect(options: Mapping[str, Any], node: Node, deadline: Deadline) -> System:
    """Log on and find the system of this node; raises pypowervm's errors, OSError, or Refused for another's system."""
    for name in PROXIES:
        for variable in (name, name.upper()):
            os.environ.pop(variable, None)
    adapter = insist(lambda: pvm_adapter.Adapter(_session(options)), deadline)
    systems = insist(lambda: managed_system.System.get(adapter), deadline)
    fitting = [one for one in systems if not node.serial or _has_serial(one, node.serial)]
    if len(fitting) != 1:
        known = ", ".join(sorted(str(one.mtms.serial) for one in systems)) or "none"
        raise Refused(
            f"this node is on the system with the serial number {node.serial!a}; the REST server manages: {known}"
        )
    return System(adapter, fitting[0], deadline)


def _session(options: Mapping[str, Any]) -> Any:
    password = None
    if options["password_file"]:
        with open(options["password_file"], encoding="utf-8") as stream:
            password = stream.read().rstrip("\n")
    return pvm_adapter.Session(
        host=options["host"],
        username=options["username"] or None,
        password=password,
        protocol=options["protocol"] or None,
        port=options["port"] or None,
        timeout=REQUEST_TIMEOUT_SECONDS,
    )


def _has_serial(system: Any, told: str) -> bool:
    serial = str(system.mtms.serial or "")
    # The kernel puts the maker and a plant code before it: IBM,02<serial number>.
    return len(serial) >= SHORTEST_SERIAL and told.endswith(serial)


def _lpar(wrapper: Any) -> Lpar:
    return Lpar(wrapper.id, wrapper.name or "", wrapper.uuid, wrapper.state or "", _role(wrapper))


def _role(wrapper: Any) -> str:
    if wrapper.is_mgmt_partition:
        return "management"
    if isinstance(wrapper, virtual_io_server.VIOS) or wrapper.env == base_partition.LPARType.VIOS:
        return "vios"
    return "service" if wrapper.is_service_partition else "client"
