"""Which changes a real git history contains: the service, and a build on the executor, are of one mind about it."""

from __future__ import annotations

import math
import subprocess
from types import SimpleNamespace

import pytest

from ci.errors import CIError
from ci.git import ancestry
from ci.git.ancestry import GitHistory
from ci.git.mirror import Mirror
from tests.carried import module
from tests.commit_history import CHANGE, OTHER, History


class AskedHistory(History):
    """A history, and one side that says what it contains."""

    def __init__(self, folder, side):
        super().__init__(folder)
        self.side = side

    def contained(self, *change_ids):
        return self.side(self.folder, change_ids or (CHANGE,))


def as_a_build_finds(folder, change_ids):
    return module("skip_lists.ancestry").contained(str(folder), change_ids)


def as_the_service_finds(folder, change_ids):
    mirror = Mirror(folder / ".git", "", {})
    _, tip = mirror.git(["rev-parse", "HEAD"])
    service = GitHistory(SimpleNamespace(of=lambda _connection, _project: mirror))
    return {key: one.commit for key, one in service.merged("gerrit", "nova", tip.strip(), change_ids).items()}


@pytest.fixture(params=[as_a_build_finds, as_the_service_finds], ids=["build", "service"])
def history(request, tmp_path):
    return AskedHistory(tmp_path / "nova", request.param)


@pytest.fixture
def history_of_a_build(tmp_path):
    return AskedHistory(tmp_path / "nova", as_a_build_finds)


def test_what_was_merged_before(history):
    brought = history.commit("Add it", Change_Id=CHANGE)
    history.commit("Something else", Change_Id=OTHER)
    assert history.contained() == {CHANGE: brought}
    assert history.contained(CHANGE, OTHER, "I" + "d" * 40).keys() == {CHANGE, OTHER}


def test_the_chain_under_test_which_is_merged_onto_a_newer_tip(history):
    history.git("checkout", "-q", "-b", "change")
    brought = history.commit("Add it", Change_Id=CHANGE)
    history.commit("Use it", Change_Id=OTHER)
    history.git("checkout", "-q", "master")
    history.commit("Meanwhile")
    assert history.contained() == {}
    history.git("merge", "-q", "--no-ff", "-m", "change 2,1 into master", "change")
    assert history.contained() == {CHANGE: brought}


def test_what_is_on_another_branch_is_not_there(history):
    history.git("checkout", "-q", "-b", "stable/pike")
    history.commit("Add it", Change_Id=CHANGE)
    history.git("checkout", "-q", "master")
    assert history.contained() == {}


@pytest.mark.parametrize(
    "message",
    [
        f"Change-Id: {CHANGE}\n",
        f"Speak of it\n\nThis waits for\nChange-Id: {CHANGE}\nwhich is not merged.\n\nChange-Id: {OTHER}\n",
        f"Speak of it\n\nDepends-On: {CHANGE}\nChange-Id: {OTHER}\n",
        f"Speak of it\n\n    Change-Id: {CHANGE}\nChange-Id: {OTHER}\n",
        f"Speak of it\n\n> Change-Id: {CHANGE}\nChange-Id: {OTHER}\n",
        f"Speak of it\n\nChange-Id: {CHANGE} (abandoned)\nChange-Id: {OTHER}\n",
        f"Speak of it\n\nChange-Id: {CHANGE}0\nChange-Id: {OTHER}\n",
        f"Speak of it\n\nChange-Id: {CHANGE}\n\nSigned-off-by: A\n",
        f"Speak of it\n\nChange-Id: {CHANGE}\n \nChange-Id: {OTHER}\n",
        f"Speak of it\n\nChange-Id: {CHANGE}\nChange-Id: {OTHER}\n",
    ],
)
def test_a_change_that_is_only_spoken_of_is_not_there(history, message):
    history.commit(message)
    assert history.contained() == {}


@pytest.mark.parametrize(
    "message",
    [
        f"Add it\n\nblueprint powervm\nCloses-Bug: #1\nChange-Id: {CHANGE}\n",
        f"Add it\n\nChange-Id: {CHANGE}\n(cherry picked from commit {'1' * 40})\n",
        f"Add it\n\nchange-id: {CHANGE}  \n",
        f"Add it\r\n\r\nWords.\r\n\r\nChange-Id: {CHANGE}\r\n",
        f"Add it\nChange-Id: {CHANGE}\n",
        f"Add both\n\nChange-Id: {OTHER}\nChange-Id: {CHANGE}\n",
    ],
)
def test_footers_as_gerrit_reads_them(history, message):
    history.commit(message)
    assert history.contained().keys() == {CHANGE}


