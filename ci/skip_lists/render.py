"""Prints skip lists: what was parsed comes out as it was, byte by byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ci.skip_lists.model import SkipList


def render(skip_list: SkipList) -> bytes:
    """Return the file that a list was read from."""
    return b"".join(line.content for line in skip_list.lines)
