"""Repairs what is safe to repair in a list; comments and blocks stay as they are, and no entry is lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ci.errors import Finding
from ci.skip_lists.entry_line import canonical
from ci.skip_lists.render import render
from ci.skip_lists.text import BYTE_ORDER_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.skip_lists.known_tests import KnownTests
    from ci.skip_lists.model import Entry, Line, SkipList

_MARK = BYTE_ORDER_MARK.encode()
_NOT_READ = frozenset({"not-utf-8", "too-many-errors"})


@dataclass(frozen=True, slots=True)
class Fixed:
    """A list as it ought to be, and what was changed in it; places are those of the list before."""

    content: bytes
    changes: tuple[Finding, ...]


def fix(skip_list: SkipList, known: KnownTests | None = None) -> Fixed:
    """Repair byte order mark, line ends, letters of IDs, form of entries, doubles in a block and, from `known`, names.

    What was fixed once is left as it is the next time.
    """
    if any(finding.code in _NOT_READ for finding in skip_list.findings):
        return Fixed(render(skip_list), ())
    doubles = _doubles(skip_list)
    changes: list[Finding] = []
    lines = []
    for number, line in enumerate(skip_list.lines, 1):
        entry = doubles.get(number, line.entry)
        if entry is None and line.entry is not None:
            changes.append(
                _change(skip_list, number, "duplicate", f"removed: {line.entry.id} stands above in the block")
            )
            continue
        content = _repaired(line, entry, known)
        lines.append(replace(line, content=content))
        changes.extend(_told(skip_list, number, line.content, content))
    returns = [number for number, line in enumerate(skip_list.lines, 1) if line.content.endswith((b"\r\n", b"\r"))]
    if returns:
        changes.append(
            _change(skip_list, returns[0], "carriage-return", f"carriage returns at {len(returns)} line ends are gone")
        )
    return Fixed(render(replace(skip_list, lines=tuple(lines))), tuple(sorted(changes)))


def _repaired(line: Line, entry: Entry | None, known: KnownTests | None) -> bytes:
    if entry is None:
        text = line.content.removesuffix(b"\n").rstrip(b"\r")
        while text.startswith(_MARK):
            text = text.removeprefix(_MARK)
        return text + b"\n"
    names = known.names_of(entry.id) if known else ()
    return f"{canonical(entry.id, names or entry.names)}\n".encode()


def _doubles(skip_list: SkipList) -> dict[int, Entry | None]:
    """Return, by line, what becomes of entries that are several times in a block: the first gets all names."""
    result: dict[int, Entry | None] = {}
    for block in skip_list.blocks:
        first: dict[str, Entry] = {}
        for entry in block.entries:
            if skip_list.lines[entry.line - 1].entry is None:
                continue
            above = first.get(entry.id)
            if above is None:
                first[entry.id] = entry
                continue
            first[entry.id] = result[above.line] = replace(above, names=(*above.names, *entry.names))
            result[entry.line] = None
    return result


def _told(skip_list: SkipList, number: int, old: bytes, new: bytes) -> Iterator[Finding]:
    """Yield what was changed in a line."""
    if new == old:
        return
    if old.startswith(_MARK):
        yield _change(skip_list, number, "byte-order-mark", "the byte order mark is gone")
        old = old.removeprefix(_MARK)
    before, after = old.decode().rstrip("\r\n"), new.decode().rstrip("\n")
    if before != after:
        yield _change(skip_list, number, "entry", f"now `{after}`, was `{before}`")
    elif not old.endswith(b"\n"):
        yield _change(skip_list, number, "no-final-newline", "the last line ends now")


def _change(skip_list: SkipList, line: int, code: str, message: str) -> Finding:
    return Finding(skip_list.path, line, 1, message, "", code)