def test_what_was_taken_back_is_not_there(history):
    brought = history.commit("Add it", Change_Id=CHANGE)
    history.revert(brought)
    assert history.contained() == {}


def test_a_revert_may_name_the_commit_shortly_and_several_at_once(history):
    brought = history.commit("Add it", Change_Id=CHANGE)
    other = history.commit("More", Change_Id=OTHER)
    history.commit(f"Away\n\nThis reverts commit {other[:12]}.\nThis reverts commit {brought[:9]}.")
    assert history.contained(CHANGE, OTHER) == {}


def test_the_change_under_test_may_be_the_revert(history):
    brought = history.commit("Add it", Change_Id=CHANGE)
    history.git("checkout", "-q", "-b", "change")
    history.revert(brought)
    history.git("checkout", "-q", "master")
    history.commit("Meanwhile")
    assert history.contained() == {CHANGE: brought}
    history.git("merge", "-q", "--no-ff", "-m", "change", "change")
    assert history.contained() == {}


def test_a_revert_that_is_only_quoted_takes_nothing_back(history):
    brought = history.commit("Add it", Change_Id=CHANGE)
    history.commit(
        f"Speak of it\n\nSomebody wrote:\n> This reverts commit {brought}.\nNot: This reverts commit {brought}"
    )
    assert history.contained() == {CHANGE: brought}


def test_a_revert_that_was_reverted(history):
    brought = history.commit("Add it", Change_Id=CHANGE)
    revert = history.revert(brought)
    again = history.revert(revert, "I" + "d" * 40)
    assert history.contained() == {CHANGE: brought}
    history.revert(again, "I" + "e" * 40)
    assert history.contained() == {}


def test_what_was_reverted_and_merged_again_with_its_id(history):
    history.revert(history.commit("Add it", Change_Id=CHANGE))
    again = history.commit("Add it once more", Change_Id=CHANGE)
    assert history.contained() == {CHANGE: again}
    history.revert(again)
    assert history.contained() == {}


def test_the_same_work_under_another_id_is_another_change(history):
    history.commit("Add it\n\n(from " + CHANGE + ")", Change_Id=OTHER)
    assert history.contained() == {}


def test_a_backport_and_its_revert_name_the_commits_of_the_other_branch(history):
    on_master, revert_on_master = "1" * 40, "2" * 40
    picked = f"(cherry picked from commit {on_master})"
    backport = history.commit(f"Add it\n\nChange-Id: {CHANGE}\n{picked}")
    assert history.contained() == {CHANGE: backport}
    revert = f"Revert\n\nThis reverts commit {on_master}.\n\nChange-Id: {OTHER}\n"
    history.commit(f"{revert}(cherry picked from commit {revert_on_master})")
    assert history.contained() == {}
    again = history.commit(f"Add it again\n\nChange-Id: {CHANGE}\n{picked}")
    assert history.contained() == {CHANGE: again}


def test_a_merge_that_was_taken_back_takes_its_commits_along(history):
    history.git("checkout", "-q", "-b", "topic")
    history.commit("Add it", Change_Id=CHANGE)
    history.git("checkout", "-q", "master")
    before = history.commit("Meanwhile", Change_Id=OTHER)
    history.git("merge", "-q", "--no-ff", "-m", "Merge topic", "topic")
    merge = history.git("rev-parse", "HEAD")
    history.commit(f"Away\n\nThis reverts commit {merge}, reversing\nchanges made to {before}.")
    assert history.contained(CHANGE, OTHER) == {OTHER: before}


def test_messages_that_name_each_other_or_themselves_end_the_search(history_of_a_build):
    """Seven digits of a commit can be hit by trying."""
    ancestry = module("skip_lists.ancestry")
    found = [history_of_a_build.commit(f"Add {number}", Change_Id=CHANGE) for number in range(3)]
    messages = [f"x\n\nThis reverts commit {other[:7]}.\n\nChange-Id: {CHANGE}" for other in reversed(found)]
    commits = [ancestry.parse(sha, message) for sha, message in zip(found, messages, strict=True)]
    made = ancestry._History.__new__(ancestry._History)
    made._repository, made._carriers, made._reverting, made._reverted = (
        str(history_of_a_build.folder),
        commits,
        commits,
        {},
    )
    made._compared, made._give_up_at = 0, math.inf
    assert made.commit_of(CHANGE) in found


def test_many_reverts_of_everything_before_them_do_not_take_for_ever(history):
    shas = [history.commit("Add it", Change_Id=CHANGE)]
    for number in range(24):
        named = "".join(f"This reverts commit {sha}.\n" for sha in shas)
        shas.append(history.commit(f"Away {number}\n\n{named}"))
    assert history.contained() in ({}, {CHANGE: shas[0]})


