"""What each test did over time: taken in once for each build, asked in figures, gone after its days."""

import json
import sqlite3
from datetime import UTC, date, datetime, timedelta

import pytest

from ci.errors import CIError
from ci.model.build import BuildOutcome, FailedTest, Result, ResultCounts
from ci.model.change import Branch
from ci.model.history import Amount, DayResults, RanTest, Verdict
from ci.results.outcome import REPORT_NAME
from ci.results.report import JsonReports
from ci.services.folders import Folders
from ci.services.janitor import DAY_SECONDS, Janitor, Limits
from ci.services.results_intake import BUILDS_AT_ONCE, ResultsIntake
from ci.store import tests as tests_module
from ci.store.store import SqliteStore
from tests.fakes.ports import StillClock
from tests.fakes.records import build, buildset, change, job

NOW = 1_509_700_000.0  # 2017-11-03
DAY = datetime.fromtimestamp(NOW, UTC).date()
ID = "585e934c-448e-43c4-acbf-d06a9b899997"
LIST, SHOW = "tempest.api.Servers.test_list", "tempest.api.Servers.test_show"


class Desk:
    def __init__(self, folder):
        self.folders = Folders(folder)
        self.store = SqliteStore(self.folders.database)
        self.clock = StillClock(NOW)
        self.intake = ResultsIntake(JsonReports(), self.store, self.folders, self.clock, lambda _: None)
        self.serial = 0

    @property
    def history(self):
        return self.store.test_history

    def ended(self, tests=(), *, result=Result.SUCCESS, name="nova-in-tree", about=None, days=0, counts=None):
        """A build that has ended, with a report of (name, ID, status) where there are `tests`."""
        self.serial += 1
        at = NOW - days * DAY_SECONDS
        number = 4000 + self.serial
        one = buildset(
            build(f"{self.serial:02x}".ljust(32, "0"), of=job(name)), buildset_id=f"s{self.serial}",
            about=about or change(number=number),
        )  # fmt: skip
        self.store.buildsets.add(one, None, at)
        current = one.builds[0]
        failed = tuple(FailedTest(test, identity) for test, identity, status in tests if status == "fail")
        if tests and counts is None:
            passed = sum(status == "success" for _, _, status in tests)
            counts = ResultCounts(passed, len(failed), len(tests) - passed - len(failed))
        self.store.buildsets.end_build(
            current, result, BuildOutcome(result, at, at, failed_tests=failed[:50], counts=counts), "", at
        )
        self.store.buildsets.end(one.id, result, "", at)
        folder = self.folders.build_logs(current, one.change, "check")
        folder.mkdir(parents=True)
        rows = [json.dumps({"name": n, "idempotent_id": i, "status": s}) for n, i, s in tests]
        (folder / REPORT_NAME).write_text('{"tests": [\n' + ",\n".join(rows) + "\n]}\n")
        return self.store.buildsets.build(current.id)

    def count(self, table):
        return self.store._database._connection().execute(f"select count(*) from {table}").fetchone()[0]  # noqa: S608


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def test_a_build_is_counted_once_however_often_it_is_looked_at(desk):
    first = desk.ended([(LIST, ID, "success"), (SHOW, "", "fail")])
    last = desk.ended([(LIST, ID, "fail"), (SHOW, "", "skip")])
    for _ in range(3):
        desk.intake.step()
    assert desk.history.last_results(ID) == (
        DayResults(LIST, ID, "nova-in-tree", "master", DAY, 1, 1, 0, last.id[:10]),
    )
    assert desk.history.last_results(SHOW) == (
        DayResults(SHOW, "", "nova-in-tree", "master", DAY, 0, 1, 1, last.id[:10]),
    )
    view = desk.store.views.build(first.id)
    assert desk.store.test_intake.take(view, [RanTest(LIST, ID, Verdict.PASSED)], NOW) is False


def test_a_crash_in_the_middle_counts_nothing_and_the_next_start_counts_all(desk, monkeypatch):
    desk.ended([(LIST, ID, "success")])
    real = desk.store._database.execute

    def crashing(query, **values):
        if query == "add_test_day":
            raise KeyboardInterrupt
        return real(query, **values)

    monkeypatch.setattr(desk.store._database, "execute", crashing)
    with pytest.raises(KeyboardInterrupt):
        desk.intake.step()
    monkeypatch.undo()
    assert (desk.count("test_days"), desk.count("tests")) == (0, 0)
    again = SqliteStore(desk.folders.database)
    ResultsIntake(JsonReports(), again, desk.folders, desk.clock, lambda _: None).step()
    (one,) = again.test_history.last_results(ID)
    assert one.passed == 1
    again.close()


