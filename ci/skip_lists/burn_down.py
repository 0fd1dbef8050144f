"""How the skip lists grew and shrank: entries for each list and reason, at each commit that changed a list."""

from __future__ import annotations

import re
import threading
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from ci.errors import CIError
from ci.model.views import BurnDownPoint
from ci.observability import get_logger
from ci.skip_lists.history import ListHistory
from ci.skip_lists.parse import parse_skip_list

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ci.model.file_history import Commit
    from ci.ports import FileHistory

KNOWN_SECONDS = 600.0
_BLANK_LINES = re.compile(rb"\n(?:[ \t\r]*\n)+")


def burn_down(history: FileHistory, lists: Collection[str], since: float = 0.0) -> tuple[BurnDownPoint, ...]:
    """Return the state of all lists after each commit that changed one, oldest first.

    `lists` are those outside of the site's folder of skip lists. Only commits that came to the branch at `since`
    (seconds since the epoch) or later count.
    """
    own = ListHistory(history, lists)
    states: list[tuple[Commit, dict[str, str]]] = []
    state: dict[str, str] = {}
    oldest_first = reversed(tuple(own.changes()))
    for commit, changes in groupby(oldest_first, lambda change: change.commit):
        state = {**state, **{change.name: change.after for change in changes}}
        if commit.committed_at >= since:
            states.append((commit, state))
    counter = BlockCounter()
    counts = {
        name: counter.count(content)
        for name, content in own.contents(name for _, state in states for name in state.values())
    }
    return tuple(BurnDownPoint(commit, _counted(state, counts)) for commit, state in states)


class KnownBurnDown:
    """Counts now and then, however often it is asked: a long history takes seconds."""

    def __init__(self, count: Callable[[], Sequence[BurnDownPoint]], monotonic: Callable[[], float]) -> None:
        self._count = count
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._points: Sequence[BurnDownPoint] = ()
        self._due_at = float("-inf")
        self._log = get_logger("burn_down")

    def points(self) -> Sequence[BurnDownPoint]:
        """Return what was counted last; where the history cannot be read now, what was known before."""
        with self._lock:
            if self._monotonic() >= self._due_at:
                try:
                    self._points = self._count()
                except CIError as error:
                    self._log.warning("cannot be counted", action="burn_down.failed", error=str(error))
                self._due_at = self._monotonic() + KNOWN_SECONDS
            return self._points


def _counted(state: Mapping[str, str], counts: Mapping[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {name: counts[content] for name, content in sorted(state.items()) if content}


class BlockCounter:
    """Counts by paragraph: a blank line ends a block, and from commit to commit nearly all paragraphs stay the same."""

    def __init__(self) -> None:
        self._known: dict[bytes, dict[str, int]] = {}

    def count(self, content: bytes) -> dict[str, int]:
        """Count entries, also those of no use to tempest: of what lists were before they had their form."""
        total: Counter[str] = Counter()
        for paragraph in _BLANK_LINES.split(content):
            if paragraph not in self._known:
                self._known[paragraph] = _count(paragraph)
            total.update(self._known[paragraph])
        return dict(total)


def _count(paragraph: bytes) -> dict[str, int]:
    parsed = parse_skip_list("", paragraph)
    counter = Counter({"": parsed.expressions - len(parsed.entries)})
    for block in parsed.blocks:
        counter[block.head.get("reason", "")] += len(block.entries)
    return {reason: entries for reason, entries in counter.items() if entries}
