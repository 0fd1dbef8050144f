"""Whose an LPAR or a disk is, told by its name alone: names come from a patch under test and are not trusted."""

from __future__ import annotations

import re

# As instance_name_template makes it: pvm<LPAR id of the node>-<display name>-<instance>; the rest may hold what PowerVM
# allows in the name of a partition.
_LPAR = re.compile(r"pvm([1-9][0-9]{0,4})-tempest[- !#%+,./0-9:;=@A-Z^_a-z{}]*")
_MARK = re.compile(r"pvm([0-9]+)[-_]")
_DISK_KINDS = ("boot", "rescue", "ephemeral", "swap")
_SHORT_DISK_LENGTH = 15
_MEDIA_STEM_LENGTH = 29
_SHOWN_LENGTH = 300


def node_of(lpar_name: str) -> int | None:
    """Return the LPAR id of the node whose tempest run made an LPAR of this name; None for every other LPAR."""
    found = _LPAR.fullmatch(lpar_name)
    return int(found[1]) if found else None


def is_marked_by_other(name: str, node_ids: set[int]) -> bool:
    """Whether the name of a disk holds the mark of a node that is not among `node_ids`."""
    return any(int(number) not in node_ids for number in _MARK.findall(name))


def unit_names(lpar_name: str) -> set[str]:
    """Return the names that nova's driver gives the logical units of an LPAR."""
    return {f"{kind}_{_scrubbed(lpar_name)}" for kind in _DISK_KINDS}


def stray_unit(name: str, node_id: int) -> bool:
    """Whether a logical unit is named after some tempest LPAR of a node."""
    return re.fullmatch(rf"(?:{'|'.join(_DISK_KINDS)})_pvm{node_id}_tempest[.0-9A-Z_a-z]*", name) is not None


def disk_names(lpar_name: str, lpar_uuid: str) -> set[str]:
    """Return the names that nova's driver gives the logical volumes of an LPAR."""
    stems = [_scrubbed(f"{lpar_name[:8]}_{uuid[:4]}") for uuid in instance_uuids(lpar_uuid)]
    return {f"{kind[0]}_{stem}"[:_SHORT_DISK_LENGTH] for kind in _DISK_KINDS for stem in stems}


def media_names(lpar_uuid: str) -> set[str]:
    """Return the names that the optical medium of an LPAR's config drive may have."""
    return {f"cfg_{uuid.replace('-', '')[:_MEDIA_STEM_LENGTH]}.iso" for uuid in instance_uuids(lpar_uuid)}


def instance_uuids(lpar_uuid: str) -> tuple[str, str]:
    """Return the two UUIDs that the instance behind an LPAR may have: PowerVM clears the first bit."""
    lower = lpar_uuid.lower()
    return lower, f"{int(lower[0], 16) | 8:x}{lower[1:]}"


def printable(text: object) -> str:
    """Return foreign text as one line for people: control characters visible, cut.

    Of an error that the HTTP client wrapped again and again, what was asked for and the innermost cause are kept.
    """
    if isinstance(text, Exception):
        asked, _, cause = str(text).partition(" (Caused by ")
        innermost = cause.rpartition(": ")[2].rstrip("\"')")
        text = f"{asked.partition(': ')[0]}: {innermost}" if cause else asked
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(text)[: _SHOWN_LENGTH + 1])
    return shown if len(shown) <= _SHOWN_LENGTH else shown[: _SHOWN_LENGTH - 3] + "..."


def _scrubbed(name: str) -> str:
    return re.sub(r"[^.0-9A-Z_a-z]", "_", name)
