"""Finds what a change is to be tested with: follows `Depends-On`, and the commits that changes stand on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ci.errors import LINK_FAILURES, Refused, Unavailable, printable
from ci.model.change import Change
from ci.model.depends_on import Chain, Key, WebPlace, as_change_id, headers, in_order, key_of, named
from ci.observability import get_logger
from ci.ports import Gerrit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ci.config.settings import GerritSettings

# How many more may be asked for than may be needed: what has merged, or is not there, costs a question all the same.
MORE_QUESTIONS = 100
_SHOWN_HEADER = 120
MOST_IGNORED = 20  # that are told
# A Gerrit that is away takes many seconds to say so, in which no other change gets its builds.
FIRST_SILENCE_SECONDS = 30.0
LONGEST_SILENCE_SECONDS = 300.0

log = get_logger("dependencies")


def places(settings: Mapping[str, GerritSettings]) -> tuple[WebPlace, ...]:
    """Return where people find the changes of each connection."""
    return tuple(WebPlace.of(name, one.baseurl, one.canonical_hostname, one.server) for name, one in settings.items())


class Dependencies:
    """Asks the site's Gerrits for chains of changes; `gerrits` by the names of their connections."""

    def __init__(self, gerrits: Mapping[str, Gerrit], settings: Mapping[str, GerritSettings]) -> None:
        self._gerrits = gerrits
        self._places = places(settings)
        self._limits = {name: one.max_dependencies for name, one in settings.items()}
        self._silence = _Silence()

    def of(self, change: Change) -> Chain:
        """Return the chain of a change as it is now; raises what `LINK_FAILURES` names when a Gerrit does not answer.

        What our account does not see, and hosts that are none of ours, are passed over, as in Zuul.
        """
        limit = self._limits[change.connection]
        chain = _Search(self._gerrits, self._places, self._silence, change, limit).run()
        if chain.changes or chain.problem or chain.ignored:
            needs = [key_of(one) for one in chain.changes]
            log.info(
                "dependencies", action="change.chain", change=change.name, needs=needs, problem=chain.problem,
                ignored=chain.ignored,
            )  # fmt: skip
        return chain


def no_chain(_change: Change) -> Chain:
    """Nothing: for whoever tests changes alone."""
    return Chain()


class _Silence:
    """Which Gerrits did not answer a moment ago, and are left alone for a while; shared by several threads."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[float, float]] = {}  # until when (monotonic), and how long

    def check(self, connection: str) -> None:
        """Raise Unavailable, without asking, while the connection is left alone."""
        until, _ = self._since.get(connection, (0.0, 0.0))
        if time.monotonic() < until:
            raise Unavailable(f"connection {connection}: it did not answer a moment ago")

    def note(self, connection: str) -> None:
        _, last_seconds = self._since.get(connection, (0.0, 0.0))
        seconds = min(last_seconds * 2 or FIRST_SILENCE_SECONDS, LONGEST_SILENCE_SECONDS)
        self._since[connection] = time.monotonic() + seconds, seconds

    def forget(self, connection: str) -> None:
        self._since.pop(connection, None)


@dataclass(slots=True)
class _Search:
    """One walk along all that a change needs."""

    gerrits: Mapping[str, Gerrit]
    places: tuple[WebPlace, ...]
    silence: _Silence
    root: Change
    limit: int
    changes: dict[Key, Change] = field(default_factory=dict)
    needs: dict[Key, list[Key]] = field(default_factory=dict)
    ignored: dict[str, None] = field(default_factory=dict)
    asked: dict[tuple[str, object], tuple[Change, ...]] = field(default_factory=dict)

    def run(self) -> Chain:
        self.changes[key_of(self.root)] = self.root
        waiting = [self.root]
        while waiting:
            one = waiting.pop()
            needs = self.needs[key_of(one)] = []
            for needed in self._needed_by(one):
                if key_of(needed) not in self.changes:
                    self.changes[key_of(needed)] = needed
                    waiting.append(needed)
                needs.append(key_of(needed))
                if len(self.changes) - 1 > self.limit:
                    return self._too_many()
            if len(self.asked) > self.limit + MORE_QUESTIONS:
                return self._too_many()
        return replace(in_order(self.root, self.changes, self.needs), ignored=tuple(self.ignored))

    def _too_many(self) -> Chain:
        return Chain(problem=f"It depends on too many changes: more than {self.limit} (max_dependencies)")

    def _needed_by(self, change: Change) -> Iterator[Change]:
        """Yield what one change needs itself and is not merged: first what it stands on, then what its lines name."""
        for parent in change.parents:
            yield from self._open(
                self._once((change.connection, parent), lambda: self._standing_at(change, parent))  # noqa: B023
            )
        for header in headers(change.message):
            if len(self.asked) > self.limit + MORE_QUESTIONS:
                return
            found = self._named_by(change, header)
            if not found and len(self.ignored) < MOST_IGNORED:
                self.ignored[printable(f"Depends-On: {header[:_SHOWN_HEADER]}: no change that this CI sees")] = None
            yield from self._open(found)

    def _standing_at(self, change: Change, commit: str) -> tuple[Change, ...]:
        return self.gerrits[change.connection].changes_at(change.project, commit)

    def _named_by(self, change: Change, header: str) -> tuple[Change, ...]:
        change_id = as_change_id(header)
        if change_id is not None:
            return self._once((change.connection, change_id), lambda: self._with_id(change, change_id))
        where = named(header, self.places)
        if where is None or where[0] not in self.gerrits:
            return ()
        if where == (self.root.connection, self.root.number):
            return (self.root,)  # whatever patch set of it is the current one
        return self._once(where, lambda: (self.gerrits[where[0]].change(where[1]),))

    def _with_id(self, change: Change, change_id: str) -> tuple[Change, ...]:
        gerrit = self.gerrits[change.connection]
        return tuple(gerrit.change(one.number) for one in gerrit.changes_with_id(change_id) if one.is_open)

    def _once(self, question: tuple[str, object], ask: Callable[[], tuple[Change, ...]]) -> tuple[Change, ...]:
        """Return the answer to a question that is asked but once; () when Gerrit says no."""
        if question not in self.asked:
            connection = question[0]
            if connection != self.root.connection:  # of its own Gerrit there is news: the change itself was just read
                self.silence.check(connection)
            try:
                self.asked[question] = ask()
            except LINK_FAILURES:
                self.silence.note(connection)
                raise
            except Refused:
                self.asked[question] = ()
            self.silence.forget(connection)
        return self.asked[question]

    def _open(self, found: Iterable[Change]) -> Iterator[Change]:
        return (one for one in found if one.status != "MERGED")
