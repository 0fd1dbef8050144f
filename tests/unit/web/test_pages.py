from __future__ import annotations

import dataclasses
from html.parser import HTMLParser

import pytest

from ci.errors import Unavailable
from ci.model.build import FailedTest, Result, ResultCounts
from ci.model.change import Branch
from ci.web.app import create_app
from tests.unit.web.asking import Asker
from tests.unit.web.rows import HOSTILE, NOW, OTHER_TEST, TEST, change, job, node, task


class Page(HTMLParser):
    """Collects the tags and links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    @property
    def links(self):
        return [value for name, value in self.attributes if name == "href"]


def test_the_first_page_shows_connections_builds_nodes_and_votes(ask, ids):
    text = ask("/").text
    for words in ("gerrit", "host key changed", "520001,2", "25m 00s so far", "waits 15m 00s", "Nodes: 1 of 3 free",
                  "posted Verified+1", "posted Verified-1", "not posted", "a newer patch set is current"):  # fmt: skip
        assert words in text


def test_the_first_page_works_on_an_empty_database(ask):
    answer = ask("/")
    assert answer.status == 200
    assert "Nothing runs." in answer.text


def test_hostile_words_stay_words_on_every_page(ask, ids):
    paths = ["/", f"/build/{ids['failed']}", f"/buildset/{ids['waiting']}", f"/build/{ids['elsewhere']}"]
    for path in paths:
        answer = ask(path)
        page = Page(answer.text)
        assert answer.status == 200
        assert "img" not in page.tags
        assert page.tags.count("script") <= 1  # our own
        assert not [name for name, _ in page.attributes if name.startswith("on")]
        assert all(link.startswith(("/", "https://review.example.org/")) for link in page.links)
        assert not [sign for sign in "\u202e\x00\x1b" if sign in answer.text]


def test_a_failed_build_says_what_broke_and_where_else(ask, ids):
    text = ask(f"/build/{ids['failed']}").text
    assert "FAILURE" in text
    assert "2 tests failed" in text
    assert TEST in text
    assert "585e934c-448e-43c4-acbf-d06a9b899997" in text
    assert "AssertionError: 500 != 200 &lt;b&gt;" in text
    assert "1 of the 2 listed tests failed on other changes" in text
    assert f"/build/{ids['elsewhere']}" in text
    assert "Run tempest" in text


def test_the_same_failure_on_the_same_change_is_no_alibi(ask, rows):
    first = rows.failed(7, "c1", (FailedTest(TEST),), age=900)
    rows.failed(7, "c2", (FailedTest(TEST),), age=500)
    rows.failed(8, "c3", (FailedTest(OTHER_TEST),), age=500)
    assert "Probably the patch" in ask(f"/build/{first.id}").text


@pytest.mark.parametrize(
    ("result", "said"),
    [(Result.TIMED_OUT, "Look closer: one other change"), (Result.ERROR, "Probably the patch"),
     (Result.CANCELED, "Probably the patch")],
)  # fmt: skip
def test_a_failure_where_the_ci_itself_failed_is_no_alibi(ask, rows, result, said):
    first = rows.failed(7, "c1", (FailedTest(TEST),), age=900)
    rows.failed(8, "c2", (FailedTest(TEST),), age=500, result=result)
    assert said in ask(f"/build/{first.id}").text


def test_a_build_is_found_by_the_beginning_of_its_id(ask, ids):
    assert ask("/build/b20").status == 200
    assert ask("/build/b2").status == 404  # two builds begin like that
    assert ask("/build/%00").status == 404
    assert ask("/build/'or'1").status == 404


def test_a_lost_node_is_not_charged_to_the_patch(ask, ids):
    assert "not the patch" in ask(f"/build/{ids['lost']}").text


def test_results_that_are_not_those_that_were_meant_are_said_first_and_blamed_on_the_ci(ask, rows):
    buildset = rows.buildset(change(9), "c1")
    build, error = buildset.builds[0], "test a.B.test_pause is on the skip list and ran (and 2 more)"
    rows.end(build, Result.ERROR, error=error, tests=(FailedTest(TEST),), counts=ResultCounts(200, 1, 30))
    folder = rows.log_folder(build, buildset.change)
    for name in ("tests-run.txt", "tests-skipped.txt", "skip-list.json"):
        (folder / name).write_text("x")
    answer = ask(f"/build/{build.id}").text
    head, _, rest = answer.partition("<h2>")
    assert f"ERROR: {error}" in head
    assert "that is the CI, not the patch" in head
    assert "say nothing about the patch" in head
    assert TEST in rest
    for name in ("tests-run.txt", "tests-skipped.txt", "skip-list.json"):
        assert any(link.endswith(f"/{name}") for link in Page(head).links)


def test_links_to_logs_appear_only_for_what_is_there(ask, rows, ids):
    view = rows.store.views.build(ids["failed"])
    assert "no logs" in ask(f"/build/{ids['failed']}").text
    folder = rows.log_folder(view.build, view.change)
    (folder / "job-output.txt").write_text("x")
    (folder / "tempest").mkdir()
    (folder / "tempest" / "testr_results.html").write_text("x")
    links = [link for link in Page(ask(f"/build/{ids['failed']}").text).links if link.startswith("/logs/0")]
    assert len(links) == 4  # console, folder, report, attempt
    for link in links:
        assert ask(link).status == 200


def test_a_running_build_shows_the_end_of_its_console_log(ask, rows, ids):
    view = rows.store.views.build(ids["running"])
    (rows.log_folder(view.build, view.change) / "job-output.txt").write_text("line\n" * 9999 + f"TASK [last] {HOSTILE}")
    text = ask(f"/build/{ids['running']}").text
    assert "TASK [last]" in text
    assert text.count("line\n") < 21
    assert "<script>" not in text


def test_earlier_attempts_keep_their_logs(ask, rows):
    buildset = rows.buildset(change(9), "c1")
    build = rows.run(buildset.builds[0], rows.nodes[0])
    rows.log_folder(build, buildset.change)
    rows.store.buildsets.retry(build, "node lost", NOW)
    text = ask(f"/build/{build.id}").text
    assert f'<a href="/logs/09/9/2/check/nova-in-tree/{build.id[:10]}/">1</a> 2 of 3' in text


@pytest.mark.parametrize(
    "record", ["", "[]", "nonsense", '{"task": 1}', '{"task": null, "status": [], "started": "x"}']
)
def test_a_broken_task_record_does_no_harm(ask, rows, record):
    build = rows.failed(7, "c1", ())
    rows.store.buildsets.add_task_events(build, [record, task("Real one", "unreachable")])
    answer = ask(f"/build/{build.id}")
    assert answer.status == 200
    assert "Real one" in answer.text


def test_the_task_that_broke_the_run_is_named_not_the_rescued_nor_the_tidying_one(ask, rows):
    build = rows.failed(7, "c1", ())
    names = [("rescued", "run"), ("culprit", "run"), ("tidying", "post-run")]
    rows.store.buildsets.add_task_events(build, [task(name, "failed", phase=phase) for name, phase in names])
    after = ask(f"/build/{build.id}").text.partition("Failed task")[2]
    assert after.index("culprit") < after.index("rescued")
    assert after.index("culprit") < after.index("tidying")


def test_a_buildset_shows_builds_reviews_and_story(ask, ids):
    text = ask(f"/buildset/{ids['failed_buildset']}").text
    assert "Verified-1" in text
    assert "nova-out-of-tree" in text
    assert "running &rarr; ended" in text


def test_every_answer_carries_the_security_headers(ask, ids):
    for path in ("/", "/nope", "/api/status", "/static/style.css", "/logs/", "/build/zz"):
        headers = ask(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/api/builds", "/logs/x", "/events", "/static/style.css"])
def test_nothing_can_be_written(ask, method, path):
    answer = ask(path, method=method)
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_a_bug_shows_no_traceback(rows, monkeypatch):
    def broken(*_args):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("ci.web.pages.dashboard", broken)
    answer = Asker(create_app(rows.sources))("/")
    assert answer.status == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_a_database_that_does_not_answer_is_503(rows):
    class Locked:
        def __getattr__(self, name):
            raise Unavailable("database is locked")

    ask = Asker(create_app(dataclasses.replace(rows.sources, views=Locked())))
    assert ask("/healthz").status == 503
    assert "Try again" in ask("/build/a").text


def test_a_loop_that_ended_is_503_and_named(rows):
    ask = Asker(create_app(dataclasses.replace(rows.sources, dead_loops=lambda: ("reporter opendev", "executor"))))
    answer = ask("/healthz")
    assert answer.status == 503
    assert "reporter opendev, executor" in answer.text
    assert Asker(create_app(rows.sources))("/healthz").status == 200


def test_programs_get_the_same_facts(ask, ids):
    status = ask("/api/status").json()
    assert [one["state"] for one in status["connections"]] == ["connected", "alarm"]
    assert len(status["buildsets"]) == 2
    build = ask(f"/api/build/{ids['failed']}").json()
    assert (build["result"], build["ref"]["change"]) == (Result.FAILURE, 520_004)
    assert [test["name"] for test in build["failed_tests"]] == [TEST, OTHER_TEST]
    assert len(ask("/api/builds?limit=3").json()) == 3
    assert {one["ref"]["change"] for one in ask("/api/builds?change=520006").json()} == {520_006}


@pytest.mark.parametrize(
    "query", ["limit=x", "limit=-1", "limit=99999999999999999999", "change=1;drop", "limit=%D9%A3"]
)
def test_a_bad_number_is_refused(ask, query):
    assert ask(f"/api/builds?{query}").status == 400


def test_metrics_hold_the_state(ask, ids):
    text = ask("/metrics").text
    assert 'powervm_ci_connection_up{connection="vendor"} 0.0' in text
    assert 'powervm_ci_builds_open{state="running"} 2.0' in text
    assert "powervm_ci_nodes_in_use 2.0" in text


def test_links_carry_the_path_of_the_public_address(rows, ids):
    links = dataclasses.replace(rows.sources.links, root_url="https://example.org/powervm")
    page = Page(Asker(create_app(dataclasses.replace(rows.sources, links=links)))("/").text)
    assert all(link.startswith(("/powervm/", "https://review")) for link in page.links)


def test_the_first_page_begins_with_what_a_person_must_look_at(ask, rows):
    rows.store.nodes.drain("static/neo1", "new disks", NOW)
    for age in (9000, 6000, 3000):
        rows.store.nodes.failed("static/neo2", f"no ssh {HOSTILE}", NOW - age, is_ill=False)
    text = ask("/").text
    assert text.index("Look at this") < text.index("static/neo2 is set aside") < text.index("Connections")
    assert "new disks" in text
    assert "Nodes: 1 of 3 free" in text
    assert "<img" not in text


def test_a_vote_that_was_not_posted_is_listed_with_its_reason(ask, ids):
    text = ask("/").text
    assert "Votes that were not posted" in text
    assert text.count("a newer patch set is current") == 2


def test_a_build_of_a_branch_has_its_pages_and_blames_no_patch(ask, rows):
    buildset = rows.buildset(Branch("opendev", "openstack/nova", "stable/pike"), "ab", age=900, jobs=(job("nightly"),))
    (one,) = buildset.builds
    rows.end(rows.run(one, node("n9")), Result.FAILURE, error="it broke")
    for path in ("/", f"/buildset/{buildset.id}", f"/build/{one.id}"):
        answer = ask(path)
        assert answer.status == 200, path
        assert "stable/pike" in answer.text
    assert "patch" not in ask(f"/build/{one.id}").text.partition("<dl>")[0]
    ref = ask(f"/api/build/{one.id}").json()["ref"]
    assert (ref["change"], ref["patchset"], ref["ref"]) == (None, None, "refs/heads/stable/pike")


def test_a_failure_on_a_branch_is_told_on_the_page_of_a_change(ask, rows):
    test = FailedTest("tempest.api.Servers.test_list")
    (nightly,) = rows.buildset(Branch("opendev", "openstack/nova", "master"), "ac", jobs=(job("nightly"),)).builds
    rows.end(rows.run(nightly, node("n9")), Result.FAILURE, tests=(test,))
    failed = rows.failed(530_001, "ad", (test,))
    assert f"/build/{nightly.id}" in ask(f"/build/{failed.id}").text


def test_what_a_change_is_tested_with_is_shown_and_hostile_names_stay_words(ask, rows):
    needs = (
        dataclasses.replace(change(12), project="x/networking-powervm"),
        dataclasses.replace(change(13, url="javascript:alert(1)"), project=HOSTILE, connection="vendor"),
    )
    buildset = rows.buildset(dataclasses.replace(change(9), dependencies=needs), "c9")
    for path in (f"/buildset/{buildset.id}", f"/build/{buildset.builds[0].id}"):
        text = ask(path).text
        assert '/12" rel="noreferrer">12,2</a> of x/networking-powervm, 13,2 of &lt;script' in text
        assert "<img" not in text
        assert "javascript" not in text
    (shown,) = [one for one in ask("/api/status").json()["buildsets"] if one["uuid"] == buildset.id]
    assert [(one["connection"], one["change"], one["patchset"]) for one in shown["ref"]["dependencies"]] == [
        ("gerrit", 12, 2),
        ("vendor", 13, 2),
    ]


def test_a_change_that_is_tested_alone_says_nothing_of_others(ask, rows):
    buildset = rows.buildset(change(9), "c9")
    assert "ested with" not in ask(f"/buildset/{buildset.id}").text + ask(f"/build/{buildset.builds[0].id}").text
