"""What one job or list leaves out and another one runs, by reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ci.skip_lists.selection import Skip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.skip_lists.known_tests import KnownTests
    from ci.skip_lists.selection import Selection


@dataclass(frozen=True, slots=True)
class Difference:
    """The tests of one ID (or, where `identity` is "", one test without), and why one side leaves them out."""

    identity: str
    names: tuple[str, ...]
    skip: Skip


@dataclass(slots=True)
class Comparison:
    """What only the first side leaves out, what only the second does, and how many IDs both leave out or run."""

    only_first: list[Difference] = field(default_factory=list)
    only_second: list[Difference] = field(default_factory=list)
    both_skip: int = 0
    both_run: int = 0


def compare(first: Selection, second: Selection, tests: KnownTests | None = None) -> Comparison:
    """Compare what two sides leave out: of all known tests, or of those that any of their lists names."""
    result = Comparison()
    for identity, names in _universe(first, second, tests):
        one, other = first.skip(identity, names), second.skip(identity, names)
        if one and other:
            result.both_skip += 1
        elif one:
            result.only_first.append(Difference(identity, names, one))
        elif other:
            result.only_second.append(Difference(identity, names, other))
        else:
            result.both_run += 1
    return result


def by_reason(differences: list[Difference]) -> Mapping[str, list[Difference]]:
    """Return differences by reason, the one with the most of them first."""
    groups: dict[str, list[Difference]] = {}
    for difference in differences:
        groups.setdefault(difference.skip.reason, []).append(difference)
    return dict(sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])))


def _universe(first: Selection, second: Selection, tests: KnownTests | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    listed = {entry.id: entry.names for one in (*first.lists, *second.lists) for entry in one.entries}
    if tests is None:
        yield from listed.items()
        return
    for identity in sorted({identity for name in tests.names for identity in tests.ids_of(name)}):
        yield identity, tests.names_of(identity)
    for name in tests.without_id:
        yield "", (name,)
