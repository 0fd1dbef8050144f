"""What the outcomes of playbooks mean, in the order in which things happen."""

import pytest

from ci.ansible.phases import CLEANUP_TIMEOUT_SECONDS, Asked, run_phases
from ci.ansible.playbook_run import Ending, RunEnd
from ci.model.build import Fault, Result
from ci.model.job import FrozenJob

JOB = FrozenJob(
    "j",
    pre_run=("pre1", "pre2"),
    run=("run1", "run2"),
    post_run=("post1", "post2"),
    cleanup_run=("cleanup",),
    timeout_seconds=60,
    post_timeout_seconds=7,
    attempts=2,
)


class Playbooks:
    """Stands in for ansible-playbook: `endings` says which playbooks do not end well."""

    def __init__(self, **endings):
        self.endings = endings
        self.calls = []

    def __call__(self, steps, extra, deadline):
        self.calls.append(([step.playbook for step in steps], dict(extra), deadline is not None, steps))
        for index, step in enumerate(steps):
            ending = self.endings.get(step.playbook)
            if ending:
                return RunEnd(ending, index, f"{step.playbook} {ending}")
        return RunEnd(Ending.SUCCESS, len(steps) - 1)

    @property
    def ran(self):
        return [names for names, *_ in self.calls]


def test_a_good_build_takes_two_processes():
    playbooks = Playbooks()
    verdict = run_phases(JOB, 1, playbooks)
    assert (verdict.result, verdict.error) == (Result.SUCCESS, "")
    assert playbooks.ran == [["pre1", "pre2", "run1", "run2"], ["post1", "post2", "cleanup"]]
    assert playbooks.calls[1][1] == {"zuul_success": "True", "zuul_will_retry": "False"}
    assert [has_deadline for *_, has_deadline, _ in playbooks.calls] == [True, False]
    assert [step.limit_seconds for step in playbooks.calls[1][3]] == [7, 7, CLEANUP_TIMEOUT_SECONDS]


@pytest.mark.parametrize(
    ("playbook", "ending", "result"),
    [
        ("pre1", Ending.FAILED, None),
        ("pre2", Ending.TIMED_OUT, None),
        ("pre1", Ending.UNREACHABLE, None),
        ("pre1", Ending.BROKEN, None),
        ("run1", Ending.FAILED, Result.FAILURE),
        ("run2", Ending.FAILED, Result.FAILURE),
        ("run1", Ending.TIMED_OUT, Result.TIMED_OUT),
        ("run1", Ending.UNREACHABLE, None),
        ("run1", Ending.KILLED, None),
        ("run1", Ending.BROKEN, Result.ERROR),
        ("post1", Ending.FAILED, Result.POST_FAILURE),
        ("post2", Ending.TIMED_OUT, Result.POST_FAILURE),
        ("post2", Ending.BROKEN, Result.POST_FAILURE),
        ("post1", Ending.UNREACHABLE, None),
        ("cleanup", Ending.FAILED, Result.SUCCESS),
        ("cleanup", Ending.TIMED_OUT, Result.SUCCESS),
    ],
)
def test_what_one_bad_playbook_means(playbook, ending, result):
    playbooks = Playbooks(**{playbook: ending})
    assert run_phases(JOB, 1, playbooks).result == result
    everything = [name for names in playbooks.ran for name in names]
    assert {"post1", "post2", "cleanup"} <= set(everything)


@pytest.mark.parametrize(
    ("playbook", "ending", "result"),
    [
        ("pre1", Ending.FAILED, None),
        ("run1", Ending.TIMED_OUT, Result.TIMED_OUT),
        ("run1", Ending.UNREACHABLE, None),
        ("run1", Ending.BROKEN, Result.ERROR),
        ("run1", Ending.FAILED, Result.POST_FAILURE),
    ],
)
def test_what_a_failing_post_run_makes_of_it(playbook, ending, result):
    verdict = run_phases(JOB, 1, Playbooks(**{playbook: ending, "post1": Ending.FAILED}))
    assert verdict.result == result
    assert f"{playbook} {ending}" in verdict.error


def test_after_a_failing_post_playbook_the_next_ones_run_and_know_it():
    playbooks = Playbooks(post1=Ending.FAILED)
    run_phases(JOB, 1, playbooks)
    assert playbooks.ran[1:] == [["post1", "post2", "cleanup"], ["post2", "cleanup"]]
    assert [extra.get("zuul_success") for _, extra, *_ in playbooks.calls[1:]] == ["True", "False"]


def test_whether_it_will_be_tried_again_depends_on_the_attempt():
    for attempt, told in ((1, "True"), (2, "False")):
        playbooks = Playbooks(pre1=Ending.FAILED)
        run_phases(JOB, attempt, playbooks)
        assert playbooks.calls[1][1]["zuul_will_retry"] == told


def test_a_canceled_build_only_cleans_up():
    playbooks = Playbooks(run1=Ending.CANCELED)
    verdict = run_phases(JOB, 1, playbooks)
    assert (verdict.result, verdict.is_canceled) == (Result.CANCELED, True)
    assert playbooks.ran[1:] == [["cleanup"]]


def test_a_build_canceled_in_post_run_skips_the_rest_of_it():
    playbooks = Playbooks(post1=Ending.CANCELED)
    assert run_phases(JOB, 1, playbooks).result == Result.CANCELED
    assert playbooks.ran[2:] == [["cleanup"]]


def test_a_job_without_run_playbooks_succeeds_when_its_post_run_does():
    assert run_phases(FrozenJob("j", post_run=("post1",)), 1, Playbooks()).result == Result.SUCCESS


@pytest.mark.parametrize(
    ("playbook", "ending", "fault"),
    [
        ("pre1", Ending.FAILED, Fault.PRE_RUN),
        ("run1", Ending.UNREACHABLE, Fault.UNREACHABLE),
        ("run1", Ending.KILLED, Fault.LOST),
        ("run1", Ending.NO_ROOM, Fault.DISK),
        ("post1", Ending.UNREACHABLE, Fault.UNREACHABLE),
    ],
)
def test_an_attempt_without_a_result_says_why(playbook, ending, fault):
    verdict = run_phases(JOB, 1, Playbooks(**{playbook: ending}))
    assert (verdict.result, verdict.fault) == (None, fault)


@pytest.mark.parametrize(
    ("playbook", "ending", "attempt", "is_held"),
    [
        ("run1", Ending.FAILED, 1, True),
        ("post1", Ending.FAILED, 1, True),
        ("pre1", Ending.FAILED, 1, False),
        ("pre1", Ending.FAILED, 2, True),
        ("run1", Ending.TIMED_OUT, 1, True),
        ("run1", Ending.BROKEN, 1, False),
        ("run1", Ending.CANCELED, 1, False),
        ("run1", Ending.KILLED, 2, False),
        ("none", Ending.FAILED, 1, False),
    ],
)
def test_nodes_are_held_of_builds_that_have_failed_for_good(playbook, ending, attempt, is_held):
    playbooks = Playbooks(**{playbook: ending})
    verdict = run_phases(JOB, attempt, playbooks, Asked(for_hold=lambda: True))
    assert verdict.is_held == is_held
    assert ("cleanup" in [name for names in playbooks.ran for name in names]) != is_held


def test_failed_tests_are_a_failure_worth_a_hold():
    asked = Asked(for_hold=lambda: True, for_failed_tests=lambda: True)
    assert run_phases(JOB, 1, Playbooks(), asked).is_held
