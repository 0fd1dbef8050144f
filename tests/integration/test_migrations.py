"""A database of the first release, with rows in every table and state, is brought up and goes on."""

import dataclasses
import resource
import sqlite3
from pathlib import Path

import pytest

from ci.errors import CIError, DiskFull
from ci.model.build import BuildOutcome, BuildState, Result
from ci.model.change import Branch
from ci.model.pipeline import Precedence
from ci.store import database as database_module
from ci.store.database import Database, newest_schema
from ci.store.health import check
from ci.store.store import SqliteStore
from tests.fakes import records
from tests.fakes.records import event

FIRST = Path(__file__).parents[1] / "data" / "migrations" / "0001.sql"
# Columns that have another name since.
RENAMED = {("leases", "build_id"): "holder"}


@pytest.fixture
def first(tmp_path):
    path = tmp_path / "ci.db"
    connection = sqlite3.connect(path)
    connection.executescript(FIRST.read_text())
    connection.close()
    return path


def content(path, like=None):
    """All rows of all tables, as the columns of `like` (another database's content) have them."""
    connection = sqlite3.connect(path)
    names = [row[0] for row in connection.execute("select name from sqlite_schema where type = 'table' order by name")]
    found = {}
    for table in like or names:
        columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
        if like:
            columns = [RENAMED.get((table, column), column) for column in like[table][0]]
        rows = connection.execute(f"select {', '.join(columns)} from {table}").fetchall()  # noqa: S608
        found[table] = (columns, sorted(rows, key=repr))
    connection.close()
    return found


def test_the_first_database_has_rows_in_every_table_and_state(first):
    connection = sqlite3.connect(first)
    for table, states in {
        "connections": {"connecting", "connected", "down", "alarm"},
        "events": {"new", "done"},
        "buildsets": {"running", "ended"},
        "builds": {"waiting", "starting", "running", "ended"},
        "reviews": {"pending", "sending", "sent", "dropped"},
    }.items():
        assert {row[0] for row in connection.execute(f"select state from {table}")} == states  # noqa: S608
    for table in ("leases", "transitions", "task_events"):
        assert connection.execute(f"select count(*) from {table}").fetchone()[0]  # noqa: S608
    assert {row[0] for row in connection.execute("select result from builds")} == {None, *map(str, Result)}
    connection.close()


def test_every_row_survives(first):
    before = content(first)
    Database(first).close()
    after = content(first, before)
    for table, (_, rows) in before.items():
        assert after[table][1] == rows, table
    assert sqlite3.connect(first).execute("pragma user_version").fetchone()[0] == newest_schema()
    assert check(first) == []


def test_a_migrated_database_has_the_same_schema_as_a_new_one(first, tmp_path):
    Database(first).close()
    Database(tmp_path / "new.db").close()

    def schema(path):
        connection = sqlite3.connect(path)
        tables = {name: sorted(map(repr, connection.execute(f"pragma table_info({name})"))) for name in content(path)}
        indexes = sorted(row[0] for row in connection.execute("select name from sqlite_schema where type = 'index'"))
        return tables, indexes

    assert schema(first) == schema(tmp_path / "new.db")


def test_the_code_reads_all_of_it(first):
    store = SqliteStore(first)
    assert {build.state for build in store.buildsets.open_builds()} == set(BuildState) - {BuildState.ENDED}
    assert all(build.logs_removed_at is None and build.retry_at == 0 for build in store.buildsets.open_builds())
    assert len(store.views.builds(limit=100)) == 16
    assert [len(store.views.builds(change_number=520_001)), len(store.views.builds(job="nova-in-tree"))] == [2, 12]
    assert len(store.events.pending("opendev", 1e12)) == 4
    failed = store.views.build("a11")
    assert failed.build.failed_tests[0].name == "tempest.api.compute.Servers.test_list"
    assert len(store.views.task_events(failed.build)) == 2
    assert [review.state for review in store.views.reviews(failed.build.buildset_id)] == ["sent", "sent"]
    assert set(store.views.leases().values()) >= {"run-4242-17"}
    store.close()


