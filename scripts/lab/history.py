"""A database with a long past: ended builds by the hundred thousand, to measure what history costs.

PYTHONPATH=scripts python -m lab.history FILE --builds 1000000
"""

from __future__ import annotations

import argparse
import dataclasses
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ci.model.build import FailedTest
from ci.model.change import Account, Change
from ci.model.codec import to_json
from ci.model.event import Event, EventType
from ci.model.job import FrozenJob, NodeRequest, Nodeset
from ci.model.vote import Review
from ci.store.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JOBS = ("nova-in-tree", "nova-out-of-tree")
BUILDSETS_AT_ONCE = 5000
SECONDS_BETWEEN = 60.0
FAILED_ONE_IN = 10
TASKS_ONE_IN = 50
SHA_DIGITS = 40
_COLUMNS = {
    "events": "id connection natural_key type created_at received_at record state outcome",
    "buildsets": (
        "id event_id pipeline connection project change_number patchset change state result created_at ended_at"
    ),
    "builds": "id buildset_id job_name job state result failed_tests created_at started_at ended_at tests_taken_at",
    "reviews": "buildset_id kind connection record state created_at sent_at",
    "transitions": "at noun noun_id from_state to_state",
    "task_events": "build_id attempt position record",
}


@dataclasses.dataclass(frozen=True)
class Past:
    """How much there was: `builds` in all, two for each buildset; the last one ended at `until` (epoch seconds)."""

    builds: int
    until: float
    connection: str = "gerrit"
    project: str = "openstack/nova"

    @property
    def buildsets(self) -> int:
        return self.builds // len(JOBS)


def fill(path: Path, past: Past) -> None:
    """Add a past to a database, which is made when it is not there; takes about a minute for a million builds."""
    SqliteStore(path).close()  # the newest schema
    connection = sqlite3.connect(path, isolation_level=None)
    # Made anew when a power cut breaks it: the journal is not worth its time here.
    connection.execute("pragma synchronous = off")
    connection.execute("pragma cache_size = -200000")
    rows = _Rows(past, connection.execute("select coalesce(max(id), 0) from events").fetchone()[0])
    for start in range(0, past.buildsets, BUILDSETS_AT_ONCE):
        connection.execute("begin immediate")
        rows.write(connection, range(start, min(start + BUILDSETS_AT_ONCE, past.buildsets)))
        connection.execute("commit")
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()


