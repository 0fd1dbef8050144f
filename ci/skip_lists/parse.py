"""Reads skip lists, strictly: no line that tempest would misread passes in silence."""

from __future__ import annotations

import re

from ci.errors import Finding
from ci.skip_lists.model import Block, Entry, SkipList

_ENTRY = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s+# (\S.*)")
_ID_ANYWHERE = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEAD = re.compile(r"#\s*(reason|bug|until|expires|owner):\s*(.*)")
_NAME = r"[\w.]+(?:\[[^\]]*\])?"
_NAMES = re.compile(rf"{_NAME}(?:(?:,\s*|\s+){_NAME})*")
_VALUES = {
    "until": (re.compile(r"I[0-9a-f]{40}"), "a Change-Id: I and 40 digits"),
    "expires": (re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"), "a date: YYYY-MM-DD"),
}


def parse_skip_list(path: str, content: bytes) -> SkipList:
    """Read a skip list; never raises for bad content, see `findings`. Lines count from 1."""
    parser = _Parser(path)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        return SkipList(path, (), (Finding(path, number, 1, "is not UTF-8", "save the file as UTF-8"),))
    if not text.isascii():
        parser.not_ascii(text)
    for number, content_line in enumerate(text.removesuffix("\n").split("\n"), 1):
        parser.line(number, content_line)
    parser.end_block()
    return SkipList(path, tuple(parser.blocks), tuple(parser.findings))


class _Parser:
    def __init__(self, path: str) -> None:
        self.findings: list[Finding] = []
        self.blocks: list[Block] = []
        self._path = path
        self._block: Block | None = None
        self._seen: dict[str, int] = {}

    def not_ascii(self, text: str) -> None:
        before = text[: next(index for index, letter in enumerate(text) if not letter.isascii())]
        place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        self._report(*place, "a character outside ASCII, which tempest may not be able to read", "replace it")

    def line(self, number: int, line: str) -> None:
        if line.endswith("\r"):
            self._report(number, len(line), "the line ends with a carriage return", "use plain line ends")
            line = line.rstrip("\r")
        text = line.strip()
        if not text:
            self.end_block()
        elif text.startswith("#"):
            self._comment(number, text)
        else:
            self._entry(number, line)

    def end_block(self) -> None:
        block, self._block = self._block, None
        if block is None or not block.entries:
            return
        if not block.head.get("reason"):
            hint = "write `# reason: ...` on the line above the first test"
            self._report(block.line, 1, "the block has no reason", hint)
        self.blocks.append(block)

    def _comment(self, number: int, text: str) -> None:
        if self._block is not None and self._block.entries:
            self.end_block()
        self._block = self._block or Block(number)
        head = _HEAD.fullmatch(text)
        if not head:
            return
        key, value = head[1], head[2].strip()
        if key in self._block.head:
            self._report(number, 1, f"`{key}:` is there twice in the block", "keep one")
        if key in _VALUES and not _VALUES[key][0].fullmatch(value):
            self._report(number, text.index(key) + 1, f"`{key}:` is not {_VALUES[key][1]}", "correct it")
        self._block.head[key] = value

    def _entry(self, number: int, line: str) -> None:
        self._block = self._block or Block(number)
        found = _ENTRY.fullmatch(line.rstrip())
        if not found or not _NAMES.fullmatch(found[2]):
            self._report(number, len(line) - len(line.lstrip()) + 1, *_explain(line.strip()))
            self._block.entries.append(Entry("", (), number))
            return
        identity = found[1]
        if identity in self._seen:
            self._report(number, 1, f"{identity} is there twice", f"first on line {self._seen[identity]}: keep one")
        self._seen.setdefault(identity, number)
        self._block.entries.append(Entry(identity, tuple(re.findall(_NAME, found[2])), number))

    def _report(self, line: int, column: int, message: str, hint: str) -> None:
        self.findings.append(Finding(self._path, line, column, message, hint))


def _explain(text: str) -> tuple[str, str]:
    """Say what is wrong with a line that should be an entry, and what to do."""
    form = "write: uuid, two spaces, # and the test's full name"
    if text.startswith("\ufeff"):
        return "a byte order mark makes tempest skip nothing by this line", "save the file without it"
    found = _ID_ANYWHERE.search(text)
    if not found:
        return "is not a test's idempotent ID: it could leave out any number of tests, or none", form
    if found[0] != found[0].lower():
        return "an ID in capitals leaves out nothing", "write it in small letters"
    if "#" not in text:
        return "the test's name is missing" if text == found[0] else "text after the ID leaves out nothing", form
    return "is not an ID with the names of its tests", form
