"""What networks have for LPARs outside of them: trunk adapters of Open vSwitch, VLANs of shared Ethernet adapters."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.lpar_cleanup.attempts import TROUBLE, if_there, insist
from ansible.module_utils.lpar_cleanup.names import instance_uuids
from ansible.module_utils.lpar_cleanup.plan import Lpar
from pypowervm.tasks import network_bridger
from pypowervm.wrappers import logical_partition as partition
from pypowervm.wrappers import managed_system, network

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ansible.module_utils.lpar_cleanup.report import Report
    from ansible.module_utils.lpar_cleanup.system import System

_INSTANCE = re.compile(r"(?:^|,)vm-uuid=([0-9a-fA-F-]{36})(?:,|$)")


@dataclass(frozen=True)
class Trunk:
    """A trunk adapter that Open vSwitch got for one LPAR, on the partition that hosts it."""

    host: Lpar
    uuid: str
    mac: str


def trunks(system: System, hosts: Iterable[Lpar], doomed: Iterable[Lpar]) -> dict[str, list[Trunk]]:
    """Return the trunk adapters of LPARs, by an LPAR's UUID.

    Each is made for one instance and bears its UUID; one that bears none, as those of shared Ethernet adapters, is
    not among them.
    """
    ours = {uuid: lpar for lpar in doomed for uuid in instance_uuids(lpar.uuid)}
    found: dict[str, list[Trunk]] = {}
    for host in hosts:
        for adapter in system.get(network.CNA, **_at(host)):
            lpar = ours.get(_instance(adapter))
            if lpar is not None:
                found.setdefault(lpar.uuid, []).append(Trunk(host, adapter.uuid, adapter.mac))
    return found


def delete_trunk(system: System, trunk: Trunk, lpar: Lpar) -> None:
    """Delete a trunk adapter if it is still that of the LPAR."""

    def once() -> None:
        now = if_there(lambda: network.CNA.get(system.adapter, uuid=trunk.uuid, **_at(trunk.host)), None)
        if now is not None and _instance(now) in instance_uuids(lpar.uuid):
            if_there(now.delete, None)

    insist(once, system.deadline)


def remove_vlans(
    system: System, vlans: Collection[int], lpars: Iterable[Lpar], report: Report, *, parallel: int, dry: bool
) -> None:
    """Take VLANs of this node's networks from the shared Ethernet adapters, unless an LPAR has one."""
    bridges = system.get(network.NetBridge, parent_type=managed_system.System, parent_uuid=system.uuid)
    found = [(bridge.uuid, vlan) for bridge in bridges for vlan in vlans if _is_extra(bridge, vlan)]
    if not found:
        return
    with ThreadPoolExecutor(parallel) as pool:
        used = set().union(*pool.map(lambda lpar: _vlans_of(system, lpar), lpars))
    for bridge_uuid, vlan in found:
        if vlan in used:
            report.left("VLAN", vlan, "", "an LPAR is in it")
            continue
        try:
            _remove_vlan(system, bridge_uuid, vlan, dry=dry)
        except TROUBLE as error:
            report.left("VLAN", vlan, "", error)
        else:
            report.removed("VLAN", vlan, "")


def _remove_vlan(system: System, bridge_uuid: str, vlan: int, *, dry: bool) -> None:
    def once() -> None:
        network_bridger.remove_vlan_from_nb(system.adapter, system.uuid, bridge_uuid, vlan, fail_if_pvid=True)

    if not dry:
        insist(once, system.deadline)


def _at(lpar: Lpar) -> dict[str, Any]:
    return {"parent_type": partition.LPAR, "parent_uuid": lpar.uuid}


def _instance(adapter: Any) -> str:
    found = _INSTANCE.search(adapter.ovs_ext_ids or "") if adapter.is_trunk else None
    return found[1].lower() if found else ""


def _is_extra(bridge: Any, vlan: int) -> bool:
    """Whether a bridge carries a VLAN beside its own: what is on the first adapter is the system's."""
    first, *others = bridge.load_grps
    return vlan != first.pvid and vlan not in first.tagged_vlans and any(vlan in one.tagged_vlans for one in others)


def _vlans_of(system: System, lpar: Lpar) -> set[int]:
    adapters = if_there(lambda: system.get(network.CNA, **_at(lpar)), [])
    return {vlan for one in adapters if not one.is_trunk for vlan in (one.pvid, *one.tagged_vlans)}
