"""Which changes a history contains, by the messages of its commits: reverts count, mentions do not."""

import pytest

from ci.git.ancestry import in_effect, read_commit

ONE, OTHER = f"I{'1' * 40}", f"I{'2' * 40}"
A, B, C, D = (letter * 40 for letter in "abcd")


def contained(*commits):
    """Return what is in effect of (commit, message) pairs, newest first and in one line."""
    place = {commit: number for number, (commit, _) in enumerate(commits)}
    known = [read_commit(f"{commit}\n{message}") for commit, message in commits]
    return in_effect(known, {ONE}, lambda older, newer: place.get(older, -1) >= place.get(newer, len(place)))


def history(*commits):
    return {key: found.commit for key, found in contained(*commits).items()}


def change(subject="Add it", change_id=ONE):
    return f"{subject}\n\nWhy.\n\nChange-Id: {change_id}\n"


def revert(commit, *, change_id=OTHER, more=""):
    why = f"This reverts commit {commit}.\n{more}\nReason for revert: it broke."
    return f'Revert "it"\n\n{why}\n\nChange-Id: {change_id}\n'


@pytest.mark.parametrize(
    "message",
    [
        change(),
        f"Add it\n\nChange-Id: {ONE}",
        f"Add it\n\nSigned-off-by: A\nChange-Id: {ONE}\nReviewed-by: B\n",
        f"Add it\n\nchange-id: {ONE}\n(cherry picked from commit {D})\n",
        f"Add it\n\nWhy.\n \t\nChange-Id: {ONE}\n\n\n",
    ],
)
def test_a_change_is_known_by_its_footer(message):
    assert history((A, message)) == {ONE: A}


@pytest.mark.parametrize(
    "message",
    [
        f"Mention {ONE}\n\nChange-Id: {OTHER}\n",
        f"Quote it\n\nChange-Id: {ONE}\n\nChange-Id: {OTHER}\n",
        f"Change-Id: {ONE}\n",
        f"Indent it\n\n  Change-Id: {ONE}\n",
        f"Say more\n\nChange-Id: {ONE} and so on\n",
        f"Depend on it\n\nDepends-On: {ONE}\nChange-Id: {OTHER}\n",
        "",
    ],
)
def test_a_mention_is_no_change(message):
    assert history((A, message)) == {}


def test_the_subject_comes_along():
    hostile = change("Add <b>it</b>" * 100)
    (found,) = contained((A, hostile)).values()
    assert (found.commit, found.subject) == (A, ("Add <b>it</b>" * 100)[:200])


def test_what_was_reverted_is_not_contained():
    assert history((B, revert(A)), (A, change())) == {}
    assert history((B, revert(A[:7])), (A, change())) == {}


def test_a_revert_that_was_reverted_takes_nothing_back():
    assert history((C, revert(B)), (B, revert(A)), (A, change())) == {ONE: A}
    assert history((D, revert(C)), (C, revert(B)), (B, revert(A)), (A, change())) == {}


def test_a_change_that_came_again_after_its_revert_is_contained():
    assert history((C, change("Add it again")), (B, revert(A)), (A, change())) == {ONE: C}
    picked = f"Add it again\n\nChange-Id: {ONE}\n(cherry picked from commit {A})\n"
    assert history((C, picked), (B, revert(A)), (A, change())) == {ONE: C}


def test_a_revert_that_was_picked_from_another_branch_means_what_was_picked_from_there():
    """On the stable branch the revert still names the commit of master."""
    picked = f"Add it\n\nChange-Id: {ONE}\n(cherry picked from commit {A})\n"
    back = revert(A, more=f"(cherry picked from commit {B})\n")
    assert history((C, picked)) == {ONE: C}
    assert history((D, back), (C, picked)) == {}


def test_a_revert_of_another_commit_says_nothing():
    assert history((C, revert(B)), (A, change())) == {ONE: A}
    assert history((B, f"Talk\n\nSo: This reverts commit {A}.\n"), (A, change())) == {ONE: A}


def test_messages_that_name_each_other_come_to_an_end():
    """Nobody can make such commits, but anybody can write such messages."""
    circle = [(B, f"{revert(C)}"), (C, f"{revert(B)}"), (A, change())]
    assert history(*circle) == {ONE: A}
    own = f"Revert it\n\nThis reverts commit {A}.\n\nChange-Id: {ONE}\n(cherry picked from commit {A})\n"
    assert history((B, own), (A, change())) == {ONE: B}
    chain = [(f"{n:040x}", revert(f"{n - 1:040x}")) for n in range(5000, 0, -1)]
    assert history(*chain, (f"{0:040x}", change())) == {ONE: f"{0:040x}"}
