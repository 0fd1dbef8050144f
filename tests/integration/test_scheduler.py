"""Events become buildsets, ended builds become one verdict: the shipped site, a real database."""

from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ci.config.site import load_site
from ci.errors import AuthenticationFailed, DiskFull, HostKeyMismatch, Refused, Unavailable
from ci.model.build import BuildOutcome, BuildState, Fault, ProcessIdentity, Result
from ci.model.change import Account
from ci.model.depends_on import Chain
from ci.model.event import EventType
from ci.model.policy import InfraFailure, InfraPolicy
from ci.observability import LOOP_FAILURES
from ci.services import triggers
from ci.services.decisions import EndBuild
from ci.services.pulse import Pulse
from ci.services.reporting import Links
from ci.services.scheduler import (
    CHAIN_RETRY_SECONDS,
    FIRST_PAUSE_SECONDS,
    GERRIT_RETRY_SECONDS,
    LONGEST_PAUSE_SECONDS,
    SILENT_AFTER,
    Scheduler,
)
from ci.store.store import SqliteStore
from tests.fakes.ports import ScriptedGerrit, StillClock
from tests.fakes.records import change, event

SITE = load_site(Path(__file__).resolve().parents[2])
DEPENDING = "It\n\nDepends-On: https://review.example.com/c/x/+/12\n"
ABOUT = change(connection="opendev", message=DEPENDING)


class Desk:
    """A scheduler, and what it has led to."""

    def __init__(self, path, policy=None):
        self.store = SqliteStore(path)
        self.gerrit, self.clock = ScriptedGerrit(ABOUT), StillClock()
        links = Links("https://ci.example.org")
        self.scheduler = Scheduler(
            lambda: SITE.layout, {"opendev": self.gerrit}, self.store, links, Pulse(), self.clock,
            policy or InfraPolicy(InfraFailure.COMMENT), self._chain_of,
        )  # fmt: skip
        self.serial = 0
        self.chain = Chain()
        self.chains_asked = 0

    def _chain_of(self, _change):
        self.chains_asked += 1
        if isinstance(self.chain, Exception):
            raise self.chain
        return self.chain

    def happens(self, event_type=EventType.PATCHSET_CREATED, *, about=None, **values):
        """Tell the scheduler of an event about the change as it is now."""
        self.gerrit.current = about or self.gerrit.current
        self.serial += 1
        self.store.events.add([event(event_type, key=str(self.serial), about=self.gerrit.current, **values)], 1.0)
        return self.scheduler.step("opendev")

    def running(self):
        return [(s.change.patchset, sorted(b.job.name for b in s.builds)) for s in self.store.buildsets.running()]

    def end(self, result, *, build=None, error="", fault=None):
        """End a build (the first open one) as its process would."""
        one = build or self.store.buildsets.open_builds()[0]
        self.scheduler.attempt_ended(one, BuildOutcome(result, 1.0, 2.0, error, fault=fault))

    def reviews(self):
        return [due.review for due in self.store.outbox.due("opendev", 1e9)]


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path / "ci.db")
    yield desk
    desk.store.close()


BOTH = ["nova-in-tree", "nova-out-of-tree"]


def test_a_patch_set_starts_both_jobs_once(desk):
    desk.happens()
    desk.scheduler.step("opendev")
    assert desk.running() == [(2, BOTH)]


def test_both_builds_end_and_there_is_one_verdict(desk):
    desk.happens()
    desk.end(Result.SUCCESS)
    assert desk.reviews() == []
    desk.end(Result.FAILURE, error="it broke")
    (review,) = desk.reviews()
    assert review.labels == {"Verified": -1}
    assert desk.running() == []


def test_a_new_patch_set_ends_the_old_run_and_starts_its_own(desk):
    desk.happens()
    desk.happens(about=replace(ABOUT, patchset=3))
    assert desk.running() == [(3, BOTH)]
    assert desk.reviews() == []


