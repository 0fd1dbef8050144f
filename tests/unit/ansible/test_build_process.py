"""The process of a build tells the service how it ended, on a full disk too."""

import errno
import os

import pytest

from ci.ansible import attempt_files, build_process, process
from ci.ansible.phases import Verdict
from ci.model import build as model
from ci.model.build import RESULT_FILE, BuildOutcome, FailedTest, Fault, Result, ResultCounts
from ci.model.codec import from_json, to_json


def end(folder, monkeypatch, outcome, no_room_for=RESULT_FILE):
    """Run the process with this outcome on a disk that is full once the playbooks have been."""
    write = attempt_files.write_atomically
    (folder / attempt_files.RESERVE_FILE).write_text(to_json(process._no_room(folder)))

    def write_with_no_room(path, text):
        if path.name == no_room_for:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, text)

    monkeypatch.setattr(build_process, "_outcome", lambda *_: outcome)
    monkeypatch.setattr(build_process, "_listen_for_cancel", lambda: None)
    monkeypatch.setattr(build_process.limits, "be_modest", lambda: None)
    monkeypatch.setattr(attempt_files, "write_atomically", write_with_no_room)
    return build_process.main([str(folder), ""])


@pytest.mark.parametrize("no_room_for", [RESULT_FILE, "process.json"])
def test_a_process_that_finds_no_room_says_so_to_whoever_asks_and_whenever(tmp_path, monkeypatch, no_room_for):
    outcome = BuildOutcome(Result.SUCCESS, 1.0, 2.0)
    assert end(tmp_path, monkeypatch, outcome, no_room_for) == build_process.NO_ROOM
    told = from_json(BuildOutcome, (tmp_path / RESULT_FILE).read_bytes())
    assert (told.result, told.fault) == (None, Fault.DISK)
    assert "no room left" in told.error
    assert attempt_files.is_cleaned_up(tmp_path)


def test_of_nodes_that_were_to_be_kept_it_is_not_said_that_they_are_clean(tmp_path, monkeypatch):
    outcome = BuildOutcome(Result.FAILURE, 1.0, 2.0, is_held=True)
    assert end(tmp_path, monkeypatch, outcome) == build_process.NO_ROOM
    assert not (tmp_path / RESULT_FILE).exists()
    assert not attempt_files.is_cleaned_up(tmp_path)


FAILED = model.TestReport((FailedTest("a.B.test"),), ResultCounts(1, 1, 0))
CUT = model.TestReport((FailedTest("a.B.test"),), ResultCounts(1, 1, 0), problem="the test results are cut short")
UNBEGUN = model.TestReport(unbegun="tempest did not begin")


@pytest.mark.parametrize(
    ("verdict", "report", "expected"),
    [
        (Verdict(Result.SUCCESS), model.TestReport(), (Result.SUCCESS, "")),
        (Verdict(Result.SUCCESS), FAILED, (Result.FAILURE, "tests failed although the run playbooks succeeded")),
        (Verdict(Result.SUCCESS), CUT, (Result.ERROR, "the test results are cut short")),
        (Verdict(Result.SUCCESS), UNBEGUN, (Result.ERROR, "tempest did not begin")),
        (Verdict(Result.FAILURE, "tempest failed"), FAILED, (Result.FAILURE, "tempest failed")),
        # What cut the results may have failed the tests before: nobody is judged by them.
        (Verdict(Result.FAILURE, "tempest failed"), CUT, (Result.ERROR, "the test results are cut short")),
        # Nova did not start: that is the patch.
        (Verdict(Result.FAILURE, "deployment failed"), UNBEGUN, (Result.FAILURE, "deployment failed")),
        (Verdict(Result.TIMED_OUT, "too long"), CUT, (Result.TIMED_OUT, "too long")),
        (Verdict(Result.POST_FAILURE, "no logs"), CUT, (Result.POST_FAILURE, "no logs")),
        (Verdict(Result.CANCELED, is_canceled=True), CUT, (Result.CANCELED, "")),
        (Verdict(Result.ERROR, "broken playbook"), CUT, (Result.ERROR, "broken playbook")),
        (Verdict(None, "gone", fault=Fault.UNREACHABLE), CUT, (None, "gone")),
    ],
)
def test_a_result_takes_both_the_playbooks_and_the_tests(verdict, report, expected):
    outcome = build_process.conclude(verdict, report, 1.0)
    assert (outcome.result, outcome.error) == expected
    assert outcome.failed_tests == report.failed_tests


def test_what_is_said_of_tests_shows_no_secret():
    variables = {"ADMIN_PASSWORD": "Wq7/rT"}
    report = model.TestReport((FailedTest("a.test_token", "id", "no Wq7/rT"),), None, "token=abc is wrong", "x Wq7/rT")
    told = build_process.discreet(report, build_process.Discretion(variables))
    assert told == model.TestReport((FailedTest("a.test_token", "id", "no ***"),), None, "token=*** is wrong", "x ***")
