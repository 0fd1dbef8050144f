"""What the end of an attempt means for its build."""

from dataclasses import replace

from ci.model.build import BuildOutcome, Result
from ci.services.decisions import EndBuild, RetryBuild, decide_attempt
from tests.fakes.records import build, job


def outcome(result, error=""):
    return BuildOutcome(result, 1.0, 2.0, error)


def test_a_result_ends_the_build():
    decision = decide_attempt(build(), outcome(Result.FAILURE, "run: it broke"))
    assert decision == EndBuild(build(), Result.FAILURE, "run: it broke")


def test_no_result_is_another_attempt_until_attempts_are_used_up():
    one = build(of=job(attempts=2))
    assert isinstance(decide_attempt(one, outcome(None, "unreachable")), RetryBuild)
    last = decide_attempt(replace(one, attempt=2), outcome(None, "unreachable"))
    assert isinstance(last, EndBuild)
    assert last.result is Result.RETRY_LIMIT
    assert "unreachable" in last.reason


def test_a_canceled_build_is_canceled_whatever_its_process_says():
    one = build(cancel_reason="a newer patch set")
    for result in (Result.SUCCESS, Result.FAILURE, None):
        assert decide_attempt(one, outcome(result)) == EndBuild(one, Result.CANCELED, "a newer patch set")
