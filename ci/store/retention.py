"""Removes what is old from the database: little at a time, so that nobody who writes waits long."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ci.store.buildsets import view_from_row
from ci.store.tests import day_number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from ci.model.views import BuildView
    from ci.store.database import Database

TASK_EVENTS_AT_ONCE = 1000


class Retention:
    """Keeps `ci.ports.Retention`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def builds_with_old_logs(self, ended_before: float, limit: int) -> tuple[BuildView, ...]:
        rows = self._database.rows("builds_with_old_logs", before=ended_before, limit=limit)
        return tuple(view_from_row(row) for row in rows)

    def logs_are_removed(self, build_ids: Sequence[str], now: float) -> None:
        """Remove what the database holds of builds' logs, and mark them: a crash before the mark begins anew."""
        for build_id in build_ids:
            while self._database.rows("has_task_events", build_id=build_id):
                self._database.execute("remove_task_events", build_id=build_id, limit=TASK_EVENTS_AT_ONCE)
        with self._database.transaction():
            for build_id in build_ids:
                self._database.execute("mark_logs_removed", id=build_id, now=now)

    def forget_buildsets(self, ended_before: float, limit: int) -> int:
        found = self._database.rows("old_buildsets", before=ended_before, limit=limit)
        with self._database.transaction():
            for row in found:
                for what in ("transitions_of", "task_events_of", "reviews_of", "builds_of"):
                    self._database.execute(f"remove_{what}_buildset", id=row["id"])
                self._database.execute("remove_buildset", id=row["id"])
                if row["event_id"] is not None:
                    self._database.execute("remove_event_of_buildset", id=row["event_id"])
        return len(found)

    def forget_stories(self, told_before: float, limit: int) -> int:
        return self._database.execute("remove_old_stories", before=told_before, limit=limit)

    def forget_events(self, after: int, received_before: float, limit: int) -> tuple[int, int | None]:
        rows = self._database.rows("events_after", after=after, limit=limit)
        old = [row for row in rows if row["received_at"] < received_before]
        removed = self._database.execute(
            "remove_events",
            ids=json.dumps([row["id"] for row in old if row["state"] == "done" and not row["used"]]),
        )
        return removed, old[-1]["id"] if len(old) == limit else None

    def forget_test_days(self, before: date, limit: int) -> int:
        removed = self._database.execute("remove_test_days", before=day_number(before), limit=limit)
        if removed:
            self._database.execute("remove_empty_test_series")
        return removed

    def forget_tests(self, after: int, limit: int) -> int | None:
        with self._database.transaction():
            rows = self._database.rows("tests_after", after=after, limit=limit)
            unused = [row["id"] for row in rows if not row["used"]]
            if unused:
                self._database.execute("remove_tests", ids=json.dumps(unused))
        return rows[-1]["id"] if len(rows) == limit else None

    def shrink_log(self) -> None:
        self._database.shrink_log()
