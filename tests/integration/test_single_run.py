"""`run`: the nodes belong to the job's process, so that whoever kills the command frees none that are in use."""

import os
import threading
from types import SimpleNamespace

import pytest

from ci.errors import CIError
from ci.model.build import BuildOutcome, BuildSpec, ProcessIdentity, Result
from ci.processes import start_time
from ci.services.leases import give_back_lost_nodes
from ci.services.single_run import SingleRun
from ci.store.store import SqliteStore
from tests.fakes.ports import StillClock
from tests.fakes.records import change, job, node

LONG_GONE = "run-4194304-1"


class Runner:
    def start(self, spec):
        return ProcessIdentity(os.getpid(), start_time(os.getpid()))

    def wait(self, spec, process, stop):
        return BuildOutcome(Result.SUCCESS, 1.0, 2.0)


class Prober:
    """Finds wrong what it is told."""

    def __init__(self, problems=None):
        self._problems = {} if problems is None else problems

    def problem(self, one):
        return self._problems.get(one.name, "")


class Preparation:
    def spec(self, build, about, pipeline, nodes):
        return BuildSpec(build.id, 1, "/none", "/none/logs", "/site", build.job, tuple(nodes), "/key")

    def variables(self, build, about, pipeline):
        return {}


def test_nodes_stay_with_a_job_whose_command_was_killed(tmp_path):
    store = SqliteStore(tmp_path / "ci.db")
    nodes = SimpleNamespace(nodes=lambda: (node(),))
    single = SingleRun(Preparation(), Runner(), nodes, Prober(), store, StillClock())
    spec = single.prepare(job(), change(), LONG_GONE)
    assert set(store.views.leases().values()) == {LONG_GONE}
    process = single.start(spec)
    assert give_back_lost_nodes(store, store.views) == 0
    assert len(store.views.leases()) == 1
    assert single.wait(spec, process, threading.Event()).result == Result.SUCCESS
    single.give_back_nodes()
    assert store.views.leases() == {}


def test_an_ill_machine_is_passed_over_and_named_when_it_was_the_last(tmp_path):
    store = SqliteStore(tmp_path / "ci.db")
    machines = (node(name="one"), node(name="two"))
    problems = {"one": "no route to host"}
    single = SingleRun(
        Preparation(), Runner(), SimpleNamespace(nodes=lambda: machines), Prober(problems), store, StillClock()
    )
    assert [one.name for one in single.prepare(job(), change(), LONG_GONE).nodes] == ["two"]
    single.give_back_nodes()
    problems["two"] = "its disk is full"
    with pytest.raises(CIError, match=r"two is ill \(its disk is full\)"):
        single.prepare(job(), change(), LONG_GONE)
    assert store.views.leases() == {}
