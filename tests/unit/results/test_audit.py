"""What a build's results say, held against the lists of what was to run."""

from __future__ import annotations

import io
import json
import os

import pytest
import subunit
from hypothesis import given
from hypothesis import strategies as st

from ci.model.build import ResultCounts
from ci.results.audit import Code, Lists, Plan, compare
from ci.results.outcome import read_tests
from ci.results.subunit import read_stream
from tests.unit.results.test_subunit import START, stream

PAUSE, BOOT, OTHER = (f"{digit * 8}-1a2b-4c3d-8e4f-5a6b7c8d9e0f" for digit in "abc")
CLASS = "tempest.api.compute.test_servers.ServersTest"
ONE, TWO = f"{CLASS}.test_boot[compute,id-{BOOT},smoke]", f"{CLASS}.test_stop[id-{OTHER}]"
SKIPPED = f"{CLASS}.test_pause[id-{PAUSE},smoke]"
SET_UP, TEAR_DOWN = f"setUpClass ({CLASS})", f"tearDownClass ({CLASS})"
PASSED = [(ONE, "success", {}), (TWO, "success", {})]


def publish(folder, content, *, chosen=(ONE, TWO), skipped=(SKIPPED,), excluded=(PAUSE,), included=None, problem=""):
    """Write what the executor and the node of a build leave in its log folder; `content` None for no stream."""
    plan = {"excluded": excluded, "included": included}
    (folder / "skip-list.json").write_text(json.dumps(plan))
    (folder / "tests-run.txt").write_text("".join(f"{test}\n" for test in chosen))
    (folder / "tests-skipped.txt").write_text("".join(f"{test}  # no pause (a.txt:2)\n" for test in skipped))
    (folder / "tempest-run.json").write_text(json.dumps({"problem": problem, "stale": ["a.txt:9: gone"]}))
    if content is not None:
        (folder / "testrepository.subunit").write_bytes(content)
    return folder


def audited(folder):
    return json.loads((folder / "tests.json").read_text())["audit"]


def codes(folder):
    return [error["code"] for error in audited(folder)["errors"]]


def of_scenario(name):
    return f"{CLASS}.test_boot({name})[id-{BOOT}]"


# What ran, and the line that it is worth; chosen were ONE and TWO.
STREAMS = {
    "all passed": (PASSED, ""),
    "one failed": ([(ONE, "fail", {"traceback": "no"}), PASSED[1]], ""),
    "one skipped itself": ([(ONE, "skip", {"reason": "no volumes"}), PASSED[1]], ""),
    "one was expected to fail": ([(ONE, "xfail", {}), PASSED[1]], ""),
    "the set-up of the class failed": ([(SET_UP, "fail", {"traceback": "no"})], ""),
    "the set-up of the class failed after a test": ([PASSED[0], (SET_UP, "fail", {"traceback": "no"})], ""),
    "the set-up of the module failed": ([("setUpModule (tempest.api.compute.test_servers)", "fail", {})], ""),
    "the tear-down of the class failed": ([*PASSED, (TEAR_DOWN, "fail", {"traceback": "no"})], ""),
    "a skipped test ran": ([*PASSED, (SKIPPED, "success", {})],
                           f"test {CLASS}.test_pause is on the skip list and ran"),
    "a skipped test was skipped by itself, so it was started": (
        [*PASSED, (SKIPPED, "skip", {})], f"test {CLASS}.test_pause is on the skip list and ran"),
    "a skipped test ran under another name": (
        [*PASSED, (f"x.Y.test[id-{PAUSE}]", "success", {})], "test x.Y.test is on the skip list and ran"),
    "nobody chose it": ([*PASSED, ("x.Y.test", "success", {})], "test x.Y.test ran and was not to run"),
    "nobody chose its class": (
        [*PASSED, ("setUpClass (x.Y)", "skip", {})], "test setUpClass (x.Y) ran and was not to run"),
    "one left no result": (PASSED[:1], f"test {CLASS}.test_stop was to run and left no result"),
    "a set-up that went well explains nothing": (
        [PASSED[0], (SET_UP, "success", {})], f"test {CLASS}.test_stop was to run and left no result"),
    "a tear-down explains nothing": (
        [PASSED[0], (TEAR_DOWN, "fail", {})], f"test {CLASS}.test_stop was to run and left no result"),
    "the set-up of another class explains nothing": (
        [PASSED[0], ("setUpClass (tempest.api.compute.test_servers.Servers)", "fail", {})],
        f"test {CLASS}.test_stop was to run and left no result (and 1 more)"),
    "one ran twice": ([*PASSED, PASSED[0]], f"test {CLASS}.test_boot ran 2 times"),
    "the node died in a test": (
        [PASSED[0], (TWO, None, {})],
        f"the test results are cut short: 1 tests did not finish, the first is {CLASS}.test_stop (and 1 more)"),
    "the node died in a test, after a failure": (
        [(ONE, "fail", {"traceback": "no"}), (TWO, None, {})],
        f"the test results are cut short: 1 tests did not finish, the first is {CLASS}.test_stop (and 1 more)"),
    "it never began": ([], "the test results are empty (and 2 more)"),
    "every test skipped itself": ([(ONE, "skip", {}), (TWO, "skip", {})], "not one test passed: all were skipped"),
    "an import failed": (
        [*PASSED, ("unittest.loader._FailedTest.tempest.api", "fail", {"traceback": "ImportError"})],
        "test unittest.loader._FailedTest.tempest.api ran and was not to run"),
}  # fmt: skip


