"""What the reader of subunit streams makes of whole, cut and hostile streams."""

import io
import json
import os
from datetime import UTC, datetime, timedelta

import pytest
import subunit
from hypothesis import given
from hypothesis import strategies as st

from ci.model.build import ResultCounts
from ci.model.history import RanTest, Verdict
from ci.results.outcome import MAX_FAILED_TESTS, read_tests
from ci.results.report import JsonReports
from ci.results.subunit import name_of, read_stream

START = datetime(2026, 11, 22, tzinfo=UTC)
UUID = "c3d4e5f6-a7b8-9012-cdef-123456789012"
NAME = "tempest.api.compute.test_servers.ServersTest.test_list"


def stream(*tests):
    """Return the bytes of a stream of (id, status, {attachment: text}); status None never ends."""
    output = io.BytesIO()
    events = subunit.StreamResultToBytes(output)
    for number, (test_id, status, attachments) in enumerate(tests):
        began = START + timedelta(minutes=number)
        events.status(test_id=test_id, test_status="inprogress", timestamp=began)
        for name, text in attachments.items():
            events.status(test_id=test_id, file_name=name, file_bytes=text.encode(), mime_type="text/plain", eof=True)
        if status is not None:
            events.status(test_id=test_id, test_status=status, timestamp=began + timedelta(seconds=1.5))
    return output.getvalue()


def read(content):
    return read_stream(io.BytesIO(content))


def test_a_whole_stream():
    found = read(
        stream(
            (f"{NAME}[compute,id-{UUID},smoke]", "success", {"pythonlogging": "many lines"}),
            (f"{NAME}_two[slow]", "skip", {"reason": "no volumes"}),
            (f"{NAME}_three", "fail", {"traceback": "Traceback:\n  x\nValueError: no\n"}),
        )
    )
    assert found.problem == ""
    passed, skipped, failed = found.tests
    assert (passed.name, passed.idempotent_id, passed.seconds, passed.detail) == (NAME, UUID, 1.5, "")
    assert (skipped.status, skipped.idempotent_id, skipped.detail) == ("skip", "", "no volumes")
    assert failed.has_failed
    assert failed.detail.endswith("ValueError: no")


def test_scenarios_of_a_test_are_tests_with_names_of_their_own_and_one_id(tmp_path):
    content = stream((f"{NAME}[id-{UUID}](ipv4)", "success", {}), (f"{NAME}[id-{UUID}](ipv6)", "fail", {}))
    (tmp_path / "testrepository.subunit").write_bytes(content)
    report = read_tests(tmp_path)
    assert report.counts == ResultCounts(passed=1, failed=1)
    assert [test.name for test in report.failed_tests] == [f"{NAME}(ipv6)"]
    assert JsonReports().read(tmp_path) == (
        RanTest(f"{NAME}(ipv4)", UUID, Verdict.PASSED),
        RanTest(f"{NAME}(ipv6)", UUID, Verdict.FAILED),
    )


@pytest.mark.parametrize("tags", [f"[id-{UUID}", "[a b]", "[]"])
def test_what_only_looks_like_tags_ends_a_name_all_the_same(tags):
    assert "[" not in name_of(f"{NAME}{tags}")


def test_a_test_that_was_running_when_the_node_died_has_failed():
    found = read(stream((NAME, None, {})))
    assert found.tests[0].has_failed
    assert found.tests[0].detail == "did not finish"
    assert found.problem == f"the test results are cut short: 1 tests did not finish, the first is {NAME}"


def test_a_stream_cut_inside_a_packet_is_no_success():
    whole = stream((NAME, "success", {}), (f"{NAME}_two", "success", {}))
    assert read(whole[:-5]).problem.startswith("the test results are cut short")


def test_a_stream_cut_between_two_tests_is_no_success_and_has_no_odd_test():
    found = read(stream((NAME, "success", {})) + stream((f"{NAME}_two", "success", {}))[:9])
    assert found.problem == "the test results are cut short"
    assert [test.id for test in found.tests] == [NAME]


def test_an_empty_stream_is_no_success():
    assert read(b"").problem == "the test results are empty"


def test_an_unexpected_success_is_a_failure_and_an_expected_failure_is_not():
    found = read(stream((NAME, "uxsuccess", {}), (f"{NAME}_two", "xfail", {})))
    assert [test.has_failed for test in found.tests] == [True, False]


def test_a_stream_of_garbage_is_given_up_soon():
    assert read(os.urandom(3 << 20).replace(b"\xb3", b"")).problem == "the test results are not subunit"


@given(st.binary(max_size=2000), st.integers(0, 400))
def test_nothing_in_a_stream_breaks_the_reader(noise, cut):
    content = stream((NAME, "success", {"reason": "x"}), (f"{NAME}_two", "fail", {"traceback": "y"}))
    read(noise)
    read(content[:cut] + noise + content[cut:])


def test_a_class_whose_set_up_failed_counts_as_a_failure(tmp_path):
    test_id = "setUpClass (tempest.api.compute.test_servers.ServersTest)"
    (tmp_path / "testrepository.subunit").write_bytes(stream((test_id, "fail", {"traceback": "no network"})))
    report = read_tests(tmp_path)
    assert report.counts == ResultCounts(passed=0, failed=1, skipped=0)
    assert report.failed_tests[0].name == test_id
    assert report.failed_tests[0].reason == "no network"


def test_the_summary_is_for_programs(tmp_path):
    (tmp_path / "compute").mkdir()
    content = stream((f"{NAME}[id-{UUID}]", "fail", {"traceback": "boom\x1b[31m"}), (f"{NAME}_two", "success", {}))
    (tmp_path / "compute/testrepository.subunit").write_bytes(content)
    report = read_tests(tmp_path)
    assert report.failed_tests[0].reason == "boom?[31m"
    summary = json.loads((tmp_path / "tests.json").read_text())
    assert (summary["passed"], summary["failed"], summary["skipped"], summary["problem"]) == (1, 1, 0, "")
    assert summary["tests"][0]["idempotent_id"] == UUID
    assert [test["status"] for test in summary["tests"]] == ["fail", "success"]


def test_only_the_first_failed_tests_are_named(tmp_path):
    tests = [(f"{NAME}_{number}", "fail", {}) for number in range(MAX_FAILED_TESTS + 5)]
    (tmp_path / "testrepository.subunit").write_bytes(stream(*tests))
    report = read_tests(tmp_path)
    assert len(report.failed_tests) == MAX_FAILED_TESTS
    assert report.counts == ResultCounts(failed=MAX_FAILED_TESTS + 5)


def test_logs_without_a_stream_have_no_counts(tmp_path):
    assert read_tests(tmp_path).counts is None


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_only_looks_like_a_stream_is_passed_over(tmp_path, kind):
    (tmp_path / "logs").mkdir()
    path = tmp_path / "logs/testrepository.subunit"
    if kind == "link":
        (tmp_path / "secret").write_bytes(stream((NAME, "success", {})))
        path.symlink_to(tmp_path / "secret")
    else:
        os.mkfifo(path)
    assert read_tests(tmp_path / "logs").counts is None


def test_a_link_in_the_place_of_the_summary_is_replaced_not_followed(tmp_path):
    (tmp_path / "logs").mkdir()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in ("tests.json", ".tests.json.new"):
        (tmp_path / "logs" / name).symlink_to(victim)
    (tmp_path / "logs/testrepository.subunit").write_bytes(stream((NAME, "success", {})))
    read_tests(tmp_path / "logs")
    assert victim.read_text() == "precious"
    assert json.loads((tmp_path / "logs/tests.json").read_text())["passed"] == 1