class _Rows:
    """The rows of some buildsets each time; all that does not differ is made once."""

    def __init__(self, past: Past, first_event: int) -> None:
        self._past = past
        self._first_event = first_event
        self._change = to_json(_change(past, 0))
        self._event = to_json(
            Event(past.connection, EventType.PATCHSET_CREATED, "patchset-created", "key", 0, change=_change(past, 0))
        )
        self._review = to_json(
            Review(past.connection, past.project, 0, 1, "Build succeeded", "marker", {"Verified": 1})
        )
        nodeset = Nodeset((NodeRequest("controller", "powervm"),))
        self._jobs = [to_json(FrozenJob(name, run=("playbooks/run.yaml",), nodeset=nodeset)) for name in JOBS]

    def write(self, connection: sqlite3.Connection, numbers: range) -> None:
        """Write these buildsets with their events, builds, reviews, transitions and some of their tasks."""
        for (table, columns), rows in zip(_COLUMNS.items(), self._of_tables(), strict=True):
            names = columns.split()
            places = ", ".join("?" * len(names))
            connection.executemany(f"insert into {table} ({', '.join(names)}) values ({places})", rows(numbers))  # noqa: S608

    def _of_tables(self) -> tuple[Callable[[range], Iterator[tuple[object, ...]]], ...]:
        return self._events, self._buildsets, self._builds, self._reviews, self._transitions, self._tasks

    def _ended_at(self, number: int) -> float:
        return self._past.until - (self._past.buildsets - 1 - number) * SECONDS_BETWEEN

    def _events(self, numbers: range) -> Iterator[tuple[object, ...]]:
        for n in numbers:
            at = self._ended_at(n) - 3600
            yield (
                self._first_event + n + 1, self._past.connection, f"history:{n}", "patchset-created", int(at), at,
                self._event, "done", "started nova-in-tree, nova-out-of-tree in check",
            )  # fmt: skip

    def _buildsets(self, numbers: range) -> Iterator[tuple[object, ...]]:
        past = self._past
        for n in numbers:
            ended_at = self._ended_at(n)
            yield (
                _buildset_id(n), self._first_event + n + 1, "check", past.connection, past.project, _number(n), 1,
                self._change, "ended", "FAILURE" if n % FAILED_ONE_IN == 0 else "SUCCESS", ended_at - 3600, ended_at,
            )  # fmt: skip

    def _builds(self, numbers: range) -> Iterator[tuple[object, ...]]:
        for n in numbers:
            ended_at = self._ended_at(n)
            for place, name in enumerate(JOBS):
                failed = place == 0 and n % FAILED_ONE_IN == 0
                yield (
                    _build_id(n, place), _buildset_id(n), name, self._jobs[place], "ended",
                    "FAILURE" if failed else "SUCCESS", _failed_tests(n) if failed else "[]", ended_at - 3600,
                    ended_at - 3500, ended_at - 1, ended_at,
                )  # fmt: skip

    def _reviews(self, numbers: range) -> Iterator[tuple[object, ...]]:
        for n in numbers:
            ended_at = self._ended_at(n)
            yield _buildset_id(n), "result", self._past.connection, self._review, "sent", ended_at, ended_at + 1

    def _transitions(self, numbers: range) -> Iterator[tuple[object, ...]]:
        for n in numbers:
            at = self._ended_at(n)
            yield at - 3600, "buildset", _buildset_id(n), "", "running"
            for place in range(len(JOBS)):
                for seconds, before, after in ((3600, "", "waiting"), (3500, "waiting", "starting"),
                                               (3490, "starting", "running"), (1, "running", "ended")):  # fmt: skip
                    yield at - seconds, "build", _build_id(n, place), before, after
            yield at, "buildset", _buildset_id(n), "running", "ended"

    def _tasks(self, numbers: range) -> Iterator[tuple[object, ...]]:
        for n in numbers:
            if n % TASKS_ONE_IN == 0:
                for position in range(20):
                    yield (
                        _build_id(n, 0),
                        1,
                        position,
                        f'{{"task":"Step {position}","status":"ok","host":"controller"}}',
                    )


def _change(past: Past, n: int) -> Change:
    number = _number(n)
    return Change(
        connection=past.connection, project=past.project, branch="master", number=number, patchset=1,
        revision="a" * SHA_DIGITS, ref=f"refs/changes/{number % 100:02}/{number}/1", subject="Fix the live migration",
        url=f"https://review.example.org/{number}", owner=Account("dev", "A Developer", "dev@example.org"),
        files=("nova/compute/manager.py",),
    )  # fmt: skip


def _number(n: int) -> int:
    return 1_000_000 + n // 5  # five patch sets or rechecks of each change


def _buildset_id(n: int) -> str:
    return f"{n * 2654435761 % (1 << 32):08x}5e{n:022x}"  # spread like real ids, so that indexes are as wide


def _build_id(n: int, place: int) -> str:
    return f"{n * 2246822519 % (1 << 32):08x}b{place}{n:022x}"


def _failed_tests(n: int) -> str:
    test = FailedTest(f"tempest.api.compute.test_{n % 300}.Test.test_it", "", "AssertionError: 500 != 200")
    return f"[{to_json(test)}]"


def main() -> None:
    """Fill the database that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--builds", type=int, default=1_000_000)
    arguments = parser.parse_args()
    started = time.monotonic()
    fill(arguments.file, Past(arguments.builds, time.time()))
    mib = arguments.file.stat().st_size >> 20
    print(f"{arguments.builds} builds in {time.monotonic() - started:.0f} s: {mib} MiB")


if __name__ == "__main__":
    main()