@pytest.mark.parametrize(("tests", "expected"), STREAMS.values(), ids=STREAMS)
def test_what_a_stream_is_worth(tmp_path, tests, expected):
    assert read_tests(publish(tmp_path, stream(*tests))).problem == expected


def test_a_set_up_that_failed_is_a_failure_of_the_tests_and_no_error_of_the_ci(tmp_path):
    report = read_tests(publish(tmp_path, stream((SET_UP, "fail", {"traceback": "no network"}))))
    assert (report.problem, report.counts) == ("", ResultCounts(failed=1))
    assert report.failed_tests[0].name == SET_UP


@pytest.mark.parametrize("bytes_lost", range(1, 60, 7))
def test_a_stream_cut_inside_a_packet_is_an_error(tmp_path, bytes_lost):
    whole = stream(*PASSED)
    assert read_tests(publish(tmp_path, whole[:-bytes_lost])).problem
    assert Code.NO_RESULT in codes(tmp_path)


def test_a_stream_cut_between_two_packets_shows_by_what_is_missing(tmp_path):
    content = stream(*PASSED)
    cut = content[: len(stream(PASSED[0]))]
    assert read_stream(io.BytesIO(cut)).problem == ""
    assert read_tests(publish(tmp_path, cut)).problem == f"test {CLASS}.test_stop was to run and left no result"


def test_a_test_that_the_lists_hold_twice_may_run_twice(tmp_path):
    assert read_tests(publish(tmp_path, stream(*PASSED, PASSED[0]), chosen=(ONE, ONE, TWO))).problem == ""


@pytest.mark.parametrize(
    ("ran", "expected"),
    [
        ([PASSED[0]] * 3, "ran 3 times, and was to run 2 times"),
        ([PASSED[0]], "was to run 2 times, and left 1 of the results"),
        ([PASSED[0], (ONE, None, {})], "did not come to its end"),
        ([], "was to run and left no result"),
    ],
)
def test_a_test_that_the_lists_hold_twice_runs_neither_more_often_nor_less(ran, expected):
    tests = read_stream(io.BytesIO(stream(*ran, PASSED[1]))).tests
    (error,) = compare(Plan(frozenset()), Lists((ONE, ONE, TWO)), tests)
    assert (error.message, error.test) == (f"test {CLASS}.test_boot {expected}", ONE)


@pytest.mark.parametrize("scenario", ["(ipv6)", "(IPv4, stateful)", "([id-1])"])
def test_a_scenario_is_a_test_of_its_own_and_has_the_id_of_its_test(tmp_path, scenario):
    chosen = (ONE, f"{ONE}{scenario}")
    assert read_tests(publish(tmp_path, stream(PASSED[0]), chosen=chosen)).problem == (
        f"test {CLASS}.test_boot{scenario} was to run and left no result"
    )
    forbidden = stream(PASSED[0], (f"{SKIPPED}{scenario}", "success", {}))
    assert read_tests(publish(tmp_path, forbidden, chosen=(ONE,))).problem == (
        f"test {CLASS}.test_pause{scenario} is on the skip list and ran"
    )


def test_names_without_end_are_told_apart_and_keep_their_ids(tmp_path):
    one, other = (f"{CLASS}.test_{'x' * 2000}_{end}[id-{BOOT}]" for end in "ab")
    assert read_tests(publish(tmp_path, stream((one, "success", {})), chosen=(one,))).problem == ""
    read_tests(publish(tmp_path, stream((one, "success", {})), chosen=(one, other)))
    assert codes(tmp_path) == ["no-result"]
    forbidden = f"{CLASS}.test_{'x' * 2000}[compute,id-{PAUSE}]"
    read_tests(publish(tmp_path, stream((one, "success", {}), (forbidden, "success", {})), chosen=(one,)))
    assert codes(tmp_path) == ["skipped-ran"]
    assert max(len(test["id"]) for test in json.loads((tmp_path / "tests.json").read_text())["tests"]) == 1000


