"""The phases of a build and what their outcomes mean, as Zuul has it.

Where Zuul starts an ansible-playbook for each playbook, this one starts two for a build that goes well: pre-run and
run, then post-run and cleanup-run. A process ends at the first playbook that fails, so what Zuul does between
playbooks is done between processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ci.ansible.playbook_run import Ending
from ci.ansible.progress import Step
from ci.model.build import Fault, Phase, Result
from ci.model.hold import HELD_RESULTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.ansible.playbook_run import RunEnd
    from ci.model.job import FrozenJob

CLEANUP_TIMEOUT_SECONDS = 300.0
FAULTS = {Ending.UNREACHABLE: Fault.UNREACHABLE, Ending.KILLED: Fault.LOST, Ending.NO_ROOM: Fault.DISK}


class RunPlaybooks(Protocol):
    """Runs playbooks in one process until one fails; see `ci.ansible.playbook_run.run_playbooks`."""

    def __call__(self, steps: Sequence[Step], extra: Mapping[str, str], deadline: float | None) -> RunEnd: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the playbooks of a build say: a result (None asks for another attempt, `fault` says why) and one line.

    `is_held`: cleanup-run was left out.
    """

    result: Result | None
    error: str = ""
    is_canceled: bool = False
    post_counts: bool = True  # whether a failing post-run changes the result
    succeeded: bool = False  # the value of zuul_success
    fault: Fault | None = None
    is_held: bool = False
    unreachable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about a build in the course of it: whether its nodes are wanted, whether its tests went well."""

    for_hold: Callable[[], bool] = lambda: False
    for_failed_tests: Callable[[], bool] = lambda: False


def run_phases(job: FrozenJob, attempt: int, run: RunPlaybooks, asked: Asked | None = None) -> Verdict:
    """Run all phases of a job, for the so-maniest time that counts.

    post-run follows whatever happened before, unless canceled, and cleanup-run always, unless the nodes of a build
    that failed are wanted as they are.
    """
    steps = [Step(Phase.PRE_RUN, path) for path in job.pre_run] + [Step(Phase.RUN, path) for path in job.run]
    verdict = Verdict(Result.SUCCESS, succeeded=True)
    if steps:
        deadline = None if job.timeout_seconds is None else time.monotonic() + job.timeout_seconds
        end = run(steps, {}, deadline)
        verdict = after_run(end, steps[end.index].phase)
    is_last = attempt >= job.attempts
    post_limit = None if job.post_timeout_seconds is None else float(job.post_timeout_seconds)
    post_run = [Step(Phase.POST_RUN, path, post_limit) for path in job.post_run]
    asked = asked or Asked()
    if not asked.for_hold():
        return _finish(post_run + cleanup_steps(job), run, verdict, is_last=is_last)
    verdict = _finish(post_run, run, verdict, is_last=is_last)
    if not will_retry(verdict, is_last=is_last) and _is_worth_a_hold(verdict, asked):
        return replace(verdict, is_held=True)
    return _finish(cleanup_steps(job), run, verdict, is_last=is_last)


def _is_worth_a_hold(verdict: Verdict, asked: Asked) -> bool:
    """Whether a person who wanted a failed build means such an end; without a result the attempts are used up."""
    if verdict.result == Result.SUCCESS:
        return asked.for_failed_tests()
    return (verdict.result or Result.RETRY_LIMIT) in HELD_RESULTS and not verdict.is_canceled


def cleanup_steps(job: FrozenJob) -> list[Step]:
    """Return the steps of a job's cleanup-run."""
    return [Step(Phase.CLEANUP_RUN, path, CLEANUP_TIMEOUT_SECONDS) for path in job.cleanup_run]


def clean_up(job: FrozenJob, run: RunPlaybooks) -> None:
    """Run each cleanup-run playbook of a build that could not do so itself, whatever becomes of the others."""
    _finish(cleanup_steps(job), run, Verdict(None), is_last=True)


def will_retry(verdict: Verdict, *, is_last: bool) -> bool:
    """Return whether there will be another attempt; what is not the job's fault is not charged to it."""
    is_charged = verdict.fault in {Fault.PRE_RUN, Fault.UNREACHABLE}
    return verdict.result is None and not verdict.is_canceled and not (is_charged and is_last)


def _finish(steps: list[Step], run: RunPlaybooks, verdict: Verdict, *, is_last: bool) -> Verdict:
    while steps:
        if verdict.is_canceled:
            steps = [step for step in steps if step.phase == Phase.CLEANUP_RUN]
            if not steps:
                break
        again = will_retry(verdict, is_last=is_last)
        end = run(steps, {"zuul_success": str(verdict.succeeded), "zuul_will_retry": str(again)}, None)
        if end.ending == Ending.SUCCESS:
            break
        verdict = after_post(verdict, end, steps[end.index].phase)
        steps = steps[end.index + 1 :]
    return verdict


def after_run(end: RunEnd, phase: Phase) -> Verdict:
    """Return what the end of pre-run and run means, where it ended in the given phase."""
    if end.ending == Ending.SUCCESS:
        return Verdict(Result.SUCCESS, succeeded=True)
    if end.ending == Ending.CANCELED:
        return Verdict(Result.CANCELED, end.error, is_canceled=True)
    fault = FAULTS.get(end.ending) or (Fault.PRE_RUN if phase == Phase.PRE_RUN else None)
    if fault is not None:
        return Verdict(None, end.error, post_counts=False, fault=fault, unreachable=end.unreachable)
    if end.ending in {Ending.TIMED_OUT, Ending.OVER_LIMIT}:
        return Verdict(Result.TIMED_OUT, end.error, post_counts=False)
    if end.ending == Ending.BROKEN:
        # Zuul says FAILURE; but it is the site's playbook that is wrong, and the patch is not to blame for it.
        return Verdict(Result.ERROR, end.error, post_counts=False)
    return Verdict(Result.FAILURE, end.error)


def after_post(verdict: Verdict, end: RunEnd, phase: Phase) -> Verdict:
    """Return what a playbook of post-run or cleanup-run that did not end well makes of the verdict."""
    if phase == Phase.CLEANUP_RUN:
        return verdict
    if end.ending == Ending.CANCELED:
        return Verdict(Result.CANCELED, end.error, is_canceled=True)
    verdict = replace(verdict, succeeded=False)
    if not verdict.post_counts:
        return verdict
    error = "; ".join(part for part in (end.error, verdict.error) if part)
    if end.ending == Ending.UNREACHABLE:
        gone = end.unreachable
        return replace(verdict, result=None, error=error, post_counts=False, fault=Fault.UNREACHABLE, unreachable=gone)
    return replace(verdict, result=Result.POST_FAILURE, error=error)
