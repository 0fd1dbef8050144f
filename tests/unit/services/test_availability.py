"""Which machines builds may have, and what a build is told that waits for a person."""

from ci.model.node import Condition, NodeState
from ci.services.availability import closed_places, next_opening_at, why_closed
from tests.fakes.records import build, job, node

NODES = [node("n1"), node("n1", slot=1), node("n2")]


def conditions(**states):
    return {
        f"static/{name}": Condition(f"static/{name}", NodeState(state), 3, "no route") for name, state in states.items()
    }


def test_all_places_of_a_machine_that_is_set_aside_are_closed():
    assert closed_places(NODES, conditions(n1="set-aside"), 1.0) == {"static/n1/0", "static/n1/1"}


def test_a_draining_machine_is_closed_and_a_ready_one_is_not():
    assert closed_places(NODES, conditions(n1="ready", n2="draining"), 1.0) == {"static/n2/0"}


def test_a_machine_is_closed_until_its_pause_ends():
    paused = {"static/n2": Condition("static/n2", retry_at=30.0)}
    assert closed_places(NODES, paused, 29.9) == {"static/n2/0"}
    assert closed_places(NODES, paused, 30.0) == frozenset()
    assert next_opening_at(NODES, paused, 10.0) == 30.0
    assert next_opening_at(NODES, paused, 30.0) is None
    assert next_opening_at([node("n1")], paused, 10.0) is None


def test_a_build_is_told_when_only_a_person_can_give_it_a_node():
    assert why_closed(build(), NODES, conditions(n1="set-aside", n2="draining")) == (
        "not enough nodes of label powervm: static/n1 is set aside (no route), static/n2 is draining (no route)"
    )


def test_while_one_machine_is_ready_a_build_only_waits_for_its_turn():
    assert why_closed(build(), NODES, conditions(n1="set-aside")) == ""


def test_a_build_that_needs_two_nodes_is_told_when_one_is_left():
    assert "static/n1 is set aside" in why_closed(build(of=job(nodes=2)), NODES, conditions(n1="set-aside"))


def test_machines_of_other_labels_are_not_named():
    other = [*NODES, node("n3", labels=("s390",))]
    assert "n3" not in why_closed(build(), other, conditions(n1="set-aside", n2="set-aside", n3="set-aside"))


def test_what_a_node_said_is_told_as_one_printable_line():
    hostile = {"static/n1": Condition("static/n1", NodeState.SET_ASIDE, 3, "\x1b[2J\nboo\u202e")}
    told = why_closed(build(), [node("n1")], hostile)
    assert told.isprintable()
    assert "\\x1b[2J" in told
