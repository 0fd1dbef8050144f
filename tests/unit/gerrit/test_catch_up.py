"""What is made of a query's rows: hostile ones, old servers', and a server that does not answer over HTTP."""

from __future__ import annotations

import json
import time

import pytest

from ci.errors import Refused, Unavailable
from ci.gerrit import catch_up
from ci.gerrit.catch_up import Catcher
from ci.gerrit.connection import CommandResult
from ci.gerrit.fields import load_object
from ci.gerrit.history import past_of
from ci.gerrit.keys import comment_key, key_stem, state_key
from ci.gerrit.rest import RestReader
from ci.model.change import Account
from tests.fakes.gerrit_changes import FakeAccount, FakeChanges
from tests.fakes.gerrit_rest import FakeRest
from tests.fakes.records import change

DEV = {"name": "Dev", "email": "dev@example.com", "username": "dev"}
STATS = {"type": "stats", "rowCount": 1, "runTimeMilliseconds": 1, "moreChanges": False}


def patchset(number, created=100, **values):
    known = {"number": number, "revision": f"{int(number):040x}", "createdOn": created, "uploader": DEV}
    return known | {"ref": f"refs/changes/07/7/{number}"} | values


def row(*messages, patchsets=None, **values):
    """A row of change 7 with these messages: second and text."""
    comments = [{"timestamp": at, "reviewer": DEV, "message": text} for at, text in messages]
    known = {"project": "openstack/nova", "branch": "master", "number": 7, "subject": "x", "status": "NEW"}
    return known | {"comments": comments, "patchSets": patchsets or [patchset(1)], "lastUpdated": 200} | values


def text_at(at, text, patch_set=1, **values):
    moment = time.strftime("%Y-%m-%d %H:%M:%S.000000000", time.gmtime(at))
    return {"author": DEV, "patch_set": patch_set, "updated": moment, "message": text} | values


def past(content, comments=None, since=0):
    told = None if comments is None else load_object(json.dumps({"/PATCHSET_LEVEL": comments}))
    return past_of("lab", load_object(json.dumps(content)), told, since)


def comments_of(content, comments=None):
    return [event.comment for event in past(content, comments).events if event.type_name == "comment-added"]


def kinds(content, since=0):
    return [(event.type_name, event.created_at) for event in past(content, since=since).events]


