"""Is it the patch or the CI? Said in words, from what the database knows: pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ci.model.build import INFRASTRUCTURE_RESULTS, Build, BuildState, Result
from ci.model.change import Change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.model.views import FailureElsewhere

# One bad patch may fail anything; the same failure on two others is no accident of a patch.
ENOUGH_CHANGES = 2

_STATES = {
    BuildState.WAITING: "Waiting for a node.",
    BuildState.STARTING: "Has its nodes; the source is being prepared.",
}
_RESULTS = {
    Result.TIMED_OUT: "The job took longer than it may. A slow node does that as well as a patch that hangs: "
    "look at where the console log stops.",
    Result.POST_FAILURE: "The tests had ended; collecting the logs failed. That is rarely the patch.",
    Result.MERGE_CONFLICT: "The patch does not merge onto the tip of its branch: nothing was run. Rebase it.",
    Result.SKIPPED: "The job did not run.",
}


def blame(build: Build, elsewhere: Sequence[FailureElsewhere]) -> str:
    """Return one or two sentences for the build's page; `elsewhere`: its failed tests in builds of other changes."""
    if build.result is None:
        return _of_unfinished(build)
    if build.result in INFRASTRUCTURE_RESULTS:
        return _of_the_ci(build)
    if build.result is Result.SUCCESS:
        return "Nothing is wrong with the patch as far as this job can tell."
    if build.result is Result.CANCELED:
        return "Stopped before its end; it says nothing about the patch."
    if build.result is Result.FAILURE:
        return _of_failure(build, elsewhere)
    return _RESULTS.get(build.result, "")


def _of_unfinished(build: Build) -> str:
    if build.state is BuildState.WAITING and build.error:
        return "An attempt broke off; the next one follows by itself."
    return _STATES.get(build.state, "")


def _of_the_ci(build: Build) -> str:
    words = "The CI or its hardware failed, not the patch."
    if build.result is Result.ERROR and build.counts:
        words = "The results are not those of the tests that were to run, or not whole: that is the CI, not the patch."
    if build.failed_tests:
        words += " The failed tests below say nothing about the patch: what broke the run may have broken them."
    return words


def _of_failure(build: Build, elsewhere: Sequence[FailureElsewhere]) -> str:
    if not build.failed_tests:
        return "The job failed outside its tests: a step below says which. It may be the patch or the CI."
    names = {test.name for test in build.failed_tests}
    known = len(names & {failure.test for failure in elsewhere})
    if not known:
        return "Probably the patch: no other change had these failures lately."
    # a branch is no patch
    changes = {(failure.test, one.connection, one.number) for failure in elsewhere
               if isinstance(one := failure.change, Change)}  # fmt: skip
    others = Counter(test for test, *_ in changes)
    alibis = {name for name in names if others[name] >= ENOUGH_CHANGES}
    if known == len(names) and not alibis:
        return "Look closer: one other change had these failures too, lately. It may be as wrong as this one."
    if known == len(names) and alibis == names:
        which = "The failed test" if known == 1 else f"All {known} tests that are listed"
        return f"Perhaps not the patch: {which[0].lower()}{which[1:]} failed on other changes too, lately."
    return f"Look closer: {known} of the {len(names)} listed tests failed on other changes too, lately."
