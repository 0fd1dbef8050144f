"""Listening and catching up on a real database, with a Gerrit that does what a test says."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from ci.errors import AuthenticationFailed, DiskFull, HostKeyMismatch, Refused, Unavailable
from ci.model.event import EventSource, EventType, Lost, Missed
from ci.model.vote import Review
from ci.services import catch_up, listener
from ci.services.catch_up import BEFORE_FIRST_START, OVERLAP_SECONDS, REGULAR_SECONDS, SOON_SECONDS, CatchUp
from ci.services.listener import ALARM_RETRY_SECONDS, Listener
from ci.services.pulse import Pulse
from ci.store.store import SqliteStore
from tests.fakes.ports import StillClock
from tests.fakes.records import build, buildset, change, event

NOVA = "openstack/nova"
START = 1_500_000_000


class ScriptedStreams:
    """Each stream is a list: what is done before it opens, `()`, batches, and calls or errors in between."""

    name = "gerrit"
    user = "powervm-ci"

    def __init__(self):
        self.streams = []
        self.past = []  # what a query finds
        self.lost = []
        self.newest = START
        self.failure = None
        self.asked = []

    def events(self, stop):
        for step in self.streams.pop(0):
            if isinstance(step, Exception):
                raise step
            if callable(step):
                step()
            else:
                yield step
        stop.set()

    def newest_update(self, projects):
        if self.failure:
            raise self.failure
        return self.newest

    def missed(self, since, projects):
        self.asked.append(since)
        if self.failure:
            raise self.failure
        return Missed(tuple(e for e in self.past if e.created_at >= since), tuple(self.lost), self.newest or None)


def happened(key, at=START, number=4711, source=EventSource.STREAM, **values):
    return event(key=key, created_at=at, about=change(number=number), source=source, **values)


def found(key, at=START, **values):
    return happened(key, at, source=EventSource.QUERY, **values)


class Desk:
    def __init__(self, folder, **settings):
        self.folder = folder
        self.settings = settings
        self.gerrit = ScriptedStreams()
        self.clock = StillClock(START + 1000.0)
        self.start()

    def start(self):
        """Start anew, as after a crash: only the database is left."""
        self.store = SqliteStore(self.folder / "ci.db")
        self.catch_up = CatchUp(self.gerrit, self.store, self.clock, lambda: [NOVA], **self.settings)
        self.listener = Listener(self.gerrit, self.store, self.catch_up, Pulse(), self.clock, lambda: [NOVA])
        self.stop = threading.Event()

    def listen(self, *steps):
        self.gerrit.streams.append(steps)
        return self.listener._listen_once(self.stop)

    def waiting(self):
        return [kept.natural_key for _, kept in self.store.events.pending("gerrit", 1e12, 1000)]

    def outcome(self, key):
        database = self.store._database._connection()
        row = database.execute("select state, outcome from events where natural_key = ?", [key]).fetchone()
        return tuple(row) if row else None

    @property
    def watermark(self):
        return self.store.connections.watermark("gerrit")

    @property
    def shown(self):
        (one,) = self.store.views.connections()
        return one.state, one.reason


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.fixture
def running(desk):
    """A desk that has started before."""
    desk.listen((), desk.stop.set)
    desk.stop.clear()
    return desk


# --- the first start


def test_a_first_start_runs_nothing_old(desk):
    desk.gerrit.past = [found("old", START - 5), found("older", START - OVERLAP_SECONDS - 1)]
    desk.gerrit.lost = [Lost(found("lost", START - 7), "superseded")]
    desk.listen(())
    assert desk.waiting() == []
    assert desk.outcome("old") == ("done", BEFORE_FIRST_START)
    assert desk.outcome("lost") == ("done", BEFORE_FIRST_START)
    assert desk.outcome("older") is None
    assert desk.watermark == START


def test_a_first_start_may_look_back(tmp_path):
    desk = Desk(tmp_path, first_look_back_seconds=3600)
    desk.gerrit.past = [found("too old", START + 1000 - 3601), found("wanted", START + 1000 - 3600)]
    desk.listen(())
    assert desk.waiting() == ["wanted"]
    assert desk.outcome("too old") == ("done", BEFORE_FIRST_START)


def test_what_comes_between_the_first_look_and_the_stream_is_run_once(desk):
    desk.gerrit.past = [found("old", START - 5)]

    def push():
        desk.gerrit.past += [found("between", START + 1), found("both", START + 2)]
        desk.gerrit.newest = START + 2

    desk.listen(push, (), [happened("both", START + 2)])
    assert desk.waiting() == ["between", "both"]


def test_a_first_look_that_fails_opens_no_stream_and_is_tried_again(desk):
    desk.gerrit.failure = Unavailable("no route")
    assert desk.listen((), [happened("unseen")]) >= 0
    assert desk.shown == ("down", "no route")
    assert desk.watermark is None
    assert desk.waiting() == []


def test_a_first_start_that_dies_halfway_is_a_first_start_again(desk, monkeypatch):
    desk.gerrit.past = [found("old", START - 5)]
    monkeypatch.setattr(desk.store.connections, "raise_watermark", dies)
    with pytest.raises(ZeroDivisionError):
        desk.listen(())
    assert desk.outcome("old") is None
    desk.start()
    desk.listen(())
    assert desk.waiting() == []


def dies(*arguments):
    raise ZeroDivisionError


# --- catching up


def test_what_was_missed_comes_before_what_the_stream_tells(running):
    running.gerrit.past = [found("one", START + 100), found("two", START + 200)]
    running.gerrit.newest = START + 200
    running.listen((), [happened("three", START + 201)])
    assert running.waiting() == ["one", "two", "three"]
    assert running.gerrit.asked[-1] == START - OVERLAP_SECONDS
    assert running.watermark == START + 201
    assert REGISTRY.get_sample_value("powervm_ci_events_caught_up_total", {"connection": "gerrit"}) >= 2


def test_events_missed_and_watermark_are_kept_together_or_not_at_all(running, monkeypatch):
    running.gerrit.past, running.gerrit.newest = [found("one", START + 100)], START + 200
    monkeypatch.setattr(running.store.connections, "raise_watermark", dies)
    running.listen(())
    assert (running.waiting(), running.watermark) == ([], START)
    running.start()
    running.listen(())
    assert (running.waiting(), running.watermark) == (["one"], START + 200)


def test_a_catch_up_that_fails_keeps_the_stream_and_is_tried_again(running):
    running.gerrit.failure = Unavailable("query too slow")
    running.gerrit.past, running.gerrit.newest = [found("missed", START + 5)], START + 50
    seen = []

    def look():
        seen.append(running.shown)
        running.listener.step()
        assert running.outcome("missed") is None, "not before its time"
        running.gerrit.failure = None
        running.clock.time += 10
        running.listener.step()
        seen.append(running.shown)

    running.listen((), [happened("told", START + 60)], look)
    assert seen[0][0] == "connected"
    assert "query too slow" in seen[0][1]
    assert seen[1] == ("connected", "")
    assert running.waiting() == ["told", "missed"]
    assert running.watermark == START + 50, "the stream's events do not count while something is missing"


def test_a_bug_in_a_catch_up_keeps_the_stream_too(running):
    running.gerrit.failure = ZeroDivisionError("oops")
    running.listen((), [happened("told", START + 60)])
    assert running.waiting() == ["told"]
    assert running.shown[0] == "connected"
    assert "ZeroDivisionError" in running.shown[1]


def test_a_catch_up_is_repeated_soon_and_then_now_and_then(running):
    def repeat():
        desk, counts = running, [len(running.gerrit.asked)]
        for seconds in (SOON_SECONDS - 1, 2, REGULAR_SECONDS - 3, 4):
            desk.clock.time += seconds
            desk.listener.step()
            counts.append(len(desk.gerrit.asked))
        assert [b - a for a, b in itertools.pairwise(counts)] == [0, 1, 0, 1]

    running.gerrit.newest = START + 500
    running.listen((), [happened("told", START + 900)], repeat)
    # Also what the stream should have told since is looked for.
    assert running.gerrit.asked[-1] == START + 500 - OVERLAP_SECONDS


def test_nothing_is_asked_while_there_is_no_stream(running):
    running.listen((), Unavailable("gone"))
    asked = len(running.gerrit.asked)
    running.clock.time += 2 * REGULAR_SECONDS
    running.listener.step()
    assert len(running.gerrit.asked) == asked
    assert running.shown == ("down", "gone")


def test_a_link_that_is_lost_during_a_catch_up_leaves_a_gap(running):
    original = running.gerrit.missed

    def missed(since, projects):
        running.catch_up.stream_lost()
        return original(since, projects)

    running.gerrit.missed = missed
    running.catch_up.stream_opened()
    assert running.catch_up.outstanding


def test_a_catch_up_of_the_link_before_is_not_taken_for_the_one_after_the_connect(running):
    original, desk = running.gerrit.missed, running
    opening = threading.Thread(target=desk.catch_up.stream_opened)

    def missed(since, projects):
        desk.gerrit.missed = original
        before = desk.catch_up._connects
        opening.start()
        deadline = time.monotonic() + 10
        while desk.catch_up._connects == before and time.monotonic() < deadline:
            time.sleep(0.001)
        return original(since, projects)

    desk.catch_up.stream_opened()
    desk.clock.time += SOON_SECONDS
    desk.gerrit.missed = missed
    desk.catch_up.step()
    opening.join()
    asked = len(desk.gerrit.asked)
    desk.clock.time += SOON_SECONDS
    desk.catch_up.step()
    assert len(desk.gerrit.asked) == asked + 1


def test_what_is_lost_is_counted_once(running):
    def lost_count():
        return REGISTRY.get_sample_value("powervm_ci_events_lost_total", {"connection": "gerrit"}) or 0

    before = lost_count()
    running.gerrit.lost = [
        Lost(found("superseded", START + 5), "patch set 4711,2 was superseded by 4711,3"),
        Lost(found("told", START + 6), "patch set 4711,3 was superseded"),
        Lost(found("unknown text", START + 7, event_type=EventType.COMMENT_ADDED, same_as=("comment by dev ",)), "?"),
    ]
    running.store.events.add([happened("told", START + 6), happened("comment by dev x 9", START + 8)], 1.0)
    for _ in range(2):
        running.listen(())
    assert lost_count() - before == 1
    assert running.outcome("superseded") == ("done", "lost: patch set 4711,2 was superseded by 4711,3")


def test_the_same_happening_by_another_clock_is_known(running):
    running.listen((), [happened("comment x 00000000012", START + 12, same_as=("comment x ",))])
    running.gerrit.past = [found("comment x 00000000010", START + 10, same_as=("comment x ",))]
    running.listen(())
    assert running.waiting() == ["comment x 00000000012"]
    running.gerrit.past = [found("comment x 00000000090", START + 90, same_as=("comment x ",))]
    running.listen(())
    assert running.waiting() == ["comment x 00000000012", "comment x 00000000090"]


# --- the watermark


def test_the_watermark_follows_the_stream_but_not_with_each_foreign_event(running):
    marks = []

    def foreign(seconds):
        return [replace(happened("x", START + seconds), type=EventType.OTHER, change=None)]

    def mark():
        marks.append(running.watermark - START)
        running.clock.time += 6

    running.listen((), [happened("ours", START + 1)], mark, foreign(2), mark, foreign(3), mark, foreign(4), mark)
    assert marks == [1, 1, 3, 3]


def test_the_watermark_is_never_in_our_future(running):
    running.listen((), [happened("ours", START + 10**9)])
    assert running.watermark == running.clock.now()
    running.gerrit.newest = START + 10**9
    running.listen(())
    assert running.watermark == running.clock.now()


# --- whose events


def test_only_events_of_our_projects_and_not_our_own_are_kept(running):
    own = replace(happened("own"), author=replace(happened("own").author, username="powervm-ci"))
    foreign = event(key="foreign", about=change(project="openstack/other"))
    other = replace(happened("other"), type=EventType.OTHER)
    running.gerrit.past = [replace(own, source=EventSource.QUERY)]
    running.listen((), [own, foreign, other, happened("ours")])
    assert running.waiting() == ["ours"]


# --- the link


def test_a_good_stream_that_ends_is_opened_again_at_once(running):
    def time_passes():
        running.clock.time += 3600

    for _ in range(3):
        assert running.listen((), time_passes, Unavailable("the stream ended")) == 0.0


def test_a_server_that_ends_each_stream_at_once_is_asked_less_and_less(running, monkeypatch):
    monkeypatch.setattr(listener, "_backoff", lambda attempt: float(attempt.attempt_number))
    delays = [running.listen((), Unavailable("the stream ended")) for _ in range(4)]
    assert delays == [0.0, 2.0, 3.0, 4.0]


def test_a_server_that_is_not_there_is_asked_less_and_less(running, monkeypatch):
    monkeypatch.setattr(listener, "_backoff", lambda attempt: float(attempt.attempt_number))
    assert [running.listen(Unavailable("no route")) for _ in range(3)] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "error", [HostKeyMismatch("changed host key"), AuthenticationFailed("refuses"), Refused("may not read the stream")]
)
def test_what_a_person_must_mend_is_an_alarm_that_stays_while_it_is_tried_again(running, error):
    shown = []
    assert running.listen(error) == ALARM_RETRY_SECONDS
    assert running.listen(lambda: shown.append(running.shown), error) == ALARM_RETRY_SECONDS
    assert shown == [("alarm", str(error))]


def test_why_it_is_not_connected_stays_to_be_seen_and_since_when(running):
    running.listen(Unavailable("no route"))
    (down,) = running.store.views.connections()
    running.clock.time += 100
    shown = []
    running.listen(lambda: shown.append(running.shown), Unavailable("connection refused"))
    assert shown == [("down", "no route")]
    (one,) = running.store.views.connections()
    assert (one.reason, one.since) == ("connection refused", down.since)
    running.listen(())
    (one,) = running.store.views.connections()
    assert (one.state, one.reason, one.since) == ("connected", "", running.clock.now())


def test_a_site_without_projects_on_a_gerrit_asks_nothing(tmp_path):
    desk = Desk(tmp_path)
    desk.catch_up = CatchUp(desk.gerrit, desk.store, desk.clock, list)
    desk.listener = Listener(desk.gerrit, desk.store, desk.catch_up, Pulse(), desk.clock, list)
    desk.listen((), [happened("foreign")])
    assert desk.gerrit.asked == []
    assert desk.shown == ("connected", "")


def test_the_pauses_between_failing_catch_ups_grow(running):
    pauses = []
    running.gerrit.failure = Unavailable("no")
    running.catch_up.stream_opened()
    for _ in range(12):
        pauses.append(running.catch_up._due_at - running.clock.now())
        running.clock.time = running.catch_up._due_at
        running.catch_up.step()
    assert pauses[0] < 5
    assert max(pauses) <= 302
    assert pauses[-1] > 100
    assert catch_up.OVERLAP_SECONDS >= 60


def test_votes_that_wait_for_a_gerrit_are_due_when_it_is_back(running):
    store, now = running.store, running.clock.time
    store.buildsets.add(buildset(build()), None, now)
    store.outbox.add("s1", "result", Review("gerrit", NOVA, 4711, 2, "text", "marker"), now)
    (due,) = store.outbox.due("gerrit", now)
    store.outbox.claim(due, now)
    store.outbox.postpone(due, now + 300, "it did not answer", now)
    assert store.outbox.due("gerrit", now) == ()
    running.listen(())
    assert [one.buildset_id for one in store.outbox.due("gerrit", now)] == ["s1"]


def test_a_disk_that_is_full_is_one_line_and_no_bug(running, monkeypatch):
    monkeypatch.setattr(listener, "_backoff", lambda _: 0.01)
    full = [DiskFull("no room")] * 2
    show = running.listener._show

    def show_when_there_is_room(*arguments, **options):
        if full:
            raise full.pop()
        show(*arguments, **options)

    monkeypatch.setattr(running.listener, "_show", show_when_there_is_room)
    running.gerrit.streams += [((),), (Unavailable("the stream ended"),), ((), running.stop.set)]
    with capture_logs() as logs:
        running.listener.run(running.stop)
    failures = [(line["action"], line["error"]) for line in logs if line["log_level"] == "error"]
    assert failures == [("listener.failed", "no room")]
    assert running.shown == ("down", "the service is stopped")


def test_a_project_that_comes_to_the_site_is_heard_from_then_on(tmp_path):
    desk, projects = Desk(tmp_path), []
    desk.catch_up = CatchUp(desk.gerrit, desk.store, desk.clock, lambda: projects)
    desk.listener = Listener(desk.gerrit, desk.store, desk.catch_up, Pulse(), desk.clock, lambda: projects)
    desk.listen((), [happened("before")])
    projects.append(NOVA)
    desk.listen([happened("after")])
    assert [known.natural_key for _, known in desk.store.events.pending("gerrit", 2e9)] == ["after"]
