"""When the time of a pipeline has come its jobs run on the branches' tips: once, also over restarts and outages."""

import pytest

from ci.config.site import load_site
from ci.errors import Unavailable
from ci.model.build import BuildOutcome, Result
from ci.model.change import Branch
from ci.model.cron import LOOK_BACK_SECONDS
from ci.model.event import EventType
from ci.model.pipeline import Precedence
from ci.services.pulse import Pulse
from ci.services.reporting import Links
from ci.services.scheduler import Scheduler
from ci.services.timers import RETRY_SECONDS, Timers
from ci.store.store import SqliteStore
from tests.fakes.ports import ScriptedGerrit, StillClock
from tests.fakes.records import change, event
from tests.unit.config.conftest import SiteFolder

HOUR, DAY = 3600.0, 86_400.0
MIDNIGHT = 1_509_667_200.0  # 2017-11-03 00:00 UTC
NIGHTLY = """\
- pipeline:
    name: periodic
    manager: independent
    precedence: low
    trigger: {timer: [{time: TIME}]}
    success: {gerrit: {Verified: 1}}
    failure: {gerrit: {Verified: -1}}
- job: {name: nightly, run: playbooks/run.yaml}
- project:
    name: nova
    periodic:
      jobs: [{nightly: {branches: [^master$, ^stable/pike$]}}]
"""
BRANCHES = ("feature/x", "master", "stable/pike")


class Server:
    def __init__(self):
        self.branches, self.failure, self.asked = BRANCHES, None, 0

    def branch_names(self, connection, project):
        self.asked += 1
        if self.failure:
            raise self.failure
        assert (connection, project) == ("gerrit", "nova")
        return self.branches


class Desk:
    """Timers and a scheduler over one database."""

    def __init__(self, folder, time="0 3 * * *"):
        site = SiteFolder(folder / "site")
        site.write("jobs/zuul.d/nightly.yaml", NIGHTLY.replace("TIME", time))
        self.layout = load_site(site.folder).layout
        self.path, self.clock, self.server = folder / "ci.db", StillClock(MIDNIGHT), Server()
        self.store = None
        self.start()

    def start(self):
        """A new service, as after a crash: all that it knows is in the database."""
        if self.store:
            self.store.close()
        self.store = SqliteStore(self.path)
        self.timers = Timers("gerrit", lambda: self.layout, self.server, self.store, Pulse(), self.clock)
        gerrit = ScriptedGerrit(change(connection="gerrit", project="nova"))
        links = Links("https://ci.example.org")
        self.scheduler = Scheduler(lambda: self.layout, {"gerrit": gerrit}, self.store, links, Pulse(), self.clock)

    def at(self, time):
        """Let it be that time (seconds after midnight), and the loops look."""
        self.clock.time = MIDNIGHT + time
        delay_seconds = self.timers.step()
        self.scheduler.step("gerrit")
        return delay_seconds

    def running(self):
        return sorted((one.pipeline, one.change.name) for one in self.store.buildsets.running())

    def end_all(self, result=Result.SUCCESS):
        for one in self.store.buildsets.open_builds():
            self.scheduler.attempt_ended(one, BuildOutcome(result, 1.0, 2.0))


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    desk.at(0)
    yield desk
    desk.store.close()


NIGHTLY_RUNS = [("periodic", "master"), ("periodic", "stable/pike")]


def test_each_branch_with_jobs_runs_when_the_time_comes_and_not_before(desk):
    assert desk.at(3 * HOUR - 1) == pytest.approx(1)
    assert desk.running() == []
    desk.at(3 * HOUR)
    assert desk.running() == NIGHTLY_RUNS
    (build, _) = desk.store.buildsets.open_builds()
    assert (build.job.name, build.precedence) == ("nightly", Precedence.LOW)
    assert desk.store.buildsets.get(build.buildset_id).change == Branch("gerrit", "nova", "master")


def test_a_time_is_one_run_over_restarts_and_however_often_it_is_looked_at(desk):
    desk.at(3 * HOUR)
    first = {one.id for one in desk.store.buildsets.running()}
    for _ in range(3):
        desk.start()
        desk.at(3 * HOUR + 60)
    assert {one.id for one in desk.store.buildsets.running()} == first
    assert desk.server.asked == 1


def test_the_same_time_told_again_falls_on_its_key(desk):
    """As if the mark of how far the timer was told had been lost."""
    desk.at(3 * HOUR)
    desk.end_all()
    (timer,) = [one.timer for one in desk.timers._schedules]
    desk.store.timers.tell_until(timer, MIDNIGHT)
    desk.start()
    desk.at(3 * HOUR + 60)
    assert desk.running() == []
    assert desk.server.asked == 2


