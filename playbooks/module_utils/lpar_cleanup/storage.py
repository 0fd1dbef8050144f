"""Storage of LPARs that are off: its mappings on every VIOS, then what is behind them and theirs alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible.module_utils.lpar_cleanup.attempts import TROUBLE, insist
from ansible.module_utils.lpar_cleanup.names import disk_names, is_marked_by_other, media_names, node_of, unit_names
from ansible.module_utils.lpar_cleanup.plan import Lpar
from pypowervm import util
from pypowervm.wrappers import storage as pvm_storage
from pypowervm.wrappers import virtual_io_server

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible.module_utils.lpar_cleanup.report import Report
    from ansible.module_utils.lpar_cleanup.system import System

UPDATE_TIMEOUT_SECONDS = 120
RUNNING = "running"


class Doomed:
    """LPARs that are to go, by what mappings and disks tell of them."""

    def __init__(self, lpars: Iterable[Lpar]) -> None:
        """Index the LPARs."""
        self.lpars = list(lpars)
        self.by_uuid = {lpar.uuid.upper(): lpar for lpar in self.lpars}
        self.by_id = {lpar.id: lpar for lpar in self.lpars}
        self.disks = {name: lpar for lpar in self.lpars for name in disk_names(lpar.name, lpar.uuid)}
        self.media = {name: lpar for lpar in self.lpars for name in media_names(lpar.uuid)}
        self.units = {name: lpar for lpar in self.lpars for name in unit_names(lpar.name)}
        self.node_ids = {owner for lpar in self.lpars if (owner := node_of(lpar.name)) is not None}


@dataclass
class ViosStorage:
    """What one VIOS has left, and what it had for our LPARs: storage elements with the LPAR that they served."""

    uuid: str
    name: str
    served: list[tuple[Any, Lpar]] = field(default_factory=list)
    in_use: set[str] = field(default_factory=set)  # UDIDs and names that other mappings need


def unmap_all(
    system: System, lpars: list[Lpar], report: Report, parallel: int, *, dry: bool
) -> tuple[list[ViosStorage], set[str]]:
    """Take the mappings of LPARs from every VIOS; return what the VIOSes had, and the UUIDs of LPARs that kept some."""
    running = []
    for vios in system.vioses():
        if vios.state == RUNNING:
            running.append(vios.uuid)
        else:
            report.left("VIOS", vios.name, "", f"it is {vios.state}: what it maps is not seen")
    stuck: set[str] = set()
    with ThreadPoolExecutor(parallel) as workers:
        found = list(workers.map(lambda uuid: _unmap_from(system, uuid, lpars, report, stuck, dry=dry), running))
    for vios in found:
        vios.served = [(backing, lpar) for backing, lpar in vios.served if lpar.uuid not in stuck]
    return found, stuck


def _unmap_from(
    system: System, vios_uuid: str, lpars: list[Lpar], report: Report, stuck: set[str], *, dry: bool
) -> ViosStorage:
    """Unmap all LPARs at once; where the VIOS refuses that, each by itself, so that one does not hold up the others."""
    try:
        return _unmap(system, vios_uuid, Doomed(lpars), report, dry=dry)
    except TROUBLE:
        found = ViosStorage(vios_uuid, vios_uuid)
    for lpar in lpars:
        try:
            one = _unmap(system, vios_uuid, Doomed([lpar]), report, dry=dry)
        except TROUBLE as error:
            report.left("mappings", f"on VIOS {found.name}", lpar.name, error)
            stuck.add(lpar.uuid)
        else:
            found = ViosStorage(one.uuid, one.name, found.served + one.served, one.in_use)
    return found


def _unmap(system: System, vios_uuid: str, doomed: Doomed, report: Report, *, dry: bool) -> ViosStorage:
    def once() -> tuple[ViosStorage, list[tuple[str, Any, Lpar]]]:
        vios = system.vios(vios_uuid)
        found = ViosStorage(vios.uuid, vios.name)
        gone = []
        for kind, mappings in (("vSCSI mapping", vios.scsi_mappings), ("NPIV mapping", vios.vfc_mappings)):
            ours = [(one, lpar) for one in mappings if (lpar := _client(one, kind, doomed, report)) is not None]
            for mapping, _ in ours:
                mappings.remove(mapping)
            gone += [(kind, mapping, lpar) for mapping, lpar in ours]
        found.in_use = {key for one in vios.scsi_mappings for key in _keys(one.backing_storage)}
        if gone and not dry:
            vios.update(timeout=UPDATE_TIMEOUT_SECONDS)
        return found, gone

    found: ViosStorage
    found, gone = insist(once, system.deadline)
    for kind, mapping, lpar in gone:
        backing = mapping.backing_storage if kind == "vSCSI mapping" else None
        report.removed(kind, f"{_adapter_name(mapping)} on {found.name}", lpar.name)
        if backing is not None:
            found.served.append((backing, lpar))
    return found


def remove_disks(system: System, vios: ViosStorage, doomed: Doomed, report: Report, *, dry: bool) -> set[str]:
    """Remove logical volumes and optical media from the volume groups of a VIOS, which are that VIOS's alone.

    Returns the UUIDs of LPARs whose disks could not be removed.
    """
    for backing, lpar in vios.served:
        if isinstance(backing, pvm_storage.PV):
            report.left("physical volume", f"{backing.name} on {vios.name}", lpar.name, "it is the storage's, not ours")
        elif not isinstance(backing, (pvm_storage.VDisk, pvm_storage.VOptMedia, pvm_storage.LU)):
            report.left("storage", f"{backing.name} on {vios.name}", lpar.name, f"unknown kind {backing.schema_type}")
    parent = {"parent_type": virtual_io_server.VIOS, "parent_uuid": vios.uuid}
    try:
        for group in system.get(pvm_storage.VG, **parent):
            _remove_from_group(system, {**parent, "uuid": group.uuid}, _Choice(vios, doomed, report), dry=dry)
    except TROUBLE as error:
        report.left("disks", f"on {vios.name}", "", error)
        return {lpar.uuid for _, lpar in vios.served}
    return set()


class _Choice:
    """Which disks of a VIOS are ours: our LPARs had them mapped, or they bear their names, and no other has them."""

    def __init__(self, vios: ViosStorage, doomed: Doomed, report: Report) -> None:
        self.vios, self.doomed, self.report = vios, doomed, report
        self.served = {key: lpar for backing, lpar in vios.served for key in _keys(backing)}

    def of(self, disks: Iterable[Any], names: dict[str, Lpar], kind: str) -> list[tuple[Any, Lpar]]:
        return [(disk, lpar) for disk in disks if (lpar := self._owner(disk, names, kind)) is not None]

    def _owner(self, disk: Any, names: dict[str, Lpar], kind: str) -> Lpar | None:
        keys = _keys(disk)
        lpar = next((self.served[key] for key in keys if key in self.served), names.get(disk.name))
        if lpar is None:
            return None
        if not self.vios.in_use.isdisjoint(keys):
            self.report.left(kind, f"{disk.name} on {self.vios.name}", lpar.name, "another LPAR uses it")
            return None
        if is_marked_by_other(disk.name, self.doomed.node_ids):
            self.report.left(kind, f"{disk.name} on {self.vios.name}", lpar.name, "it bears another node's name")
            return None
        return lpar


def _remove_from_group(system: System, where: dict[str, Any], choice: _Choice, *, dry: bool) -> None:
    def once() -> list[tuple[str, Any, Lpar]]:
        group = pvm_storage.VG.get(system.adapter, **where)
        kinds = [("logical volume", group.virtual_disks, choice.doomed.disks)]
        kinds += [("optical medium", one.optical_media, choice.doomed.media) for one in group.vmedia_repos]
        gone = []
        for kind, disks, names in kinds:
            for disk, lpar in choice.of(list(disks), names, kind):
                disks.remove(disk)
                gone.append((kind, disk, lpar))
        if gone and not dry:
            group.update(timeout=UPDATE_TIMEOUT_SECONDS)
        return gone

    for kind, disk, lpar in insist(once, system.deadline):
        choice.report.removed(kind, f"{disk.name} on {choice.vios.name}", lpar.name)


def _client(mapping: Any, kind: str, doomed: Doomed, report: Report) -> Lpar | None:
    """Return the doomed LPAR that a mapping serves; when what it tells contradicts itself, it serves none."""
    href, client, server = mapping.client_lpar_href, mapping.client_adapter, _server_adapter(mapping)
    if href:
        lpar = doomed.by_uuid.get((util.get_req_path_uuid(href, preserve_case=True) or "").upper())
        if lpar is not None and client is not None and client.lpar_id != lpar.id:
            report.left(kind, _adapter_name(mapping), lpar.name, f"its client adapter is of LPAR {client.lpar_id}")
            return None
        return lpar
    if client is not None or server is None:
        return None
    # Without a client: of ours, or of an earlier LPAR that had the same id.
    lpar = doomed.by_id.get(server.lpar_id)
    backing = mapping.backing_storage if kind == "vSCSI mapping" else None
    if lpar is None or backing is None or backing.name in {*doomed.disks, *doomed.media, *doomed.units}:
        return lpar
    report.left(kind, _adapter_name(mapping), lpar.name, f"without a client, and {backing.name} is not of this LPAR")
    return None


def _keys(backing: Any) -> set[str]:
    if backing is None:
        return set()
    return {f"{word}:{value}" for word, value in (("udid", backing.udid), ("name", backing.name)) if value}


def _server_adapter(mapping: Any) -> Any:
    element = mapping.element.find(pvm_storage.SERVER_ADPT)
    return None if element is None else mapping.server_adapter


def _adapter_name(mapping: Any) -> str:
    server = _server_adapter(mapping)
    return str(server.name if server is not None and server.name else "an adapter without a name")
