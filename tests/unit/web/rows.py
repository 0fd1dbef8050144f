"""A state folder with one of everything, hostile words included, for the tests of the pages."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from ci.model.build import (
    Build,
    BuildOutcome,
    Buildset,
    BuildsetState,
    BuildState,
    FailedTest,
    ProcessIdentity,
    Result,
    ResultCounts,
)
from ci.model.change import Change
from ci.model.connection import ConnectionState
from ci.model.job import FrozenJob, NodeRequest, Nodeset
from ci.model.node import Node
from ci.model.vote import Review
from ci.services.folders import Folders
from ci.services.pulse import Pulse
from ci.services.reporting import Links
from ci.store.store import SqliteStore
from ci.web.sources import Sources

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_509_710_400.0
HOSTILE = '<script>alert("x")</script> \u202eevil\x00\x1b[31m\n<img src=x onerror=alert(1)>'
TEST = "tempest.api.compute.servers.test_create_server.ServersTestJSON.test_list_servers"
OTHER_TEST = "tempest.api.compute.admin.test_flavors.FlavorsAdminTestJSON.test_create_flavor"


class FixedClock:
    def now(self) -> float:
        return NOW


class Pool:
    def __init__(self, *nodes: Node) -> None:
        self._nodes = nodes

    def nodes(self) -> tuple[Node, ...]:
        return self._nodes


def node(name: str) -> Node:
    return Node(name, "static", ("powervm",), "zuul", 22, ("ssh-ed25519 AAAA",), "/usr/bin/python3")


def change(number: int, subject: str = "Add a method", url: str | None = None) -> Change:
    return Change(
        connection="gerrit", project="openstack/nova", branch="master", number=number, patchset=2, revision="a" * 40,
        ref=f"refs/changes/{number % 100:02}/{number}/2", subject=subject,
        url=f"https://review.example.org/{number}" if url is None else url,
    )  # fmt: skip


class Rows:
    """Fills a store; `sources` is what the pages read."""

    def __init__(self, state: Path) -> None:
        self.folders = Folders(state)
        self.folders.logs.mkdir(parents=True)
        self.store = SqliteStore(self.folders.database)
        self.pulse = Pulse()
        self.nodes = [node("neo1"), node("neo2"), node(HOSTILE)]
        self.sources = Sources(
            self.store.views, ("gerrit", "vendor"), self.store.buildsets, [Pool(*self.nodes)], self.folders,
            Links("http://ci.example.org"), FixedClock(), self.pulse,
        )  # fmt: skip

    def buildset(self, of: Change, name: str, *, age: float = 3600.0, jobs: tuple[FrozenJob, ...] = ()) -> Buildset:
        """Add a running buildset whose builds wait; ids are made of `name` (hexadecimal digits)."""
        jobs = jobs or (job("nova-in-tree"), job("nova-out-of-tree"))
        builds = tuple(
            Build(f"{name}{number}".ljust(32, "0"), name.ljust(32, "0"), one, BuildState.WAITING)
            for number, one in enumerate(jobs)
        )
        buildset = Buildset(name.ljust(32, "0"), "check", of, BuildsetState.RUNNING, builds)
        self.store.buildsets.add(buildset, None, NOW - age)
        return self.reload(buildset)

    def reload(self, buildset: Buildset) -> Buildset:
        found = self.store.buildsets.get(buildset.id)
        assert found is not None
        return found

    def buildset_of(self, build: Build) -> Buildset:
        found = self.store.buildsets.get(build.buildset_id)
        assert found is not None
        return found

    def run(self, build: Build, on: Node, *, age: float = 3000.0) -> Build:
        self.store.buildsets.lease(build, [(NodeRequest("node", "powervm"), on)], NOW - age)
        build = self.build(build)
        self.store.buildsets.run(build, ProcessIdentity(4711, 1), NOW - age)
        return self.build(build)

    def end(self, build: Build, result: Result, *, error: str = "", tests: tuple[FailedTest, ...] = (),
            counts: ResultCounts | None = None, age: float = 600.0) -> Build:  # fmt: skip
        outcome = BuildOutcome(result, NOW - age, NOW - age, error, tests, counts)
        self.store.buildsets.end_build(self.build(build), result, outcome, error, NOW - age)
        return self.build(build)

    def end_buildset(self, buildset: Buildset, result: Result, *, age: float = 600.0) -> None:
        self.store.buildsets.end(buildset.id, result, "", NOW - age)

    def build(self, build: Build) -> Build:
        found = self.store.buildsets.build(build.id)
        assert found is not None
        return found

    def review(self, buildset: Buildset, labels: dict[str, int], *, dropped: str = "") -> None:
        of = buildset.change
        review = Review("gerrit", of.project, of.number, of.patchset, "message", "marker", labels)
        self.store.outbox.add(buildset.id, "result", review, NOW)
        due = next(one for one in self.store.outbox.due("gerrit", NOW) if one.buildset_id == buildset.id)
        self.store.outbox.claim(due, NOW)
        if dropped:
            self.store.outbox.drop(due, dropped, NOW)
        else:
            self.store.outbox.sent(due, "", NOW)

    def log_folder(self, build: Build, of: Change, attempt: int | None = None) -> Path:
        which = dataclasses.replace(build, attempt=attempt or build.attempt)
        folder = self.folders.build_logs(which, of, "check")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def failed(
        self, number: int, name: str, tests: tuple[FailedTest, ...], *, age: float = 600.0,
        result: Result = Result.FAILURE,
    ) -> Build:  # fmt: skip
        """Add an ended buildset whose first build failed with these tests."""
        buildset = self.buildset(change(number), name, age=age + 4000)
        first, second = buildset.builds
        counts = ResultCounts(200, len(tests), 30)
        error = f"{len(tests)} tests failed"
        failed = self.end(first, result, error=error, tests=tests, counts=counts, age=age)
        self.end(second, Result.SUCCESS, counts=ResultCounts(1200, 0, 80), age=age)
        self.end_buildset(buildset, Result.FAILURE, age=age)
        return failed


def job(name: str, *, voting: bool = True) -> FrozenJob:
    return FrozenJob(name, nodeset=Nodeset((NodeRequest("node", "powervm"),)), voting=voting)


def task(name: str, status: str = "ok", message: str = "", **fields: object) -> str:
    record = {"phase": "run", "task": name, "host": "node", "status": status, "message": message}
    return json.dumps(record | {"started": NOW, "seconds": 1.5} | fields)


def fill(rows: Rows) -> dict[str, str]:
    """One of everything; returns ids by a name."""
    states = rows.store.connections
    states.set_state("gerrit", ConnectionState.CONNECTED, "", NOW - 86_400)
    states.heard_from("gerrit", NOW - 12)
    states.set_state("vendor", ConnectionState.ALARM, f"host key changed {HOSTILE}", NOW - 300)
    running = rows.buildset(change(520_001, "Fix the live migration of instances"), "a1", age=1800)
    rows.run(running.builds[0], rows.nodes[0], age=1500)
    rows.run(running.builds[1], rows.nodes[1], age=1500)
    waiting = rows.buildset(change(520_002, HOSTILE, url="javascript:alert(1)"), "a2", age=900)
    broken = FailedTest(TEST, "585e934c-448e-43c4-acbf-d06a9b899997", "AssertionError: 500 != 200 <b>")
    flaky = FailedTest(OTHER_TEST, "", f"TimeoutException {HOSTILE}")
    elsewhere = rows.failed(520_003, "b1", (flaky,), age=7200)
    failed = rows.failed(520_004, "b2", (broken, flaky), age=600)
    tasks = [task("Install nova"), task("Run tempest", "failed", "rc=1 " + HOSTILE)]
    rows.store.buildsets.add_task_events(failed, tasks)
    rows.review(rows.buildset_of(failed), {"Verified": -1})
    jobs = (job("nova-in-tree"), job("nova-out-of-tree", voting=False))
    lost = rows.buildset(change(520_005, "Node lost"), "b3", age=9000, jobs=jobs)
    rows.end(lost.builds[0], Result.NODE_FAILURE, error="node neo1: ssh: connection refused", age=500)
    rows.end(lost.builds[1], Result.SUCCESS, counts=ResultCounts(1000, 0, 3), age=500)
    rows.end_buildset(lost, Result.NODE_FAILURE, age=500)
    rows.review(lost, {}, dropped="a newer patch set is current")
    good = rows.buildset(change(520_006, "Good"), "b4", age=9000)
    for build in good.builds:
        rows.end(rows.run(build, rows.nodes[2], age=4000), Result.SUCCESS, counts=ResultCounts(1204, 0, 80), age=400)
    rows.end_buildset(good, Result.SUCCESS, age=400)
    rows.review(good, {"Verified": 1})
    return {
        "running": running.builds[0].id, "waiting": waiting.id, "failed": failed.id, "elsewhere": elsewhere.id,
        "lost": lost.builds[0].id, "good": good.builds[0].id, "failed_buildset": failed.buildset_id,
    }  # fmt: skip
