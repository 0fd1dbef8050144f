"""`explain`: one answer for each line of a recorded stream, with the state that the lines before tell."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from ci.cli import root
from tests.unit.config.conftest import SiteFolder

ROOT = str(Path(__file__).parents[3])
BOTH = ["nova-in-tree", "nova-out-of-tree"]
ACTORS = {
    "patchset-created": "uploader", "comment-added": "author", "change-abandoned": "abandoner",
    "change-restored": "restorer", "change-merged": "submitter",
}  # fmt: skip


def line(kind, patchset=1, *, number=10, project="openstack/nova", author="alice", comment=None, files=None, **change):
    told = {
        "type": kind,
        "change": {"project": project, "branch": "master", "id": "I1", "number": number, "subject": "s", "url": "https://r/1"} | change,
        "patchSet": {"number": patchset, "revision": "a" * 40, "ref": f"refs/changes/{number % 100:02d}/{number}/{patchset}"},
        "eventCreatedOn": 1_700_000_000,
        ACTORS.get(kind, "changer"): {"username": author},
    }  # fmt: skip
    if comment is not None:
        told["comment"] = f"Patch Set {patchset}:\n\n{comment}"
    if files is not None:
        told["patchSet"]["files"] = [{"file": name, "type": "MODIFIED"} for name in files]
    return json.dumps(told)


@pytest.fixture
def explain(tmp_path, capsys):
    def run(*lines, status=0):
        path = tmp_path / "events"
        path.write_text("".join(f"{item}\n" for item in lines))
        assert root.run(["explain", "--site", ROOT, "--json", "--events", str(path)]) == status
        answers = [json.loads(answer) for answer in capsys.readouterr().out.splitlines()]
        for answer in answers:  # what the other pipeline says is not what is looked at here
            answer["why_not"] = [reason for reason in answer["why_not"] if not reason.startswith("experimental:")]
        return answers

    return run


def test_the_form_of_an_answer(explain):
    answer = explain(line("patchset-created", files=["nova/a.py"]))
    assert answer == [{"n": 1, "type": "patchset-created", "pipelines": ["check"], "jobs": BOTH, "why_not": [],
                       "depends_on": []}]  # fmt: skip


def test_what_a_change_says_that_it_depends_on_is_told_with_what_it_means_here(explain, tmp_path, capsys):
    message = (
        "s\n\nDepends-On: https://review.opendev.org/c/x/y/+/12\nDepends-On: https://github.com/x/y/pull/3\x1b[31m\n"
    )
    told = line("patchset-created", files=["nova/a.py"], commitMessage=message)
    needs = [
        "https://review.opendev.org/c/x/y/+/12 (change 12 of opendev)",
        "https://github.com/x/y/pull/3\\x1b[31m (no change of these Gerrits: ignored)",
    ]
    assert explain(told)[0]["depends_on"] == needs
    assert root.run(["explain", "--site", ROOT, "--events", str(tmp_path / "events")]) == 0
    assert f"    Depends-On: {needs[0]}\n    Depends-On: {needs[1]}\n" in capsys.readouterr().out


def test_what_starts_nothing_needs_nothing(explain):
    message = "s\n\nDepends-On: https://review.opendev.org/12\n"
    assert explain(line("change-abandoned", commitMessage=message))[0]["depends_on"] == []


def test_an_older_patch_set_is_no_longer_current(explain):
    answers = explain(
        line("patchset-created", 1), line("patchset-created", 2), line("comment-added", 1, comment="recheck"),
        line("comment-added", 2, comment="recheck"), line("patchset-created", 1),
    )  # fmt: skip
    assert [bool(answer["jobs"]) for answer in answers] == [True, True, False, True, False]
    assert answers[2]["why_not"] == ["check: patch set 1 is not the current one"]


def test_abandoned_and_restored(explain):
    answers = explain(
        line("patchset-created"), line("change-abandoned"), line("comment-added", comment="recheck"),
        line("change-restored"), line("comment-added", comment="recheck"),
        line("change-merged"), line("comment-added", comment="recheck"),
    )  # fmt: skip
    assert [bool(answer["jobs"]) for answer in answers] == [True, False, False, True, True, False, False]


def test_the_status_that_an_event_tells_counts(explain):
    answers = explain(
        line("comment-added", comment="recheck", status="ABANDONED"),
        line("comment-added", comment="recheck", status="NEW"),
    )
    assert [bool(answer["jobs"]) for answer in answers] == [False, True]


def test_changes_do_not_mix(explain):
    answers = explain(line("change-abandoned", number=10), line("comment-added", number=11, comment="recheck"))
    assert answers[1]["jobs"] == BOTH


def test_files_are_remembered_for_their_patch_set(explain):
    answers = explain(
        line("patchset-created", files=["doc/a"]), line("comment-added", comment="recheck"),
        line("patchset-created", 2), line("comment-added", 2, comment="recheck"),
    )  # fmt: skip
    assert [answer["jobs"] for answer in answers] == [[], [], BOTH, BOTH]
    assert answers[0]["why_not"] == [f"{name}: all changed files match `irrelevant-files`" for name in BOTH]
    assert answers[2]["why_not"] == []


def test_our_own_comment_and_other_projects(explain):
    answers = explain(
        line("comment-added", author="powervm-ci", comment="recheck"),
        line("patchset-created", project="openstack/glance"),
    )
    assert [answer["why_not"] for answer in answers] == [
        ["check: the event is our own doing"], ["openstack/glance is not a project of the tenant"],
    ]  # fmt: skip


def test_experimental_jobs_run_on_request_and_a_timer_has_no_say(explain):
    (answer,) = explain(line("comment-added", comment="check experimental"))
    assert (answer["pipelines"], answer["jobs"]) == (["experimental"], ["nova-in-tree-skipped"])
    assert not [reason for reason in answer["why_not"] if reason.startswith("periodic:")]


def test_garbage_is_said_and_passed_over(explain):
    garbage = ["garbage", '{"type":', "[]", "{}", '{"type":"patchset-created"}', '"\\ud800"', '{"type": 3}']
    answers = explain(*garbage, line("patchset-created"), status=1)
    assert [answer["type"] for answer in answers] == [None] * len(garbage) + ["patchset-created"]
    assert all(f":{answer['n']}:" in answer["why_not"][0] for answer in answers[:-1])
    assert all("\n" not in answer["why_not"][0] for answer in answers[:-1])


def test_events_that_are_about_no_change(explain):
    answers = explain('{"type":"ref-updated","refUpdate":{"refName":"x"}}', '{"type":"dropped-output"}', "")
    assert [answer["type"] for answer in answers] == ["ref-updated", "dropped-output"]
    assert answers[0]["why_not"] == ["check: ref-updated is about no change"]


def test_text_from_stdin(capsys, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO((line("patchset-created") + "\nx\n").encode()))
    monkeypatch.setattr("sys.stdin", stream)
    assert root.run(["explain", "--site", ROOT, "--events", "-"]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("1: patchset-created starts nova-in-tree, nova-out-of-tree in check\n")
    assert "2: not an event\n    <stdin>:2:1: not JSON" in told.out
    assert told.err.startswith("note: 1 event did not say which files changed")


def test_an_unknown_connection(capsys):
    assert root.run(["explain", "--site", ROOT, "--events", "/dev/null", "--connection", "openstack"]) == 2
    assert "no connection openstack" in capsys.readouterr().err


def test_votes_count_until_the_next_patch_set(tmp_path, capsys):
    site = SiteFolder(tmp_path / "site")
    trigger = "    trigger: {gerrit: {event: [comment-added, patchset-created]}}\n    require: {gerrit: {approval: {Code-Review: 2}}}\n"
    site.write("jobs/zuul.d/pipelines.yaml", f"- pipeline:\n    name: check\n    manager: independent\n{trigger}")
    vote = json.loads(line("comment-added", project="nova", comment="good"))
    vote["approvals"] = [{"type": "Code-Review", "description": "Code-Review", "value": "2"}]
    lines = [line("patchset-created", project="nova"), json.dumps(vote), line("patchset-created", 2, project="nova")]
    events = tmp_path / "events"
    events.write_text("\n".join(lines))
    assert root.run(["explain", "--site", str(site.folder), "--json", "--events", str(events)]) == 0
    answers = [json.loads(answer) for answer in capsys.readouterr().out.splitlines()]
    assert [bool(answer["jobs"]) for answer in answers] == [False, True, False]