def test_a_crash_before_the_events_are_committed_loses_nothing(desk, monkeypatch):
    monkeypatch.setattr(desk.store.timers, "tell_until", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        desk.at(3 * HOUR)
    desk.start()
    assert desk.store.events.pending("gerrit", 1e12) == []
    desk.at(3 * HOUR + 1)
    assert desk.running() == NIGHTLY_RUNS


def test_the_next_night_runs_again(desk):
    desk.at(3 * HOUR)
    desk.end_all()
    desk.at(DAY + 3 * HOUR)
    assert desk.running() == NIGHTLY_RUNS


def test_of_the_times_that_were_missed_the_last_one_is_made_up_for_once(desk):
    desk.at(5 * DAY + 4 * HOUR)
    assert desk.running() == NIGHTLY_RUNS
    desk.end_all()
    desk.at(5 * DAY + 5 * HOUR)
    assert desk.running() == []


def test_what_was_missed_more_than_a_day_ago_is_let_go(tmp_path):
    desk = Desk(tmp_path, "0 3 1 * *")
    desk.at(-3 * DAY)
    desk.at(-2 * DAY + 3 * HOUR + LOOK_BACK_SECONDS + 1)
    assert desk.running() == []
    desk.store.close()


def test_a_timer_that_is_new_has_missed_nothing(tmp_path):
    desk = Desk(tmp_path)
    for _ in range(3):
        desk.at(4 * HOUR)
        desk.start()
    assert desk.running() == []
    desk.at(DAY + 3 * HOUR)
    assert desk.running() == NIGHTLY_RUNS
    desk.store.close()


def test_a_server_that_does_not_answer_is_asked_again_and_the_time_is_not_lost(desk):
    desk.server.failure = Unavailable("no route")
    assert desk.at(3 * HOUR) == pytest.approx(RETRY_SECONDS)
    desk.at(3 * HOUR + RETRY_SECONDS - 1)
    assert desk.server.asked == 1
    desk.server.failure = None
    desk.at(3 * HOUR + RETRY_SECONDS)
    assert desk.running() == NIGHTLY_RUNS


def test_a_branch_that_still_runs_is_not_started_again(desk):
    desk.at(3 * HOUR)
    first = {one.id for one in desk.store.buildsets.running()}
    desk.at(DAY + 3 * HOUR)
    assert {one.id for one in desk.store.buildsets.running()} == first


def test_jitter_lets_branches_start_apart_and_late_by_no_more(tmp_path):
    desk = Desk(tmp_path, "0 3 * * * 0 600")
    desk.at(0)
    desk.at(3 * HOUR)
    assert desk.running() == []
    desk.scheduler.step("gerrit")
    started = {}
    for second in range(0, 601, 5):
        desk.at(3 * HOUR + second)
        for _, name in desk.running():
            started.setdefault(name, second)
    assert len(set(started.values())) == 2
    desk.store.close()


def test_nobody_is_told_of_a_branch(desk):
    desk.at(3 * HOUR)
    desk.end_all(Result.FAILURE)
    assert desk.store.outbox.due("gerrit", 1e12) == ()
    assert [desk.store.buildsets.get(one).result for one in desk.store.views.ended_buildset_ids()] == ["FAILURE"] * 2


def test_a_change_and_a_branch_do_not_get_in_each_others_way(desk):
    desk.at(3 * HOUR)
    about = change(connection="gerrit", project="nova")
    desk.store.events.add([event(EventType.PATCHSET_CREATED, about=about)], 1.0)
    desk.store.events.add([event(EventType.CHANGE_ABANDONED, key="k2", about=about)], 1.0)
    desk.scheduler.step("gerrit")
    assert [one for one in desk.running() if one[0] == "periodic"] == NIGHTLY_RUNS


def test_a_site_without_timers_asks_nobody(tmp_path):
    desk = Desk(tmp_path)
    desk.layout.pipelines.pop("periodic")
    desk.start()
    assert desk.at(0) is None
    assert desk.server.asked == 0
    desk.store.close()


def test_timers_of_one_connection_leave_the_projects_of_others_alone(desk):
    other = Timers("vendor", lambda: desk.layout, desk.server, desk.store, Pulse(), desk.clock)
    desk.clock.time = MIDNIGHT + 3 * HOUR
    assert other.step() is None
    assert desk.server.asked == 0
