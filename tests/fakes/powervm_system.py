"""A PowerVM system in memory, made of the answers that pypowervm carries as recorded from real ones.

Everything is an XML element below a path, as in the REST API. `tests.fakes.powervm_rest` serves it.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import uuid
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pypowervm
from lxml import etree

UOM = "{http://www.ibm.com/xmlns/systems/power/firmware/uom/mc/2012_10/}"
WEB = "{http://www.ibm.com/xmlns/systems/power/firmware/web/mc/2012_10/}"
CONTENT = "{http://www.w3.org/2005/Atom}content"
OFF, RUNNING = "not activated", "running"
SCSI, FC = "VirtualSCSIMappings", "VirtualFibreChannelMappings"
HOLDERS = (SCSI, FC, "VirtualDisks", "OpticalMedia")
ROOT_KINDS = ("LogicalPartition", "VirtualIOServer")


class RefusedError(Exception):
    """The system does not do what is asked, for a reason that a real one has too."""


@cache
def _recorded(name: str) -> tuple[etree._Element, ...]:
    text = Path(pypowervm.__file__).with_name("tests").joinpath("data", name).read_text(encoding="utf-8")
    begin = text.index("BODY{") + len("BODY{")
    root = etree.fromstring(text[begin : text.index("END OF SECTION}", begin)].strip().encode())
    return tuple(content[0] for content in root.iter(CONTENT))


def recorded(name: str, index: int = 0) -> etree._Element:
    """Return a copy of what an entry of a recorded answer holds."""
    return copy.deepcopy(_recorded(name)[index])


def first(name: str, tag: str) -> etree._Element:
    """Return a copy of the first element of a kind in a recorded answer."""
    return copy.deepcopy(next(found for entry in _recorded(name) for found in entry.iter(UOM + tag)))


def put(element: etree._Element, **texts: object) -> etree._Element:
    """Set the text of children, made where they are missing; returns the element."""
    for tag, text in texts.items():
        child = element.find(UOM + tag)
        if child is None:
            child = etree.SubElement(element, UOM + tag)
        child.text = str(text)
    return element


def text(element: etree._Element, tag: str) -> str:
    return element.findtext(UOM + tag) or ""


def canonical(element: etree._Element) -> bytes:
    """Return all that an element says as bytes, whatever its prefixes and the white space between its children."""
    children = b"".join(canonical(child) for child in element)
    own = (element.tag, sorted(element.attrib.items()), "" if len(element) else element.text or "")
    return repr(own).encode() + b"(" + children + b")"


@dataclass
class Thing:
    """What is at one path; the etag changes with each change."""

    element: etree._Element
    etag: int


@dataclass
class PowerVmSystem:
    """A system with two VIOSes, a shared storage pool and a bridge. Paths are those of the API, without the server."""

    serial: str = "10F1A2B"
    things: dict[str, Thing] = field(default_factory=dict)
    uuid: str = ""
    vioses: list[str] = field(default_factory=list)
    tier: str = ""
    behaviour: dict[str, str] = field(default_factory=dict)  # LPAR -> stubborn, stuck or hung
    consoles: set[str] = field(default_factory=set)  # LPARs that an open console holds
    used_elsewhere: set[str] = field(default_factory=set)  # names of units that another system uses

    def __post_init__(self) -> None:
        """Make what every system has."""
        self._numbers = itertools.count(1)
        system = recorded("fake_managedsystem.txt")
        put(system.find(UOM + "MachineTypeModelAndSerialNumber"), SerialNumber=self.serial)
        self.uuid = self.add("ManagedSystem", system)
        for number in (1, 2):
            self.vioses.append(self._add_vios(number))
        self.tier = self.add("Tier", recorded("tier.txt"))
        self.cluster(self.serial)
        self.add(f"ManagedSystem/{self.uuid}/NetworkBridge", recorded("nbbr_network_bridge.txt"))

    def add(self, kind: str, element: etree._Element, name: str | None = None) -> str:
        """Put an element below a kind's path and return its UUID."""
        name = name or self.new_uuid()
        for tag in ("AtomID", "PartitionUUID"):
            for one in itertools.islice(element.iter(UOM + tag), 1):
                one.text = name
        self.things[f"{kind}/{name}"] = Thing(element, next(self._numbers))
        return name

    def new_uuid(self) -> str:
        """Return a UUID, the same ones in each run."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.serial} {next(self._numbers)}"))

    def _add_vios(self, number: int) -> str:
        vios = recorded("fake_vios_feed3.txt", 1)
        put(vios, PartitionID=number, PartitionName=f"vios{number}", PartitionState=RUNNING)
        for tag in (SCSI, FC):
            del vios.find(UOM + tag)[1:]
        name = self.add("VirtualIOServer", vios)
        group = recorded("fake_volume_group_with_vio_data.txt")
        for tag in ("OpticalMedia", "VirtualDisks"):
            del next(group.iter(UOM + tag))[1:]
        self.add(f"VirtualIOServer/{name}/VolumeGroup", group)
        return name

    def cluster(self, *serials: str) -> None:
        """Let the pool be that of VIOSes of these systems."""
        for path in [path for path in self.things if path.startswith("Cluster/")]:
            del self.things[path]
        cluster = recorded("cluster.txt")
        nodes = cluster.find(UOM + "Node")
        member = nodes[1]
        del nodes[1:]
        for serial in serials:
            nodes.append(copy.deepcopy(member))
            put(nodes[-1].find(UOM + "MachineTypeModelAndSerialNumber"), SerialNumber=serial)
        self.add("Cluster", cluster)

    def lpar(self, number: int, name: str, state: str = RUNNING, instance: str | None = None, **texts: object) -> str:
        """Add an LPAR with one network adapter."""
        element = put(recorded("fake_lpar_feed.txt"), PartitionID=number, PartitionName=name, PartitionState=state)
        # PowerVM's UUID of an LPAR is its instance's with the first bit cleared, in capitals.
        instance = instance or self.new_uuid()
        made = f"{int(instance[0], 16) & 7:x}{instance[1:]}".upper()
        self.add("LogicalPartition", put(element, **texts), made)
        adapter = put(recorded("cna_feed.txt"), LocalPartitionID=number, PortVLANID=1, TaggedVLANIDs="")
        adapter.remove(adapter.find(UOM + "TrunkPriority"))
        self.add(f"LogicalPartition/{made}/ClientNetworkAdapter", adapter)
        return made

    def element(self, kind: str, name: str) -> etree._Element:
        return self.things[f"{kind}/{name}"].element

    def unit(self, name: str, **texts: object) -> etree._Element:
        """Add a logical unit to the pool and return it."""
        unit = put(recorded("lufeed.txt"), UnitName=name, UniqueDeviceID=f"27{next(self._numbers):062x}", **texts)
        self.add(f"Tier/{self.tier}/LogicalUnit", unit)
        return unit

    def disk(self, vios: int, name: str) -> etree._Element:
        """Add a logical volume to the volume group of a VIOS and return it."""
        disk = put(first("fake_volume_group2.txt", "VirtualDisk"), DiskName=name)
        return self._into_group(vios, "VirtualDisks", put(disk, UniqueDeviceID=f"03{next(self._numbers):032x}"))

    def medium(self, vios: int, name: str) -> etree._Element:
        """Add an optical medium to the library of a VIOS and return it."""
        medium = first("fake_volume_group_with_vio_data.txt", "VirtualOpticalMedia")
        return self._into_group(vios, "OpticalMedia", put(medium, MediaName=name, MediaUDID=f"0e{name}"))

    def _into_group(self, vios: int, tag: str, element: etree._Element) -> etree._Element:
        [(path, group)] = self.children(f"VirtualIOServer/{self.vioses[vios]}/VolumeGroup")
        next(group.iter(UOM + tag)).append(element)
        self.touch(path)
        return element

    def change(self, path: str, **texts: object) -> None:
        """Change what is at a path, as somebody else would."""
        put(self.things[path].element, **texts)
        self.touch(path)

    def children(self, kind: str) -> list[tuple[str, etree._Element]]:
        """Return the paths and elements directly below a kind's path."""
        begin = f"{kind}/"
        return [
            (path, thing.element)
            for path, thing in self.things.items()
            if path.startswith(begin) and "/" not in path[len(begin) :]
        ]

    def map_scsi(self, vios: int, lpar: str, storage: etree._Element | None) -> etree._Element:
        """Map storage (None for an adapter alone) to an LPAR."""
        mapping = first("fake_vios_ssp_npiv.txt", "VirtualSCSIMapping")
        place = mapping.find(UOM + "Storage")
        mapping.remove(mapping.find(UOM + "TargetDevice"))
        if storage is None:
            mapping.remove(place)
        else:
            place[:] = [copy.deepcopy(storage)]
            place[0].tag = UOM + etree.QName(storage).localname
        mapping.find(UOM + "ServerAdapter").find(UOM + "RemoteLogicalPartitionID").text = self._number(lpar)
        return self._into_vios(vios, SCSI, mapping, lpar, "vhost")

    def map_fc(self, vios: int, lpar: str) -> etree._Element:
        """Map a Fibre Channel port to an LPAR."""
        mapping = first("fake_vios_ssp_npiv.txt", "VirtualFibreChannelMapping")
        mapping.find(UOM + "ServerAdapter").find(UOM + "ConnectingPartitionID").text = self._number(lpar)
        return self._into_vios(vios, FC, mapping, lpar, "vfchost")

    def _into_vios(self, vios: int, tag: str, mapping: etree._Element, lpar: str, adapter: str) -> etree._Element:
        client = f"https://9.1.2.3:12443/rest/api/uom/ManagedSystem/{self.uuid}/LogicalPartition/{lpar}"
        mapping.find(UOM + "AssociatedLogicalPartition").set("href", client)
        put(mapping.find(UOM + "ClientAdapter"), LocalPartitionID=self._number(lpar))
        put(mapping.find(UOM + "ServerAdapter"), AdapterName=f"{adapter}{next(self._numbers)}")
        path = f"VirtualIOServer/{self.vioses[vios]}"
        self.things[path].element.find(UOM + tag).append(mapping)
        self.touch(path)
        return mapping

    def _number(self, lpar: str) -> str:
        return text(self.element("LogicalPartition", lpar), "PartitionID")

    def trunk(self, host: str, instance: str) -> str:
        """Add the trunk adapter that Open vSwitch gets for an instance, on the partition that hosts it."""
        trunk = put(recorded("cna_feed1.txt"), OvsPortExternalIds=f"iface-status=active,vm-uuid={instance}")
        return self.add(f"LogicalPartition/{host}/ClientNetworkAdapter", trunk)

    def port(self, lpar: str, kind: str) -> str:
        """Add a VirtualNICDedicated or SRIOVEthernetLogicalPort to an LPAR."""
        data = {"VirtualNICDedicated": "vnic_feed.txt", "SRIOVEthernetLogicalPort": "sriov_lp_feed.txt"}[kind]
        return self.add(f"LogicalPartition/{lpar}/{kind}", recorded(data))

    def mappings(self, vios: int) -> list[etree._Element]:
        element = self.element("VirtualIOServer", self.vioses[vios])
        return [mapping for tag in (SCSI, FC) for mapping in element.find(UOM + tag)[1:]]

    def state(self) -> dict[str, bytes]:
        """Return the bytes of everything: each mapping, disk and medium by itself, for what holds them may change."""
        self.look_at_units()
        seen = {}
        for path, thing in self.things.items():
            bare = copy.deepcopy(thing.element)
            for place in [place for tag in HOLDERS for place in bare.iter(UOM + tag)]:
                for one in place[1:]:
                    said = canonical(one)
                    seen[f"{path} {hashlib.sha256(said).hexdigest()}"] = said
                    place.remove(one)
            seen[path] = canonical(bare)
        return seen

    def mapped(self) -> set[str]:
        """Return what identifies the storage that some VIOS maps."""
        places = [
            place
            for number in range(len(self.vioses))
            for mapping in self.mappings(number)
            for place in mapping.iter(UOM + "Storage")
        ]
        return {_key(one) for place in places for one in place}

    def look_at_units(self) -> None:
        """Let the pool know which units are in use."""
        mapped = self.mapped()
        for path, unit in self.children(f"Tier/{self.tier}/LogicalUnit"):
            in_use = str(_key(unit) in mapped or text(unit, "UnitName") in self.used_elsewhere).lower()
            if text(unit, "InUse") != in_use:
                self.change(path, InUse=in_use)

    def replace(self, path: str, element: etree._Element, groups: set[str]) -> None:
        """Take what a client posted; what it was not shown stays. Raises RefusedError for a disk that is in use."""
        old = self.things[path].element
        posted, merged = list(element), []
        for child in old:
            if child.get("group") and child.get("group") not in groups:
                merged.append(copy.deepcopy(child))
            elif posted and posted[0].tag == child.tag:
                merged.append(posted.pop(0))
        element[:] = merged + posted
        for tag in ("VirtualDisk", "VirtualOpticalMedia"):
            lost = {_key(one) for one in old.iter(UOM + tag)} - {_key(one) for one in element.iter(UOM + tag)}
            if "/VolumeGroup/" in path and not self.mapped().isdisjoint(lost):
                raise RefusedError("VIOS01010112 The device is in use")
        if "/NetworkBridge/" in path:
            _group_loads(element)
        self.things[path] = Thing(element, next(self._numbers))

    def delete(self, path: str) -> None:
        """Delete what is at a path, as far as the system lets it go."""
        element = self.things[path].element
        kind, _, name = path.rpartition("/")
        if kind == "LogicalPartition":
            if text(element, "PartitionState") != OFF:
                raise RefusedError("HSCL05DF The partition is not in a state in which it can be deleted")
            if name in self.consoles:
                raise RefusedError("HSCL1560 A virtual terminal is open")
            self._orphan(name)
        if kind.endswith("/LogicalUnit") and _key(element) in self.mapped():
            raise RefusedError("VIOS010A0003 The logical unit is mapped")
        for one in [one for one in self.things if one == path or one.startswith(f"{path}/")]:
            del self.things[one]

    def _orphan(self, lpar: str) -> None:
        """The VIOSes keep their side of the mappings of an LPAR that is deleted."""
        for number, name in enumerate(self.vioses):
            for mapping in self.mappings(number):
                link = mapping.find(UOM + "AssociatedLogicalPartition")
                if link is not None and link.get("href", "").endswith(f"/{lpar}"):
                    mapping.remove(link)
                    mapping.remove(mapping.find(UOM + "ClientAdapter"))
                    self.touch(f"VirtualIOServer/{name}")

    def touch(self, path: str) -> None:
        """Let somebody else have changed something: whoever has read it before holds a stale etag."""
        self.things[path].etag = next(self._numbers)

    def power_off(self, lpar: str, *, is_hard: bool) -> str:
        """Power an LPAR off; returns why not, "" when it is off."""
        behaviour = self.behaviour.get(lpar, "")
        if behaviour == "stuck" or (behaviour == "stubborn" and not is_hard):
            return "HSCL0DB4 The partition does not respond"
        self.change(f"LogicalPartition/{lpar}", PartitionState=OFF)
        return ""


def _group_loads(bridge: etree._Element) -> None:
    """Let the load groups of a bridge be what its shared Ethernet adapters are by now."""
    name = UOM + "DynamicReconfigurationConnectorName"
    adapters = {
        one.findtext(name): one for one in next(bridge.iter(UOM + "SharedEthernetAdapters")).iter(UOM + "TrunkAdapter")
    }
    for group in list(bridge.iter(UOM + "LoadGroup")):
        place = group.find(UOM + "TrunkAdapters")
        kept = [adapters[one.findtext(name)] for one in place[1:] if one.findtext(name) in adapters]
        place[1:] = [copy.deepcopy(one) for one in kept]
        if not kept:
            group.getparent().remove(group)


def _key(storage: etree._Element) -> str:
    for tag in ("UniqueDeviceID", "MediaUDID"):
        if found := storage.findtext(UOM + tag):
            return found
    return ""
