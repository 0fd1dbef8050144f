"""Reads a list of tests for a build: what is not wholly clear stops it, before a node does any work.

`powervm-ci skip-list check` says more of the same errors; a contract test holds that both take the same lists, and
read the same in them.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from datetime import date

KEYS = ("reason", "bug", "until", "expires", "owner")
UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
ENTRY = re.compile(rf"[ \t]*(?:id-)?({UUID})[ \t]*#[ \t]*(.*)")
NAME = r"[A-Za-z_]\w*+(?:\.[\w-]++)++(?:\[[^\[\]\s]*+\])?+(?:\([^()]*+\))?+"
NAMES = re.compile(rf"(?a:{NAME}(?:(?:\s*+,\s*+|\s++){NAME})*+)")
ONE_NAME = re.compile(rf"(?a:{NAME})")
TAGS = re.compile(r"\[[^\[\]\s]*\]")
# Behind a `#` an ID leaves out nothing; its block goes on behind the line.
COMMENTED_OUT = re.compile(rf"#[#\s]*(?:id-)?{UUID}(?![\w-])")
HEAD = re.compile(rf"#[ \t]*({'|'.join(KEYS)}):[ \t]*(.*)")
LIKE_A_HEAD = re.compile(r"#[#\s]*(?a:([A-Za-z][\w-]{0,29}))\s*[:=](?=\s|$)")
PLAIN = re.compile(r"[\t\x20-\x7e]*")


class ListError(ValueError):
    """A list cannot be used; each line of the message is one error with its file and line."""


@dataclass
class Block:
    """Tests with one reason: what the comment above them says, and `tests` as (line, id, names)."""

    line: int
    head: dict[str, str] = field(default_factory=dict)
    tests: list[tuple[int, str, list[str]]] = field(default_factory=list)
    is_behind_tests: bool = False
    has_lines: bool = False


def read(path: str, content: bytes) -> list[Block]:
    """Return the blocks of a list; raises ListError with all that is wrong. `path` is how errors name it."""
    reader = _Reader()
    lines = content.decode("utf-8", "replace").split("\n")
    for number, line in enumerate(lines, 1):
        reader.line(number, line.rstrip("\r"))
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
        if not PLAIN.fullmatch(line):
            self.errors.append((number, "a character that tempest may read otherwise: plain ASCII is wanted"))
        text = line.strip(" \t")
        if not text:
            self.end_block()
        elif text.startswith("#"):
            self._comment(number, text)
        else:
            self._entry(number, text)

    def end_block(self) -> None:
        block, self._block = self._block, None
        if block is None:
            return
        if not block.head.get("reason") and (block.has_lines or (block.is_behind_tests and block.head)):
            self.errors.append((block.line, "the block has no `# reason:`"))
        if block.has_lines:
            self.blocks.append(block)

    def _begin(self, number: int, *, is_behind_tests: bool = False) -> Block:
        self._block = self._block or Block(number, is_behind_tests=is_behind_tests)
        return self._block

    def _comment(self, number: int, text: str) -> None:
        if COMMENTED_OUT.match(text):
            return
        follows = self._block is not None and self._block.has_lines
        if follows:
            self.end_block()
        block = self._begin(number, is_behind_tests=follows)
        found = HEAD.fullmatch(text)
        if found:
            key, value = found[1], found[2].strip()
            problem = "is there twice in the block" if key in block.head else _value_problem(key, value)
            if problem:
                self.errors.append((number, f"`{key}:` {problem}"))
            block.head.setdefault(key, value)
        elif near := _misspelt(text):
            self.errors.append((number, f"unknown key: `# {near}: ...` may be meant"))

    def _entry(self, number: int, text: str) -> None:
        block = self._begin(number)
        block.has_lines = True
        found = ENTRY.fullmatch(text)
        if not found or found[1] != found[1].lower() or not NAMES.fullmatch(found[2].strip()):
            self.errors.append((number, "is not the ID of a test and its name (uuid, two spaces, #, the full name)"))
            return
        if found[1] in self._seen:
            self.errors.append((number, f"{found[1]} is there twice, first on line {self._seen[found[1]]}"))
        self._seen.setdefault(found[1], number)
        names = [TAGS.sub("", name, count=1) for name in ONE_NAME.findall(found[2])]
        block.tests.append((number, found[1], names))


def _value_problem(key: str, value: str) -> str:
    if not value and key != "reason":
        return "says nothing"
    if key == "until" and not re.fullmatch(r"I[0-9a-f]{40}", value):
        return "is not a Change-Id: I and 40 digits"
    if key == "expires":
        try:
            date.fromisoformat(value if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) else "")
        except ValueError:
            return "is not a date: YYYY-MM-DD"
    return ""


def _misspelt(text: str) -> str:
    """Return the key that a comment means with another word, "" for other comments."""
    found = LIKE_A_HEAD.match(text)
    return next(iter(difflib.get_close_matches(found[1].lower(), KEYS, n=1, cutoff=0.8)), "") if found else ""
