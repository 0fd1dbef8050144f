"""The port Gerrit, kept by `SshGerrit`: the same tests against the fake and against a real Gerrit."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ci.errors import AuthenticationFailed, HostKeyMismatch, Refused, Unavailable
from ci.model.event import EventType
from ci.model.vote import Review
from tests.contract.gerrit_sides import PROJECT, FakeSide, Listening, RealSide
from tests.fakes.gerrit import make_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.gerrit.adapter import SshGerrit
    from tests.contract.gerrit_sides import Side


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
def stream(side: Side) -> Iterator[Listening]:
    with Listening(side.adapter()) as listening:
        assert listening.error is None
        yield listening


def review(number: int, message: str = "Build succeeded (check pipeline).", patchset: int = 1, **rest) -> Review:
    return Review("lab", PROJECT, number, patchset, message, "marker", **rest)


def change_id(gerrit: SshGerrit, number: int) -> str:
    return re.findall(r"Change-Id: (I[0-9a-f]{40})", gerrit.change(number).message)[-1]


# --- the stream


def test_a_new_patchset_is_told_with_its_change(side, stream):
    number, revision = side.push({"nova/virt/a.py": "a = 1\n"}, "Add a <b>bold</b> é")

    event = stream.wait_for("patchset-created", number)

    assert event.type is EventType.PATCHSET_CREATED
    change = event.change
    assert (change.connection, change.project, change.branch) == ("lab", PROJECT, "master")
    assert (change.number, change.patchset, change.revision) == (number, 1, revision)
    assert change.ref == f"refs/changes/{number % 100:02d}/{number}/1"
    assert change.subject == "Add a <b>bold</b> é"
    assert "Change-Id: I" in change.message
    assert change.url.endswith(f"/c/{PROJECT}/+/{number}")
    assert change.is_open
    assert change.files is None
    assert event.author.username == change.owner.username == "dev"
    assert abs(event.created_at - time.time()) < 30


def test_each_patchset_has_a_key_of_its_own(side, stream):
    number, _ = side.push({"a.py": "1"})
    first = stream.wait_for("patchset-created", number)
    revision = side.amend(number, {"a.py": "2"})
    second = stream.wait_for("patchset-created", number, skip=1)

    assert second.change.patchset == 2
    assert second.change.revision == revision
    assert second.natural_key != first.natural_key


def test_two_streams_tell_the_same_event_under_the_same_key(side, stream):
    with Listening(side.adapter()) as other:
        number, _ = side.push({"a.py": "1"})
        assert (
            stream.wait_for("patchset-created", number).natural_key
            == other.wait_for("patchset-created", number).natural_key
        )


@pytest.mark.parametrize("as_web_page", [False, True])
def test_a_comment_is_told_with_its_text(side, stream, as_web_page):
    number, _ = side.push({"a.py": "1"})
    side.comment(number, "recheck", as_web_page=as_web_page)

    event = stream.wait_for("comment-added", number)

    assert event.comment == "Patch Set 1:\n\nrecheck"
    assert event.author.username == "dev"
    assert event.author.email == "dev@example.com"


def test_a_quoted_recheck_stays_quoted(side, stream):
    number, _ = side.push({"a.py": "1"})
    side.comment(number, "> recheck\n\nno")
    assert stream.wait_for("comment-added", number).comment == "Patch Set 1:\n\n> recheck\n\nno"


def test_a_vote_is_told_with_its_value(side, stream):
    number, _ = side.push({"a.py": "1"})
    side.vote(number, "Code-Review", -1)

    event = stream.wait_for("comment-added", number)

    assert event.comment == "Patch Set 1: Code-Review-1"
    assert {approval.label: approval.value for approval in event.approvals} == {"Code-Review": -1, "Verified": 0}


def test_our_own_review_comes_back_as_ours(side, stream, gerrit):
    number, _ = side.push({"a.py": "1"})
    gerrit.post_review(review(number, labels={"Verified": 1}))
    assert stream.wait_for("comment-added", number).author.username == gerrit.user


def test_states_of_a_change_are_told(side, stream):
    number, _ = side.push({"a.py": "1"})
    side.set_wip(number, wip=True)
    assert stream.wait_for("wip-state-changed", number).change.wip
    side.set_wip(number, wip=False)
    assert not stream.wait_for("wip-state-changed", number, skip=1).change.wip
    side.set_status(number, "ABANDONED")
    assert not stream.wait_for("change-abandoned", number).change.is_open
    side.set_status(number, "NEW")
    assert stream.wait_for("change-restored", number).change.is_open
    side.set_status(number, "MERGED")
    assert stream.wait_for("change-merged", number).change.status == "MERGED"


def test_private_changes_of_others_are_not_told(side, stream):
    hidden, _ = side.push({"a.py": "1"}, private=True)
    seen, _ = side.push({"a.py": "1"})
    stream.wait_for("patchset-created", seen)
    with pytest.raises(AssertionError, match="no patchset-created"):
        stream.wait_for("patchset-created", hidden, timeout_seconds=0)


def test_a_stream_ends_soon_after_stop(side):
    with Listening(side.adapter()) as listening:
        listening.stop.set()
        listening.thread.join(30)
        assert not listening.thread.is_alive()
    assert listening.error is None


def test_without_the_capability_the_stream_is_refused(side):
    # A busy server may answer the question that assures the stream before it refuses the stream itself.
    stop = threading.Event()
    limit = threading.Timer(15, stop.set)
    limit.start()
    with pytest.raises(Refused, match="may not read the stream"):
        for _ in side.adapter("deaf").events(stop):
            pass
    limit.cancel()


def test_a_cut_stream_is_unavailable(side):
    with Listening(side.adapter()) as listening:
        side.proxy.drop()
        listening.thread.join(30)
    assert isinstance(listening.error, Unavailable)


def test_a_frozen_stream_is_noticed(side):
    with Listening(side.adapter(keepalive=0.5)) as listening:
        side.proxy.freeze()
        try:
            listening.thread.join(30)
            assert not listening.thread.is_alive()
        finally:
            side.proxy.thaw()
            side.proxy.drop()
    assert isinstance(listening.error, Unavailable)
    assert "no answer to a keepalive within 0.5 s" in str(listening.error)


def test_a_silent_stream_stays_open_over_many_keepalives(side):
    with Listening(side.adapter(keepalive=0.1)) as listening:
        listening.thread.join(2)
        assert listening.thread.is_alive()
        number, _ = side.push({"a.py": "1"})
        listening.wait_for("patchset-created", number)


# --- a change as it is now


def test_a_change_is_read_with_files_and_votes(side, gerrit):
    number, revision = side.push({"nova/a.py": "1", "doc/é.rst": "x"}, "Add files", topic="powervm")
    side.vote(number, "Code-Review", 1)

    change = gerrit.change(number)

    assert sorted(change.files) == ["doc/é.rst", "nova/a.py"]
    assert (change.number, change.patchset, change.revision) == (number, 1, revision)
    assert (change.subject, change.topic, change.status) == ("Add files", "powervm", "NEW")
    assert change.message.startswith("Add files\n\nChange-Id: I")
    assert change.is_current
    [approval] = change.approvals
    assert (approval.label, approval.value, approval.by.username) == ("Code-Review", 1, "dev")
    assert abs(approval.granted_at - time.time()) < 60


def test_an_old_patchset_is_read_and_known_as_such(side, gerrit):
    number, revision = side.push({"a.py": "1"})
    side.amend(number, {"b.py": "2"})

    assert gerrit.change(number).patchset == 2
    old = gerrit.change(number, 1)
    assert (old.patchset, old.revision, old.files, old.is_current) == (1, revision, ("a.py",), False)
    assert gerrit.change(number, 2).is_current


def test_the_state_of_a_change_is_read(side, gerrit):
    number, _ = side.push({"a.py": "1"}, wip=True)
    assert gerrit.change(number).wip
    side.set_status(number, "ABANDONED")
    assert gerrit.change(number).status == "ABANDONED"


def test_changes_are_found_by_their_change_id_whatever_their_state(side, gerrit):
    number, revision = side.push({"a.py": "1"}, "One of a kind")
    (found,) = gerrit.changes_with_id(change_id(gerrit, number))
    assert (found.number, found.revision, found.project, found.branch) == (number, revision, PROJECT, "master")
    assert found.is_open
    assert found.url.endswith(f"/{number}")
    for status in ("ABANDONED", "NEW", "MERGED"):
        side.set_status(number, status)
        (found,) = gerrit.changes_with_id(change_id(gerrit, number))
        assert found.status == status


def test_a_change_id_that_nobody_has_finds_nothing(side, gerrit):
    assert gerrit.changes_with_id("I" + "0" * 40) == ()


def test_a_change_of_others_that_is_private_is_not_found_by_its_change_id(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    known = change_id(gerrit, number)
    side.set_private(number, private=True)
    assert gerrit.changes_with_id(known) == ()


@pytest.mark.parametrize("text", ["", "4711", "I" + "A" * 40, "I" + "0" * 39, "I" + "0" * 40 + " OR status:open"])
def test_what_is_no_change_id_is_not_asked_for(gerrit, text):
    with pytest.raises(Refused, match="not a Change-Id"):
        gerrit.changes_with_id(text)


def test_the_commit_that_a_change_stands_on_leads_to_its_change_there(side, gerrit):
    number, first = side.push({"a.py": "1"}, "The lower one")
    upper, _ = side.push({"b.py": "1"}, "The upper one", onto=number)
    assert gerrit.change(upper).parents == (first,)
    assert gerrit.change(number).parents == ()  # the branch's first commit is no patch set
    second = side.amend(number, {"a.py": "2"})
    assert gerrit.change(upper).parents == (first,)
    (old,) = gerrit.changes_at(PROJECT, first)
    assert (old.number, old.patchset, old.revision, old.is_current) == (number, 1, first, False)
    (new,) = gerrit.changes_at(PROJECT, second)
    assert (new.number, new.patchset, new.is_current, new.status) == (number, 2, True, "NEW")
    assert new.message.startswith("The lower one\n")


def test_a_commit_that_is_no_change_of_the_project_or_not_for_us_to_see_leads_to_none(side, gerrit):
    number, revision = side.push({"a.py": "1"})
    assert gerrit.changes_at("some/other", revision) == ()
    assert gerrit.changes_at(PROJECT, "0" * 40) == ()
    side.set_private(number, private=True)
    assert gerrit.changes_at(PROJECT, revision) == ()


@pytest.mark.parametrize("text", ["", "HEAD", "0" * 39, "0" * 40 + " OR status:open"])
def test_what_is_no_commit_is_not_asked_for(gerrit, text):
    with pytest.raises(Refused, match="not a commit"):
        gerrit.changes_at(PROJECT, text)


def test_a_change_that_is_not_there_is_refused(side, gerrit):
    hidden, _ = side.push({"a.py": "1"}, private=True)
    for number in (999_999, hidden):
        with pytest.raises(Refused, match="there is none, or our account may not see it"):
            gerrit.change(number)
    number, _ = side.push({"a.py": "1"})
    with pytest.raises(Refused, match="no patch set 2; the last one is 1"):
        gerrit.change(number, 2)


# --- reviews


def test_a_review_is_one_message_with_its_vote(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    text = 'Build failed (check pipeline).\n\nit says "hi" $HOME `id` \\ é 💥\n- job https://ci/1 : FAILURE in 1s'
    receipt = gerrit.post_review(review(number, text, labels={"Verified": -1}))

    assert receipt.dropped_labels == ()
    assert side.messages(number)[1:] == [f"Patch Set 1: Verified-1\n\n{text}"]
    assert side.ci_vote(number, "Verified") == -1


def test_a_review_may_be_a_comment_only(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    assert gerrit.post_review(review(number, "Starting check jobs.")).dropped_labels == ()
    assert side.messages(number)[1:] == ["Patch Set 1:\n\nStarting check jobs."]


def test_a_review_goes_to_the_patchset_that_was_tested(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    side.amend(number, {"a.py": "2"})
    gerrit.post_review(review(number, patchset=1, labels={"Verified": 1}))
    assert side.ci_vote(number, "Verified") == 1
    assert side.ci_vote(number, "Verified", 2) == 0


def test_a_label_that_the_project_lacks_is_noticed(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    receipt = gerrit.post_review(review(number, labels={"Verified": 1, "Workflow": 1}))
    assert receipt.dropped_labels == ("Workflow",)
    assert side.ci_vote(number, "Verified") == 1


def test_a_value_that_the_label_lacks_is_noticed(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    for value, dropped in ((1, ()), (2, ("Verified",))):
        assert gerrit.post_review(review(number, labels={"Verified": value})).dropped_labels == dropped


def test_a_repeated_vote_is_no_dropped_label(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    for _ in range(2):
        assert gerrit.post_review(review(number, labels={"Verified": 1})).dropped_labels == ()
    assert len(side.messages(number)) == 3


def test_votes_that_are_not_ours_to_give_are_refused(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    with pytest.raises(Refused, match="may not give this vote"):
        gerrit.post_review(review(number, labels={"Code-Review": 2}))
    assert len(side.messages(number)) == 1


@pytest.mark.parametrize("patchset", [1, 9])
def test_a_review_of_nothing_is_refused(side, gerrit, patchset):
    number = 999_999 if patchset == 1 else side.push({"a.py": "1"})[0]
    with pytest.raises(Refused, match="there is no such"):
        gerrit.post_review(review(number, patchset=patchset))


def test_a_review_of_a_hidden_change_is_refused(side, gerrit):
    number, _ = side.push({"a.py": "1"}, private=True)
    with pytest.raises(Refused, match="may not see"):
        gerrit.post_review(review(number, labels={"Verified": 1}))


def test_an_abandoned_change_takes_messages_but_no_votes(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    side.set_status(number, "ABANDONED")
    with pytest.raises(Refused, match="the change is closed"):
        gerrit.post_review(review(number, labels={"Verified": 1}))
    gerrit.post_review(review(number, "only words"))
    assert side.messages(number)[-1] == "Patch Set 1:\n\nonly words"


def test_a_merged_change_takes_no_lower_vote(side, gerrit):
    number, _ = side.push({f"merged{time.monotonic_ns()}.py": "1"})
    gerrit.post_review(review(number, labels={"Verified": 1}))
    side.set_status(number, "MERGED")
    with pytest.raises(Refused, match="vote lower than before"):
        gerrit.post_review(review(number, labels={"Verified": -1}))


@pytest.mark.parametrize("line", ["x" * 100, "é" * 100, "💥" * 50, "x" * 40_000])
def test_a_message_over_the_limit_is_shortened_not_refused(side, gerrit, line):
    number, _ = side.push({"a.py": "1"})
    link = "https://ci.example.com/buildset/1"
    text = "\n".join(
        ["Build failed (check pipeline).", "", link, *[f"{index} {line}" for index in range(400)], "the end"]
    )
    gerrit.post_review(review(number, text, labels={"Verified": -1}))

    message = side.messages(number)[-1]
    assert message.startswith("Patch Set 1: Verified-1\n\nBuild failed (check pipeline).\n\n" + link)
    assert message.endswith("the end")
    assert "lines left out" in message
    assert side.ci_vote(number, "Verified") == -1


def test_a_posted_review_is_found_by_its_marker(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    gerrit.post_review(review(number, "Build succeeded.\n\nbuildset 0123abcd", labels={"Verified": 1}))
    side.comment(number, "what is buildset ffff0000?")
    side.amend(number, {"a.py": "2"})

    assert gerrit.has_review(number, 1, "0123abcd")
    assert not gerrit.has_review(number, 2, "0123abcd")
    assert not gerrit.has_review(number, 1, "ffff0000"), "a message of somebody else"
    assert not gerrit.has_review(number, 1, "4567")


# --- connections


def test_commands_share_one_connection_and_threads(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    gerrit.change(number)
    before = side.proxy.accepted
    found = []
    threads = [threading.Thread(target=lambda: found.append(gerrit.change(number).number)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [number] * 8
    assert side.proxy.accepted == before


def test_a_cut_command_connection_is_opened_again(side, gerrit):
    number, _ = side.push({"a.py": "1"})
    gerrit.change(number)
    side.proxy.drop()
    # The first command may still meet the broken connection, the second one does not.
    with contextlib.suppress(Unavailable):
        gerrit.change(number)
    assert gerrit.change(number).number == number


def test_a_frozen_command_connection_is_unavailable(side):
    gerrit = side.adapter(keepalive=0.5)
    number, _ = side.push({"a.py": "1"})
    gerrit.change(number)
    side.proxy.freeze()
    try:
        with pytest.raises(Unavailable, match="no answer"):
            gerrit.post_review(review(number))
    finally:
        side.proxy.thaw()
        side.proxy.drop()
    assert gerrit.change(number).number == number
    gerrit.close()


def test_an_unknown_host_key_is_refused(side, tmp_path):
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text("")
    with pytest.raises(
        HostKeyMismatch, match=r"unknown host key: .* ssh-ed25519 SHA256:\S{43}, which is not in"
    ) as found:
        side.adapter(known_hosts=known_hosts).change(1)
    assert str(known_hosts) in str(found.value)
    assert "\n" not in str(found.value)


def test_a_changed_host_key_is_refused(side, tmp_path):
    known_hosts = tmp_path / "known_hosts"
    other = make_key(tmp_path / "other")
    known_hosts.write_text(f"[127.0.0.1]:{side.proxy.port} ssh-ed25519 {other.get_base64()}\n")
    with pytest.raises(HostKeyMismatch, match="changed host key"):
        next(side.adapter(known_hosts=known_hosts).events(threading.Event()))


def test_a_missing_known_hosts_file_is_said(side, tmp_path):
    with pytest.raises(HostKeyMismatch, match=r"cannot read known_hosts file .*nowhere"):
        side.adapter(known_hosts=tmp_path / "nowhere").change(1)


def test_a_wrong_key_or_user_is_refused(side, tmp_path):
    make_key(tmp_path / "stranger")
    with pytest.raises(AuthenticationFailed, match="refuses user 'ci' with the key"):
        side.adapter(sshkey=tmp_path / "stranger").change(1)
    with pytest.raises(AuthenticationFailed, match="refuses user 'nobody'"):
        side.adapter("nobody", sshkey=tmp_path / "stranger").change(1)


def test_a_key_file_that_is_none_is_said(side, tmp_path):
    with pytest.raises(AuthenticationFailed, match=r"cannot read ssh key .*nowhere: No such file"):
        side.adapter(sshkey=tmp_path / "nowhere").change(1)
    (tmp_path / "garbage").write_text("not a key\n")
    with pytest.raises(AuthenticationFailed, match="not a private key"):
        side.adapter(sshkey=tmp_path / "garbage").change(1)


def test_nobody_there_is_unavailable(side):
    with pytest.raises(Unavailable, match="cannot connect: Connection refused"):
        side.adapter(port=1).change(1)
