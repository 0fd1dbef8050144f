"""What a query tells of the past, the same on the fake and on a real Gerrit; and that it is what the stream tells."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ci.gerrit import catch_up
from ci.model.event import Event, EventSource, Lost
from ci.model.vote import Review
from ci.store.store import SqliteStore
from tests.contract.gerrit_sides import PROJECT, FakeSide, Listening, RealSide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.gerrit.adapter import SshGerrit
    from tests.contract.gerrit_sides import Side

PROJECTS = (PROJECT,)


@pytest.fixture(
    scope="module", params=[FakeSide, pytest.param(RealSide, marks=pytest.mark.gerrit)], ids=["fake", "real"]
)
def side(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    with request.param(tmp_path_factory.mktemp("gerrit")) as started:
        yield started


@pytest.fixture
def gerrit(side: Side) -> Iterator[SshGerrit]:
    adapter = side.adapter()
    yield adapter
    adapter.close()


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(tmp_path / "ci.db")
    yield store
    store.close()


def now() -> int:
    return int(time.time())


def told(missed, number):
    """What is told of one change: types, patch sets, comments."""
    about = [event for event in missed.events if event.change.number == number]
    return [(event.type_name, event.change.patchset, event.comment) for event in about]


def test_a_change_s_story_is_told_in_order(side, gerrit):
    since = now()
    number, revision = side.push({"a.py": "1"})
    side.comment(number, "recheck")
    side.set_status(number, "ABANDONED")
    side.set_status(number, "NEW")
    side.comment(number, "recheck please", as_web_page=True)

    missed = gerrit.missed(since, PROJECTS)

    assert told(missed, number) == [
        ("patchset-created", 1, ""),
        ("comment-added", 1, "Patch Set 1:\n\nrecheck"),
        ("change-abandoned", 1, ""),
        ("change-restored", 1, ""),
        ("comment-added", 1, "Patch Set 1:\n\nrecheck please"),
    ]
    first = next(event for event in missed.events if event.change.number == number)
    assert (first.change.revision, first.change.project, first.change.is_current) == (revision, PROJECT, True)
    assert first.author.username == "dev"
    assert {event.source for event in missed.events} == {EventSource.QUERY}
    assert missed.newest >= first.created_at >= since
    assert [event.created_at for event in missed.events] == sorted(event.created_at for event in missed.events)


def test_of_several_patch_sets_the_current_one_is_told_and_the_others_are_lost(side, gerrit):
    since = now()
    number, _ = side.push({"a.py": "1"})
    side.amend(number, {"a.py": "2"})
    side.amend(number, {"a.py": "3"})

    missed = gerrit.missed(since, PROJECTS)

    assert told(missed, number) == [("patchset-created", 3, "")]
    assert [
        (lost.event.change.patchset, lost.reason) for lost in missed.lost if lost.event.change.number == number
    ] == [
        (1, f"patch set {number},1 was superseded by {number},3"),
        (2, f"patch set {number},2 was superseded by {number},3"),
    ]


def test_a_merge_is_told(side, gerrit):
    since = now()
    number, _ = side.push({f"merged{time.monotonic_ns()}.py": "1"})
    side.set_status(number, "MERGED")
    assert ("change-merged", 1, "") in told(gerrit.missed(since, PROJECTS), number)


def test_readiness_is_told(side, gerrit):
    since = now()
    number, _ = side.push({"a.py": "1"}, wip=True)
    side.set_wip(number, wip=False)
    side.set_wip(number, wip=True)
    side.start_review(number)
    states = [e for e in gerrit.missed(since, PROJECTS).events if e.type_name == "wip-state-changed"]
    assert [event.change.wip for event in states if event.change.number == number] == [False, True, False]


def test_votes_of_comments_are_told(side, gerrit):
    since = now()
    number, _ = side.push({"a.py": "1"})
    side.vote(number, "Code-Review", 1)
    side.vote(number, "Code-Review", -1)
    side.comment(number, "and a word")
    votes = [
        {approval.label: (approval.value, approval.by.username) for approval in event.approvals}
        for event in gerrit.missed(since, PROJECTS).events
        if event.change.number == number and event.type_name == "comment-added"
    ]
    assert votes[:2] == [{"Code-Review": (1, "dev")}, {"Code-Review": (-1, "dev")}]
    assert votes[2]["Code-Review"] == (-1, "dev")


def test_only_the_time_and_the_projects_asked_for_are_told(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    created = next(e for e in gerrit.missed(0, PROJECTS).events if e.change.number == number).created_at
    while now() <= created:
        pass_a_second()
    side.comment(number, "later")
    assert told(gerrit.missed(created + 1, PROJECTS), number) == [("comment-added", 1, "Patch Set 1:\n\nlater")]
    assert told(gerrit.missed(created, PROJECTS), number)[0][0] == "patchset-created"
    nowhere = gerrit.missed(0, ["openstack/nowhere"])
    assert (nowhere.events, nowhere.lost, nowhere.newest) == ((), (), None)


def test_hidden_changes_are_not_told(side, gerrit):
    since = now()
    number, _ = side.push({"a.py": "1"}, private=True)
    assert told(gerrit.missed(since, PROJECTS), number) == []


def test_pages_are_put_together(side, gerrit, monkeypatch):
    since = now()
    numbers = {side.push({"a.py": str(index)})[0] for index in range(12)}
    monkeypatch.setattr(catch_up, "PAGE_CHANGES", 4)
    monkeypatch.setattr(catch_up, "PAGE_OVERLAP", 1)
    found = [e.change.number for e in gerrit.missed(since, PROJECTS).events if e.type_name == "patchset-created"]
    assert sorted(set(found) & numbers) == sorted(numbers)
    assert len(found) == len(set(found))


def test_the_newest_update_is_that_of_the_last_change_in_our_projects(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    newest = gerrit.newest_update(PROJECTS)
    assert abs(newest - time.time()) < 30
    side.comment(number, "later")
    assert gerrit.newest_update([*PROJECTS, "openstack/nowhere"]) >= newest
    assert gerrit.newest_update(["openstack/nowhere"]) == 0


def test_without_http_texts_are_told_as_far_as_they_can_be(side):
    gerrit = side.adapter(baseurl="")
    since = now()
    number, _ = side.push({"a.py": "1"})
    side.comment(number, "first", as_web_page=True)
    side.comment(number, "second", as_web_page=True)
    side.draft(number, "third")
    side.amend(number, {"a.py": "2"})
    side.comment(number, "recheck", as_web_page=True)

    comments = [comment for kind, _, comment in told(gerrit.missed(since, PROJECTS), number) if kind == "comment-added"]
    assert comments == ["Patch Set 1:\n\nfirst", "Patch Set 1:\n\nsecond", "Patch Set 2:\n\nrecheck"]

    side.draft(number, "two")
    side.draft(number, "three")
    side.publish_drafts(number)
    missed = gerrit.missed(since, PROJECTS)
    assert any("cannot be told from others" in lost.reason for lost in missed.lost)
    gerrit.close()


def pass_a_second():
    before = now()
    while now() == before:
        time.sleep(0.02)


def do_everything(side, gerrit):
    """Every kind of action, as people do it; returns the changes that it was done to."""
    number, _ = side.push({"a.py": "1"})
    side.comment(number, "recheck")
    side.comment(number, "recheck", as_web_page=True)
    side.comment(number, "recheck", as_web_page=True)
    pass_a_second()
    side.comment(number, "(1 comment)")
    pass_a_second()
    side.comment(number, "> recheck\n\nPatch Set 1: Code-Review+2\n\nAbandoned")
    side.comment(number, "Abandoned")
    side.draft(number, "drafted on the first")
    side.draft(number, "recheck\n\nof two")
    side.publish_drafts(number)
    pass_a_second()  # Gerrit itself tells by the second which comments belong to a message
    side.draft(number, "published by a push")
    side.amend_and_publish(number, {"a.py": "2"})
    side.vote(number, "Code-Review", 1)
    side.vote(number, "Code-Review", -1)
    side.vote(number, "Code-Review", 0)
    side.draft(number, "drafted on the second")
    side.amend(number, {"a.py": "3"})
    pass_a_second()  # in the second of a push, what was published by it cannot be told from what was not
    side.publish_drafts(number)
    gerrit.post_review(Review("lab", PROJECT, number, 1, "on an old patch set", "marker", {"Verified": 1}))
    side.set_wip(number, wip=True)
    side.set_wip(number, wip=False)
    side.set_wip(number, wip=True)
    side.start_review(number)
    side.set_status(number, "ABANDONED")
    side.comment(number, "closed, and still talking")
    side.set_status(number, "NEW")
    other, _ = side.push({f"merged{time.monotonic_ns()}.py": "1"}, "Merged <b>é</b>")
    side.vote(other, "Code-Review", 1)
    side.set_status(other, "MERGED")
    side.comment(other, "thanks", as_web_page=True)
    last, _ = side.push({"z.py": "1"})
    return number, other, last


@dataclass(frozen=True)
class Told:
    """What stream and query tell of the same actions; `web` says whether the query also asked Gerrit's web side."""

    web: bool
    number: int
    streamed: list[Event]
    queried: list[Event]
    lost: list[Lost]


