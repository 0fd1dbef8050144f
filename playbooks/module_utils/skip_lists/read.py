"""Reads a list of tests for a build: what is not wholly clear stops it, before a node does any work.

`powervm-ci skip-list check` says more of the same errors; a contract test holds that both take the same lists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ENTRY = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s+# (\S.*)")
HEAD = re.compile(r"#\s*(reason|bug|until|expires|owner):\s*(.*)")
NAME = r"[\w.]+(?:\[[^\]]*\])?"
NAMES = re.compile(rf"{NAME}(?:(?:,\s*|\s+){NAME})*")
VALUES = {
    "until": (re.compile(r"I[0-9a-f]{40}"), "a Change-Id: I and 40 digits"),
    "expires": (re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"), "a date: YYYY-MM-DD"),
}


class ListError(ValueError):
    """A list cannot be used; each line of the message is one error with its file and line."""


@dataclass
class Block:
    """Tests with one reason: what the comment above them says, and `tests` as (line, id, names)."""

    line: int
    head: dict[str, str] = field(default_factory=dict)
    tests: list[tuple[int, str, list[str]]] = field(default_factory=list)


def read(path: str, content: bytes) -> list[Block]:
    """Return the blocks of a list; raises ListError with all that is wrong. `path` is how errors name it."""
    reader = _Reader()
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ListError(f"{path}:{line}: a character outside ASCII") from error
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        reader.line(number, line)
    reader.end_block()
    if reader.errors:
        raise ListError("\n".join(f"{path}:{number}: {message}" for number, message in sorted(reader.errors)))
    return reader.blocks


class _Reader:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.errors: list[tuple[int, str]] = []
        self._block: Block | None = None
        self._seen: dict[str, int] = {}

    def line(self, number: int, line: str) -> None:
        if not line.strip():
            self.end_block()
        elif line.endswith("\r"):
            self.errors.append((number, "the line ends with a carriage return"))
        elif line.lstrip().startswith("#"):
            self._comment(number, line.strip())
        else:
            self._entry(number, line.rstrip())

    def end_block(self) -> None:
        block, self._block = self._block, None
        if block is None or not block.tests:
            return
        if not block.head.get("reason"):
            self.errors.append((block.line, "the block has no `# reason:`"))
        self.blocks.append(block)

    def _comment(self, number: int, text: str) -> None:
        if self._block is not None and self._block.tests:
            self.end_block()
        self._block = self._block or Block(number)
        found = HEAD.fullmatch(text)
        if not found:
            return
        key, value = found[1], found[2].strip()
        if key in self._block.head:
            self.errors.append((number, f"`{key}:` is there twice in the block"))
        if key in VALUES and not VALUES[key][0].fullmatch(value):
            self.errors.append((number, f"`{key}:` is not {VALUES[key][1]}"))
        self._block.head[key] = value

    def _entry(self, number: int, line: str) -> None:
        self._block = self._block or Block(number)
        found = ENTRY.fullmatch(line)
        if not found or not NAMES.fullmatch(found[2]):
            self.errors.append((number, "is not the ID of a test and its name (uuid, two spaces, #, the full name)"))
            self._block.tests.append((number, "", []))
            return
        if found[1] in self._seen:
            self.errors.append((number, f"{found[1]} is there twice, first on line {self._seen[found[1]]}"))
        self._seen.setdefault(found[1], number)
        self._block.tests.append((number, found[1], re.findall(NAME, found[2])))