def test_builds_with_nodes_are_asked_to_stop_and_keep_their_nodes_until_they_have(desk):
    desk.happens()
    first = desk.store.buildsets.open_builds()[0]
    desk.store.buildsets.lease(first, [], 5.0)
    desk.store.buildsets.run(desk.store.buildsets.build(first.id), ProcessIdentity(7, 9), 6.0)
    desk.happens(EventType.CHANGE_ABANDONED, about=replace(ABOUT, status="ABANDONED"))
    stopping = desk.store.buildsets.build(first.id)
    assert (stopping.state, stopping.cancel_reason) == (BuildState.RUNNING, "the change was abandoned")
    desk.end(Result.SUCCESS, build=stopping)
    assert desk.store.buildsets.build(first.id).result is Result.CANCELED
    assert desk.reviews() == []


def test_a_recheck_starts_again_and_a_chat_does_not(desk):
    desk.happens(EventType.COMMENT_ADDED, comment="Patch Set 2:\n\nnice work")
    assert desk.running() == []
    desk.happens(EventType.COMMENT_ADDED, comment="Patch Set 2:\n\nrecheck")
    first = desk.store.buildsets.running()[0].id
    desk.happens(EventType.COMMENT_ADDED, comment="Patch Set 2:\n\nrecheck")
    (second,) = desk.store.buildsets.running()
    assert second.id != first


def test_our_own_comment_starts_nothing(desk):
    desk.happens(EventType.COMMENT_ADDED, comment="Patch Set 2:\n\nrecheck", author=Account("powervm-ci"))
    assert desk.running() == []


NEEDED = change(connection="vendor", project="x/networking-powervm", number=12, patchset=3, message="x" * 1000)


def test_a_buildset_keeps_the_dependencies_that_it_began_with(desk):
    desk.chain = Chain((NEEDED, change(connection="opendev", number=13)))
    desk.happens()
    desk.chain = Chain()
    (buildset,) = desk.store.buildsets.running()
    assert [(one.connection, one.name) for one in buildset.change.dependencies] == [
        ("vendor", "12,3"),
        ("opendev", "13,2"),
    ]
    assert buildset.change.dependencies[0].message == ""
    assert desk.store.views.builds(limit=1)[0].change == buildset.change


def test_what_starts_nothing_asks_for_no_dependencies(desk):
    desk.happens(EventType.COMMENT_ADDED, comment="Patch Set 2:\n\nnice work")
    desk.happens(about=replace(ABOUT, files=("doc/source/index.rst",)))
    desk.happens(EventType.CHANGE_ABANDONED, about=replace(ABOUT, status="ABANDONED"))
    assert desk.chains_asked == 0


CYCLE = "Dependency cycle detected: 4711,2 of openstack/nova -> 12,3 of x/y -> 4711,2 of openstack/nova"


def test_a_cycle_runs_nothing_and_is_told_once_without_a_vote(desk):
    desk.chain = Chain(problem=CYCLE)
    desk.happens()
    desk.scheduler.step("opendev")
    assert desk.running() == []
    (review,) = desk.reviews()
    assert review.labels == {}
    assert review.message.startswith(
        "Build failed (check pipeline). Nothing was run: no vote.\nhttps://ci.example.org/"
    )
    assert CYCLE in review.message.splitlines()
    views = desk.store.views.builds()
    assert {(view.build.result, view.build.error) for view in views} == {(Result.SKIPPED, CYCLE)}
    ended = desk.store.buildsets.get(views[0].build.buildset_id)
    assert (ended.result, desk.store.views.steps(ended.id)[-1].reason) == (Result.FAILURE, CYCLE)


def test_a_cycle_that_was_resolved_is_tested_after_a_recheck(desk):
    desk.chain = Chain(problem=CYCLE)
    desk.happens()
    desk.chain = Chain((NEEDED,))
    desk.happens(EventType.COMMENT_ADDED, comment="Patch Set 2:\n\nrecheck")
    assert desk.running() == [(2, BOTH)]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"status": "ABANDONED"}, "the change is closed (ABANDONED)"),
        ({"is_current": False}, "patch set 3 is not the current one"),
    ],
)
def test_a_dependency_must_meet_what_the_pipeline_requires_of_the_change(desk, state, reason):
    desk.chain = Chain((replace(NEEDED, connection="opendev", **state),))
    desk.happens()
    assert desk.running() == []
    (review,) = desk.reviews()
    assert f"It depends on 12,3 of x/networking-powervm: {reason}" in review.message.splitlines()
    assert review.labels == {}


