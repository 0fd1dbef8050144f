"""Exactly one review for a buildset, whatever Gerrit answers and whenever the service dies."""

import sys
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from ci.errors import AuthenticationFailed, HostKeyMismatch, Refused, Unavailable
from ci.model.vote import Review, ReviewReceipt
from ci.observability import LOOP_FAILURES
from ci.services.pulse import Pulse
from ci.services.reporter import FOUND, LONGEST_RETRY_SECONDS, SETTLE_SECONDS, Reporter
from ci.store.store import SqliteStore
from tests.fakes.ports import ScriptedGerrit, StillClock
from tests.fakes.records import build, buildset, change

ABOUT = change(connection="opendev")
REVIEW = Review("opendev", ABOUT.project, ABOUT.number, ABOUT.patchset, "failed /buildset/s1\n", "/buildset/s1\n")


class SlowGerrit(ScriptedGerrit):
    """One that takes time, and in which commands of others may still be under way: when each arrives, and what."""

    def __init__(self, about, clock):
        super().__init__(about)
        self.clock = clock
        self.answer_seconds = 0.0
        self.under_way = []

    def arrived(self, within_seconds=0.0):
        self.clock.time += within_seconds
        self.posted += [review for at, review in self.under_way if at <= self.clock.time]
        self.under_way = [(at, review) for at, review in self.under_way if at > self.clock.time]
        return self.posted

    def has_review(self, number, patchset, marker):
        if self.failure:
            raise self.failure
        self.arrived()
        found = super().has_review(number, patchset, marker)
        self.clock.time += self.answer_seconds
        return found


class Desk:
    """A reporter with one result to report."""

    def __init__(self, path):
        self.store = SqliteStore(path)
        self.clock = StillClock()
        self.gerrit = SlowGerrit(ABOUT, self.clock)
        self.store.buildsets.add(buildset(build(), about=ABOUT), None, 1.0)
        self.store.outbox.add("s1", "result", REVIEW, 1.0)
        self.reporter = self.restarted()

    def restarted(self):
        return Reporter({"opendev": self.gerrit}, self.store, Pulse(), self.clock)

    def settled(self, reporter=None):
        """Go on with a reporter of its own until nothing waits; returns after how many seconds that was."""
        reporter, began = reporter or self.restarted(), self.clock.time
        while (delay := reporter.step("opendev")) is not None:
            self.clock.time += delay
        return self.clock.time - began

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
    desk.gerrit.failure = Unavailable("no route")
    delays = []
    for _ in range(12):
        delays.append(desk.reporter.step("opendev"))
        desk.clock.time += delays[-1]
    assert desk.outcome() == ("pending", "no route")
    assert delays[:8] == sorted(delays[:8])
    assert delays[0] <= 2.0
    assert LONGEST_RETRY_SECONDS / 2 <= delays[-1] <= LONGEST_RETRY_SECONDS
    assert len(set(delays[-4:])) == 4  # not all reviews come back at once
    (waiting,) = desk.store.views.reviews_open()
    assert (waiting.connection, waiting.reviews, waiting.note) == ("opendev", 1, "no route")
    desk.gerrit.failure = None
    desk.reporter.step("opendev")
    assert desk.gerrit.posted == [REVIEW]


@pytest.mark.parametrize("kind", [HostKeyMismatch, AuthenticationFailed])
def test_a_gerrit_that_does_not_know_us_any_more_gets_its_review_later(desk, kind):
    """A person has to put our key or theirs right; that says nothing about the review."""
    desk.gerrit.failure = kind("the server refuses user 'powervm-ci'")
    delay = desk.reporter.step("opendev")
    assert desk.outcome() == ("pending", "the server refuses user 'powervm-ci'")
    desk.gerrit.failure = None
    desk.clock.time += delay
    desk.reporter.step("opendev")
    assert desk.gerrit.posted == [REVIEW]


def test_a_review_that_is_not_due_yet_waits(desk):
    desk.gerrit.answers = [Unavailable("no route")]
    desk.reporter.step("opendev")
    desk.reporter.step("opendev")
    assert desk.gerrit.posted == []


