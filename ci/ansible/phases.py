"""The phases of a build and what their outcomes mean, as Zuul has it.

Where Zuul starts an ansible-playbook for each playbook, this one starts two for a build that goes well: pre-run and
run, then post-run and cleanup-run. A process ends at the first playbook that fails, so what Zuul does between
playbooks is done between processes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ci.ansible.playbook_run import Ending
from ci.ansible.progress import Step
from ci.model.build import Phase, Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.ansible.playbook_run import RunEnd
    from ci.model.job import FrozenJob

CLEANUP_TIMEOUT_SECONDS = 300.0


class RunPlaybooks(Protocol):
    """Runs playbooks in one process until one fails; see `ci.ansible.playbook_run.run_playbooks`."""

    def __call__(self, steps: Sequence[Step], extra: Mapping[str, str], deadline: float | None) -> RunEnd: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the playbooks of a build say: a result (None asks for another attempt) and one line for the reader."""

    result: Result | None
    error: str = ""
    is_canceled: bool = False
    post_counts: bool = True  # whether a failing post-run changes the result
    succeeded: bool = False  # the value of zuul_success


def run_phases(job: FrozenJob, attempt: int, run: RunPlaybooks) -> Verdict:
    """Run all phases of a job; post-run follows whatever happened before, unless canceled, and cleanup-run always."""
    steps = [Step(Phase.PRE_RUN, path) for path in job.pre_run] + [Step(Phase.RUN, path) for path in job.run]
    verdict = Verdict(Result.SUCCESS, succeeded=True)
    if steps:
        deadline = None if job.timeout_seconds is None else time.monotonic() + job.timeout_seconds
        end = run(steps, {}, deadline)
        verdict = after_run(end, steps[end.index].phase)
    return _finish(job, attempt, run, verdict)


def _finish(job: FrozenJob, attempt: int, run: RunPlaybooks, verdict: Verdict) -> Verdict:
    post_limit = None if job.post_timeout_seconds is None else float(job.post_timeout_seconds)
    steps = [Step(Phase.POST_RUN, path, post_limit) for path in job.post_run]
    steps += [Step(Phase.CLEANUP_RUN, path, CLEANUP_TIMEOUT_SECONDS) for path in job.cleanup_run]
    while steps:
        if verdict.is_canceled:
            steps = [step for step in steps if step.phase == Phase.CLEANUP_RUN]
            if not steps:
                break
        will_retry = verdict.result is None and not verdict.is_canceled and attempt < job.attempts
        end = run(steps, {"zuul_success": str(verdict.succeeded), "zuul_will_retry": str(will_retry)}, None)
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
    if phase == Phase.PRE_RUN or end.ending in {Ending.UNREACHABLE, Ending.KILLED}:
        return Verdict(None, end.error, post_counts=False)
    if end.ending == Ending.TIMED_OUT:
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
        return replace(verdict, result=None, error=error, post_counts=False)
    return replace(verdict, result=Result.POST_FAILURE, error=error)
