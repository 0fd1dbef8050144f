"""Turns lists of other forms into skip lists: IDs with the names of all their tests, in blocks with their reasons."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from ci.errors import Finding
from ci.skip_lists.entry_line import canonical
from ci.skip_lists.head import KEYS, read_key
from ci.skip_lists.parse import parse_skip_list
from ci.skip_lists.resolve import Found, NotFoundError, Resolver

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.skip_lists.foreign import ForeignBlock, ForeignList, Wanted
    from ci.skip_lists.known_tests import KnownTests

TODO = "TODO: say why these tests are left out"
_LETTERS = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2026": "...",
     "\u2022": "*", "\u00a0": " ", "\t": " "}
)  # fmt: skip
_ANY_ENTRY = "00000000-0000-0000-0000-000000000000  # a.b.c\n"


@dataclass(slots=True)
class Conversion:
    """The new list's text; `lost` says what is there as a comment only, `notes` what a person should look at."""

    text: str = ""
    entries: int = 0
    blocks: int = 0
    lost: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)


def convert(source: ForeignList, tests: KnownTests | None, reason: str = "") -> Conversion:
    """Convert a list; without known tests only IDs that stand beside their names can be.

    `reason` is for tests of which nothing is said. The text has no errors, whatever the list holds.
    """
    converter = _Converter(source, Resolver(tests) if tests is not None else None, reason)
    paragraphs = [paragraph for block in source.blocks for paragraph in converter.paragraphs(block)]
    converter.result.text = "\n\n".join(paragraphs) + ("\n" if paragraphs else "")
    return converter.result


class _Converter:
    def __init__(self, source: ForeignList, resolver: Resolver | None, reason: str) -> None:
        self.result = Conversion(lost=list(source.findings), notes=list(source.notes))
        self._path = source.path
        self._resolver = resolver
        self._reason = reason
        self._seen: dict[str, tuple[int, str]] = {}

    def paragraphs(self, block: ForeignBlock) -> Iterator[str]:
        """Yield a block's text: a paragraph for each reason in it."""
        if not block.wanted:
            yield "\n".join(map(_comment, block.comments))
            return
        comments = block.comments
        for own_reason, group in groupby(block.wanted, lambda wanted: wanted.reason):
            said = ": ".join(part for part in (block.head.get("reason", ""), own_reason) if part)
            yield self._paragraph({**block.head, "reason": said or self._reason}, comments, list(group))
            comments = []

    def _paragraph(self, head: dict[str, str], comments: Sequence[str], wanted: Sequence[Wanted]) -> str:
        remarks: list[str] = []
        entries = [line for one in wanted for line in self._entries(one, head["reason"], remarks)]
        if entries and not head["reason"]:
            hint = "write one in place of TODO in the new list, or give --reason"
            self._note(wanted[0], "no reason is said", hint, "no-reason")
            head = {**head, "reason": TODO}
        if entries:
            self.result.blocks += 1
            self.result.entries += len(entries)
        line = _head_line if entries else _head_comment
        heads = [line(key, head[key]) for key in KEYS if head.get(key)]
        return "\n".join([*heads, *map(_comment, (*comments, *remarks)), *entries])

    def _entries(self, wanted: Wanted, reason: str, remarks: list[str]) -> Iterator[str]:
        """Yield the lines that a wanted test becomes; what it does not become goes to the remarks."""
        try:
            found = self._found(wanted)
        except NotFoundError as error:
            self._lost(wanted, error.message, error.hint, error.code)
            remarks.append(f"not converted ({error.short}): {wanted.source}")
            return
        for message, hint, code in found.notes:
            self._note(wanted, message, hint, code)
        for name in found.without_id:
            self._lost(wanted, f"{name} has no ID", "no list of IDs can leave it out", "no-id")
            remarks.append(f"not converted (has no ID): {name}")
        known = [self._seen[identity] for identity in found.tests if identity in self._seen]
        if known:
            what = "is" if len(known) == len(found.tests) else f"{len(known)} of its {len(found.tests)} IDs are"
            self._note(wanted, f"{what} there already", f"by line {known[0][0]}", "already-there")
            if any(other_reason != reason for _, other_reason in known):
                remarks.append(f"{what} further up already: {wanted.source}")
        for identity, names in found.tests.items():
            if identity not in self._seen:
                self._seen[identity] = (wanted.line, reason)
                yield canonical(identity, names)

    def _found(self, wanted: Wanted) -> Found:
        if self._resolver is not None:
            return self._resolver.find(wanted)
        if wanted.identity and wanted.names:
            return Found({wanted.identity: wanted.names})
        missing = "names" if wanted.identity else "IDs"
        hint = "say which tests there are by --tests FILE or --tempest"
        raise NotFoundError(f"the {missing} of its tests are not known", hint, "tests-unknown")

    def _lost(self, wanted: Wanted, message: str, hint: str, code: str) -> None:
        self.result.lost.append(Finding(self._path, wanted.line, wanted.column, message, hint, code))

    def _note(self, wanted: Wanted, message: str, hint: str, code: str) -> None:
        self.result.notes.append(Finding(self._path, wanted.line, wanted.column, message, hint, code))


def _head_line(key: str, value: str) -> str:
    """Return a line of a block's head, or a plain comment where the value is of no use there."""
    line = f"# {key}: {_plain(value)}"
    rest = _ANY_ENTRY if key == "reason" else f"# reason: -\n{_ANY_ENTRY}"
    return _head_comment(key, value) if _has_findings(f"{line}\n{rest}") else line


def _head_comment(key: str, value: str) -> str:
    return _comment(value if key == "reason" else f"({key}) {value}")


def _comment(text: str) -> str:
    """Return a text as a comment that says nothing to the parser."""
    line = f"# {_plain(text)}".rstrip()
    says_something = read_key(line) or _has_findings(f"# reason: -\n{line}\n{_ANY_ENTRY}")
    return f"# | {_plain(text)}" if says_something else line


def _has_findings(text: str) -> bool:
    parsed = parse_skip_list("", text.encode())
    return bool(parsed.findings or parsed.warnings)


def _plain(text: str) -> str:
    """Return a text as one line of printable ASCII; other letters become what they are made of, or a code."""
    letters = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    known = "".join(letter for letter in letters if not unicodedata.combining(letter))
    line = known.encode("ascii", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in line)
