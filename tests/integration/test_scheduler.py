"""Events become buildsets, ended builds become one verdict: the shipped site, a real database."""

from dataclasses import replace
from pathlib import Path

import pytest

from ci.config.site import load_site
from ci.errors import Refused, Unavailable
from ci.model.build import BuildOutcome, BuildState, ProcessIdentity, Result
from ci.model.change import Account
from ci.model.event import EventType
from ci.services.pulse import Pulse
from ci.services.reporting import Links
from ci.services.scheduler import GERRIT_RETRY_SECONDS, Scheduler
from ci.store.store import SqliteStore
from tests.fakes.ports import ScriptedGerrit, StillClock
from tests.fakes.records import change, event

SITE = load_site(Path(__file__).resolve().parents[2])
ABOUT = change(connection="opendev")


class Desk:
    """A scheduler, and what it has led to."""

    def __init__(self, path):
        self.store = SqliteStore(path)
        self.gerrit, self.clock = ScriptedGerrit(ABOUT), StillClock()
        links = Links("https://ci.example.org")
        self.scheduler = Scheduler(SITE.layout, {"opendev": self.gerrit}, self.store, links, Pulse(), self.clock)
        self.serial = 0

    def happens(self, event_type=EventType.PATCHSET_CREATED, *, about=None, **values):
        """Tell the scheduler of an event about the change as it is now."""
        self.gerrit.current = about or self.gerrit.current
        self.serial += 1
        self.store.events.add([event(event_type, key=str(self.serial), about=self.gerrit.current, **values)], 1.0)
        return self.scheduler.step("opendev")

    def running(self):
        return [(s.change.patchset, sorted(b.job.name for b in s.builds)) for s in self.store.buildsets.running()]

    def end(self, result, *, build=None, error=""):
        """End a build (the first open one) as its process would."""
        one = build or self.store.buildsets.open_builds()[0]
        self.scheduler.attempt_ended(one, BuildOutcome(result, 1.0, 2.0, error))

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


def test_documentation_alone_starts_nothing(desk):
    desk.happens(about=replace(ABOUT, files=("doc/source/index.rst", "README.rst")))
    assert desk.running() == []


def test_an_old_patch_set_starts_nothing(desk):
    desk.happens(about=replace(ABOUT, is_current=False))
    assert desk.running() == []


def test_a_gerrit_that_does_not_answer_loses_no_event(desk):
    desk.gerrit.failure = Unavailable("no route")
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


def test_an_attempt_without_result_is_tried_again_and_then_not_held_against_the_patch(desk):
    desk.happens()
    for _ in range(5):
        desk.end(None, error="node unreachable")
    desk.end(Result.SUCCESS)
    (review,) = desk.reviews()
    assert review.labels == {}
    assert "RETRY_LIMIT" in review.message


def test_an_operator_dequeues(desk):
    desk.happens()
    desk.happens(EventType.DEQUEUE)
    assert desk.running() == []
    assert desk.reviews() == []
