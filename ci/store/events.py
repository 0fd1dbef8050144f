"""Events, connections and timers in the database."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ci.model.codec import from_json, to_json
from ci.model.event import Event, EventSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.model.connection import ConnectionState
    from ci.model.event import Lost
    from ci.model.timer import Timer
    from ci.store.database import Database


# How much later than a change's own second the stream may tell of it: a busy server takes its time.
STREAM_DELAY_SECONDS = 10


class EventTable:
    """Keeps `ci.ports.EventLog`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, events: Sequence[Event], now: float, *, outcome: str = "", not_before: float = 0.0) -> int:
        with self._database.transaction():
            return sum(self._add(event, now, outcome, event.source, not_before) for event in events)

    def add_lost(self, lost: Lost, now: float) -> bool:
        return bool(self._add(lost.event, now, f"lost: {lost.reason}", ""))

    def _add(self, event: Event, now: float, outcome: str, same_source: str, not_before: float = 0.0) -> int:
        # The stream tells of a happening some time after the second that a query finds.
        is_told = event.source is EventSource.STREAM
        earliest = event.created_at - (STREAM_DELAY_SECONDS if is_told else 1)
        latest = event.created_at + (1 if is_told else STREAM_DELAY_SECONDS)
        return self._database.execute(
            "add_event",
            connection=event.connection,
            natural_key=event.natural_key,
            type=event.type_name,
            created_at=event.created_at,
            received_at=now,
            record=to_json(event),
            source=event.source,
            state="done" if outcome else "new",
            outcome=outcome,
            retry_at=not_before,
            same_as=json.dumps(event.same_as),
            earliest=earliest,
            latest=latest,
            same_source=same_source,
        )

    def newest_merge(self) -> int:
        row = self._database.row("newest_merge")
        return (row["id"] or 0) if row else 0

    def pending(self, connection: str, now: float, limit: int = 100) -> list[tuple[int, Event]]:
        rows = self._database.rows("new_events", connection=connection, now=now, limit=limit)
        return [(row["id"], from_json(Event, row["record"])) for row in rows]

    def next_retry_at(self, connection: str) -> float | None:
        row = self._database.row("next_retry_of_events", connection=connection)
        return row["at"] if row else None

    def end(self, event_id: int, outcome: str) -> None:
        self._database.execute("end_event", id=event_id, outcome=outcome)

    def postpone(self, event_id: int, retry_at: float, reason: str) -> None:
        self._database.execute("postpone_event", id=event_id, retry_at=retry_at, reason=reason)


class TimerTable:
    """Keeps `ci.ports.TimerStates`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def told_until(self, timer: Timer) -> float | None:
        row = self._database.row("timer", **asdict(timer))
        return row["told_until"] if row else None

    def tell_until(self, timer: Timer, until: float) -> None:
        self._database.execute("set_timer", **asdict(timer), told_until=until)


class ConnectionTable:
    """Keeps `ci.ports.ConnectionStates`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set_state(self, name: str, state: ConnectionState, reason: str, now: float) -> None:
        self._database.execute("set_connection_state", name=name, state=state, reason=reason, now=now)

    def heard_from(self, name: str, now: float) -> None:
        self._database.execute("touch_connection", name=name, now=now)

    def watermark(self, name: str) -> int | None:
        row = self._database.row("watermark", name=name)
        return row["watermark"] if row else None

    def raise_watermark(self, name: str, watermark: int) -> None:
        self._database.execute("raise_watermark", name=name, watermark=watermark)