@pytest.mark.parametrize("result", sorted(Result))
def test_only_builds_that_say_something_count(desk, result):
    desk.ended([(LIST, ID, "fail")], result=result)
    desk.intake.step()
    counts = result in {Result.SUCCESS, Result.FAILURE, Result.TIMED_OUT, Result.POST_FAILURE}
    assert len(desk.history.last_results(ID)) == counts
    assert desk.store.test_intake.untaken(9) == ()


def test_a_build_whose_report_is_gone_is_done_with(desk):
    one = desk.ended([(LIST, ID, "fail")])
    (desk.folders.build_logs(one, desk.store.buildsets.get(one.buildset_id).change, "check") / REPORT_NAME).unlink()
    desk.intake.step()
    assert desk.store.test_intake.untaken(9) == ()
    assert desk.count("test_days") == 0


def test_a_build_that_nobody_foresaw_holds_up_no_other(desk):
    bad, _ = desk.ended([(LIST, ID, "success")]), desk.ended([(SHOW, "", "success")])

    class Reader:
        def read(self, folder):
            if folder.name == bad.id[:10]:
                raise CIError("the disk")
            return JsonReports().read(folder)

    intake = ResultsIntake(Reader(), desk.store, desk.folders, desk.clock, lambda _: None)
    with pytest.raises(CIError):
        intake.step()
    assert [one.test for one in desk.history.last_results(SHOW)] == [SHOW]
    assert [view.build.id for view in desk.store.test_intake.untaken(9)] == [bad.id]


def test_more_builds_than_are_taken_at_once_are_taken_soon(desk):
    for _ in range(BUILDS_AT_ONCE + 1):
        desk.ended([(LIST, ID, "success")])
    assert desk.intake.step() is not None
    assert desk.intake.step() is None
    assert desk.history.last_results(ID)[0].passed == BUILDS_AT_ONCE + 1


def test_days_branches_and_jobs_are_apart_and_the_newest_comes_first(desk):
    desk.ended([(LIST, ID, "success")], days=2)
    desk.ended([(LIST, ID, "fail")], days=1, about=change(number=1, branch="stable/pike"))
    desk.ended([(LIST, ID, "success")], days=1, name="nova-out-of-tree")
    desk.ended([(LIST, ID, "success")], about=Branch("gerrit", "openstack/nova", "master"))
    desk.intake.step()
    found = desk.history.last_results(LIST)
    assert [(one.day, one.job, one.branch) for one in found] == [
        (DAY, "nova-in-tree", "master"),
        (DAY - timedelta(1), "nova-in-tree", "stable/pike"),
        (DAY - timedelta(1), "nova-out-of-tree", "master"),
        (DAY - timedelta(2), "nova-in-tree", "master"),
    ]
    assert desk.history.last_results(LIST, limit=1) == found[:1]
    assert desk.history.last_results("nowhere.to.be.found") == desk.history.last_results("") == ()


def test_an_id_that_several_tests_have_tells_of_all_of_them(desk):
    desk.ended([(LIST, ID, "success"), (SHOW, ID, "fail")])
    desk.intake.step()
    assert [(one.test, one.failed) for one in desk.history.last_results(ID)] == [(LIST, 0), (SHOW, 1)]
    assert [one.test for one in desk.history.last_results(SHOW)] == [SHOW]


def test_sums_of_ids_in_jobs_since_a_day(desk):
    for days, status in ((9, "fail"), (2, "success"), (1, "success"), (0, "skip")):
        desk.ended([(LIST, ID, status)], name="skipped-ones", days=days)
    last = desk.ended([(LIST, ID, "success"), (SHOW, "", "fail")], name="other")
    desk.intake.step()
    (one,) = desk.history.sums({ID, ""}, {"skipped-ones"}, DAY - timedelta(5))
    assert (one.passed, one.failed, one.skipped, one.last_day) == (2, 0, 1, DAY)
    other, _ = desk.history.sums({ID}, {"skipped-ones", "other"}, DAY - timedelta(5))
    assert (other.job, other.passed, other.last_build) == ("other", 1, last.id[:10])