def test_scenarios_belong_to_their_class(tmp_path):
    chosen = (of_scenario("v1.2"), of_scenario("v2.0"))
    assert read_tests(publish(tmp_path, stream((SET_UP, "skip", {"reason": "x"})), chosen=chosen)).problem == (
        "not one test passed: all were skipped"
    )


def test_the_gravest_error_is_named_first(tmp_path):
    content = stream(("x.Y.test", "success", {}), PASSED[0], PASSED[0], (SKIPPED, "fail", {}), (TWO, None, {}))
    report = read_tests(publish(tmp_path, content, problem="the results are cut"))
    assert report.problem == f"test {CLASS}.test_pause is on the skip list and ran (and 5 more)"
    assert codes(tmp_path) == ["skipped-ran", "results", "tempest", "no-result", "not-chosen", "ran-twice"]


def test_what_the_node_itself_says_is_heard(tmp_path):
    report = read_tests(publish(tmp_path, stream(*PASSED), problem="tempest ended with exit status 3\nx\x1b"))
    assert report.problem == "tempest: tempest ended with exit status 3?x?"


def test_a_node_that_says_too_much_is_cut_short(tmp_path):
    publish(tmp_path, stream(*PASSED))
    told = {"problem": "x" * 1_000_000, "stale": ["y" * 1_000_000] * 20 + [{"z": 1}] * 10_000}
    (tmp_path / "tempest-run.json").write_text(json.dumps(told))
    assert len(read_tests(tmp_path).problem) == 500
    assert len((tmp_path / "tests.json").read_bytes()) < 100_000


def test_programs_find_it_in_the_summary(tmp_path):
    read_tests(publish(tmp_path, stream(*PASSED, (SKIPPED, "success", {}))))
    assert audited(tmp_path) == {
        "chosen": 2,
        "left_out": 1,
        "errors": [
            {"code": "skipped-ran", "message": f"test {CLASS}.test_pause is on the skip list and ran", "test": SKIPPED}
        ],
        "error_count": 1,
        "stale": ["a.txt:9: gone"],
    }


def test_the_executors_list_counts_and_not_what_the_node_makes_of_it(tmp_path):
    everything = publish(tmp_path, stream(*PASSED, (SKIPPED, "success", {})), chosen=(ONE, TWO, SKIPPED), skipped=())
    assert read_tests(everything).problem == f"test {CLASS}.test_pause is on the skip list and ran"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"chosen": (ONE, TWO, SKIPPED)}, f"test {CLASS}.test_pause was to run and left no result (and 1 more)"),
        ({"skipped": (SKIPPED, "x.Y.test[id-1]")}, "test x.Y.test is on no skip list and was left out"),
        ({"included": [BOOT, OTHER]}, ""),
        ({"included": [BOOT]}, f"test {CLASS}.test_stop is not on the include list and was chosen"),
        ({"included": []}, f"test {CLASS}.test_boot is not on the include list and was chosen (and 1 more)"),
    ],
)
def test_lists_that_do_not_follow_from_the_plan(tmp_path, given, expected):
    assert read_tests(publish(tmp_path, stream(*PASSED), **given)).problem == expected


@pytest.mark.parametrize("name", ["tests-run.txt", "tests-skipped.txt", "tempest-run.json"])
def test_a_file_that_is_missing_is_an_error_and_a_skipped_test_is_still_seen(tmp_path, name):
    publish(tmp_path, stream(*PASSED, (SKIPPED, "success", {})))
    (tmp_path / name).unlink()
    assert read_tests(tmp_path).problem == f"test {CLASS}.test_pause is on the skip list and ran (and 1 more)"
    publish(tmp_path, stream(*PASSED))
    (tmp_path / name).unlink()
    assert read_tests(tmp_path).problem == f"{name} is missing"


def test_tempest_without_results_is_an_error(tmp_path):
    report = read_tests(publish(tmp_path, None))
    assert report.problem == "tempest left no results (and 2 more)"
    assert report.counts is None
    assert codes(tmp_path)[0] == "results"


def test_a_deployment_that_says_why_there_is_nothing_to_test_needs_no_lists(tmp_path):
    publish(tmp_path, None, problem="another driver was loaded")
    (tmp_path / "tests-run.txt").unlink()
    (tmp_path / "tests-skipped.txt").unlink()
    assert read_tests(tmp_path).problem == "another driver was loaded"
    assert codes(tmp_path) == ["tempest"]


