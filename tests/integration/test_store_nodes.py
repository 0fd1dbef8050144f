"""The database: how machines do, and nodes that are kept for a person."""

import threading

import pytest

from ci.errors import StaleStateError
from ci.model.build import BuildState, ProcessIdentity, Result
from ci.model.hold import Autohold
from ci.model.job import NodeRequest
from ci.model.node import Condition, NodeState
from ci.store.store import SqliteStore
from tests.fakes.records import build, buildset, change, job, node

MACHINE = "static/127.0.0.2"


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(tmp_path / "ci.db")
    yield store
    store.close()


def fail(store, times, *, is_ill=True, builds=("",)):
    """Fail so many times, each after the pause of the one before."""
    for number in range(times):
        known = store.nodes.all().get(MACHINE)
        now = max(10.0, known.retry_at if known else 0.0)
        name = builds[number % len(builds)]
        one = store.nodes.failed(MACHINE, "no route", now, is_ill=is_ill, build_id=name)
    return one


def state(store):
    return store.nodes.all()[MACHINE]


def test_a_machine_that_nothing_happened_to_is_not_listed_and_takes_builds(store):
    assert store.nodes.all() == {}
    assert Condition(MACHINE).takes_builds(0.0)


def test_a_failure_is_followed_by_a_pause_that_grows(store):
    first = fail(store, 1)
    assert not first.takes_builds(39.9)
    assert first.takes_builds(40.0)
    second = fail(store, 1)
    assert second.state is NodeState.READY
    assert second.retry_at - 40.0 > 30.0


def test_the_third_failure_in_a_row_sets_a_machine_aside(store):
    assert fail(store, 2).state is NodeState.READY
    assert fail(store, 1).state is NodeState.SET_ASIDE
    assert not state(store).takes_builds(1e12)
    assert [(one.from_state, one.to_state) for one in store.views.steps(MACHINE)] == [
        ("ready", "ready"),
        ("ready", "set-aside"),
    ]


def test_the_story_tells_of_changes_not_that_a_machine_stays_as_ill_as_it_was(store):
    fail(store, 3)
    told = store.views.steps(MACHINE)
    assert fail(store, 20).failures == 23
    assert store.views.steps(MACHINE) == told
    store.nodes.failed(MACHINE, "disk full", state(store).retry_at, is_ill=True)
    assert [one.reason for one in store.views.steps(MACHINE)[len(told) :]] == ["disk full (24 failures in a row)"]


def test_a_build_that_ends_well_makes_earlier_failures_good(store):
    fail(store, 2)
    store.nodes.worked(MACHINE, 20.0)
    assert state(store).takes_builds(20.0)
    assert fail(store, 2).state is NodeState.READY


def test_a_build_that_still_ran_on_a_machine_set_aside_does_not_bring_it_back(store):
    before = fail(store, 3)
    store.nodes.worked(MACHINE, 20.0)
    assert state(store) == before


def test_one_build_alone_cannot_set_a_machine_aside(store):
    one = fail(store, 5, is_ill=False, builds=("b1",))
    assert (one.state, one.failures) == (NodeState.READY, 1)
    assert fail(store, 2, is_ill=False, builds=("b2", "b3")).state is NodeState.SET_ASIDE


def test_what_several_places_of_a_machine_tell_of_one_outage_counts_once(store):
    fail(store, 1)
    for _ in range(5):
        one = store.nodes.failed(MACHINE, "no route either", 11.0, is_ill=True)
    assert one.failures == 1
    assert len(store.views.steps(MACHINE)) == 1


def test_a_health_check_that_one_build_waits_for_counts_each_time(store):
    assert fail(store, 3, builds=("b1",)).state is NodeState.SET_ASIDE


def test_what_was_ill_comes_back_on_probation(store):
    fail(store, 3)
    store.nodes.recovered(MACHINE, 50.0)
    assert state(store).takes_builds(50.0)
    assert (state(store).since, state(store).reason) == (50.0, "well again after: no route")
    assert fail(store, 1).state is NodeState.SET_ASIDE


def test_what_failed_under_builds_only_comes_back_by_a_person(store):
    fail(store, 3, is_ill=False, builds=("b1", "b2", "b3"))
    store.nodes.recovered(MACHINE, 50.0)
    assert state(store).state is NodeState.SET_ASIDE
    store.nodes.enable(MACHINE, 60.0)
    assert state(store) == Condition(MACHINE, since=60.0)


def test_a_drained_machine_stays_so_whatever_happens_until_it_is_enabled(store):
    store.nodes.drain(MACHINE, "new disk", 5.0)
    fail(store, 4)
    store.nodes.worked(MACHINE, 20.0)
    assert (state(store).state, state(store).reason, state(store).since) == (NodeState.DRAINING, "new disk", 5.0)
    store.nodes.enable(MACHINE, 30.0)
    assert state(store).takes_builds(30.0)


def running(store, build_id="b1", *, buildset_id="s1", number=4711, name="nova-in-tree", on=None):
    about = change(number=number)
    store.buildsets.add(buildset(build(build_id, of=job(name)), buildset_id=buildset_id, about=about), None, 1.0)
    one = store.buildsets.build(build_id)
    store.buildsets.lease(one, [(NodeRequest("node", "powervm"), on or node())], 2.0)
    one = store.buildsets.build(build_id)
    store.buildsets.run(one, ProcessIdentity(7, 99), 3.0)
    return store.buildsets.build(build_id)


