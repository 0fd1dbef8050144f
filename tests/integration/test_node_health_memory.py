"""When a node is looked at, and how a machine that was set aside comes back."""

import threading
import time

import pytest

from ci.errors import CIError
from ci.model.build import BuildOutcome, BuildState, Fault, Result
from ci.model.node import NodeState
from ci.nodes.static import StaticNodes
from ci.services.node_health import CheckedNodes, NodeWatch
from ci.services.pulse import Pulse
from ci.store.store import SqliteStore
from tests.fakes.ports import StillClock
from tests.fakes.records import build, node

MACHINE = "static/127.0.0.2"


class ScriptedProber:
    """Says what the test says, and counts."""

    def __init__(self):
        self.found = ""
        self.asked = 0
        self.gate = None

    def problem(self, _node):
        self.asked += 1
        if self.gate:
            self.gate.wait(10)
        if isinstance(self.found, CIError):
            raise self.found
        return self.found


@pytest.fixture
def prober():
    return ScriptedProber()


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(tmp_path / "ci.db")
    yield store
    store.close()


def attempt(result=None, fault=None, **values):
    done = build(state=BuildState.RUNNING, machines=(MACHINE,))
    return done, BuildOutcome(result, 1.0, 2.0, "", fault=fault, **values)


def test_what_was_fine_is_not_looked_at_again_for_a_while(prober, clock):
    checked = CheckedNodes(prober, clock)
    assert [checked.problem(node()), checked.problem(node(slot=1))] == ["", ""]
    clock.time += 299
    assert checked.problem(node()) == ""
    assert prober.asked == 1
    clock.time += 2
    checked.problem(node())
    assert prober.asked == 2


def test_what_was_not_fine_is_looked_at_each_time(prober, clock):
    checked = CheckedNodes(prober, clock)
    prober.found = "no route"
    assert [checked.problem(node()), checked.problem(node())] == ["no route"] * 2
    assert prober.asked == 2


@pytest.mark.parametrize("result", [Result.SUCCESS, Result.FAILURE])
def test_a_build_that_came_to_its_end_is_as_good_as_a_look(prober, clock, result):
    checked = CheckedNodes(prober, clock)
    checked.ended(*attempt(result))
    assert checked.problem(node()) == ""
    assert prober.asked == 0


@pytest.mark.parametrize(
    "how",
    [
        {"fault": Fault.UNREACHABLE},
        {"fault": Fault.PRE_RUN},
        {"fault": Fault.LOST},
        {"result": Result.TIMED_OUT},
        {"result": Result.POST_FAILURE},
        {"result": Result.CANCELED},
        {"result": Result.FAILURE, "is_held": True},
    ],
)
def test_after_any_other_end_the_node_is_looked_at(prober, clock, how):
    checked = CheckedNodes(prober, clock)
    checked.problem(node())
    checked.ended(*attempt(**how))
    checked.problem(node())
    assert prober.asked == 2


class CountingLock:
    """A lock that knows how many have come to it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.arrived = []

    def __enter__(self):
        self.arrived.append(1)
        self.lock.acquire()

    def __exit__(self, *_):
        self.lock.release()


def test_of_many_builds_that_ask_together_one_looks(prober, clock):
    checked, found, lock = CheckedNodes(prober, clock), [], CountingLock()
    checked._locks[MACHINE] = lock
    prober.gate, prober.found = threading.Event(), "no route"
    threads = [threading.Thread(target=lambda: found.append(checked.problem(node()))) for _ in range(5)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 10
    while len(lock.arrived) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    prober.gate.set()
    for thread in threads:
        thread.join()
    assert found == ["no route"] * 5
    assert prober.asked == 1


def set_aside(store, clock, *, is_ill=True):
    for name in ("b1", "b2", "b3"):
        known = store.nodes.all().get(MACHINE)
        clock.time = max(clock.time, known.retry_at if known else 0.0)
        store.nodes.failed(MACHINE, "no route", clock.time, is_ill=is_ill, build_id=name)
    assert store.nodes.all()[MACHINE].state is NodeState.SET_ASIDE


def watch(store, prober, clock, *places):
    return NodeWatch(StaticNodes(lambda: places or (node(),)), prober, store, Pulse(), clock)


def test_a_machine_that_was_ill_is_looked_at_every_15_minutes_until_it_is_well(store, prober, clock):
    set_aside(store, clock)
    watching = watch(store, prober, clock)
    assert watching.step() == pytest.approx(900)
    assert prober.asked == 0
    clock.time += 900
    prober.found = "still no route"
    watching.step()
    assert store.nodes.all()[MACHINE].reason == "still no route"
    watching.step()
    assert prober.asked == 1
    clock.time += 900
    prober.found = ""
    watching.step()
    assert store.nodes.all()[MACHINE].takes_builds(clock.time)
    assert watching.step() is None


def test_a_machine_that_builds_lost_is_left_to_a_person(store, prober, clock):
    set_aside(store, clock, is_ill=False)
    clock.time += 10_000
    watch(store, prober, clock).step()
    assert prober.asked == 0


def test_a_machine_that_the_site_no_longer_has_is_left_alone(store, prober, clock):
    set_aside(store, clock)
    clock.time += 10_000
    assert watch(store, prober, clock, node("elsewhere")).step() is None
    assert prober.asked == 0


def test_what_keeps_us_from_looking_is_not_held_against_the_machine(store, prober, clock):
    set_aside(store, clock)
    before = store.nodes.all()
    clock.time += 900
    prober.found = CIError("no key for the nodes")
    watching = watch(store, prober, clock)
    watching.step()
    watching.step()
    assert prober.asked == 1
    assert store.nodes.all() == before
    clock.time += 60
    watching.step()
    assert prober.asked == 2
