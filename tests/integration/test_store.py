"""The database: what is committed stays, what must be single is single."""

import sqlite3
import threading
from dataclasses import replace

import pytest

from ci.errors import CIError, StaleStateError
from ci.model.build import BuildOutcome, BuildState, FailedTest, ProcessIdentity, Result, ResultCounts
from ci.model.connection import ConnectionState
from ci.model.job import NodeRequest
from ci.model.vote import Review
from ci.store.store import SqliteStore
from tests.fakes.records import build, buildset, change, event, job, node


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(tmp_path / "ci.db")
    yield store
    store.close()


def lease(store, build_id="b1", *, on=None, now=3.0):
    store.buildsets.lease(store.buildsets.build(build_id), [(NodeRequest("node", "powervm"), on or node())], now)
    return store.buildsets.build(build_id)


def test_an_event_is_kept_once_by_its_natural_key(store):
    assert store.events.add([event()], 1.0)
    assert not store.events.add([event(comment="the same happening, told again")], 2.0)
    assert [kept for _, kept in store.events.pending("gerrit", 3.0)] == [event()]


def test_the_same_key_of_another_connection_is_another_event(store):
    assert store.events.add([event()], 1.0)
    assert store.events.add([event(about=change(connection="vendor"))], 1.0)


def test_events_come_back_in_order_until_they_are_ended_and_wait_when_postponed(store):
    for key in "abc":
        store.events.add([event(key=key)], 1.0)
    (first, _), (second, _), _ = store.events.pending("gerrit", 2.0)
    store.events.end(first, "done")
    store.events.postpone(second, 50.0, "no Gerrit")
    assert [kept.natural_key for _, kept in store.events.pending("gerrit", 2.0)] == ["c"]
    assert [kept.natural_key for _, kept in store.events.pending("gerrit", 50.0)] == ["b", "c"]


def test_what_was_committed_is_there_after_a_restart(store, tmp_path):
    store.buildsets.add(buildset(build("b1", of=job(variables={"a": [1, {"b": None}]}))), None, 2.0)
    store.close()
    again = SqliteStore(tmp_path / "ci.db")
    assert again.buildsets.open_builds()[0].job.variables == {"a": [1, {"b": None}]}
    assert again.buildsets.get("s1").change == change()
    again.close()


def test_a_change_has_one_running_buildset_in_a_pipeline(store):
    store.buildsets.add(buildset(build("b1")), None, 2.0)
    with pytest.raises(sqlite3.IntegrityError):
        store.buildsets.add(buildset(build("b2"), buildset_id="s2"), None, 2.0)
    store.buildsets.end("s1", Result.CANCELED, "superseded", 3.0)
    store.buildsets.add(buildset(build("b2"), buildset_id="s2"), None, 4.0)
    assert [one.id for one in store.buildsets.running_of(change(number=4711))] == ["s2"]


def test_a_transaction_is_kept_wholly_or_not_at_all(store):
    class PulledPlugError(Exception):
        pass

    def half_done():
        with store.transaction():
            store.buildsets.add(buildset(build("b1")), None, 2.0)
            raise PulledPlugError

    with pytest.raises(PulledPlugError):
        half_done()
    assert store.buildsets.running() == ()
    assert store.buildsets.open_builds() == ()


def test_a_node_is_leased_once(store):
    store.buildsets.add(buildset(build("b1"), build("b2", of=job("other"))), None, 2.0)
    lease(store, "b1")
    with pytest.raises(StaleStateError, match=r"127\.0\.0\.2"):
        lease(store, "b2")
    assert store.buildsets.build("b2").state is BuildState.WAITING


def test_a_build_s_way_is_written_down_and_its_nodes_are_given_back(store):
    store.buildsets.add(buildset(build("b1")), None, 2.0)
    leased = lease(store)
    assert store.buildsets.nodes_of_build("b1") == (node(),)
    store.buildsets.run(leased, ProcessIdentity(7, 99), 4.0)
    running = store.buildsets.build("b1")
    assert running.process == ProcessIdentity(7, 99)
    tests = (FailedTest("a.b.c", "id-1", "boom"),)
    outcome = BuildOutcome(Result.FAILURE, 4.0, 5.0, "run: it broke", tests, ResultCounts(3, 1, 2))
    store.buildsets.end_build(running, Result.FAILURE, outcome, outcome.error, 5.0)
    ended = store.buildsets.build("b1")
    assert (ended.result, ended.failed_tests, ended.counts) == (Result.FAILURE, tests, ResultCounts(3, 1, 2))
    assert store.buildsets.leased_node_ids() == frozenset()
    assert [step.to_state for step in store.views.steps("b1")] == ["waiting", "starting", "running", "ended"]


def test_a_retry_is_the_next_attempt_and_gives_the_nodes_back(store):
    store.buildsets.add(buildset(build("b1")), None, 2.0)
    store.buildsets.retry(lease(store), "unreachable", 4.0)
    again = store.buildsets.build("b1")
    assert (again.state, again.attempt, again.error) == (BuildState.WAITING, 2, "unreachable")
    assert store.buildsets.leased_node_ids() == frozenset()