def test_a_test_that_fails_on_many_changes_and_passes_on_others(desk):
    for number in range(1, 6):
        status = "fail" if number <= 3 else "success"
        desk.ended([(LIST, ID, status), (SHOW, "", "success")], about=change(number=number),
                   result=Result.FAILURE if number <= 3 else Result.SUCCESS)  # fmt: skip
    desk.ended([(LIST, ID, "fail")], about=change(number=3, patchset=3), result=Result.FAILURE)
    desk.ended([(LIST, ID, "fail")], about=Branch("gerrit", "openstack/nova", "master"), result=Result.FAILURE)
    desk.ended([(LIST, ID, "fail")], about=change(number=77), name="other", result=Result.FAILURE)
    desk.ended([(LIST, ID, "fail")], about=change(number=78), days=40, result=Result.FAILURE)
    desk.intake.step()
    since = DAY - timedelta(30)
    (one,) = desk.history.failing_on_changes("nova-in-tree", since, 3)
    assert (one.test, one.idempotent_id, one.failed_changes, one.changes) == (LIST, ID, 3, 5)
    assert (one.passed, one.failed, one.last_day) == (2, 5, DAY)
    assert one.failure_rate == pytest.approx(5 / 7)
    assert len(one.builds) == 3
    assert desk.history.failing_on_changes("nova-in-tree", since, 4) == ()
    assert desk.history.tested("nova-in-tree", since) == Amount(builds=7, changes=5)


def test_a_test_that_never_passes_is_broken_and_does_not_fail_at_random(desk):
    for number in range(1, 5):
        desk.ended([(LIST, ID, "fail"), (SHOW, "", "success")], about=change(number=number), result=Result.FAILURE)
    desk.intake.step()
    assert desk.history.failing_on_changes("nova-in-tree", DAY, 3) == ()


def test_a_patch_that_breaks_more_tests_than_are_listed_is_no_evidence(desk):
    for number in range(1, 5):
        broken = [(f"t{n}", "", "fail") for n in range(60 if number < 3 else 2)]
        desk.ended([*broken, (LIST, ID, "success")], about=change(number=number), result=Result.FAILURE)
    desk.ended([(f"t{n}", "", "success") for n in range(60)], about=change(number=9))
    desk.intake.step()
    assert desk.history.failing_on_changes("nova-in-tree", DAY, 3) == ()
    assert [one.test for one in desk.history.failing_on_changes("nova-in-tree", DAY, 2)] == ["t0", "t1"]


def test_made_up_names_do_not_fill_the_database(desk, monkeypatch):
    monkeypatch.setattr(tests_module, "MOST_TESTS", 3)
    desk.ended([(LIST, ID, "success"), (SHOW, "", "success")])
    desk.ended([(LIST, ID, "success"), ("made.up", "", "success"), ("made.up.too", "", "success")])
    desk.intake.step()
    desk.intake.step()
    assert desk.count("tests") == 2
    assert desk.history.last_results(ID)[0].passed == 2


class Remains:
    def in_use(self, folder):
        return False

    def sweep(self):
        return 0


def test_figures_go_after_the_days_of_history_and_names_with_the_last_of_them(desk):
    desk.ended([(LIST, ID, "success"), (SHOW, "", "success")], days=366, name="gone")
    desk.ended([(LIST, ID, "success")], days=364)
    desk.intake.step()
    janitor = Janitor(
        Limits(log_days=30, history_days=365), desk.store, desk.store.views, desk.folders, Remains(), desk.clock,
        lambda: 0.0, lambda _: None,
    )  # fmt: skip
    janitor.step()
    assert [one.job for one in desk.history.last_results(ID)] == ["nova-in-tree"]
    assert desk.history.last_results(SHOW) == ()
    assert (desk.count("tests"), desk.count("test_series"), desk.count("test_days")) == (1, 1, 1)


def test_the_janitor_removes_little_at_a_time(desk):
    for day in range(4):
        desk.ended([(LIST, ID, "success")], days=370 + day)
    desk.intake.step()
    assert [desk.store.retention.forget_test_days(date(2017, 1, 1), 3) for _ in range(3)] == [3, 1, 0]
    assert desk.store.retention.forget_tests(0, 1) == 1
    assert desk.store.retention.forget_tests(1, 1) is None


def test_builds_of_before_the_update_are_taken_in_where_their_logs_are_there(tmp_path):
    from tests.integration.test_migrations import FIRST  # noqa: PLC0415

    connection = sqlite3.connect(tmp_path / "ci.db")
    connection.executescript(FIRST.read_text())
    connection.close()
    store = SqliteStore(tmp_path / "ci.db")
    found = {view.build.id: view.build for view in store.test_intake.untaken(100)}
    assert found
    assert all(one.counts and one.result in {"SUCCESS", "FAILURE"} for one in found.values())
    store.close()