def test_open_builds_reviews_and_events_go_on(first):
    store, now = SqliteStore(first), 1_600_000_000.0
    due = store.outbox.due("opendev", now)
    assert sorted(review.interrupted for review in due) == [False, False, True]
    for review in due:
        if not review.interrupted:
            store.outbox.claim(review, now)
        store.outbox.sent(review, "", now)
    assert store.outbox.due("opendev", now) == ()
    for buildset in store.buildsets.running():
        for build in buildset.builds:
            if build.state is not BuildState.ENDED:
                outcome = BuildOutcome(Result.SUCCESS, now, now)
                store.buildsets.end_build(build, Result.SUCCESS, outcome, "", now)
        store.buildsets.end(buildset.id, Result.SUCCESS, "", now)
    for event_id, _ in store.events.pending("opendev", now):
        store.events.end(event_id, "done")
    assert store.events.add([event(key="key-1", about=None)], now) == 1  # of another connection
    assert set(store.views.leases().values()) == {"run-4242-17"}
    store.close()
    assert check(first) == []


def test_changes_keep_their_numbers_and_locks_and_branches_may_come_beside_them(first):
    store, now = SqliteStore(first), 1_600_000_000.0
    running = store.buildsets.running()
    assert all(one.change.branch for one in running)
    for one in running:
        assert one.id in {found.id for found in store.buildsets.running_of(one.change)}
    again = records.buildset(records.build("new"), buildset_id="again", about=running[0].change)
    with pytest.raises(sqlite3.IntegrityError):
        store.buildsets.add(dataclasses.replace(again, pipeline=running[0].pipeline), None, now)
    branch = Branch("opendev", "openstack/nova", "master")
    store.buildsets.add(records.buildset(records.build("new"), buildset_id="again", about=branch), None, now)
    assert [one.id for one in store.buildsets.running_of(branch)] == ["again"]
    with pytest.raises(sqlite3.IntegrityError):
        store.buildsets.add(records.buildset(records.build("newer"), buildset_id="once more", about=branch), None, now)
    assert {one.precedence for one in store.buildsets.open_builds()} == {Precedence.NORMAL}
    store.close()


def test_an_event_that_is_known_is_known_after_the_migration_too(first):
    store = SqliteStore(first)
    (_, known), *_ = store.events.pending("opendev", 1e12)
    assert store.events.add([known], 1.0) == 0
    store.close()


@pytest.mark.parametrize("number", range(1, 100))
def test_a_crash_within_a_migration_leaves_the_old_database(first, monkeypatch, number):
    """The statement with this number is the one that the crash comes before."""
    before, done = content(first), []

    class Crash(BaseException):
        pass

    real = database_module._statements

    def crashing(script):
        for statement in real(script):
            done.append(statement)
            if len(done) == number:
                raise Crash
            yield statement

    monkeypatch.setattr(database_module, "_statements", crashing)
    try:
        Database(first).close()
    except Crash:
        assert content(first) == before
        assert sqlite3.connect(first).execute("pragma user_version").fetchone()[0] == 1
    else:
        assert len(done) < number
    monkeypatch.undo()
    Database(first).close()
    assert check(first) == []


def test_a_newer_database_is_refused_in_one_line(first):
    connection = sqlite3.connect(first)
    connection.execute(f"pragma user_version = {newest_schema() + 1}")
    connection.close()
    with pytest.raises(CIError, match=r"^the database has schema \d+, newer than this version knows \(\d+\)$"):
        Database(first)


def test_a_disk_that_is_full_when_a_transaction_ends_leaves_none_open(tmp_path):
    """SQLite itself rolls back then; what this thread does afterwards must not join a transaction that never ends."""
    store = SqliteStore(tmp_path / "ci.db")
    store.events.add([event(key="before")], 1.0)
    log = tmp_path / "ci.db-wal"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    try:
        with pytest.raises(DiskFull):
            store.events.add([event(key="full")], 2.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.events.add([event(key="after")], 3.0) == 1
    other = SqliteStore(tmp_path / "ci.db")
    assert [one.natural_key for _, one in other.events.pending("gerrit", 9.0)] == ["before", "after"]
    other.close()
    store.close()
