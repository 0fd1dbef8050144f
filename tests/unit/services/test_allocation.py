"""Who gets which node, and who waits."""

from ci.model.build import BuildState, Result
from ci.model.pipeline import Precedence
from ci.services import decisions
from ci.services.decisions import EndBuild, Lease
from tests.fakes.records import build, job, node

NONE = frozenset()
NOW = 1000.0


def allocate(builds, nodes, leased):
    return decisions.allocate(builds, nodes, leased, NOW)


def leases(decided):
    return {d.build.id: tuple(n.id for _, n in d.nodes) for d in decided if isinstance(d, Lease)}


def test_two_waiting_builds_get_a_node_each_side_by_side():
    decided = allocate([build("b1"), build("b2")], [node("n1"), node("n2")], NONE)
    assert sorted(leases(decided)) == ["b1", "b2"]
    assert len(set(leases(decided).values())) == 2


def test_a_leased_node_is_not_given_away():
    first, second = node("n1"), node("n2")
    assert leases(allocate([build("b1")], [first, second], frozenset({first.id}))) == {"b1": (second.id,)}


def test_builds_that_run_already_ask_for_nothing():
    assert allocate([build("b1", state=BuildState.RUNNING)], [node()], NONE) == []


def test_first_come_first_served_within_a_label():
    """A later small build must not overtake an earlier one that waits for two nodes, or that would wait for ever."""
    nodes = [node("n1"), node("n2")]
    decided = allocate([build("big", of=job(nodes=2)), build("small")], nodes, frozenset({nodes[0].id}))
    assert decided == []


def test_a_build_that_waits_for_one_label_does_not_hold_up_another_label():
    nodes = [node("n1", labels=("x",)), node("n2", labels=("y",))]
    waiting, other = build("b1", of=job(label="x")), build("b2", of=job(label="y"))
    assert leases(allocate([waiting, other], nodes, frozenset({nodes[0].id}))) == {"b2": (nodes[1].id,)}


def test_a_label_that_no_pool_has_ends_in_node_failure_and_holds_up_nobody():
    decided = allocate([build("b1", of=job(label="s390")), build("b2")], [node()], NONE)
    assert isinstance(decided[0], EndBuild)
    assert decided[0].result is Result.NODE_FAILURE
    assert "s390" in decided[0].reason
    assert list(leases(decided)) == ["b2"]


def test_builds_are_spread_over_machines_before_they_share_one():
    places = [node("n1", slot=0), node("n1", slot=1), node("n2", slot=0), node("n2", slot=1)]
    decided = allocate([build("b1"), build("b2")], places, NONE)
    assert {ids[0].split("/")[1] for ids in leases(decided).values()} == {"n1", "n2"}


def test_a_job_without_nodes_needs_none():
    decided = allocate([build("b1", of=job(nodes=0))], [], NONE)
    assert leases(decided) == {"b1": ()}


def test_a_build_in_a_pause_gets_nothing_and_holds_up_nobody():
    """Not even when it asks for the very nodes that a later one wants, or for some that no pool has."""
    waits = [build("b1", retry_at=NOW + 1), build("b2", of=job(label="s390"), retry_at=NOW + 9)]
    assert leases(allocate([*waits, build("b3")], [node()], NONE)) == {"b3": (node().id,)}
    assert leases(allocate([build("b1", retry_at=NOW)], [node()], NONE)) == {"b1": (node().id,)}


def test_the_end_of_the_first_pause_is_when_to_look_again():
    waits = [build("b1", retry_at=NOW + 9), build("b2", retry_at=NOW + 4), build("b3", retry_at=NOW - 1)]
    busy = build("b4", state=BuildState.RUNNING, retry_at=NOW + 1)
    assert decisions.next_retry_at([*waits, busy], NOW) == NOW + 4
    assert decisions.next_retry_at([build("b1")], NOW) is None


def test_a_higher_precedence_goes_first_and_within_one_who_came_first():
    waiting = [
        build("nightly", precedence=Precedence.LOW),
        build("b1"),
        build("b2"),
        build("gate", precedence=Precedence.HIGH),
    ]
    decided = allocate(waiting, [node("n1"), node("n2"), node("n3")], NONE)
    assert list(leases(decided)) == ["gate", "b1", "b2"]


def test_a_low_build_does_not_take_the_node_that_a_higher_one_saves_up_for():
    nodes = [node("n1"), node("n2")]
    waiting = [build("nightly", precedence=Precedence.LOW), build("big", of=job(nodes=2))]
    assert allocate(waiting, nodes, frozenset({nodes[0].id})) == []