def wish(**values):
    known = {"connection": "gerrit", "project": "openstack/nova", "job": "nova-in-tree", "reason": "to look"}
    return Autohold(**(known | values))


def end(store, one, now=10.0):
    with store.transaction():
        hold = store.holds.keep(one, now)
        store.buildsets.end_build(one, Result.FAILURE, None, "it broke", now)
    return hold


def test_kept_nodes_outlive_their_build(store):
    request = store.holds.request(wish(), 1.0)
    hold = end(store, running(store))
    assert store.buildsets.build("b1").state is BuildState.ENDED
    assert store.buildsets.leased_node_ids() == {node().id}
    assert store.holds.nodes(hold) == (node(),)
    assert store.holds.held() == (hold,)
    (view,) = store.views.nodes([node()])
    assert (view.holder, view.held_build, view.held_reason) == (f"hold-{hold.id}", "b1", "to look")
    assert view.expires_at == 10.0 + 24 * 3600
    assert store.holds.requests()[0].current_count == 1
    assert hold.autohold_id == request


def test_kept_nodes_are_free_after_expiry_and_clean_up_and_the_used_up_request_is_gone(store):
    store.holds.request(wish(node_hold_expiration=60), 1.0)
    hold = end(store, running(store))
    assert store.holds.next_expiry_at() == 70.0
    assert store.holds.ending(69.9) == ()
    assert store.holds.ending(70.0) == (hold,)
    store.holds.release(hold, 70.0)
    assert store.buildsets.leased_node_ids() == {node().id}
    assert [one.state for one in store.holds.ending(70.0)] == ["releasing"]
    store.holds.free(hold, "cleaned up", 71.0)
    assert store.buildsets.leased_node_ids() == frozenset()
    assert store.holds.held() == store.holds.requests() == ()
    assert [one.to_state for one in store.views.steps(hold.holder)] == ["held", "releasing", "gone"]


def test_a_hold_is_never_freed_without_being_released_first(store):
    store.holds.request(wish(), 1.0)
    hold = end(store, running(store))
    with pytest.raises(StaleStateError):
        store.holds.free(hold, "", 20.0)
    assert store.buildsets.leased_node_ids() == {node().id}


def test_an_expiration_of_none_lasts_until_the_request_is_withdrawn(store):
    request = store.holds.request(wish(node_hold_expiration=0), 1.0)
    hold = end(store, running(store))
    assert store.holds.ending(1e12) == ()
    assert store.holds.withdraw(request, 50.0)
    assert not store.holds.withdraw(request, 51.0)
    assert [one.id for one in store.holds.ending(50.0)] == [hold.id]


def test_only_so_many_builds_are_kept_as_were_asked_for(store):
    store.holds.request(wish(max_count=1), 1.0)
    end(store, running(store))
    late = end(store, running(store, "b2", buildset_id="s2", number=5, on=node(slot=1)))
    assert late.autohold_id is None
    assert store.holds.ending(10.0) == (late,)


def test_a_request_for_one_change_goes_first_and_fits_no_other(store):
    store.holds.request(wish(), 1.0)
    own = store.holds.request(wish(change_number=4711), 1.0)
    store.holds.request(wish(change_number=5), 1.0)
    assert store.holds.matching(running(store)).id == own


@pytest.mark.parametrize("other", [{"connection": "vendor"}, {"project": "openstack/cinder"}, {"job": "other"}])
def test_other_jobs_projects_and_gerrits_are_not_kept(store, other):
    store.holds.request(wish(**other), 1.0)
    assert store.holds.matching(running(store)) is None


def test_holders_that_must_not_be_are_found(store):
    store.holds.request(wish(), 1.0)
    end(store, running(store))
    running(store, "b2", buildset_id="s2", number=5, on=node(slot=1))
    for slot, holder in ((2, "run-1-2"), (3, "hold-77"), (4, "b1"), (5, "nobody")):
        store.buildsets.hold_nodes(holder, [(NodeRequest("node", "powervm"), node(slot=slot))], 4.0)
    assert sorted(store.buildsets.lost_holders()) == ["b1", "hold-77", "nobody"]


def test_why_a_build_waits_does_not_hide_why_its_last_attempt_failed(store):
    store.buildsets.add(buildset(build("b1"), build("b2", of=job("other"))), None, 2.0)
    one, other = store.buildsets.build("b1"), store.buildsets.build("b2")
    store.buildsets.tell_wait(one, "all machines are set aside")
    assert store.buildsets.build("b1").error == "waits: all machines are set aside"
    store.buildsets.tell_wait(one, "")
    assert store.buildsets.build("b1").error == ""
    store.buildsets.lease(other, [(NodeRequest("node", "powervm"), node())], 3.0)
    store.buildsets.retry(store.buildsets.build("b2"), "unreachable", 4.0)
    store.buildsets.tell_wait(other, "all machines are set aside")
    assert store.buildsets.build("b2").error == "unreachable"


def test_of_many_threads_that_want_a_node_one_gets_it(store):
    got, together = [], threading.Barrier(8)

    def take(number):
        together.wait()
        try:
            store.buildsets.hold_nodes(f"run-{number}-1", [(NodeRequest("node", "powervm"), node())], 1.0)
            got.append(number)
        except StaleStateError:
            pass
        finally:
            store.close()

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
