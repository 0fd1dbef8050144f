from __future__ import annotations

import dataclasses

import pytest

from ci.model.build import INFRASTRUCTURE_RESULTS, Build, BuildState, FailedTest, Result, ResultCounts
from ci.model.job import FrozenJob
from ci.model.views import FailureElsewhere
from ci.web.blame import blame
from tests.unit.web.rows import change

FAILED = Build("a", "b", FrozenJob("job"), BuildState.ENDED, result=Result.FAILURE,
               failed_tests=(FailedTest("one"), FailedTest("two")))  # fmt: skip


def elsewhere(*names, changes=(7, 8)):
    return [FailureElsewhere(name, "c", "job", change(number), 1.0) for name in names for number in changes]


def test_tests_that_fail_nowhere_else_point_to_the_patch():
    assert blame(FAILED, []).startswith("Probably the patch")


def test_tests_that_all_fail_elsewhere_point_away_from_the_patch():
    assert blame(FAILED, elsewhere("one", "two", "two")).startswith("Perhaps not the patch")


def test_one_other_change_is_no_alibi():
    assert blame(FAILED, elsewhere("one", "two", "two", changes=(7,))).startswith("Look closer: one other change")


def test_a_mixture_asks_for_a_closer_look():
    assert "1 of the 2" in blame(FAILED, elsewhere("two"))


@pytest.mark.parametrize("result", sorted(INFRASTRUCTURE_RESULTS))
def test_a_fault_of_the_ci_is_never_the_patch(result):
    assert "not the patch" in blame(dataclasses.replace(FAILED, result=result), [])


def test_tests_that_failed_in_a_run_that_is_not_whole_are_not_held_against_the_patch():
    error = dataclasses.replace(FAILED, result=Result.ERROR, counts=ResultCounts(1, 2, 0))
    assert blame(error, []) == (
        "The results are not those of the tests that were to run, or not whole: that is the CI, not the patch. "
        "The failed tests below say nothing about the patch: what broke the run may have broken them."
    )
    lost = dataclasses.replace(error, result=Result.NODE_FAILURE, failed_tests=())
    assert blame(lost, []) == "The CI or its hardware failed, not the patch."


@pytest.mark.parametrize("result", list(Result))
def test_every_result_has_words(result):
    assert blame(dataclasses.replace(FAILED, result=result), [])


def test_a_failure_without_tests_does_not_accuse():
    assert "may be the patch or the CI" in blame(dataclasses.replace(FAILED, failed_tests=()), [])


def test_a_build_between_two_attempts_says_that_it_goes_on():
    waiting = Build("a", "b", FrozenJob("job"), BuildState.WAITING, attempt=2, error="the node was unreachable")
    assert blame(waiting, ()) == "An attempt broke off; the next one follows by itself."
