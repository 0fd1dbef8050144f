"""The janitor removes what is old, little by little, and nothing that somebody needs."""

import errno
import json
import os
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from ci.errors import CIError
from ci.model.build import SPEC_FILE, BuildOutcome, BuildState, ProcessIdentity, Result
from ci.model.hold import Autohold
from ci.model.job import NodeRequest
from ci.model.site import SiteState
from ci.model.vote import Review
from ci.services import janitor as janitor_module
from ci.services.folders import Folders
from ci.services.janitor import DAY_SECONDS, EVERY_SECONDS, SITE_FOLDER_SECONDS, Janitor, Limits
from ci.services.trash import Trash
from ci.store.store import SqliteStore
from tests.fakes.ports import StillClock
from tests.fakes.records import build, buildset, change, event, job, node

NOW = 1_500_000_000.0


class Remains:
    def __init__(self):
        self.alive = set()
        self.swept = 0

    def in_use(self, folder):
        return folder in self.alive

    def sweep(self):
        self.swept += 1
        return 0


class Desk:
    def __init__(self, folder, limits):
        self.folders = Folders(folder)
        self.store = SqliteStore(self.folders.database)
        self.clock = StillClock(NOW)
        self.remains = Remains()
        self.seconds = 0.0
        self.janitor = Janitor(
            limits,
            self.store,
            self.store.views,
            self.folders,
            self.remains,
            self.clock,
            lambda: self.seconds,
            lambda _: None,
        )
        self.serial = 0

    def ended(self, days, *, attempts=1, result=Result.SUCCESS, reviewed="sent"):
        """A buildset of one build that ended some days ago, with logs, a work folder, tasks and a review."""
        self.serial += 1
        at, change_number = NOW - days * DAY_SECONDS, 4710 + self.serial
        self.store.events.add([event(key=f"e{self.serial}", about=change(number=change_number))], at)
        (found,) = [
            pair for pair in self.store.events.pending("gerrit", at) if pair[1].natural_key == f"e{self.serial}"
        ]
        self.store.events.end(found[0], "started")
        one = buildset(
            build(f"{self.serial:x}".ljust(32, "0")), buildset_id=f"s{self.serial}", about=change(number=change_number)
        )
        self.store.buildsets.add(one, found[0], at)
        current = self.run(one.builds[0], at)
        for _ in range(attempts - 1):
            self.store.buildsets.retry(current, "unreachable", at)
            current = self.run(current, at)
        self.store.buildsets.add_task_events(current, ['{"task":"a"}', '{"task":"b"}'])
        self.store.buildsets.end_build(current, result, BuildOutcome(result, at, at), "", at)
        self.store.buildsets.end(one.id, result, "", at)
        self.review(one, at, reviewed)
        return self.build(current)

    def run(self, one, at):
        number = int(self.build(one).attempt)
        self.store.buildsets.lease(self.build(one), [(NodeRequest("n", "powervm"), node())], at)
        self.store.buildsets.run(self.build(one), ProcessIdentity(1, 1), at)
        now = replace(self.build(one), attempt=number)
        for folder in (self.logs(now), self.folders.build(now)):
            folder.mkdir(parents=True)
            (folder / "file").write_text("x")
        return self.build(one)

    def review(self, one, at, state):
        about = one.change
        self.store.outbox.add(
            one.id, "result", Review("gerrit", about.project, about.number, about.patchset, "m", "k", {}), at
        )
        due = next(due for due in self.store.outbox.due("gerrit", at) if due.buildset_id == one.id)
        if state == "sent":
            self.store.outbox.claim(due, at)
            self.store.outbox.sent(due, "", at)

    def logs(self, one):
        return self.folders.build_logs(one, self.store.buildsets.get(one.buildset_id).change, "check")

    def build(self, one):
        return self.store.buildsets.build(one.id)

    def count(self, table):
        return self.store._database._connection().execute(f"select count(*) from {table}").fetchone()[0]  # noqa: S608


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path, Limits(log_days=30, history_days=365))
    yield desk
    desk.store.close()


def test_logs_go_after_their_days_and_the_build_says_so(desk):
    old, young = desk.ended(31), desk.ended(29)
    desk.janitor.step()
    assert not desk.logs(old).exists()
    assert (desk.logs(young) / "file").exists()
    assert desk.build(old).logs_removed_at == NOW
    assert desk.build(young).logs_removed_at is None
    assert desk.store.views.task_events(old) == ()
    assert len(desk.store.views.task_events(young)) == 2


def test_the_logs_of_all_attempts_go(desk):
    old = desk.ended(31, attempts=3)
    desk.janitor.step()
    assert old.attempt == 3
    assert not any(desk.logs(replace(old, attempt=number)).exists() for number in (1, 2, 3))


