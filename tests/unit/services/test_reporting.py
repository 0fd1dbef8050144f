"""The verdict on a buildset and the words of its review."""

import pytest

from ci.model.build import FailedTest, Result, ResultCounts
from ci.model.pipeline import Messages, Pipeline, Reporter
from ci.model.policy import InfraFailure, InfraPolicy
from ci.services.reporting import Links, result_review, start_review, verdict
from tests.fakes.records import buildset, change, ended

LINKS = Links("https://ci.example.org", "https://wiki.example.org/PowerVM_CI", "recheck")
PIPELINE = Pipeline(
    "check",
    success=(Reporter("gerrit", (("Verified", 1),)),),
    failure=(Reporter("gerrit", (("Verified", -1),)),),
    messages=Messages(success="Build succeeded (check pipeline).", failure="Build failed (check pipeline)."),
)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (["SUCCESS", "SUCCESS"], Result.SUCCESS),
        (["SUCCESS", "FAILURE"], Result.FAILURE),
        (["TIMED_OUT", "SUCCESS"], Result.FAILURE),
        (["POST_FAILURE", "SUCCESS"], Result.FAILURE),
        (["NODE_FAILURE", "SUCCESS"], Result.NODE_FAILURE),
        (["ERROR", "SUCCESS"], Result.ERROR),
        (["RETRY_LIMIT", "FAILURE"], Result.FAILURE),
        (["MERGE_CONFLICT", "CANCELED"], Result.MERGE_CONFLICT),
    ],
)
def test_verdict(results, expected):
    builds = tuple(ended(f"b{n}", f"job{n}", result) for n, result in enumerate(results))
    assert verdict(builds) is expected


def test_a_non_voting_job_has_no_say():
    assert verdict((ended("b1", "a", "SUCCESS"), ended("b2", "b", "FAILURE", voting=False))) is Result.SUCCESS


def test_success_votes_and_says_each_job_in_the_parsed_form():
    review = result_review(
        PIPELINE,
        buildset(
            ended("b1", "nova-in-tree", "SUCCESS", seconds=3723),
            ended("b2", "nova-out-of-tree", "SUCCESS", voting=False),
        ),
        Result.SUCCESS,
        LINKS,
    )
    lines = review.message.splitlines()
    assert review.labels == {"Verified": 1}
    assert lines[0] == "Build succeeded (check pipeline)."
    assert lines[1] == "https://ci.example.org/buildset/s1"
    assert "recheck" in lines[2]
    assert "https://wiki.example.org/PowerVM_CI" in lines[2]
    assert "- nova-in-tree https://ci.example.org/build/b1 : SUCCESS in 1h 02m 03s" in lines
    assert "- nova-out-of-tree https://ci.example.org/build/b2 : SUCCESS in 1m 02s (non-voting)" in lines
    assert (review.number, review.patchset) == (change().number, change().patchset)


def test_failure_names_the_first_failed_tests_and_counts_the_rest():
    tests = tuple(FailedTest(f"tempest.api.compute.test_{n}") for n in range(7))
    broken = ended("b1", "nova-in-tree", "FAILURE", failed_tests=tests, counts=ResultCounts(24, 7, 2))
    review = result_review(
        PIPELINE, buildset(broken, ended("b2", "nova-out-of-tree", "SUCCESS")), Result.FAILURE, LINKS
    )
    assert review.labels == {"Verified": -1}
    assert "nova-in-tree: 7 of 31 tests failed:" in review.message
    assert "tempest.api.compute.test_4" in review.message
    assert "tempest.api.compute.test_5" not in review.message
    assert "and 2 more" in review.message


def test_a_failure_without_tests_says_what_broke():
    broken = ended("b1", "nova-in-tree", "FAILURE", error="run: nova-compute did not start")
    review = result_review(PIPELINE, buildset(broken), Result.FAILURE, LINKS)
    assert "nova-in-tree: run: nova-compute did not start" in review.message


@pytest.mark.parametrize("result", ["NODE_FAILURE", "RETRY_LIMIT", "ERROR"])
def test_a_fault_of_the_ci_never_votes(result):
    review = result_review(PIPELINE, buildset(ended("b1", "nova-in-tree", result)), Result(result), LINKS)
    assert review.labels == {}
    assert "not the patch" in review.message


@pytest.mark.parametrize("result", ["NODE_FAILURE", "RETRY_LIMIT", "ERROR"])
def test_a_fault_of_the_ci_names_none_of_its_machines_and_says_how_to_go_on(result):
    broken = buildset(ended("b1", "nova-in-tree", result, error="10.0.0.7: /var/lib/powervm-ci: no space"))
    for policy in InfraFailure:
        review = result_review(PIPELINE, broken, Result(result), LINKS, InfraPolicy(policy))
        assert review.labels == ({"Verified": -1} if policy is InfraFailure.VOTE else {})
        assert "10.0.0.7" not in review.message
        assert "/var" not in review.message
        assert "nova-in-tree: " in review.message
        assert "says nothing about the patch" in review.message
        assert 'To run again, comment "recheck"' in review.message


def test_a_fault_beside_a_failure_of_the_patch_is_told_apart():
    builds = buildset(ended("b1", "a", "FAILURE", error="run: it broke"), ended("b2", "b", "ERROR", error="host7"))
    links = Links("https://ci.example.org", "", "run-IBM CI")
    review = result_review(PIPELINE, builds, verdict(builds.builds), links)
    assert review.labels == {"Verified": -1}
    assert "a: run: it broke" in review.message
    assert "b: the CI broke while it ran; this says nothing about the patch" in review.message
    assert 'comment "run-IBM CI"' in review.message


def test_a_canceled_buildset_and_a_merge_conflict_say_nothing():
    for result in (Result.CANCELED, Result.MERGE_CONFLICT):
        assert result_review(PIPELINE, buildset(ended("b1", "a", result)), result, LINKS) is None


def test_a_merge_conflict_is_told_only_where_the_site_asks_for_it():
    conflict = buildset(ended("b1", "a", "MERGE_CONFLICT"))
    silent = Pipeline("check", failure=PIPELINE.failure, merge_conflict=(Reporter("gerrit", comment=False),))
    assert result_review(silent, conflict, Result.MERGE_CONFLICT, LINKS) is None
    telling = Pipeline("check", failure=PIPELINE.failure, merge_conflict=(Reporter("gerrit"),))
    review = result_review(telling, conflict, Result.MERGE_CONFLICT, LINKS)
    assert review.labels == {}
    assert "rebase" in review.message


def test_whom_gerrit_notifies_is_the_reporter_s_choice():
    pipeline = Pipeline("check", success=(Reporter("gerrit", notify="OWNER"),))
    assert result_review(pipeline, buildset(ended("b1", "a", "SUCCESS")), Result.SUCCESS, LINKS).notify == "OWNER"


def test_only_the_change_s_own_gerrit_hears_of_it():
    elsewhere = change(connection="other")
    ended_set = buildset(ended("b1", "a", "SUCCESS"), about=elsewhere)
    assert result_review(PIPELINE, ended_set, Result.SUCCESS, LINKS) is None


def test_start_and_result_reviews_can_be_told_apart_in_gerrit():
    pipeline = Pipeline("check", start=(Reporter("gerrit"),), success=PIPELINE.success)
    one = buildset(ended("b1", "a", "SUCCESS"))
    start, result = start_review(pipeline, one, LINKS), result_review(pipeline, one, Result.SUCCESS, LINKS)
    assert start.marker in start.message
    assert result.marker in result.message
    assert start.marker not in result.message
    assert result.marker not in start.message + "\n"