def test_what_a_pipeline_requires_in_one_gerrit_says_nothing_of_changes_in_another(desk):
    desk.chain = Chain((replace(NEEDED, is_current=False),))
    desk.happens()
    assert desk.running() == [(2, BOTH)]


def test_an_operator_s_order_goes_past_requirements_also_for_dependencies_but_not_past_a_cycle(desk):
    desk.chain = Chain((replace(NEEDED, connection="opendev", status="ABANDONED"),))
    desk.happens(EventType.ENQUEUE, pipeline="check")
    assert desk.running() == [(2, BOTH)]
    desk.chain = Chain(problem=CYCLE)
    desk.happens(EventType.ENQUEUE, pipeline="check")
    assert desk.running() == []


def test_while_a_dependency_cannot_be_read_its_change_waits_and_others_go_on(desk):
    desk.chain = Unavailable("Gerrit vendor: cannot connect")
    desk.happens()
    assert (desk.running(), desk.reviews()) == ([], [])
    desk.chain = Chain()
    desk.happens(about=change(connection="opendev", number=5000, message=DEPENDING))
    assert [one.change.number for one in desk.store.buildsets.running()] == [5000]
    desk.gerrit.current = ABOUT
    desk.clock.time += CHAIN_RETRY_SECONDS
    desk.chain = Chain((NEEDED,))
    desk.scheduler.step("opendev")
    assert len(desk.store.buildsets.running()) == 2


def test_documentation_alone_starts_nothing(desk):
    desk.happens(about=replace(ABOUT, files=("doc/source/index.rst", "README.rst")))
    assert desk.running() == []


def test_an_old_patch_set_starts_nothing(desk):
    desk.happens(about=replace(ABOUT, is_current=False))
    assert desk.running() == []


@pytest.mark.parametrize("kind", [Unavailable, HostKeyMismatch, AuthenticationFailed])
def test_a_gerrit_that_does_not_answer_or_does_not_know_us_loses_no_event(desk, kind):
    desk.gerrit.failure = kind("no route")
    assert desk.happens() == pytest.approx(GERRIT_RETRY_SECONDS)
    assert desk.running() == []
    desk.gerrit.failure = None
    desk.clock.time += GERRIT_RETRY_SECONDS
    desk.scheduler.step("opendev")
    assert desk.running() == [(2, BOTH)]


def test_a_change_that_gerrit_does_not_show_us_ends_the_event(desk):
    desk.gerrit.failure = Refused("no such change")
    assert desk.happens() is None
    assert desk.store.events.pending("opendev", 1e9) == []


def test_a_gerrit_in_trouble_is_left_alone_and_its_events_stay_in_order(desk):
    desk.gerrit.failure = Unavailable("no route")
    asked = []
    desk.gerrit.change = lambda number, patchset: asked.append(patchset) or ScriptedGerrit.change(desk.gerrit, number)
    for patchset in range(1, 8):
        desk.store.events.add([event(key=f"p{patchset}", about=replace(ABOUT, patchset=patchset))], 1.0)
    assert desk.scheduler.step("opendev") == pytest.approx(GERRIT_RETRY_SECONDS)
    desk.scheduler.step("opendev")
    assert asked == [1, 2, 3] == list(range(1, SILENT_AFTER + 1))
    desk.gerrit.failure = None
    desk.clock.time += GERRIT_RETRY_SECONDS
    desk.scheduler.step("opendev")
    assert asked[SILENT_AFTER:] == [1, 2, 3, 4, 5, 6, 7]


def test_one_change_in_trouble_holds_up_no_other(desk):
    def change(number, patchset):
        if number == 1:
            raise Unavailable("garbage")
        return ABOUT

    desk.gerrit.change = change
    for number in (1, 2, 1, 2, 1, 1, ABOUT.number):
        desk.store.events.add([event(key=str(desk.serial), about=replace(ABOUT, number=number))], 1.0)
        desk.serial += 1
    desk.scheduler.step("opendev")
    assert desk.running() == [(2, BOTH)]


