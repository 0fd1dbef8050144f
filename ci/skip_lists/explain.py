"""What the lists of a site say of one test: where, why and until when it is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.skip_lists.names import ID, ID_TAG, without_tags

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ci.skip_lists.known_tests import KnownTests
    from ci.skip_lists.model import SkipList


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about: an ID ("" for a test without one) and its tests, as far as they are known."""

    identity: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    """An entry of a list, with the head of its block."""

    path: str
    line: int
    block_line: int
    head: Mapping[str, str]


def subjects(text: str, lists: Iterable[SkipList], tests: KnownTests | None) -> tuple[Subject, ...]:
    """Return what a text may mean: an ID, a full name, the end of a name, or else any part of one.

    Names are those of the lists, and of the known tests. An ID means itself, also where nothing knows it.
    """
    known = _known(lists, tests)
    wanted = text.strip()
    if found := ID.fullmatch(wanted) or ID_TAG.search(wanted):
        identity = found[1].lower()
        return (Subject(identity, known.get(identity, ())),)
    name = without_tags(wanted)
    without_id = [Subject("", (one,)) for one in tests.without_id] if tests else []
    everything = [*(Subject(identity, names) for identity, names in known.items()), *without_id]
    for fits in (name.__eq__, lambda one: one.endswith(f".{name}"), lambda one: name.lower() in one.lower()):
        matching = tuple(subject for subject in everything if any(map(fits, subject.names)))
        if matching:
            return matching
    return ()


def mentions(identity: str, lists: Iterable[SkipList]) -> tuple[Mention, ...]:
    """Return the entries that lists have for an ID."""
    return tuple(
        Mention(one.path, entry.line, block.line, block.head)
        for one in lists
        for block in one.blocks
        for entry in block.entries
        if entry.id == identity
    )


def _known(lists: Iterable[SkipList], tests: KnownTests | None) -> dict[str, tuple[str, ...]]:
    """Return the names of each ID: those of today where tests are known."""
    known: dict[str, tuple[str, ...]] = {}
    for one in lists:
        for entry in one.entries:
            known[entry.id] = tuple(dict.fromkeys((*known.get(entry.id, ()), *entry.names)))
    for name in tests.names if tests else ():
        for identity in tests.ids_of(name) if tests else ():
            known[identity] = tests.names_of(identity) if tests else ()
    return known
