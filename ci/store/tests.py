"""What the tests did over time, in the database."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from ci.model.build import CONCLUSIVE_RESULTS
from ci.model.history import Amount, DayResults, FailingTest, SumResults, Verdict
from ci.observability import get_logger
from ci.store.buildsets import view_from_row

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from ci.model.history import RanTest
    from ci.model.views import BuildView
    from ci.store.database import Database

# A patch can make up names: of those that come after so many different ones nothing is kept.
MOST_TESTS = 50_000
LONGEST_BRANCH = 200
SHOWN_BUILDS = 3
_EPOCH = date(1970, 1, 1)
_DAY_SECONDS = 86_400
# As in the names of log folders.
_BUILD_DIGITS = 10


class TestTable:
    """Keeps `ci.ports.TestIntake` and `ci.ports.TestHistory`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = get_logger("store")

    def untaken(self, limit: int) -> tuple[BuildView, ...]:
        rows = self._database.rows("builds_untaken", limit=limit)
        return tuple(view_from_row(row) for row in rows)

    def take(self, view: BuildView, tests: Sequence[RanTest], now: float) -> bool:
        build, series = view.build, {"job": view.build.job.name, "branch": view.change.branch[:LONGEST_BRANCH]}
        with self._database.transaction():
            if not self._database.execute("mark_tests_taken", id=build.id, now=now):
                return False
            if tests:
                text = json.dumps([_row(test) for test in tests])
                self._add_names(text, len(tests), build.id)
                self._database.execute("add_test_series", **series)
                day = int(build.ended_at or now) // _DAY_SECONDS
                self._database.execute("add_test_day", **series, tests=text, day=day, build=build.id[:_BUILD_DIGITS])
        return True

    def _add_names(self, tests: str, count: int, build_id: str) -> None:
        row = self._database.row("count_tests")
        if row and row["n"] + count <= MOST_TESTS:
            self._database.execute("add_tests", tests=tests)
        else:
            self._log.warning(
                "too many tests: only those that are known are counted", action="tests.too_many", build=build_id
            )

    def last_results(self, test: str, limit: int = 20) -> tuple[DayResults, ...]:
        found = [
            DayResults(one["name"], one["idempotent_id"], **{**row, "day": _day(row["day"])})
            for one in self._database.rows("tests_called", test=test)
            for row in self._database.rows("days_of_test", test_id=one["id"], limit=limit)
        ]
        found.sort(key=lambda one: (one.test, one.job, one.branch))
        found.sort(key=lambda one: one.day, reverse=True)
        return tuple(found[:limit])

    def sums(self, ids: Collection[str], jobs: Collection[str], since: date) -> tuple[SumResults, ...]:
        rows = self._database.rows(
            "sums_of_tests", ids=json.dumps(sorted(ids)), jobs=json.dumps(sorted(jobs)), since=day_number(since)
        )
        return tuple(
            SumResults(
                row["name"], row["idempotent_id"], row["job"], row["passed"], row["failed"], row["skipped"],
                _day(row["last_day"]), row["last_build"],
            )
            for row in rows
        )  # fmt: skip

    def tested(self, job: str, since: date) -> Amount:
        rows = self._database.rows("tested", job=job, since=_seconds(since))
        return Amount(sum(row["builds"] for row in rows), sum(row["changes"] for row in rows))

    def failing_on_changes(self, job: str, since: date, min_changes: int) -> tuple[FailingTest, ...]:
        seconds = _seconds(since)
        conclusive = json.dumps(sorted(CONCLUSIVE_RESULTS))
        rows = self._database.rows(
            "tests_failing_on_changes", job=job, since=seconds, min_changes=min_changes, conclusive=conclusive
        )
        if not rows:
            return ()
        tested = self._database.rows("tested", job=job, since=seconds)
        changes = {str(row["branch"])[:LONGEST_BRANCH]: row["changes"] for row in tested}
        found = (self._failing(row, job, since, changes) for row in rows)
        return tuple(one for one in found if one.passed)

    def _failing(self, row: Mapping[str, Any], job: str, since: date, changes: Mapping[str, int]) -> FailingTest:
        name, identity, ended_at = row["name"], row["idempotent_id"], json.loads(row["builds"])
        sums = self._database.rows(
            "sums_of_test", name=name, idempotent_id=identity, job=job, since=day_number(since)
        )  # fmt: skip
        ran_on = [one["branch"] for one in sums if one["passed"] or one["failed"]]
        return FailingTest(
            test=name,
            idempotent_id=identity,
            job=job,
            failed_changes=row["changes"],
            changes=max(row["changes"], sum(changes.get(branch, 0) for branch in ran_on)),
            passed=sum(one["passed"] for one in sums),
            failed=sum(one["failed"] for one in sums),
            last_day=datetime.fromtimestamp(max(ended_at.values()), UTC).date(),
            builds=tuple(sorted(ended_at, key=ended_at.__getitem__, reverse=True)[:SHOWN_BUILDS]),
        )


def day_number(day: date) -> int:
    """Return a day as it is kept: days since the epoch."""
    return (day - _EPOCH).days


def _seconds(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _day(number: int) -> date:
    return _EPOCH + timedelta(days=number)


def _row(test: RanTest) -> tuple[str, str, int, int, int]:
    counted = (int(test.verdict is verdict) for verdict in (Verdict.PASSED, Verdict.FAILED, Verdict.SKIPPED))
    return (test.name, test.idempotent_id, *counted)  # type: ignore[return-value]