@pytest.fixture(scope="module", params=[True, False], ids=["with web", "without web"])
def both(side, request):
    """Every action, told by stream and query: that takes seconds, and both orders of hearing of it may share it."""
    gerrit = side.adapter() if request.param else side.adapter(baseurl="")
    since = now()
    with Listening(side.adapter()) as stream:
        number, other, last = do_everything(side, gerrit)
        stream.wait_for("patchset-created", last)
        about = {number, other, last}
        streamed = [event for event in stream.events if event.change and event.change.number in about]
    missed = gerrit.missed(since, PROJECTS)
    queried = [event for event in missed.events if event.change.number in about]
    lost = [one for one in missed.lost if one.event.change.number in about]
    gerrit.close()
    return Told(request.param, number, streamed, queried, lost)


@pytest.mark.parametrize("order", ["stream first", "query first"])
def test_what_the_stream_has_told_is_not_told_again(both, store, order):
    first, second = (both.streamed, both.queried) if order == "stream first" else (both.queried, both.streamed)

    known = len({event.natural_key for event in first})  # the same words twice in a second are one
    assert store.events.add(first, 1.0) == known
    if order == "stream first":
        store.events.add(second, 2.0)
        assert [one.reason for one in both.lost if store.events.add_lost(one, 3.0)] == []
        assert new_since(store, known) == []
    else:
        store.events.add(second, 2.0)
        untold = {lost.event.natural_key for lost in both.lost}
        left = [event for event in new_since(store, known) if event.natural_key not in untold]
        # What a query cannot know: patch sets that were superseded, and texts that it cannot tell apart.
        assert [event for event in left if event.type_name != "comment-added" or both.web] == []
    # And the other way round: of what the stream has told, a query leaves nothing out but what it says is lost.
    if both.web:
        superseded = {(both.number, 1), (both.number, 2)}
        kinds = sorted(
            (e.type_name, e.change.number, e.change.patchset, e.comment)
            for e in both.streamed
            if e.type_name != "patchset-created" or (e.change.number, e.change.patchset) not in superseded
        )
        assert len(both.queried) == len(kinds)


def new_since(store, count):
    return [event for _, event in store.events.pending("lab", 9.0, 1000)[count:]]
