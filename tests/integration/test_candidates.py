"""`skip-list candidates`: what could leave a skip list, what could come on one, clear words where nothing is known."""

import json
import time

import pytest

from ci.cli import root
from ci.model.build import CONCLUSIVE_RESULTS, BuildOutcome, FailedTest, Result, ResultCounts
from ci.model.change import Branch
from ci.model.history import RanTest, Verdict
from ci.model.views import BuildView
from ci.skip_lists.parse import parse_skip_list
from ci.store.store import SqliteStore
from tests.fakes.records import build, buildset, change, job
from tests.unit.cli.odd_files import large
from tests.unit.config.conftest import SiteFolder

DAY = 86_400.0
GOOD, BAD, RARE, SHARED = (f"585e934c-448e-43c4-acbf-d06a9b89999{n}" for n in range(4))
FLAKY = "c3d4e5f6-a7b8-9012-cdef-123456789012"
LIST = f"""\
# reason: no live migration
{GOOD}  # tempest.A.test_good
{BAD}  # tempest.A.test_bad

# reason: no volumes
{RARE}  # tempest.B.test_rare
{SHARED}  # tempest.B.test_one, tempest.B.test_two
"""
NAMES = {GOOD: ["tempest.A.test_good"], BAD: ["tempest.A.test_bad"], RARE: ["tempest.B.test_rare"],
         SHARED: ["tempest.B.test_one", "tempest.B.test_two"]}  # fmt: skip
JOBS = """\
- job: {name: run, run: playbooks/run.yaml, vars: {tempest_exclude_lists: [skip_lists/list.txt]}}
- job: {name: skipped, run: playbooks/run.yaml, vars: {tempest_include_list: skip_lists/list.txt}}
- pipeline: {name: periodic, manager: independent, trigger: {timer: [{time: 0 4 * * *}]}}
- project: {name: nova, check: {jobs: [run]}, periodic: {jobs: [skipped]}}
"""


class Desk:
    def __init__(self, folder, capsys):
        self.site = SiteFolder(folder / "site")
        self.site.write("skip_lists/list.txt", LIST)
        self.site.write("jobs/zuul.d/more.yaml", JOBS)
        self.state, self.capsys, self.serial = folder / "state", capsys, 0
        self.state.mkdir()
        self.store = SqliteStore(self.state / "ci.db")

    def ended(self, name, *tests, about=None, days=1, result=Result.SUCCESS):
        """A build of a job that has ended, and whose (name, ID, verdict) are taken in."""
        self.serial += 1
        at = time.time() - days * DAY
        about = about or Branch("gerrit", "nova", "master")
        one = buildset(build(f"{self.serial:032x}", of=job(name)), buildset_id=f"s{self.serial}", about=about)
        self.store.buildsets.add(one, None, at)
        failed = tuple(FailedTest(test, identity) for test, identity, verdict in tests if verdict is Verdict.FAILED)
        outcome = BuildOutcome(result, at, at, failed_tests=failed, counts=ResultCounts(1, len(failed), 0))
        self.store.buildsets.end_build(one.builds[0], result, outcome, "", at)
        self.store.buildsets.end(one.id, result, "", at)
        view = BuildView(self.store.buildsets.build(one.builds[0].id), about, "check")
        taken = self.store.test_intake.take(view, [RanTest(*test) for test in tests], at)
        assert taken is (result in CONCLUSIVE_RESULTS)

    def nightly(self, runs, **verdicts):
        """So many runs of the skipped tests, all with these verdicts."""
        tests = [(name, identity, verdicts[key]) for key, identity in IDS.items() if key in verdicts
                 for name in NAMES[identity]]  # fmt: skip
        for night in range(runs):
            self.ended("skipped", *tests, days=1 + night)

    def ask(self, *arguments, status=0):
        command = ["skip-list", "candidates", "--site", str(self.site.folder), "--state-dir", str(self.state)]
        assert root.run([*command, *arguments]) == status
        told = self.capsys.readouterr()
        return told.out or told.err

    def record(self, *arguments):
        (one,) = json.loads(self.ask("--json", *arguments))["jobs"]
        return one


IDS = {"good": GOOD, "bad": BAD, "rare": RARE, "shared": SHARED}
PASSED, FAILED, SKIPPED = Verdict.PASSED, Verdict.FAILED, Verdict.SKIPPED


@pytest.fixture
def desk(tmp_path, capsys):
    desk = Desk(tmp_path, capsys)
    yield desk
    desk.store.close()


def would_pass(record):
    return [(one["line"], one["id"], one["passed"]) for one in record["would_pass"]]


