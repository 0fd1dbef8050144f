"""Which LPAR this is, as its own kernel tells."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """An LPAR by its id; ids are unique within the system that has this serial number ("" when it is not told)."""

    id: int
    serial: str


def read_node(lparcfg: str) -> Node | None:
    """Read /proc/ppc64/lparcfg; None where there is none. Raises ValueError when it tells no LPAR id."""
    try:
        with open(lparcfg, encoding="ascii", errors="replace") as stream:
            lines = stream.read().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    told = dict(line.split("=", 1) for line in lines if "=" in line)
    number = told.get("partition_id", "").strip()
    if not re.fullmatch(r"[1-9][0-9]{0,4}", number):
        raise ValueError(f"{lparcfg} tells no LPAR id: partition_id={number!a}")
    return Node(int(number), told.get("serial_number", "").strip())
