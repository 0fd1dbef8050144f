"""Listens to one Gerrit: commits its events, and keeps the link up."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from tenacity.wait import wait_random_exponential

from ci.errors import CIError, Refused
from ci.model.connection import ConnectionState
from ci.observability import EVENTS, LOOP_FAILURES, get_logger
from ci.services.attempt import Attempt
from ci.services.catch_up import concerns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ci.model.event import Event
    from ci.ports import Clock, Gerrit, Store
    from ci.services.catch_up import CatchUp
    from ci.services.pulse import Pulse

ALARM_RETRY_SECONDS = 60.0
# A stream that was open for so long was a good one: when it ends, the next is opened at once.
GOOD_STREAM_SECONDS = 10.0
_backoff = wait_random_exponential(multiplier=1, max=60)


class Listener:
    """One thread for each connection runs `run`, one loop `step`."""

    def __init__(
        self, gerrit: Gerrit, store: Store, catch_up: CatchUp, pulse: Pulse, clock: Clock,
        projects: Callable[[], Sequence[str]],
    ) -> None:  # fmt: skip
        """`projects` are those of the tenant on this connection: what happens in others is only counted."""
        self._gerrit = gerrit
        self._store = store
        self._catch_up = catch_up
        self._pulse = pulse
        self._clock = clock
        self._projects = projects
        self._log = get_logger("listener").bind(connection=gerrit.name)
        self._failures = 0
        self._opened_at: float | None = None
        self._showing = threading.Lock()
        self._shown: tuple[ConnectionState, str] | None = None

    @property
    def name(self) -> str:
        return self._gerrit.name

    def begin(self) -> None:
        """Show that this Gerrit is not listened to yet: what was shown last is of another run, which may have died."""
        with suppress(CIError):  # tried again when the stream is opened
            self._show(ConnectionState.CONNECTING, "")

    def run(self, stop: threading.Event) -> None:
        """Listen until `stop` is set, coming back after every loss of the link."""
        while not stop.is_set():
            try:
                delay_seconds = self._listen_once(stop)
            except CIError as error:  # not even that the link is lost could be written down
                self._log.error("going on", action="listener.failed", error=str(error))
                LOOP_FAILURES.labels("listener").inc()
                delay_seconds = self._next_delay()
            except Exception:  # noqa: BLE001 - the top of a thread
                self._log.exception("unexpected failure; going on", action="listener.bug")
                LOOP_FAILURES.labels("listener").inc()
                delay_seconds = self._next_delay()
            stop.wait(delay_seconds)
        with suppress(CIError):
            self._show(ConnectionState.DOWN, "the service is stopped")

    def step(self) -> float | None:
        """Catch up again when it is time to; the loop that calls this is not the thread that listens."""
        if self._catch_up.step():
            self._pulse.beat()
        with self._showing:
            is_connected = self._shown is not None and self._shown[0] is ConnectionState.CONNECTED
        if is_connected:
            self._show(ConnectionState.CONNECTED, self._catch_up.trouble, only_when=ConnectionState.CONNECTED)
        return None

    def _listen_once(self, stop: threading.Event) -> float:
        """Listen until the link is lost; returns how long to wait before the next try."""
        self._opened_at = None
        try:
            if self._shown is None:  # later on, why the last try failed says more than that we try again
                self._show(ConnectionState.CONNECTING, "")
            self._catch_up.before_stream()
            for events in self._gerrit.events(stop):
                if events:
                    self._keep(events)
                else:
                    self._connected()
        except Refused as error:  # a host key, our own key, or the right to listen: a person must act
            self._lost()
            self._show(ConnectionState.ALARM, str(error))
            return ALARM_RETRY_SECONDS
        except CIError as error:
            delay_seconds = self._lost()
            self._show(ConnectionState.DOWN, str(error))
            return delay_seconds
        except BaseException:
            self._lost()
            raise
        return 0.0

    def _connected(self) -> None:
        self._opened_at = self._clock.now()
        self._catch_up.stream_opened()
        self._show(ConnectionState.CONNECTED, self._catch_up.trouble)
        self._store.outbox.hurry(self.name, self._opened_at)
        self._pulse.beat()

    def _lost(self) -> float:
        """Note that the link is gone; returns how long to wait: not at all after a good stream, and once in any case.

        A server that ends every stream at once is not asked in a tight loop.
        """
        self._catch_up.stream_lost()
        opened_at, self._opened_at = self._opened_at, None
        if opened_at is not None and self._clock.now() - opened_at >= GOOD_STREAM_SECONDS:
            self._failures = 0
        is_first = opened_at is not None and self._failures == 0
        delay_seconds = self._next_delay()
        return 0.0 if is_first else delay_seconds

    def _next_delay(self) -> float:
        self._failures += 1
        return float(_backoff(Attempt(self._failures)))  # type: ignore[arg-type]

    def _keep(self, events: Sequence[Event]) -> None:
        for kind, count in Counter(event.type for event in events).items():
            EVENTS.labels(self.name, kind).inc(count)
        projects = frozenset(self._projects())
        ours = [event for event in events if concerns(event, self._gerrit.user, projects)]
        now, newest = self._clock.now(), max(event.created_at for event in events)
        if not ours:
            self._catch_up.raise_watermark(newest, now, at_once=False)
            return
        with self._store.transaction():
            added = self._store.events.add(ours, now)
            self._store.connections.heard_from(self.name, now)
            self._catch_up.raise_watermark(newest, now, at_once=True)
        if added:
            self._pulse.beat()

    def _show(self, state: ConnectionState, reason: str, *, only_when: ConnectionState | None = None) -> None:
        """Write down how the link is doing, for people; nothing when that is known, or the state is another one."""
        with self._showing:
            before = self._shown[0] if self._shown else None
            if self._shown == (state, reason) or (only_when is not None and before is not only_when):
                return
            self._store.connections.set_state(self.name, state, reason, self._clock.now())
            self._shown = (state, reason)
        report = self._log.warning if reason else self._log.info
        report("connection", action=f"connection.{state}", reason=reason)
        self._pulse.beat()