# What Gerrit says (facts measured against 3.10) when it will never take a review, and who says it: reading or posting.
REFUSALS = [
    ("post", 'Applying label "Verified": 2 is restricted'),
    ("post", "Cannot reduce vote on labels for closed change"),
    ("post", "change is closed"),
    ("post", "no such patch set"),
    ("post", "our account may not see the change; Gerrit says internal server error while reviewing"),
    ("read", "no such change"),
]


@pytest.mark.parametrize(("when", "said"), REFUSALS, ids=[said[:20] for _, said in REFUSALS])
def test_what_gerrit_refuses_for_good_ends_and_is_there_to_be_seen(desk, when, said):
    if when == "read":
        desk.gerrit.failure = Refused(said)
    else:
        desk.gerrit.answers = [Refused(said)]
    assert desk.reporter.step("opendev") is None
    desk.clock.time += 1e6
    desk.reporter.step("opendev")
    assert desk.gerrit.posted == []
    assert desk.outcome() == ("dropped", said)
    (dropped,) = desk.store.views.reviews_dropped()
    assert (dropped.reason, dropped.connection, dropped.number) == (said, "opendev", ABOUT.number)
    assert dropped.at == 1000.0
    assert desk.store.views.reviews_open() == ()


def test_dropped_reviews_are_listed_newest_first(desk):
    desk.gerrit.failure = Refused("no such change")
    for number in (2, 3, 4):
        desk.store.buildsets.add(buildset(buildset_id=f"s{number}", about=replace(ABOUT, number=number)), None, 1.0)
        desk.store.outbox.add(f"s{number}", "result", replace(REVIEW, number=number), 1.0)
    desk.reporter.step("opendev")
    assert [dropped.buildset_id for dropped in desk.store.views.reviews_dropped(2)] == ["s4", "s3"]


def test_a_review_that_a_crash_left_half_sent_and_that_is_there_is_not_sent_again(desk):
    (due,) = desk.store.outbox.due("opendev", desk.clock.time)
    desk.store.outbox.claim(due, desk.clock.time)
    desk.gerrit.posted = [REVIEW]
    desk.restarted().step("opendev")
    assert desk.gerrit.posted == [REVIEW]
    assert desk.outcome()[0] == "sent"


def test_a_review_that_a_crash_left_half_sent_and_that_stays_missing_is_sent_soon(desk):
    (due,) = desk.store.outbox.due("opendev", desk.clock.time)
    desk.store.outbox.claim(due, desk.clock.time)
    assert desk.settled() <= SETTLE_SECONDS + 1.0
    assert desk.gerrit.posted == [REVIEW]


@pytest.mark.parametrize("arrives_after", [0.5, 2.5])
def test_a_command_of_a_dead_service_that_is_still_under_way_is_waited_for(desk, arrives_after):
    (due,) = desk.store.outbox.due("opendev", desk.clock.time)
    desk.store.outbox.claim(due, desk.clock.time)
    desk.gerrit.under_way = [(desk.clock.time + arrives_after, REVIEW)]
    desk.settled()
    assert desk.gerrit.arrived(within_seconds=60.0) == [REVIEW]
    assert desk.outcome() == ("sent", FOUND)


def test_a_slow_gerrit_is_given_more_time(desk):
    (due,) = desk.store.outbox.due("opendev", desk.clock.time)
    desk.store.outbox.claim(due, desk.clock.time)
    desk.gerrit.answer_seconds = 5.0
    desk.gerrit.under_way = [(desk.clock.time + 15.0, REVIEW)]
    desk.settled()
    assert desk.gerrit.arrived(within_seconds=60.0) == [REVIEW]


def test_silence_is_no_answer_to_whether_a_review_is_missing(desk):
    """A server that stood still has not even begun with what it was sent before."""
    (due,) = desk.store.outbox.due("opendev", desk.clock.time)
    desk.store.outbox.claim(due, desk.clock.time)
    reporter = desk.restarted()
    reporter.step("opendev")
    desk.clock.time += SETTLE_SECONDS
    desk.gerrit.failure = Unavailable("no answer")
    reporter.step("opendev")
    desk.clock.time += 60.0
    desk.gerrit.failure = None
    desk.gerrit.under_way = [(desk.clock.time + 1.0, REVIEW)]
    desk.settled(reporter)
    assert desk.gerrit.arrived(within_seconds=60.0) == [REVIEW]


