"""Exactly one review for a buildset, whatever Gerrit answers and whenever the service dies."""

from dataclasses import replace

import pytest

from ci.errors import Refused, Unavailable
from ci.model.vote import Review, ReviewReceipt
from ci.services.pulse import Pulse
from ci.services.reporter import LONGEST_RETRY_SECONDS, Reporter
from ci.store.store import SqliteStore
from tests.fakes.ports import ScriptedGerrit, StillClock
from tests.fakes.records import build, buildset, change

ABOUT = change(connection="opendev")
REVIEW = Review("opendev", ABOUT.project, ABOUT.number, ABOUT.patchset, "failed /buildset/s1\n", "/buildset/s1\n")


class Desk:
    """A reporter with one result to report."""

    def __init__(self, path):
        self.store = SqliteStore(path)
        self.gerrit, self.clock = ScriptedGerrit(ABOUT), StillClock()
        self.store.buildsets.add(buildset(build(), about=ABOUT), None, 1.0)
        self.store.outbox.add("s1", "result", REVIEW, 1.0)
        self.reporter = self.restarted()

    def restarted(self):
        return Reporter({"opendev": self.gerrit}, self.store, Pulse(), self.clock)

    def outcome(self):
        (view,) = self.store.views.reviews("s1")
        return view.state, view.note


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path / "ci.db")
    yield desk
    desk.store.close()


def test_a_review_is_posted_once(desk):
    assert desk.reporter.step("opendev") is None
    desk.reporter.step("opendev")
    assert desk.gerrit.posted == [REVIEW]
    assert desk.outcome() == ("sent", "")


def test_a_gerrit_that_does_not_answer_is_asked_again_later_and_later(desk):
    desk.gerrit.answers = [Unavailable("no route")] * 3
    delays = []
    for _ in range(3):
        delays.append(desk.reporter.step("opendev"))
        desk.clock.time += delays[-1]
    assert desk.outcome() == ("pending", "no route")
    assert delays == sorted(delays)
    assert delays[0] < delays[2] <= LONGEST_RETRY_SECONDS
    desk.reporter.step("opendev")
    assert desk.gerrit.posted == [REVIEW]


def test_a_review_that_is_not_due_yet_waits(desk):
    desk.gerrit.answers = [Unavailable("no route")]
    desk.reporter.step("opendev")
    desk.reporter.step("opendev")
    assert desk.gerrit.posted == []


def test_what_gerrit_refuses_for_good_ends_visibly(desk):
    desk.gerrit.answers = [Refused("no such change")]
    assert desk.reporter.step("opendev") is None
    desk.clock.time += 1e6
    desk.reporter.step("opendev")
    assert desk.gerrit.posted == []
    assert desk.outcome() == ("dropped", "no such change")


def test_a_review_that_a_crash_left_half_sent_and_that_is_there_is_not_sent_again(desk):
    (due,) = desk.store.outbox.due("opendev", desk.clock.time)
    desk.store.outbox.claim(due, desk.clock.time)
    desk.gerrit.posted = [REVIEW]
    desk.restarted().step("opendev")
    assert desk.gerrit.posted == [REVIEW]
    assert desk.outcome()[0] == "sent"


def test_a_review_that_a_crash_left_half_sent_and_that_is_missing_is_sent(desk):
    (due,) = desk.store.outbox.due("opendev", desk.clock.time)
    desk.store.outbox.claim(due, desk.clock.time)
    desk.restarted().step("opendev")
    assert desk.gerrit.posted == [REVIEW]


def test_a_review_whose_answer_was_lost_is_looked_up_before_the_next_try(desk):
    desk.gerrit.answers = [Unavailable("connection lost while a command ran")]
    delay = desk.reporter.step("opendev")
    desk.gerrit.posted = [REVIEW]  # it had arrived
    desk.clock.time += delay
    desk.reporter.step("opendev")
    assert desk.gerrit.posted == [REVIEW]
    assert desk.outcome()[0] == "sent"


def test_a_vote_on_an_old_patch_set_is_not_posted(desk):
    desk.gerrit.current = replace(ABOUT, patchset=ABOUT.patchset + 1)
    desk.reporter.step("opendev")
    assert desk.gerrit.posted == []
    assert desk.outcome() == ("dropped", "a newer patch set is current")


def test_a_dropped_label_is_said(desk):
    desk.gerrit.answers = [ReviewReceipt(("Verified",))]
    desk.reporter.step("opendev")
    state, note = desk.outcome()
    assert state == "sent"
    assert "Verified" in note
