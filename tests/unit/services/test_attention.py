"""What a person is told to look at, and what is left alone."""

import pytest

from ci.model.node import NodeState
from ci.model.views import ConnectionView, NodeView, WaitingView
from ci.services.attention import attention
from tests.fakes.records import node

NOW = 10_000.0


def look(*, connections=(), nodes=(), waiting=(), shortage="", dead=()):
    return attention(connections, nodes, waiting, shortage, dead, NOW)


def link(state, *, since=NOW - 300, reason="no answer"):
    return ConnectionView("opendev", state, reason, since, None)


def test_a_ci_that_is_well_has_nothing_to_say():
    well = NodeView(node(), NodeState.READY)
    assert look(connections=[link("connected")], nodes=[well], waiting=[WaitingView("opendev", 3, 0)]) == ()


@pytest.mark.parametrize(("state", "age", "told"), [
    ("alarm", 1, True), ("down", 300, True), ("connecting", 300, True), ("down", 5, False), ("connected", 300, False),
])  # fmt: skip
def test_a_link_is_told_of_when_it_does_not_mend_itself_soon(state, age, told):
    lines = look(connections=[link(state, since=NOW - age)])
    assert bool(lines) is told
    assert all("no answer" in line for line in lines)


def test_a_machine_that_is_set_aside_is_told_once_with_what_to_do():
    places = [NodeView(node(slot=slot), NodeState.SET_ASIDE, 3, "disk full", 9000.0) for slot in (0, 1)]
    (line,) = look(nodes=places)
    assert "disk full" in line
    assert "powervm-ci nodes enable static/127.0.0.2" in line


def test_votes_that_wait_long_are_told_with_the_reason():
    assert look(waiting=[WaitingView("opendev", 0, 2, NOW - 10, "timeout")]) == ()
    (line,) = look(waiting=[WaitingView("opendev", 0, 2, NOW - 600, "timeout")])
    assert line == "2 votes wait for opendev since 1970-01-01 02:36 UTC: timeout"


def test_a_full_disk_and_loops_that_have_ended_come_first():
    lines = look(shortage="/state has 3 MiB free", dead=["janitor"], connections=[link("alarm")])
    assert ["janitor" in lines[0], "3 MiB" in lines[1], "opendev" in lines[2]] == [True] * 3