@pytest.mark.parametrize(("number", "goes_on"), [(errno.EBUSY, True), (errno.ENOSPC, False)])
def test_logs_that_cannot_be_removed_hold_up_no_others_but_for_want_of_room(desk, monkeypatch, number, goes_on):
    stubborn, old = desk.ended(40), desk.ended(31)
    remove = Trash.throw_away

    def throw_away(trash, parts):
        if stubborn.id[:10] in parts:
            raise OSError(number, os.strerror(number))
        return remove(trash, parts)

    monkeypatch.setattr(Trash, "throw_away", throw_away)
    if goes_on:
        desk.janitor.step()
    else:
        with pytest.raises(CIError, match="No space left"):
            desk.janitor.step()
    assert desk.logs(stubborn).exists()
    assert desk.logs(old).exists() != goes_on
    assert (desk.build(stubborn).logs_removed_at is not None) == goes_on


def test_a_crash_between_the_folder_and_its_mark_is_made_good(desk, monkeypatch):
    old = desk.ended(31)
    with monkeypatch.context() as patch:
        patch.setattr(type(desk.store.retention), "logs_are_removed", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            desk.janitor.step()
    assert desk.build(old).logs_removed_at is None
    desk.clock.time += 1
    desk.janitor.step()
    assert desk.build(old).logs_removed_at == NOW + 1
    assert not desk.logs(old).exists()


def test_a_buildset_goes_with_all_of_its_own_after_the_days_of_history(desk):
    desk.ended(366)
    young = desk.ended(300)
    desk.janitor.step()
    assert [desk.count(table) for table in ("buildsets", "builds", "events", "reviews")] == [1, 1, 1, 1]
    assert desk.build(young)
    assert {step.noun for step in desk.store.views.steps(young.id)} == {"build"}
    left = desk.store._database._connection().execute("select distinct noun_id from transitions order by noun_id")
    assert {row[0] for row in left} == {young.id, young.buildset_id, "2"}


def test_the_stories_of_machines_and_of_holds_go_after_the_days_of_history(desk, monkeypatch):
    monkeypatch.setattr(janitor_module, "STEPS_AT_ONCE", 2)
    for days in (400, 390, 380, 366, 364):
        at = NOW - days * DAY_SECONDS
        desk.store.nodes.drain("static/a", f"{days}", at)
        desk.store.holds.request(Autohold("gerrit", "nova", "job", f"{days}"), at)
    desk.janitor.step()
    left = desk.store._database._connection().execute("select noun, reason from transitions order by noun")
    assert [tuple(row) for row in left] == [("autohold", "364"), ("node", "364")]


def test_a_buildset_whose_review_waits_stays(desk):
    desk.ended(500, reviewed="pending")
    desk.janitor.step()
    assert desk.count("buildsets") == 1


def test_nought_keeps_for_ever(tmp_path):
    desk = Desk(tmp_path, Limits(log_days=0, history_days=0))
    old = desk.ended(4000)
    desk.store.nodes.drain("static/a", "new disk", 1.0)
    desk.janitor.step()
    assert desk.store.views.steps("static/a")
    assert desk.logs(old).exists()
    assert desk.build(old)
    desk.store.close()


def test_history_is_never_shorter_than_logs(tmp_path):
    desk = Desk(tmp_path, Limits(log_days=30, history_days=1))
    young = desk.ended(20)
    desk.janitor.step()
    assert desk.build(young)
    assert desk.logs(young).exists()
    desk.store.close()


def test_events_that_started_nothing_go_before_those_that_did(desk, monkeypatch):
    monkeypatch.setattr(janitor_module, "EVENTS_AT_ONCE", 2)
    desk.ended(100)
    for number, (days, is_done) in enumerate([(100, True), (90, False), (80, True), (40, True), (20, True), (1, True)]):
        at = NOW - days * DAY_SECONDS
        desk.store.events.add([event(key=f"k{number}")], at)
        if is_done:
            (last,) = [n for n, one in desk.store.events.pending("gerrit", at, 1000) if one.natural_key == f"k{number}"]
            desk.store.events.end(last, "nothing to do")
    desk.janitor.step()
    rows = desk.store._database._connection().execute("select natural_key from events order by id")
    assert [row[0] for row in rows] == ["e1", "k1", "k4", "k5"]


def test_the_folder_of_a_build_goes_an_hour_after_its_end(desk):
    old, young = desk.ended(0.1), desk.ended(0.01)
    desk.janitor.step()
    assert not desk.folders.build(old).exists()
    assert desk.folders.build(young).exists()


@pytest.mark.parametrize("state", [BuildState.WAITING, BuildState.STARTING, BuildState.RUNNING])
def test_the_folder_of_an_open_build_stays_however_old(desk, state):
    one = buildset(build("f" * 32), buildset_id="open")
    desk.store.buildsets.add(one, None, NOW - 100 * DAY_SECONDS)
    if state is not BuildState.WAITING:
        desk.store.buildsets.lease(one.builds[0], [(NodeRequest("n", "powervm"), node())], NOW - 99 * DAY_SECONDS)
    if state is BuildState.RUNNING:
        desk.store.buildsets.run(desk.build(one.builds[0]), ProcessIdentity(1, 1), NOW - 99 * DAY_SECONDS)
    desk.folders.build(one.builds[0]).mkdir(parents=True)
    desk.clock.time = NOW + 1e9
    desk.janitor.step()
    assert desk.folders.build(one.builds[0]).exists()


def test_the_folder_of_a_process_that_is_alive_stays(desk):
    old = desk.ended(1)
    desk.remains.alive = {desk.folders.build(old)}
    desk.janitor.step()
    assert desk.folders.build(old).exists()


def test_the_folder_of_a_build_whose_nodes_are_held_stays_until_they_are_free(desk):
    held = build("e" * 32, of=job())
    one = buildset(held, buildset_id="held")
    desk.store.buildsets.add(one, None, NOW - 2 * DAY_SECONDS)
    running = desk.run(one.builds[0], NOW - 2 * DAY_SECONDS)
    hold = desk.store.holds.keep(running, NOW - DAY_SECONDS)
    desk.store.buildsets.end_build(running, Result.FAILURE, None, "", NOW - DAY_SECONDS)
    desk.janitor.step()
    assert desk.folders.build(running).exists()
    desk.store.holds.release(hold, NOW)
    desk.store.holds.free(next(h for h in desk.store.holds.ending(NOW) if h.id == hold.id), "", NOW)
    desk.clock.time += EVERY_SECONDS
    desk.janitor.step()
    assert not desk.folders.build(running).exists()


def test_folders_that_nobody_knows_go_by_the_time_of_their_last_change(desk):
    work = desk.folders.builds / ("9" * 32) / "1"
    log = desk.folders.logs / "11" / "4711" / "1" / "run" / "job" / "9999999999"
    for folder in (work, log):
        folder.mkdir(parents=True)
        os.utime(folder, (0, 0))  # what a hostile node can set is not looked at
    now = log.stat().st_ctime
    for days, there in ((0, (True, True)), (2, (False, True)), (31, (False, False))):
        desk.clock.time = now + days * DAY_SECONDS
        desk.janitor.step()
        assert (work.exists(), log.exists()) == there, days


def test_links_in_the_folder_of_builds_and_logs_are_not_followed(desk, tmp_path):
    precious = tmp_path / "precious"
    (precious / "4711" / "1" / "run" / "job" / "old").mkdir(parents=True)
    desk.folders.builds.mkdir()
    desk.folders.logs.mkdir()
    (desk.folders.builds / "link").symlink_to(precious)
    (desk.folders.logs / "11").symlink_to(precious)
    desk.clock.time = precious.stat().st_ctime + 1000 * DAY_SECONDS
    desk.janitor.step()
    assert (precious / "4711" / "1" / "run" / "job" / "old").is_dir()


def test_a_slice_ends_in_time_and_the_next_one_comes_soon(desk, monkeypatch):
    monkeypatch.setattr(janitor_module, "BUILDS_AT_ONCE", 2)
    for _ in range(5):
        desk.ended(31)

    def tick():
        desk.seconds += janitor_module.SLICE_SECONDS / 8
        return desk.seconds

    desk.janitor._monotonic = tick
    rounds = 0
    while desk.janitor.step() < EVERY_SECONDS:
        rounds += 1
        assert rounds < 50
        desk.clock.time += 1
    assert rounds >= 3
    assert desk.count("builds where logs_removed_at is null") == 0


def test_one_chore_that_fails_holds_up_none_of_the_others(desk, monkeypatch):
    def fail(*_):
        raise RuntimeError("git")

    monkeypatch.setattr(desk.store.retention, "forget_stories", fail)
    old = desk.ended(31)
    with pytest.raises(RuntimeError, match="git"):
        desk.janitor.step()
    assert desk.build(old).logs_removed_at
    assert desk.remains.swept == 1


def test_nothing_is_done_before_it_is_time(desk):
    assert desk.janitor.step() == EVERY_SECONDS
    desk.clock.time += EVERY_SECONDS / 2
    with capture_logs() as lines:
        assert desk.janitor.step() == EVERY_SECONDS / 2
    assert desk.remains.swept == 1
    assert lines == []


def test_a_state_of_the_site_goes_when_nothing_runs_with_it_any_more(desk):
    in_force, waits, ran, old = commits = [letter * 40 for letter in "abcd"]
    for commit in commits:
        desk.folders.site(commit).mkdir(parents=True)
    desk.store.site.put(SiteState(in_force, 1.0))
    desk.store.events.add([event()], NOW)
    desk.store.buildsets.add(buildset(build(site=waits)), 1, NOW)
    for attempt, text in (("1", json.dumps({"site": str(desk.folders.site(ran))})), ("2", "rubbish")):
        spec = desk.folders.builds / ("0" * 32) / attempt / SPEC_FILE
        spec.parent.mkdir(parents=True)
        spec.write_text(text)
    laid_out = desk.folders.site(old).lstat().st_ctime
    desk.clock.time = laid_out + SITE_FOLDER_SECONDS - EVERY_SECONDS / 2
    desk.janitor.step()
    assert sites(desk) == commits
    desk.clock.time += EVERY_SECONDS
    desk.janitor.step()
    assert sites(desk) == [in_force, waits, ran]


def sites(desk):
    return sorted(path.name for path in desk.folders.sites.iterdir() if not path.name.startswith("."))