def test_without_a_trace_of_tempest_there_is_nothing_to_hold_against_the_lists(tmp_path):
    publish(tmp_path, None)
    for name in ("tests-run.txt", "tests-skipped.txt", "tempest-run.json"):
        (tmp_path / name).unlink()
    report = read_tests(tmp_path)
    assert (report.problem, report.unbegun) == ("", "the build has lists of tests, and tempest did not begin")
    assert not (tmp_path / "tests.json").exists()


def test_a_job_without_lists_says_too_that_the_ci_is_at_fault(tmp_path):
    (tmp_path / "tempest-run.json").write_text(json.dumps({"problem": "no package index", "stale": []}))
    assert read_tests(tmp_path).problem == "no package index"
    assert codes(tmp_path) == ["tempest"]


def test_a_job_without_lists_is_not_audited(tmp_path):
    (tmp_path / "testrepository.subunit").write_bytes(stream(*PASSED))
    assert read_tests(tmp_path).problem == ""
    assert audited(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"excluded": 3}', b"[" * 100_000, b"\xff"])
def test_a_plan_that_cannot_be_read_is_never_a_success(tmp_path, content):
    publish(tmp_path, stream(*PASSED))
    (tmp_path / "skip-list.json").write_bytes(content)
    assert read_tests(tmp_path).problem.startswith("skip-list.json ")


@pytest.mark.parametrize("name", ["tests-run.txt", "tests-skipped.txt", "tempest-run.json"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_only_looks_like_a_file_of_the_node_is_missing(tmp_path, name, kind):
    folder = tmp_path / "logs"
    folder.mkdir()
    publish(folder, stream(*PASSED))
    (folder / name).rename(tmp_path / "secret")
    make = {
        "link": lambda path: path.symlink_to(tmp_path / "secret"),
        "pipe": os.mkfifo,
        "folder": os.mkdir,
    }
    make[kind](folder / name)
    assert read_tests(folder).problem == f"{name} is missing"


def test_lists_of_any_length_cost_only_an_error(tmp_path, monkeypatch):
    publish(tmp_path, stream(*PASSED))
    monkeypatch.setattr("ci.results.audit.MAX_LIST_BYTES", 10)
    assert read_tests(tmp_path).problem == "tempest-run.json is longer than any real one (and 2 more)"
    monkeypatch.undo()
    monkeypatch.setattr("ci.results.audit.MAX_TESTS", 1)
    assert read_tests(tmp_path).problem == "tests-run.txt holds more than 1 tests"


def test_hostile_names_are_shown_harmlessly(tmp_path):
    name = f"x.\u202eY\x1b[2J.test\n{'y' * 2000}[id-{PAUSE}]"
    report = read_tests(publish(tmp_path, stream(*PASSED, (name, "success", {}))))
    assert report.problem.startswith("test x.?Y?")
    assert len(report.problem) <= 500


def test_an_id_counts_only_as_a_whole_tag():
    plan = Plan(frozenset({PAUSE}))
    near = [f"a.B.test_{PAUSE}", f"a.B.test[xid-{PAUSE}]", f"a.B.test[id-{PAUSE}0]", f"a.B.test[id-{PAUSE.upper()}]"]
    ran = read_stream(io.BytesIO(stream(*((test, "success", {}) for test in near)))).tests
    assert compare(plan, Lists(tuple(near)), ran) == []


NAMES = st.sampled_from([ONE, TWO, SKIPPED, SET_UP, TEAR_DOWN, "x.Y.test", of_scenario("a")])
STATUSES = st.sampled_from(["success", "fail", "skip", "xfail", "uxsuccess", None])


@given(st.lists(st.tuples(NAMES, STATUSES), max_size=6), st.lists(NAMES, max_size=4))
def test_no_errors_means_that_every_chosen_test_ended_once_and_nothing_else_ran(ran, chosen):
    tests = read_stream(io.BytesIO(stream(*((name, status, {}) for name, status in ran)))).tests
    errors = compare(Plan(frozenset({PAUSE})), Lists(tuple(chosen)), tests)
    if errors:
        return
    ended = [name for name, status in ran if status is not None]
    is_unset = any(name == SET_UP and status in {"fail", "skip"} for name, status in ran)
    assert SKIPPED not in ended
    for name in chosen:
        assert name in ended or (is_unset and CLASS in name)
    for name in ended:
        assert name in chosen or (name in {SET_UP, TEAR_DOWN} and any(CLASS in one for one in chosen))


def test_events_of_a_file_that_is_no_stream_are_no_success(tmp_path):
    output = io.BytesIO()
    events = subunit.StreamResultToBytes(output)
    events.status(test_id=ONE, test_status="exists", timestamp=START)
    assert read_tests(publish(tmp_path, output.getvalue())).problem.startswith("the test results are empty")