def test_a_review_whose_answer_was_lost_is_looked_up_before_the_next_try(desk):
    desk.gerrit.answers = [Unavailable("connection lost while a command ran")]
    delay = desk.reporter.step("opendev")
    desk.gerrit.posted = [REVIEW]  # it had arrived
    desk.clock.time += delay
    desk.reporter.step("opendev")
    assert desk.gerrit.posted == [REVIEW]
    assert desk.outcome()[0] == "sent"


class Killed(BaseException):
    """What `kill -9` is to the code: nothing after it runs."""


def killed_at(line, work):
    """Do the work and end it at the `line`th line of the reporter and the outbox; returns whether it came so far."""
    passed = 0

    def trace(frame, what, _):
        nonlocal passed
        if not frame.f_code.co_filename.endswith(("services/reporter.py", "store/reviews.py")):
            return None
        if what == "line":
            passed += 1
            if passed == line:
                raise Killed
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except Killed:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("answer", [None, Unavailable("connection lost while a command ran")])
def test_there_is_one_review_whichever_line_the_service_dies_at(tmp_path, answer):
    """Also when it dies again at the same line of what the next one does, and when an answer was lost before."""
    line = 0
    while True:
        line += 1
        desk = Desk(tmp_path / f"{line}.db")
        desk.gerrit.answers = [answer] if answer else []
        reached = killed_at(line, lambda one=desk: one.reporter.step("opendev"))
        killed_at(line, lambda one=desk: one.settled())
        desk.settled()
        assert desk.gerrit.arrived() == [REVIEW], f"killed at line {line}"
        assert desk.outcome()[0] == "sent"
        desk.store.close()
        if not reached:
            break
    assert line > 30


def test_a_vote_on_an_old_patch_set_is_not_posted(desk):
    desk.gerrit.current = replace(ABOUT, patchset=ABOUT.patchset + 1)
    desk.reporter.step("opendev")
    assert desk.gerrit.posted == []
    assert desk.outcome() == ("dropped", "a newer patch set is current")


def test_a_change_that_was_abandoned_meanwhile_is_not_voted_on(desk):
    desk.gerrit.current = replace(ABOUT, status="ABANDONED")
    desk.settled()
    assert desk.gerrit.posted == []
    assert desk.outcome() == ("dropped", "the change was abandoned")


def test_a_change_that_was_merged_meanwhile_still_learns_of_its_result(desk):
    desk.gerrit.current = replace(ABOUT, status="MERGED")
    desk.settled()
    assert desk.gerrit.posted == [REVIEW]


def test_a_dropped_label_is_said(desk):
    desk.gerrit.answers = [ReviewReceipt(("Verified",))]
    desk.reporter.step("opendev")
    state, note = desk.outcome()
    assert state == "sent"
    assert "Verified" in note


@pytest.mark.parametrize("where", ["change", "post_review"])
def test_a_review_whose_handling_fails_unforeseen_comes_back_later_and_later_and_once(desk, monkeypatch, where):
    works = getattr(desk.gerrit, where)
    monkeypatch.setattr(desk.gerrit, where, lambda *_: 1 / 0)
    before = LOOP_FAILURES.labels("reporter opendev")._value.get()
    delays, said = [], set()
    with capture_logs() as lines:
        for _ in range(20):
            delays.append(desk.reporter.step("opendev"))
            desk.clock.time += delays[-1]
            said.add(desk.outcome())
    assert ("pending", "ZeroDivisionError: division by zero") in said
    assert {state for state, _ in said} == {"pending"}
    assert max(delays) >= LONGEST_RETRY_SECONDS / 2
    assert any(line["action"] == "review.bug" and line["exc_info"] for line in lines)
    assert LOOP_FAILURES.labels("reporter opendev")._value.get() > before
    monkeypatch.setattr(desk.gerrit, where, works)
    desk.settled(desk.reporter)
    assert desk.gerrit.posted == [REVIEW]