def test_the_attempts_of_a_job_are_tried_and_then_not_held_against_the_patch(desk):
    desk.happens()
    for _ in range(3):
        desk.end(None, error="node 10.0.0.7 unreachable", fault=Fault.UNREACHABLE)
    desk.end(Result.SUCCESS)
    (review,) = desk.reviews()
    assert review.labels == {}
    assert "RETRY_LIMIT" in review.message
    assert "10.0.0.7" not in review.message


def test_a_pause_is_kept_and_the_nodes_are_given_back(desk):
    desk.happens()
    first = desk.store.buildsets.open_builds()[0]
    desk.store.buildsets.lease(first, [], 5.0)
    desk.end(None, build=desk.store.buildsets.build(first.id), error="disk full", fault=Fault.DISK)
    waiting = desk.store.buildsets.build(first.id)
    assert (waiting.state, waiting.attempt, waiting.uncharged, waiting.error) == (BuildState.WAITING, 2, 1, "disk full")
    assert waiting.retry_at == desk.clock.time + 10.0


def test_the_end_of_an_attempt_that_is_over_already_changes_nothing(desk):
    desk.happens()
    first = desk.store.buildsets.open_builds()[0]
    desk.end(None, build=first, error="once")
    desk.end(Result.FAILURE, build=first, error="told again")
    assert desk.store.buildsets.build(first.id).attempt == 2
    assert desk.store.buildsets.build(first.id).result is None


@pytest.fixture
def patient(tmp_path):
    desk = Desk(tmp_path / "ci.db", InfraPolicy(InfraFailure.RETRY, 300.0, 1))
    yield desk
    desk.store.close()


def test_only_the_build_that_the_ci_failed_runs_again_and_there_is_one_vote(patient):
    patient.happens()
    done, failed = patient.store.buildsets.open_builds()
    patient.end(Result.SUCCESS, build=done)
    patient.end(Result.ERROR, build=failed, error="the CI broke")
    assert patient.reviews() == []
    (again,) = patient.store.buildsets.open_builds()
    assert (again.id, again.rounds, again.retry_at) == (failed.id, 1, patient.clock.time + 300.0)
    patient.end(Result.SUCCESS)
    (review,) = patient.reviews()
    assert review.labels == {"Verified": 1}
    assert patient.store.buildsets.build(done.id).attempt == 1


def test_what_fails_in_every_round_ends_with_one_comment_and_no_vote(patient):
    patient.happens()
    patient.end(Result.SUCCESS)
    for _ in range(2 * 3):
        patient.end(None, error="no pre-run")
    (review,) = patient.reviews()
    assert review.labels == {}
    assert "RETRY_LIMIT" in review.message
    assert 'comment "recheck"' in review.message


def test_a_node_that_no_pool_has_is_waited_for_before_it_is_told(patient):
    patient.happens()
    patient.end(Result.SUCCESS)
    for _ in range(2):
        (build,) = patient.store.buildsets.open_builds()
        assert build.state is BuildState.WAITING
        patient.scheduler.refuse(EndBuild(build, Result.NODE_FAILURE, "no pool has it"))
    (review,) = patient.reviews()
    assert "NODE_FAILURE" in review.message
    assert review.labels == {}


def test_a_build_that_waits_for_its_next_round_is_canceled_at_once(patient):
    patient.happens()
    patient.end(Result.ERROR, error="the CI broke")
    old = [build.id for build in patient.store.buildsets.open_builds()]
    patient.happens(about=replace(ABOUT, patchset=3))
    assert {patient.store.buildsets.build(one).result for one in old} == {Result.CANCELED}
    assert patient.running() == [(3, BOTH)]


def test_a_refusal_that_comes_after_the_cancel_is_too_late(patient):
    patient.happens()
    build = patient.store.buildsets.open_builds()[0]
    patient.happens(EventType.DEQUEUE)
    patient.scheduler.refuse(EndBuild(build, Result.NODE_FAILURE, "no pool has it"))
    late = patient.store.buildsets.build(build.id)
    assert (late.state, late.result) == (BuildState.ENDED, Result.CANCELED)