@pytest.mark.parametrize("bound", [{"MOST_COMPARISONS": 20}, {"COMPARING_SECONDS": 0.0}])
@pytest.mark.parametrize("of_merges", [False, True])
def test_a_message_that_names_reverts_without_end_is_given_up_in_one_line(history, monkeypatch, bound, of_merges):
    for name, value in bound.items():
        for place in (ancestry, module("skip_lists.ancestry")):
            monkeypatch.setattr(place, name, value)
    brought = history.commit("Add it", Change_Id=CHANGE)
    if of_merges:
        away = [f"This reverts commit {n:040x}, reversing changes made to {brought}.\n" for n in range(100)]
        history.commit("Away\n\n" + "".join(away))
    else:
        history.chain_of_reverts(brought, 25)
    with pytest.raises((CIError, module("skip_lists.ancestry").GitError), match=r"is not clear after \d+ comparisons"):
        history.contained()


@pytest.mark.parametrize(("reverts", "is_there"), [(600, True), (601, False)])
def test_hundreds_of_reverts_of_reverts(history, reverts, is_there):
    brought = history.commit("Add it", Change_Id=CHANGE)
    history.chain_of_reverts(brought, reverts)
    assert history.contained() == ({CHANGE: brought} if is_there else {})


@pytest.mark.parametrize("length", [12, 40])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_pick_goes_with_the_revert_of_what_it_was_picked_from(history, length, end):
    picked = "ab" * 20
    note = f"Add it{end}{end}(cherry picked from commit {picked[:length]}){end}Change-Id: {CHANGE}{end}"
    history.git("commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", "-", text=note)
    assert history.contained().keys() == {CHANGE}
    history.revert(picked)
    assert history.contained() == {}


@pytest.mark.parametrize(
    ("message", "is_there"),
    [(f"Change-Id: {CHANGE}\nother text\n", False), (f"Add it\n\nChange-Id:\t{CHANGE}\n", True)],
)
def test_what_is_and_what_is_no_footer(history, message, is_there):
    history.git("commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", "-", text=message)
    assert (history.contained().keys() == {CHANGE}) is is_there


def test_a_revert_on_a_branch_that_never_had_the_change_takes_nothing_back(history):
    start = history.git("rev-parse", "HEAD")
    brought = history.commit("Add it", Change_Id=CHANGE)
    history.git("checkout", "-q", "-b", "side", start)
    history.revert(brought)
    history.git("checkout", "-q", "master")
    history.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")
    assert history.contained().keys() == {CHANGE}


def test_messages_in_other_encodings_and_with_odd_bytes(history):
    history.git("config", "i18n.commitEncoding", "latin-1")
    history.git("config", "log.showSignature", "true")
    raw = f"Add \xe4 it\n\nChange-Id: {CHANGE}\n".encode("latin-1")
    subprocess.run(["git", "-C", history.folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q",
                    "--allow-empty", "-F", "-"], input=raw, check=True)  # fmt: skip
    assert history.contained().keys() == {CHANGE}


def test_a_bare_layout_that_borrows_its_objects_is_read_like_a_clone(history_of_a_build, tmp_path):
    from ci.git.checkout import lay_out  # noqa: PLC0415  # what the engine prepares

    brought = history_of_a_build.commit("Add it", Change_Id=CHANGE)
    lay_out(tmp_path / "prepared", history_of_a_build.folder / ".git", {"master": brought}, "master")
    assert module("skip_lists.ancestry").contained(str(tmp_path / "prepared"), {CHANGE}) == {CHANGE: brought}


def test_a_commit_and_its_pick_in_one_history_are_both_taken_back_by_the_name_of_the_first(history):
    brought = history.commit("Add it", Change_Id=CHANGE)
    history.commit(f"Add it\n\nChange-Id: {CHANGE}\n(cherry picked from commit {brought})")
    history.revert(brought)
    assert history.contained() == {}


def test_a_name_that_nobody_has_takes_nothing_back(history):
    brought = history.commit("Add it", Change_Id=CHANGE)
    history.commit(f"Away\n\nThis reverts commit {'1' * 40}, reversing\nchanges made to {'2' * 9}.")
    assert history.contained() == {CHANGE: brought}


def test_a_history_that_cannot_be_read_is_an_error(tmp_path):
    ancestry = module("skip_lists.ancestry")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ancestry.GitError, match=r"git log: fatal: not a git repository"):
        ancestry.contained(str(tmp_path / "empty"), {CHANGE})
    assert ancestry.contained(str(tmp_path / "empty"), set()) == {}