def test_a_skipped_test_that_always_passes_is_told_with_its_place_and_reason(desk):
    desk.nightly(4, good=PASSED, bad=FAILED, rare=SKIPPED)
    (one,) = desk.record()["would_pass"]
    assert (one["path"], one["line"], one["block"]) == ("skip_lists/list.txt", 2, 1)
    assert (one["reason"], one["passed"], one["tests"]) == ("no live migration", 4, ["tempest.A.test_good"])
    told = desk.ask()
    assert f"skip_lists/list.txt:2: {GOOD}  # tempest.A.test_good" in told
    assert "passed in 4 builds" in told
    assert "skipped because: no live migration" in told
    assert BAD not in told
    assert RARE not in told


def test_one_failure_or_too_few_passes_make_no_candidate(desk):
    desk.nightly(2, good=PASSED)
    assert would_pass(desk.record()) == []
    assert would_pass(desk.record("--min-passes", "2")) == [(2, GOOD, 2)]
    desk.nightly(1, good=FAILED)
    assert would_pass(desk.record("--min-passes", "2")) == []


def test_an_id_that_two_tests_share_needs_both_to_pass(desk):
    desk.nightly(3, shared=PASSED)
    assert would_pass(desk.record()) == [(7, SHARED, 3)]
    desk.ended("skipped", ("tempest.B.test_two", SHARED, FAILED))
    assert would_pass(desk.record()) == []


def test_old_results_do_not_count(desk):
    desk.nightly(3, good=PASSED)
    desk.ended("skipped", ("tempest.A.test_good", GOOD, FAILED), days=60)
    assert would_pass(desk.record()) == [(2, GOOD, 3)]
    assert would_pass(desk.record("--days", "90")) == []


def test_what_a_job_itself_ran_says_nothing_of_what_it_skips(desk):
    for _ in range(3):
        desk.ended("run", ("tempest.A.test_good", GOOD, PASSED))
    assert would_pass(desk.record()) == []


def flaky(desk, failing, passing, result=Result.FAILURE):
    for number in range(1, failing + passing + 1):
        bad = number <= failing
        tests = [("tempest.C.test_flaky", FLAKY, FAILED if bad else PASSED),
                 ("setUpClass (tempest.D)", "", FAILED if bad else PASSED)]  # fmt: skip
        about = change(connection="gerrit", project="nova", number=number)
        desk.ended("run", *tests, about=about, result=result if bad else Result.SUCCESS)


def test_a_flaky_test_comes_as_a_block_that_a_skip_list_can_take(desk):
    flaky(desk, 3, 9)
    told = desk.ask()
    assert "# reason: fails at random: on 3 of 12 changes, in 3 of 12 builds (25.0%)" in told
    read = parse_skip_list("x", told.encode())
    assert read.findings == ()
    assert read.ids == (FLAKY,)
    assert "# without an ID, so no list can skip it: setUpClass (tempest.D): fails at random: on 3 of 12" in told


def test_the_figures_for_programs(desk):
    flaky(desk, 4, 6)
    flaky_one, _ = sorted(desk.record()["failing"], key=lambda one: one["test"], reverse=True)
    assert flaky_one["idempotent_id"] == FLAKY
    assert (flaky_one["failed_changes"], flaky_one["changes"], flaky_one["failure_rate"]) == (4, 10, 0.4)
    assert len(flaky_one["builds"]) == 3
    assert desk.record("--min-changes", "5")["failing"] == []


@pytest.mark.parametrize(("result", "count"), [("FAILURE", 2), ("TIMED_OUT", 2), ("ERROR", 0), ("CANCELED", 0)])
def test_what_failed_where_the_ci_itself_failed_is_no_candidate(desk, result, count):
    flaky(desk, 3, 9, Result(result))
    assert len(desk.record()["failing"]) == count


def test_a_list_that_is_larger_than_any_is_told_in_one_line(desk):
    desk.nightly(3, good=PASSED)
    large(desk.site.folder / "skip_lists/list.txt")
    assert desk.ask(status=1).startswith("skip_lists/list.txt: is larger than")


def test_nothing_has_run_yet(desk):
    told = desk.ask()
    assert "skipped has run no tests since" in told
    assert "it runs in periodic" in told
    assert "run has tested no change since" in told
    assert desk.record()["notes"] == [line.removeprefix("# note: ") for line in told.splitlines() if "note" in line]


def test_no_job_runs_what_is_skipped(desk):
    desk.site.write("jobs/zuul.d/more.yaml", JOBS.replace("tempest_include_list", "other"))
    assert "no job runs what run skips: make one with tempest_include_list: skip_lists/list.txt" in desk.ask()


def test_a_job_without_a_skip_list_is_wrong_usage(desk):
    assert "no job base with a skip list: there is run" in desk.ask("--job", "base", status=2)
    assert desk.record("--job", "run")["job"] == "run"


def test_no_ci_has_run_at_all(desk):
    desk.store.close()
    for file in desk.state.iterdir():
        file.unlink()
    assert "no CI has run in" in desk.ask(status=1)