def test_a_new_round_forgives_losses(patient):
    patient.happens()
    build_id = patient.store.buildsets.open_builds()[0].id
    counted = []
    for _ in range(3):
        patient.end(None, build=patient.store.buildsets.build(build_id), error="gone", fault=Fault.LOST)
        build = patient.store.buildsets.build(build_id)
        counted.append((build.rounds, build.losses, build.attempt - build.uncharged))
    assert counted == [(0, 1, 1), (1, 0, 1), (1, 1, 1)]
    patient.end(None, build=build, error="gone", fault=Fault.LOST)
    assert patient.store.buildsets.build(build_id).result is Result.ERROR


def test_a_site_may_vote_on_faults_of_the_ci_all_the_same(tmp_path):
    desk = Desk(tmp_path / "ci.db", InfraPolicy(InfraFailure.VOTE))
    desk.happens()
    for _ in range(2):
        desk.end(Result.ERROR, error="/var/lib is full")
    (review,) = desk.reviews()
    assert review.labels == {"Verified": -1}
    assert "not the patch" in review.message
    assert "/var/lib" not in review.message
    assert "no vote" not in review.message
    desk.store.close()


def test_an_operator_dequeues(desk):
    desk.happens()
    desk.happens(EventType.DEQUEUE)
    assert desk.running() == []
    assert desk.reviews() == []


@pytest.mark.parametrize("where", ["gerrit", "triggers"])
def test_events_whose_handling_fails_unforeseen_hold_up_no_others(desk, monkeypatch, where):
    def fail_for_some(number):
        if number >= 9000:
            raise RuntimeError("nobody foresaw\nthis")

    def read(number, patchset=None):
        fail_for_some(number)
        return change(connection="opendev", number=number, message=DEPENDING)

    def may_matter(pipeline, one, judge=triggers.may_matter):
        fail_for_some(one.change.number)
        return judge(pipeline, one)

    monkeypatch.setattr(desk.gerrit, "change", read)
    if where == "triggers":
        monkeypatch.setattr(triggers, "may_matter", may_matter)
    numbers = [*range(9000, 9100), 4711]
    told = [event(key=str(n), about=change(connection="opendev", number=n)) for n in numbers]
    desk.store.events.add(told, 1.0)
    with capture_logs():
        for _ in range(2):
            desk.scheduler.step("opendev")
    assert [one.change.number for one in desk.store.buildsets.running()] == [4711]


def test_an_event_whose_handling_fails_again_and_again_is_kept_and_tried_ever_more_seldom(desk, monkeypatch):
    with monkeypatch.context() as patch, capture_logs():
        patch.setattr(desk.gerrit, "change", lambda *_: 1 / 0)
        pauses = [desk.happens()]
        for _ in range(10):
            desk.clock.time += pauses[-1]
            pauses.append(desk.scheduler.step("opendev"))
    assert pauses[:6] == [FIRST_PAUSE_SECONDS * 2**n for n in range(6)]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    desk.clock.time += pauses[-1]
    desk.scheduler.step("opendev")
    assert desk.running() == [(2, BOTH)]


def test_an_event_that_is_set_aside_is_logged_with_its_traceback_and_counted(desk, monkeypatch):
    monkeypatch.setattr(desk.gerrit, "change", lambda *_: 1 / 0)
    before = LOOP_FAILURES.labels("scheduler opendev")._value.get()
    with capture_logs() as lines:
        desk.happens()
    (line,) = [line for line in lines if line["action"] == "event.bug"]
    assert isinstance(line["exc_info"], ZeroDivisionError)
    assert LOOP_FAILURES.labels("scheduler opendev")._value.get() == before + 1


def test_trouble_of_the_database_sets_no_event_aside(desk, monkeypatch):
    def full(*_):
        raise DiskFull("no room")

    monkeypatch.setattr(desk.store.buildsets, "running_of", full)
    with pytest.raises(DiskFull):
        desk.happens()
    assert len(desk.store.events.pending("opendev", desk.clock.time)) == 1