class Commands:
    """Answers with these texts, one after the other, the last one for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def run(self, command, stdin=b"", timeout_seconds=0.0):
        self.asked.append(command)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, CommandResult) else CommandResult(0, answer, "")


def lines(*rows):
    return "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in rows)


def catcher(*answers):
    commands = Commands(*answers)
    return Catcher(commands, "lab", None), commands


# --- the story of a change


def test_only_what_is_not_older_than_asked_for_is_told():
    content = row((99, "Abandoned"), (100, "Restored"), (101, "Patch Set 1:\n\nrecheck"))
    assert kinds(content, since=100) == [("patchset-created", 100), ("change-restored", 100), ("comment-added", 101)]
    assert kinds(content, since=101) == [("comment-added", 101)]


@pytest.mark.parametrize(
    "text",
    [
        "Patch Set 2: Commit message was updated.",
        "Patch Set 2: Patch Set 1 was rebased",
        "Patch Set 2: Published edit on patch set 1.",
        "Topic set to x",
        "Removed Code-Review+1 by Dev <dev@example.com>\n",
        "Uploaded patch set 2.\n\nOutdated Votes:\n* Code-Review-1",
        "Patch Set 9:\n\nno such patch set",
        "Set private",
        "",
    ],
)
def test_what_gerrit_itself_says_is_no_comment(text):
    content = row((150, text), patchsets=[patchset(1), patchset(2, 101)])
    assert kinds(content) == [("patchset-created", 101)]


def test_what_people_write_is_no_state():
    content = row((150, "Patch Set 1:\n\nAbandoned"), (151, "Patch Set 1: Code-Review+2\n\nSet Ready For Review"))
    assert [kind for kind, _ in kinds(content, since=101)] == ["comment-added", "comment-added"]


def test_votes_are_those_of_their_time():
    approvals = [
        {"type": "Code-Review", "value": "-1", "grantedOn": 170, "by": DEV},
        {"type": "Workflow", "value": "1", "grantedOn": 140, "by": DEV},
        {"type": "Verified", "value": "1", "grantedOn": 140, "by": {"username": "other"}},
    ]
    content = row(
        (150, "Patch Set 1: Code-Review+2\n\nfine: Verified+2"),
        (160, "Patch Set 1: -Code-Review"),
        (170, "Patch Set 1: Code-Review-1"),
        (180, "Uploaded patch set 1: Verified-1, Code-Review+1.\n\nPatch Set 1: Code-Review+2"),
        patchsets=[patchset(1, approvals=approvals)],
    )
    told = [{a.label: a.value for a in e.approvals} for e in past(content, since=101).events]
    assert told == [
        {"Workflow": 1, "Code-Review": 2},
        {"Workflow": 1, "Code-Review": 0},
        {"Code-Review": -1, "Workflow": 1},
        {"Workflow": 1, "Verified": -1, "Code-Review": 1},
    ]


def test_a_commit_that_merging_writes_is_no_patch_set_of_anybody():
    content = row(
        (150, "Change has been successfully cherry-picked as 123"),
        patchsets=[patchset(1), patchset(2, 150)],
        status="MERGED",
    )
    assert kinds(content, since=101) == [("change-merged", 150)]


def test_making_a_change_private_is_told_to_those_who_see_it():
    assert kinds(row((150, "Set private")), since=101) == []
    assert kinds(row((150, "Set private"), private=True), since=101) == [("private-state-changed", 150)]
    assert kinds(row((150, "Unset private")), since=101) == [("private-state-changed", 150)]


# --- texts at patch set level


def test_texts_over_http_belong_to_the_message_of_their_second():
    content = row((150, "Patch Set 1:\n\n(1 comment)"), (160, "Patch Set 1: Code-Review+1\n\n(2 comments)\n\nand"))
    comments = [text_at(160, "recheck"), text_at(150, "first"), text_at(170, "somebody's", author={"username": "x"})]
    assert comments_of(content, comments) == [
        "Patch Set 1:\n\nfirst",
        "Patch Set 1: Code-Review+1\n\nrecheck\n\nand",
    ]


def test_two_comments_in_one_second_keep_their_texts_apart():
    content = row((150, "Patch Set 1:\n\n(1 comment)"), (150, "Patch Set 1:\n\n(2 comments)"))
    comments = [
        text_at(150, "b", change_message_id="m2"),
        text_at(150, "a", change_message_id="m1"),
        text_at(150, "c", change_message_id="m2"),
    ]
    assert comments_of(content, comments) == ["Patch Set 1:\n\na", "Patch Set 1:\n\nb\n\nc"]


def test_texts_of_somebody_else_in_the_same_second_are_not_taken():
    content = row((150, "Patch Set 1:\n\n(1 comment)"))
    assert comments_of(content, [text_at(150, "x", author={"username": "eve"})]) == ["Patch Set 1:\n\n(1 comment)"]


def test_garbage_over_http_falls_back_to_what_ssh_tells():
    comment = {"file": "/PATCHSET_LEVEL", "line": 0, "reviewer": DEV, "message": "recheck"}
    content = row((150, "Patch Set 1:\n\n(1 comment)"), patchsets=[patchset(1, comments=[comment])])

    class Rest:
        def comments_of(self, numbers):
            return {number: load_object('{"/PATCHSET_LEVEL":[{"updated":"yesterday"}]}') for number in numbers}

    asked = Catcher(Commands(lines(row(), STATS), lines(content, STATS)), "lab", Rest())
    events = asked.missed(101, ["openstack/nova"]).events
    assert [event.comment for event in events] == ["Patch Set 1:\n\nrecheck"]


# --- hostile and broken answers


def test_a_row_that_is_no_change_does_not_spoil_the_others():
    garbage = [
        '{"project":"openstack/nova","number":1e400}',
        "[]",
        "{",
        {"project": "openstack/nova", "number": 9, "branch": "master"},
        row(project="openstack/nova", number=8, branch="-x"),
        row((150, "\ud800"), number=10),
    ]
    asked, _ = catcher(lines(STATS), lines(*garbage, row(), STATS))
    missed = asked.missed(0, ["openstack/nova"])
    assert [event.change.number for event in missed.events] == [7]
    assert len(missed.lost) == len(garbage)
    assert all("a row of a query is no change: " in lost.reason and "\n" not in lost.reason for lost in missed.lost)
    assert len({lost.event.natural_key for lost in missed.lost}) == len(garbage)


def test_rows_of_projects_that_were_not_asked_for_are_passed_over():
    asked, _ = catcher(lines(row(project="openstack/other"), STATS))
    missed = asked.missed(0, ["openstack/nova"])
    assert (missed.events, missed.lost) == ((), ())


def test_numbers_may_be_texts():
    content = row((150, "Patch Set 1:\n\nhi"), number="7", patchsets=[patchset("1", "100")])
    assert kinds(content) == [("patchset-created", 100), ("comment-added", 150)]


@pytest.mark.parametrize(
    ("answer", "error", "what"),
    [
        (lines({"type": "error", "message": "Invalid\ndate"}), Refused, "Invalid"),
        (lines(row()), Unavailable, "has no end"),
        ("", Unavailable, "has no end"),
        (CommandResult(1, "", "fatal: busy\n"), Unavailable, "busy"),
    ],
)
def test_a_query_that_fails_is_said_in_one_line(answer, error, what):
    asked, _ = catcher(answer)
    with pytest.raises(error, match=what) as found:
        asked.missed(0, ["openstack/nova"])
    assert "\n" not in str(found.value)


def test_a_server_that_always_has_more_is_left_in_the_end(monkeypatch):
    monkeypatch.setattr(catch_up, "_LONGEST_PAGE_COUNT", 3)
    more = lines(*(row(number=n) for n in range(1, 20)), STATS | {"moreChanges": True})
    asked, _ = catcher(more)
    with pytest.raises(Unavailable, match="no end"):
        asked.missed(0, ["openstack/nova"])


@pytest.mark.parametrize("name", ["a'b", 'a"b', "a}b", "-x", "", "a\nb", "a\\b", "$(id)"])
def test_a_project_that_cannot_be_quoted_is_refused(name):
    asked, commands = catcher(lines(STATS))
    for ask in (asked.newest_update, lambda projects: asked.missed(0, projects)):
        with pytest.raises(Refused, match="a name that Gerrit cannot be asked for"):
            ask(["openstack/nova", name])
    assert commands.asked == []


@pytest.mark.parametrize("name", ["a b", "x/a~b@c"])
def test_what_gerrit_allows_in_a_name_is_asked_for_in_braces(name):
    asked, commands = catcher(lines(STATS))
    asked.newest_update([name])
    assert commands.asked[-1].endswith(f"'(project:{{{name}}})'")


def test_the_time_is_asked_for_in_utc():
    asked, commands = catcher(lines(STATS))
    asked.missed(1_795_377_850, ["openstack/nova", "x/y"])
    terms = "'(project:{openstack/nova} OR project:{x/y})' 'after:\"2026-11-22 20:04:10 +0000\"'"
    assert commands.asked[-1].endswith(terms)


# --- keys


def test_a_key_without_its_second_is_where_all_others_of_the_happening_begin():
    who = Account("dev")
    early, late = (comment_key(change(), who, second, "Patch Set 2:\n\nrecheck") for second in (5, 1_795_377_850))
    assert early != late
    assert key_stem(early) == key_stem(late)
    abandoned = state_key("change-abandoned", change(), 5)
    assert abandoned.startswith(key_stem(abandoned))
    assert state_key("change-merged", change(), None) == "change-merged openstack/nova 4711"


# --- over HTTP


@pytest.fixture
def rest():
    state = FakeChanges("http://127.0.0.1/")
    for name in ("dev", "ci"):
        state.accounts[name] = FakeAccount(name, name.title(), f"{name}@example.com")
    for _ in range(3):
        state.comment_at_patchset_level(state.push("p", "dev", "x", {}, {}).number, "dev", "recheck")
    with FakeRest(state) as rest:
        yield rest


def test_comments_are_read_as_anybody_or_as_the_account(rest):
    for password, prefix in ((None, "/changes/"), ("secret", "/a/changes/")):
        found = RestReader(rest.url, "ci", password).comments_of([1, 2, 99])
        assert sorted(found) == [1, 2]
        assert all(path.startswith(prefix) for path, _ in rest.requests[-3:])


def test_a_wrong_password_is_unavailable(rest):
    reader = RestReader(rest.url, "ci", "wrong")
    with pytest.raises(Unavailable, match="answers 401"):
        reader.comments(1)
    assert "wrong" not in str(vars(reader))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b")]}'\n{", b"\xff" * 100])
def test_an_answer_that_is_none_is_unavailable(rest, body):
    rest.body = body
    with pytest.raises(Unavailable, match="the answer is garbage"):
        RestReader(rest.url, "ci").comments(1)


def test_a_server_that_fails_is_not_asked_for_every_change(rest):
    rest.status = 503
    assert RestReader(rest.url, "ci").comments_of(range(1, 100)) == {}
    assert len(rest.requests) < 20


def test_nobody_there_is_unavailable():
    with pytest.raises(Unavailable, match="Connection refused"):
        RestReader("http://127.0.0.1:1", "ci").comments(1)


def test_a_redirect_to_another_host_gets_nothing(rest):
    rest.location = f"http://localhost:{rest.url.rsplit(':', 1)[1]}stolen"
    with pytest.raises(Unavailable, match="302"):
        RestReader(rest.url, "ci", "secret").comments(1)
    assert len(rest.requests) == 1
