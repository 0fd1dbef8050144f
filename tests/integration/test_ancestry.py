"""Which changes a real git history contains, and in which it only speaks of them."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.carried import module

CHANGE, OTHER = "I" + "a" * 40, "I" + "b" * 40


class History:
    """A repository that is written commit by commit."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "master")
        self.commit("First")

    def git(self, *arguments, text=None):
        identity = {"GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.folder), "PATH": os.environ["PATH"]}
        for who in ("AUTHOR", "COMMITTER"):
            identity |= {f"GIT_{who}_NAME": "A", f"GIT_{who}_EMAIL": "a@example.org"}
        argv = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(argv, input=text, capture_output=True, text=True, check=True, env=identity).stdout.strip()

    def commit(self, message, **footer):
        """Commit with a footer of `Key: value` lines; returns the commit."""
        lines = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in footer.items())
        self.git("commit", "-q", "--allow-empty", "-F", "-", text=f"{message}\n\n{lines}")
        return self.git("rev-parse", "HEAD")

    def revert(self, commit, change_id="I" + "c" * 40):
        return self.commit(f'Revert "it"\n\nThis reverts commit {commit}.', Change_Id=change_id)

    def contained(self, *change_ids):
        return module("skip_lists.ancestry").contained(str(self.folder), change_ids or (CHANGE,))


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "nova")


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


def test_messages_that_name_each_other_or_themselves_end_the_search(history):
    """Seven digits of a commit can be hit by trying."""
    ancestry = module("skip_lists.ancestry")
    found = [history.commit(f"Add {number}", Change_Id=CHANGE) for number in range(3)]
    messages = [f"x\n\nThis reverts commit {other[:7]}.\n\nChange-Id: {CHANGE}" for other in reversed(found)]
    commits = [ancestry.parse(sha, message) for sha, message in zip(found, messages, strict=True)]
    made = ancestry._History.__new__(ancestry._History)
    made._repository, made._carriers, made._reverting, made._reverted = str(history.folder), commits, commits, {}
    assert made.commit_of(CHANGE) in found


def test_many_reverts_of_everything_before_them_do_not_take_for_ever(history):
    shas = [history.commit("Add it", Change_Id=CHANGE)]
    for number in range(24):
        named = "".join(f"This reverts commit {sha}.\n" for sha in shas)
        shas.append(history.commit(f"Away {number}\n\n{named}"))
    assert history.contained() in ({}, {CHANGE: shas[0]})


def test_messages_in_other_encodings_and_with_odd_bytes(history):
    history.git("config", "i18n.commitEncoding", "latin-1")
    history.git("config", "log.showSignature", "true")
    raw = f"Add \xe4 it\n\nChange-Id: {CHANGE}\n".encode("latin-1")
    subprocess.run(["git", "-C", history.folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q",
                    "--allow-empty", "-F", "-"], input=raw, check=True)  # fmt: skip
    assert history.contained().keys() == {CHANGE}


def test_a_bare_layout_that_borrows_its_objects_is_read_like_a_clone(history, tmp_path):
    from ci.git.checkout import lay_out  # noqa: PLC0415  # what the engine prepares

    brought = history.commit("Add it", Change_Id=CHANGE)
    lay_out(tmp_path / "prepared", history.folder / ".git", {"master": brought}, "master")
    assert module("skip_lists.ancestry").contained(str(tmp_path / "prepared"), {CHANGE}) == {CHANGE: brought}


def test_a_history_that_cannot_be_read_is_an_error(tmp_path):
    ancestry = module("skip_lists.ancestry")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ancestry.GitError, match=r"git log: fatal: not a git repository"):
        ancestry.contained(str(tmp_path / "empty"), {CHANGE})
    assert ancestry.contained(str(tmp_path / "empty"), set()) == {}
