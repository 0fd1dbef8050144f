"""Listens to one Gerrit: commits its events, and keeps the link up."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from tenacity.wait import wait_random_exponential

from ci.errors import AuthenticationFailed, CIError, HostKeyMismatch
from ci.model.connection import ConnectionState
from ci.model.event import EventType
from ci.observability import EVENTS, LOOP_FAILURES, get_logger

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from ci.model.event import Event
    from ci.ports import Clock, Gerrit, Store
    from ci.services.pulse import Pulse

ALARM_RETRY_SECONDS = 60.0
_backoff = wait_random_exponential(multiplier=1, max=60)


class Listener:
    """One thread for each connection runs `run`."""

    def __init__(self, gerrit: Gerrit, store: Store, pulse: Pulse, clock: Clock) -> None:
        self._gerrit = gerrit
        self._store = store
        self._pulse = pulse
        self._clock = clock
        self._log = get_logger("listener").bind(connection=gerrit.name)
        self._failures = 0

    def run(self, stop: threading.Event) -> None:
        """Listen until `stop` is set, coming back after every loss of the link."""
        while not stop.is_set():
            try:
                delay_seconds = self._listen_once(stop)
            except Exception:  # noqa: BLE001 - the top of a thread, also for a database that cannot be written
                self._log.exception("unexpected failure; going on", action="listener.bug")
                LOOP_FAILURES.labels("listener").inc()
                delay_seconds = self._next_delay()
            stop.wait(delay_seconds)
        with suppress(CIError):
            self._set_state(ConnectionState.DOWN, "the service is stopped")

    def _listen_once(self, stop: threading.Event) -> float:
        """Listen until the link is lost; returns how long to wait before the next try."""
        try:
            self._set_state(ConnectionState.CONNECTING, "")
            for events in self._gerrit.events(stop):
                if events:
                    self._keep(events)
                else:
                    self._connected()
        except (HostKeyMismatch, AuthenticationFailed) as error:
            self._set_state(ConnectionState.ALARM, str(error))
            return ALARM_RETRY_SECONDS
        except CIError as error:
            delay_seconds = self._next_delay()
            self._set_state(ConnectionState.DOWN, str(error))
            return delay_seconds
        return 0.0

    def _next_delay(self) -> float:
        self._failures += 1
        return float(_backoff(_Attempt(self._failures)))  # type: ignore[arg-type]

    def _connected(self) -> None:
        self._failures = 0
        self._set_state(ConnectionState.CONNECTED, "")

    def _keep(self, events: Sequence[Event]) -> None:
        for event in events:
            EVENTS.labels(event.connection, event.type).inc()
        now = self._clock.now()
        if self._store.events.add([event for event in events if self._concerns_us(event)], now):
            self._store.connections.heard_from(self._gerrit.name, now)
            self._pulse.beat()

    def _concerns_us(self, event: Event) -> bool:
        is_own = event.author is not None and event.author.username == self._gerrit.user
        return event.type is not EventType.OTHER and not is_own

    def _set_state(self, state: ConnectionState, reason: str) -> None:
        report = self._log.warning if state in {ConnectionState.DOWN, ConnectionState.ALARM} else self._log.info
        report("connection", action=f"connection.{state}", reason=reason)
        self._store.connections.set_state(self._gerrit.name, state, reason, self._clock.now())
        self._pulse.beat()


class _Attempt:
    """What tenacity's wait strategies look at."""

    def __init__(self, attempt_number: int) -> None:
        self.attempt_number = attempt_number
