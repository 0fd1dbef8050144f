"""Logical units of a shared storage pool, which other systems may use as well: what is not surely ours stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.module_utils.lpar_cleanup.attempts import TROUBLE, ChangedError, if_there, insist
from ansible.module_utils.lpar_cleanup.names import stray_unit, unit_names
from pypowervm.wrappers import cluster as pvm_cluster
from pypowervm.wrappers import storage as pvm_storage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ansible.module_utils.lpar_cleanup.plan import Lpar
    from ansible.module_utils.lpar_cleanup.report import Report
    from ansible.module_utils.lpar_cleanup.storage import Doomed, ViosStorage
    from ansible.module_utils.lpar_cleanup.system import System

KIND = "logical unit"


def remove_units(
    system: System, vioses: Collection[ViosStorage], doomed: Doomed, report: Report, *, dry: bool
) -> set[str]:
    """Remove the units that our LPARs had mapped or that bear their names, and that no VIOS maps any more.

    Returns the UUIDs of LPARs whose units could not be removed.
    """
    stuck = set()
    mapped = {key for vios in vioses for key in vios.in_use}
    served = {_key(unit): lpar for vios in vioses for unit, lpar in vios.served if isinstance(unit, pvm_storage.LU)}
    for unit in _units(system):
        lpar = served.get(_key(unit), doomed.units.get(unit.name))
        if lpar is None:
            continue
        why = _why_stays(unit, lpar, mapped, was_ours=dry and _key(unit) in served)
        if why:
            report.left(KIND, unit.name, lpar.name, why)
            continue
        if not _delete(system, unit, lpar.name, report, dry=dry):
            stuck.add(lpar.uuid)
    return stuck


def remove_strays(system: System, lpars: Iterable[Lpar], node_ids: Iterable[int], report: Report, *, dry: bool) -> None:
    """Deal with units that are named after LPARs of these nodes which are not there any more.

    They are removed where the pool is this system's alone. Elsewhere a node of another system may have the same id,
    and they are only told.
    """
    alive = {name for lpar in lpars for name in unit_names(lpar.name)}
    strays = [
        unit
        for unit in _units(system)
        if unit.name not in alive and any(stray_unit(unit.name, number) for number in node_ids)
    ]
    if not strays:
        return
    is_shared = _is_shared(system)
    for unit in strays:
        if is_shared:
            report.left(KIND, unit.name, "", "it may be of another system that shares the pool")
        elif unit.in_use is not False or unit.lu_type != pvm_storage.LUType.DISK:
            report.left(KIND, unit.name, "", "the pool says that it is in use")
        else:
            _delete(system, unit, "", report, dry=dry)


def _why_stays(unit: Any, lpar: Lpar, mapped: set[str], *, was_ours: bool) -> str:
    if unit.lu_type != pvm_storage.LUType.DISK:
        return f"it is an image, not a disk: {unit.lu_type}"
    if _key(unit) in mapped:
        return "another LPAR or another VIOS has it mapped"
    if unit.name not in unit_names(lpar.name):
        return "it is not named after the LPAR"
    # Before the mappings are removed the pool rightly says that it is in use.
    return "the pool says that it is in use" if unit.in_use and not was_ours else ""


def _units(system: System) -> list[Any]:
    tiers = if_there(lambda: system.get(pvm_storage.Tier), [])
    return [
        unit
        for tier in tiers
        for unit in system.get(pvm_storage.LUEnt, parent_type=pvm_storage.Tier, parent_uuid=tier.uuid)
    ]


def _is_shared(system: System) -> bool:
    nodes = [node for one in system.get(pvm_cluster.Cluster) for node in one.nodes]
    serials = {node.mtms.serial if node.mtms is not None else None for node in nodes}
    return serials != {system.wrapper.mtms.serial}


def _key(unit: Any) -> str:
    return f"udid:{unit.udid}"


def _delete(system: System, unit: Any, lpar: str, report: Report, *, dry: bool) -> bool:
    """Delete a unit that is of an LPAR ("" for a stray), and tell what became of it; returns whether it is gone."""

    def once() -> None:
        now = if_there(lambda: unit.refresh(use_etag=False), None)
        if now is None:
            return
        if (now.name, now.udid) != (unit.name, unit.udid) or now.in_use:
            raise ChangedError(f"it is now {now.name!a}, in use: {now.in_use}")
        if_there(now.delete, None)

    try:
        if not dry:
            insist(once, system.deadline)
    except TROUBLE as error:
        report.left(KIND, unit.name, lpar, error)
        return False
    report.removed(KIND, unit.name, lpar)
    return True