def test_a_step_from_the_wrong_state_is_refused_and_leaves_no_trace(store):
    store.buildsets.add(buildset(build("b1")), None, 2.0)
    steps = store.views.steps("b1")
    with pytest.raises(StaleStateError, match="b1"):
        store.buildsets.run(store.buildsets.build("b1"), ProcessIdentity(7, 99), 4.0)
    assert store.views.steps("b1") == steps


def test_of_two_threads_that_end_a_build_one_wins(store):
    store.buildsets.add(buildset(build("b1")), None, 2.0)
    one, failures, together = store.buildsets.build("b1"), [], threading.Barrier(2)

    def end():
        together.wait()
        try:
            store.buildsets.end_build(one, Result.CANCELED, None, "", 3.0)
        except StaleStateError as error:
            failures.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=end) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) == 1


def review(**values):
    return Review("gerrit", "openstack/nova", 4711, 2, **({"message": "m", "marker": "m"} | values))


def test_a_review_goes_from_pending_over_sending_to_sent(store):
    store.buildsets.add(buildset(build("b1")), None, 2.0)
    store.outbox.add("s1", "result", review(labels={"Verified": -1}), 3.0)
    (due,) = store.outbox.due("gerrit", 4.0)
    assert not due.interrupted
    store.outbox.claim(due, 4.0)
    with pytest.raises(StaleStateError):
        store.outbox.claim(due, 4.0)
    assert store.outbox.due("gerrit", 4.0)[0].interrupted
    store.outbox.sent(due, "", 5.0)
    assert store.outbox.due("gerrit", 9.0) == ()
    assert [one.state for one in store.views.reviews("s1")] == ["sent"]


def test_a_buildset_has_one_result_review(store):
    store.buildsets.add(buildset(build("b1")), None, 2.0)
    store.outbox.add("s1", "result", review(), 3.0)
    with pytest.raises(sqlite3.IntegrityError):
        store.outbox.add("s1", "result", review(), 3.0)


def test_a_connection_keeps_the_time_since_when_it_is_in_its_state(store):
    store.connections.set_state("gerrit", ConnectionState.DOWN, "no route", 1.0)
    store.connections.set_state("gerrit", ConnectionState.DOWN, "refused", 2.0)
    (view,) = store.views.connections()
    assert (view.state, view.reason, view.since) == ("down", "refused", 1.0)


def test_another_process_s_commit_is_noticed(store, tmp_path):
    before = store.data_version()
    other = SqliteStore(tmp_path / "ci.db")
    other.events.add([event()], 1.0)
    other.close()
    assert store.data_version() != before


def test_a_build_is_found_by_the_beginning_of_its_id(store):
    store.buildsets.add(buildset(build("abc1"), build("abd2", of=job("other"))), None, 2.0)
    assert store.views.build("abc").build.id == "abc1"
    assert store.views.build("ab") is None
    assert store.views.build("") is None


def test_hostile_text_goes_in_and_out_unchanged(store):
    subject = "'; drop table events; -- \x00 \u202e <script> \U0001f600"
    store.events.add([event(about=change(subject=subject))], 1.0)
    assert store.events.pending("gerrit", 2.0)[0][1].change.subject == subject


def test_a_file_that_is_no_database_is_one_clear_line(tmp_path):
    (tmp_path / "ci.db").write_text("this is no database at all, " * 50)
    with pytest.raises(CIError, match=r"ci\.db: .*not a database"):
        SqliteStore(tmp_path / "ci.db")


def test_who_may_not_write_the_database_is_told_so_in_one_line(store):
    store._database._connection().execute("pragma query_only = on")
    with pytest.raises(CIError, match="be the account that the service has"):
        store.connections.set_state("opendev", ConnectionState.DOWN, "", 1.0)


def test_a_database_of_a_newer_version_is_refused(store, tmp_path):
    store.close()
    connection = sqlite3.connect(tmp_path / "ci.db")
    connection.execute("pragma user_version = 999")
    connection.close()
    with pytest.raises(CIError, match="999"):
        SqliteStore(tmp_path / "ci.db")


def test_open_builds_are_in_the_order_in_which_they_were_asked_for(store):
    store.buildsets.add(buildset(build("zz"), build("aa", of=job("other"))), None, 2.0)
    later = replace(change(), number=5000)
    store.buildsets.add(buildset(build("mm"), buildset_id="s2", about=later), None, 1.0)
    assert [one.id for one in store.buildsets.open_builds()] == ["mm", "zz", "aa"]
    store.buildsets.lease(store.buildsets.build("zz"), [], 3.0)
    assert [one.id for one in store.buildsets.waiting_builds()] == ["mm", "aa"]
    assert [one.id for one in store.buildsets.builds_with_nodes()] == ["zz"]
