"""From a push into a real Gerrit to one combined vote, read back from Gerrit."""

import re
import urllib.request

import pytest

from tests.acceptance.conftest import until

pytestmark = pytest.mark.gerrit


def page(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def test_a_patch_gets_one_combined_vote_from_its_two_jobs(stage):
    number = stage.push("pass")
    lines = stage.review(number).splitlines()
    assert stage.vote(number) == 1
    assert "Build succeeded (check pipeline)." in lines
    for job in ("quick-one", "quick-two"):
        assert any(re.fullmatch(rf"- {job} http\S+/build/\w+ : SUCCESS in \d+m \d\ds", line) for line in lines)
    assert len(stage.reviews(number)) == 1


def test_one_job_that_fails_makes_the_vote_minus_one_and_says_what_broke(stage):
    number = stage.push("fail-two")
    text = stage.review(number)
    assert stage.vote(number) == -1
    assert "Build failed (check pipeline)." in text
    assert re.search(r"^- quick-one \S+ : SUCCESS in", text, re.MULTILINE)
    assert re.search(r"^- quick-two \S+ : FAILURE in", text, re.MULTILINE)
    assert "the patch says fail, in two" in text


def test_the_links_of_a_vote_open(stage):
    number = stage.push("fail-two")
    links = re.findall(r"http://\S+", stage.review(number))
    assert len(links) == 3
    pages = [page(link) for link in links]
    assert any("the patch says fail, in two" in text for text in pages)
    (failed,) = [build for build in stage.builds(number) if build["result"] == "FAILURE"]
    log = failed["log_folder"].partition("/logs/")[2]
    console = page(f"{stage.service.url}/logs/{log}/job-output.txt")
    assert "the patch says fail, in two" in console


def test_a_recheck_runs_everything_again_and_other_comments_do_not(stage):
    number = stage.push("pass")
    stage.review(number)
    developer = stage.gerrit.rest_as("developer")
    developer.comment(number, "please do not recheck this")
    developer.comment(number, "Patch Set 1: looks good\n\n> recheck")
    developer.comment(number, "recheck", as_web_page=True)
    stage.review(number, count=2)
    assert len(stage.builds(number)) == 4
    assert len(stage.reviews(number)) == 2


def test_a_new_patch_set_ends_the_run_of_the_old_one_which_gets_no_vote(stage):
    number = stage.push("hang")
    stage.wait_for_builds(number, "running", 2)
    assert stage.push_next("pass") == number
    stage.review(number)
    results = {(build["patchset"], build["result"]) for build in stage.wait_for_builds(number, "ended", 4)}
    assert results == {(1, "CANCELED"), (2, "SUCCESS")}
    assert len(stage.reviews(number)) == 1
    assert stage.vote(number) == 1


def test_abandoning_ends_the_run_and_restoring_starts_it_again(stage):
    number = stage.push("hang")
    stage.wait_for_builds(number, "running", 2)
    stage.gerrit.rest.abandon(number)
    stage.wait_for_builds(number, "CANCELED", 2)
    until("nodes are free", lambda: not any(node["build"] for node in stage.service.status()["nodes"]))
    stage.gerrit.rest.restore(number)
    stage.wait_for_builds(number, "running", 2)
    stage.service.call("dequeue", "--change", f"{number},1")
    stage.wait_for_builds(number, "CANCELED", 4)
    assert stage.reviews(number) == []


def test_a_recheck_supersedes_the_run_that_is_under_way(stage):
    number = stage.push("hang")
    stage.wait_for_builds(number, "running", 2)
    stage.gerrit.rest_as("developer").comment(number, "recheck")
    stage.wait_for_builds(number, "CANCELED", 2)
    until("the second run", lambda: len(stage.builds(number)) == 4)
    stage.service.call("dequeue", "--change", str(number))
    stage.wait_for_builds(number, "CANCELED", 4)


def test_a_merge_conflict_ends_without_a_word(stage):
    stage.gerrit.rest.call("PUT", "projects/openstack%2Fnova/branches/conflict", {"revision": stage.base})
    number = stage.push("pass", branch="conflict")
    stage.review(number)
    stage.repository.reset(stage.base)
    stage.repository.commit({"verdict": "something else\n"}, "The branch moves on")
    stage.repository.push("HEAD:refs/heads/conflict")
    stage.gerrit.rest_as("developer").comment(number, "recheck")
    conflicts = stage.wait_for_builds(number, "MERGE_CONFLICT", 1)
    assert "verdict" in conflicts[0]["error"]
    until("the second buildset ended", lambda: len([b for b in stage.builds(number) if b["state"] == "ended"]) == 4)
    assert len(stage.reviews(number)) == 1
    assert stage.vote(number) == 1


def test_what_is_tested_is_the_change_merged_onto_the_tip_of_its_branch(stage):
    """The patch alone says pass; a file that came to the branch after it makes both jobs fail."""
    stage.gerrit.rest.call("PUT", "projects/openstack%2Fnova/branches/moving", {"revision": stage.base})
    number = stage.push("x", branch="moving", name="unrelated")
    stage.review(number)
    stage.repository.reset(stage.base)
    stage.repository.commit({"verdict": "fail\n"}, "The branch breaks")
    stage.repository.push("HEAD:refs/heads/moving")
    stage.gerrit.rest_as("developer").comment(number, "recheck")
    assert "FAILURE" in stage.review(number, count=2)
    assert stage.vote(number) == -1


def test_an_operator_enqueues_a_change_past_the_triggers(stage):
    number = stage.push("pass")
    stage.review(number)
    stage.service.call("enqueue", "--change", f"{number},1")
    stage.review(number, count=2)


def test_one_job_runs_here_and_now_without_a_vote(stage):
    number = stage.push("pass")
    stage.review(number)
    text = stage.service.call("run", "quick-one", "--change", f"{number},1")
    assert "quick-one: SUCCESS" in text
    assert "Ask the patch how this shall end" in text
    assert len(stage.reviews(number)) == 1
