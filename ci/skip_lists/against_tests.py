"""Checks a list against the tests that there are: IDs that no test has, names that have changed, tests not named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.errors import Finding
from ci.skip_lists.nearest import NearestTests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.skip_lists.known_tests import KnownTests
    from ci.skip_lists.model import Entry, SkipList

_FIX = "`powervm-ci skip-list check --fix` writes the names"
_SHOWN = 3


class AgainstTests:
    """Compares lists with one set of tests."""

    def __init__(self, known: KnownTests) -> None:
        self._known = known
        self._nearest = NearestTests(known)

    def errors(self, skip_list: SkipList) -> Iterator[Finding]:
        """Yield an error for each entry that leaves out no test, or one that it does not name."""
        for entry in skip_list.entries:
            names = self._known.names_of(entry.id)
            if not names:
                hint = self._nearest.hint(entry.names)
                yield _finding(skip_list, entry, "stale-id", f"no test has the ID {entry.id}", hint)
            elif len(names) > 1 and entry.names and (more := sorted(set(names) - set(entry.names))):
                message = f"the ID is that of {len(names)} tests, and leaves out also {_shown(more)}"
                yield _finding(skip_list, entry, "unnamed-test", message, _FIX)
            if others := self._known.holders_of(entry.id):
                message = f"the ID leaves out also {_shown(others)}, which has it in another place than its tag"
                yield _finding(skip_list, entry, "matches-more", message, "tempest cannot tell them apart: remove it")

    def warnings(self, skip_list: SkipList) -> Iterator[Finding]:
        """Yield a warning for each entry with a name that its tests do not have."""
        for entry in skip_list.entries:
            names = self._known.names_of(entry.id)
            old = [name for name in entry.names if name not in names]
            if names and old and (len(names) == 1 or set(names) <= set(entry.names)):
                message = f"no test of this ID is called {_shown(old)}: it is {_shown(names)} today"
                yield _finding(skip_list, entry, "renamed", message, _FIX)


def _finding(skip_list: SkipList, entry: Entry, code: str, message: str, hint: str) -> Finding:
    return Finding(skip_list.path, entry.line, 1, message, hint, code)


def _shown(names: tuple[str, ...] | list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
