"""What the end of an attempt means for its build."""

from dataclasses import replace

import pytest

from ci.model.build import BuildOutcome, Fault, Result
from ci.model.policy import InfraFailure, InfraPolicy
from ci.services.decisions import EndBuild, RetryBuild, decide_attempt, decide_end
from tests.fakes.records import build, job

NOW = 1000.0
COMMENT = InfraPolicy(InfraFailure.COMMENT)
RETRY = InfraPolicy(InfraFailure.RETRY, 300.0, 2)


def outcome(result, error="", fault=None):
    return BuildOutcome(result, 1.0, 2.0, error, fault=fault)


def decided(one, fault, policy=RETRY, error="unreachable"):
    return decide_attempt(one, outcome(None, error, fault), NOW, policy)


def followed(one, decision):
    """The build as the store keeps it after a decision to retry."""
    uncharged = one.attempt if decision.new_round else one.uncharged + (not decision.charged)
    losses = 0 if decision.new_round else one.losses + (decision.fault is Fault.LOST)
    return replace(
        one, attempt=one.attempt + 1, uncharged=uncharged, losses=losses, rounds=one.rounds + decision.new_round
    )


def story(one, faults, policy=RETRY):
    """Follow a build through faults; returns its decisions."""
    decisions = []
    for fault in faults:
        decisions.append(decided(one, fault, policy))
        if isinstance(decisions[-1], EndBuild):
            break
        one = followed(one, decisions[-1])
    return decisions


def pauses(decisions):
    return [decision.retry_at - NOW for decision in decisions]


@pytest.mark.parametrize("result", [Result.SUCCESS, Result.FAILURE, Result.TIMED_OUT, Result.POST_FAILURE])
def test_a_result_of_the_patch_ends_the_build_whatever_the_policy(result):
    for policy in (RETRY, COMMENT):
        decision = decide_attempt(build(), outcome(result, "run: it broke"), NOW, policy)
        assert decision == EndBuild(build(), result, "run: it broke")


@pytest.mark.parametrize("fault", [Fault.PRE_RUN, Fault.UNREACHABLE, None])
def test_what_is_charged_is_another_attempt_until_attempts_are_used_up(fault):
    retried, last = story(build(of=job(attempts=2)), [fault] * 9, COMMENT)
    assert (retried.charged, retried.new_round, retried.fault) == (True, False, fault)
    assert last.result is Result.RETRY_LIMIT
    assert "2 attempts" in last.reason
    assert "unreachable" in last.reason


def test_charged_attempts_have_a_short_growing_pause_between_them():
    assert pauses(story(build(of=job(attempts=6)), [None] * 5)) == [5.0, 20.0, 80.0, 300.0, 300.0]


def test_a_lost_build_is_tried_again_once_and_not_charged():
    one = build(of=job(attempts=1))
    retried, last = story(one, [Fault.LOST] * 2, COMMENT)
    assert (retried.charged, retried.retry_at) == (False, NOW)
    assert last.result is Result.ERROR
    assert isinstance(decided(followed(one, retried), None, COMMENT), EndBuild)


@pytest.mark.parametrize("fault", [Fault.NODE, Fault.SOURCE, Fault.DISK])
def test_what_keeps_a_build_from_starting_is_waited_for_without_end_or_charge(fault):
    one = build(of=job(attempts=1))
    waited = story(one, [fault] * 500, COMMENT)
    assert all(isinstance(decision, RetryBuild) and not decision.charged for decision in waited)
    assert pauses(waited)[:7] == [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
    assert pauses(waited)[-1] == 300.0
    assert waited[0].reason == "unreachable"


def test_waiting_takes_no_attempt_away():
    faults = [Fault.NODE, None, Fault.DISK, Fault.LOST, Fault.SOURCE, None]
    *retried, last = story(build(of=job(attempts=2)), faults, COMMENT)
    assert [decision.charged for decision in retried] == [False, True, False, False, False]
    assert last.result is Result.RETRY_LIMIT


def test_a_fault_of_the_ci_begins_a_new_round_later_and_later_and_then_ends():
    """Attempts of a new round are all there again."""
    one = build(of=job(attempts=2))
    *retried, last = story(one, [None] * 20)
    assert [decision.new_round for decision in retried] == [False, True, False, True, False]
    assert pauses(retried) == [5.0, 300.0, 5.0, 1200.0, 5.0]
    assert last.result is Result.RETRY_LIMIT
    assert "RETRY_LIMIT, retry 1 of 2 in 5m 00s: given up after 2 attempts" in retried[1].reason


def test_a_new_round_forgives_a_lost_build_again():
    *retried, last = story(build(of=job(attempts=2)), [Fault.LOST] * 20)
    assert [decision.new_round for decision in retried] == [False, True, False, True, False]
    assert last.result is Result.ERROR


@pytest.mark.parametrize("policy", [COMMENT, InfraPolicy(InfraFailure.VOTE), InfraPolicy(InfraFailure.RETRY, 300.0, 0)])
@pytest.mark.parametrize("result", [Result.NODE_FAILURE, Result.ERROR, Result.RETRY_LIMIT])
def test_other_policies_end_the_build_at_once(policy, result):
    end = EndBuild(build(), result, "no such label")
    assert decide_end(end, NOW, policy) == end
    assert decide_attempt(build(), outcome(result, "no such label"), NOW, policy) == end


def test_a_node_that_no_pool_has_may_come_with_a_restart():
    decision = decide_end(EndBuild(build(), Result.NODE_FAILURE, "no pool has it"), NOW, RETRY)
    assert (decision.new_round, decision.retry_at) == (True, NOW + 300.0)
    assert "NODE_FAILURE" in decision.reason


def test_no_pause_between_rounds_is_longer_than_six_hours_or_overflows():
    patient = InfraPolicy(InfraFailure.RETRY, 300.0, 10**6)
    for rounds in (9, 10**5):
        decision = decide_end(EndBuild(build(rounds=rounds), Result.ERROR, ""), NOW, patient)
        assert decision.retry_at - NOW == 6 * 3600.0


def test_a_canceled_build_is_canceled_whatever_its_process_says():
    one = build(cancel_reason="a newer patch set")
    for result in (Result.SUCCESS, Result.FAILURE, Result.ERROR, None):
        for fault in (None, *Fault):
            decision = decide_attempt(one, outcome(result, fault=fault), NOW, RETRY)
            assert decision == EndBuild(one, Result.CANCELED, "a newer patch set")
