"""Brings what the stream did not tell into the log: at every connect, a while after it, and now and then."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from tenacity.wait import wait_exponential, wait_random

from ci.errors import CIError
from ci.model.event import EventType
from ci.observability import EVENTS_CAUGHT_UP, EVENTS_LOST, LOOP_FAILURES, get_logger
from ci.services.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ci.model.event import Event, Lost, Missed
    from ci.ports import Clock, Gerrit, Store

# Gerrit's index may be behind, and its clock tells whole seconds.
OVERLAP_SECONDS = 300
# Once more when the index has surely caught up with what happened before the stream was open ...
SOON_SECONDS = 60.0
# ... and then regularly: a server may drop events of a stream that it does not get rid of.
REGULAR_SECONDS = 3600.0
# A watermark that is this old costs a restart next to nothing: no reason to write to the disk for each event.
WATERMARK_SECONDS = 10.0
BEFORE_FIRST_START = "before the first start"
_backoff = wait_exponential(multiplier=2, max=300) + wait_random(0, 2)


class CatchUp:
    """One for each connection; `outstanding` while the log may lack what happened before the stream was open.

    Safe from several threads: the listener's, and that of the loop which calls `step`.
    """

    def __init__(
        self, gerrit: Gerrit, store: Store, clock: Clock, projects: Callable[[], Sequence[str]], *,
        first_look_back_seconds: int = 0,
    ) -> None:  # fmt: skip
        """`projects` tells the tenant's on this connection."""
        self._gerrit = gerrit
        self._store = store
        self._clock = clock
        self._projects = projects
        self._first_look_back_seconds = first_look_back_seconds
        self._log = get_logger("catch_up").bind(connection=gerrit.name)
        self._running = threading.Lock()
        self._confirmed: int | None = None  # a query found everything up to here
        self._connects = 0
        self._connected = False
        self._answered_connect = 0  # the last one that a query was answered for
        self._failures = 0
        self._due_at = 0.0
        self._written_at = 0.0
        self.outstanding = True
        self.trouble = ""

    def before_stream(self) -> None:
        """Mark what happened before the very first start as done, so that nothing old is run; raises CIError."""
        name = self._gerrit.name
        if not self._projects() or self._store.connections.watermark(name) is not None:
            return
        now = int(self._clock.now())
        newest = min(self._gerrit.newest_update(self._projects()), now)
        act_from = now - self._first_look_back_seconds if self._first_look_back_seconds else None
        since = newest if act_from is None else min(newest, act_from)
        missed = self._gerrit.missed(max(0, since - OVERLAP_SECONDS), self._projects())
        old: list[Event] = []
        new: list[Event] = []
        for event in missed.events:
            is_old = act_from is None or event.created_at < act_from
            (old if is_old or not self._concerns_us(event) else new).append(event)
        with self._store.transaction():
            self._store.events.add([*old, *(lost.event for lost in missed.lost)], now, outcome=BEFORE_FIRST_START)
            self._store.events.add(new, now)
            self._store.connections.raise_watermark(name, min(missed.newest or newest, now))
        self._log.info("first start", action="catch_up.first_start", since=since, to_do=len(new))

    def stream_opened(self) -> bool:
        """Catch up now that nothing new can be missed; returns whether anything was found."""
        self.outstanding = True
        self._connects += 1
        self._due_at = math.inf  # not for the loop: it is done here and now
        self._connected = True
        self._failures = 0
        return self.run()

    def stream_lost(self) -> None:
        self._connected = False
        self.outstanding = True

    def step(self) -> bool:
        """Catch up if that is due; returns whether anything was found."""
        return self._connected and self._clock.now() >= self._due_at and not self._running.locked() and self.run()

    def run(self) -> bool:
        """Ask Gerrit and keep what it tells; a failure is kept as `trouble` and tried again. True: found something."""
        with self._running:
            if not self._projects():
                self.outstanding, self._due_at = False, self._clock.now() + REGULAR_SECONDS
                return False
            connects = self._connects
            try:
                found = self._catch_up()
            except CIError as error:
                self._failed(str(error))
                return False
            except Exception as error:  # noqa: BLE001 - the stream goes on, whatever a query answers
                self._log.exception("unexpected failure; going on", action="catch_up.bug")
                LOOP_FAILURES.labels("catch_up").inc()
                self._failed(f"unexpected failure: {type(error).__name__} (see the log)")
                return False
            self._failures, self.trouble = 0, ""
            soon, self._answered_connect = self._answered_connect != connects, connects
            self._due_at = self._clock.now() + (SOON_SECONDS if soon else REGULAR_SECONDS)
            if connects == self._connects and self._connected:  # otherwise there is a new gap
                self.outstanding = False
            return found

    def raise_watermark(self, newest: int, now: float, *, at_once: bool) -> None:
        """Note that the stream has told everything up to `newest`; unless `at_once` not for every event."""
        if self.outstanding or not (at_once or now - self._written_at >= WATERMARK_SECONDS):
            return
        self._written_at = now
        # A server without a clock of its own, or with a wrong one, must not make us skip what is to come.
        self._store.connections.raise_watermark(self._gerrit.name, min(newest, int(now)))

    def _catch_up(self) -> bool:
        self.before_stream()  # the first project of this Gerrit may have come to the site since
        started = self._clock.now()
        confirmed = self._confirmed
        if confirmed is None:
            confirmed = self._store.connections.watermark(self._gerrit.name) or 0
        since = max(0, confirmed - OVERLAP_SECONDS)
        missed = self._gerrit.missed(since, self._projects())
        found, lost = self._keep(missed)
        if missed.newest is not None:
            self._confirmed = max(confirmed, min(missed.newest, int(self._clock.now())))
        name = self._gerrit.name
        EVENTS_CAUGHT_UP.labels(name).inc(found)
        EVENTS_LOST.labels(name).inc(len(lost))
        for one in lost:
            self._log.warning("Gerrit cannot give back", action="event.lost", reason=one.reason)
        seconds = round(self._clock.now() - started, 3)
        self._log.info("caught up", action="catch_up.done", since=since, found=found, lost=len(lost), seconds=seconds)
        return bool(found)

    def _keep(self, missed: Missed) -> tuple[int, list[Lost]]:
        now = self._clock.now()
        with self._store.transaction():
            found = self._store.events.add([event for event in missed.events if self._concerns_us(event)], now)
            lost = [
                one
                for one in missed.lost
                if not is_own(one.event, self._gerrit.user) and self._store.events.add_lost(one, now)
            ]
            if missed.newest is not None:
                self._store.connections.raise_watermark(self._gerrit.name, min(missed.newest, int(now)))
        return found, lost

    def _concerns_us(self, event: Event) -> bool:
        return concerns(event, self._gerrit.user, self._projects())

    def _failed(self, reason: str) -> None:
        self._failures += 1
        delay_seconds = float(_backoff(Attempt(self._failures)))  # type: ignore[arg-type]
        self._due_at = self._clock.now() + delay_seconds
        self.trouble = f"what happened before the connection is not known yet: {reason}"
        self._log.warning(
            "cannot catch up", action="catch_up.failed", reason=reason, delay_seconds=round(delay_seconds)
        )


def concerns(event: Event, own_user: str, projects: Iterable[str]) -> bool:
    """Whether an event may mean anything: of a kind that we know, of our projects, and not our own doing."""
    known = event.type is not EventType.OTHER and event.change is not None and event.change.project in projects
    return known and not is_own(event, own_user)


def is_own(event: Event, own_user: str) -> bool:
    """Whether the account that we act as has done it."""
    return event.author is not None and event.author.username == own_user
