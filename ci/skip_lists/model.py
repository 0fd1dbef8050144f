"""Skip lists: `uuid  # test.name` lines in blocks, each with a reason; as they stand, exclude lists of tempest."""

from __future__ import annotations

from dataclasses import dataclass, field

from ci.errors import Finding


@dataclass(frozen=True, slots=True)
class Entry:
    """A test that is left out: its idempotent ID and the names of the tests that carry it."""

    id: str
    names: tuple[str, ...]
    line: int


@dataclass(slots=True)
class Block:
    """Entries with one reason; `head` holds what the comment above them says, `places` its lines and columns."""

    line: int
    head: dict[str, str] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stands in the file, with its end; `entry` is there when the line can be written anew."""

    content: bytes
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class SkipList:
    """One file's blocks; the list is to be trusted only where there are no findings.

    `findings` are errors. `expressions` counts the lines that stestr reads as a regular expression, good or bad.
    """

    path: str
    blocks: tuple[Block, ...]
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...] = ()
    lines: tuple[Line, ...] = ()
    expressions: int = 0

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(entry for block in self.blocks for entry in block.entries)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(entry.id for entry in self.entries)
