"""What becomes of a block that waits for a change, and what people read of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ci.model.lockstep import LockstepMode, MergedChange, Place, Removal, Wait, WaitState, WaitStatus
from ci.services.lockstep_decisions import Outcome, Sight, after_merge, before_merge, removal_message
from ci.services.lockstep_words import MOST_LINES, attention_lines, told
from tests.fakes.records import change

UNTIL, NOW = f"I{'1' * 40}", 1000.0
MASTER, PIKE = (Place("opendev", "openstack/nova", branch) for branch in ("master", "stable/pike"))
MERGED = MergedChange("c" * 40, "Add snapshots")
WAIT = Wait("skip_lists/a.txt", UNTIL, ("id-1", "id-2"), (3,))
OPEN = Removal(change(url="https://gerrit.example.com/7"))
STATUS = WaitStatus(WAIT.removal_id, WAIT.path, UNTIL, WaitState.OPEN, url="https://gerrit.example.com/7", since=NOW)


def removal(status="NEW", conflict=""):
    return Removal(replace(OPEN.change, status=status), conflict)


# --- before it has merged


def test_a_change_that_is_nowhere_yet_is_waited_for_without_a_word():
    assert before_merge(Sight((MASTER, PIKE))) == Outcome(WaitState.WAITING)


def test_a_change_that_will_not_merge_is_told_of():
    assert before_merge(Sight((MASTER,)), "it was abandoned") == Outcome(WaitState.WAITING, "it was abandoned")


def test_the_branches_that_lack_a_change_hold_the_block_and_are_named():
    outcome = before_merge(Sight((MASTER, PIKE), {MASTER: MERGED}))
    assert outcome.state is WaitState.WAITING
    assert "has merged in openstack/nova master, but not in openstack/nova stable/pike: put the block" in outcome.note


def test_many_branches_are_counted():
    places = [replace(MASTER, branch=f"b{n}") for n in range(9)]
    outcome = before_merge(Sight((MASTER, *places), {MASTER: MERGED}))
    assert "but not in openstack/nova b0, openstack/nova b1, openstack/nova b2 and 6 more:" in outcome.note


def test_a_branch_counts_once_however_many_jobs_use_the_list_there():
    other = replace(PIKE, tips=(("opendev", "x", "d" * 40),))
    assert Sight((MASTER, PIKE, other), {MASTER: MERGED}).lacking == ("openstack/nova stable/pike",)


def test_a_change_that_is_wherever_the_list_is_used_is_not_waited_for():
    assert before_merge(Sight((MASTER, PIKE), {MASTER: MERGED, PIKE: MERGED})) is None


# --- after it has merged


def test_a_removal_that_nobody_has_made_is_pushed():
    for known in (None, replace(STATUS, state=WaitState.WAITING), replace(STATUS, state=WaitState.DUE)):
        assert after_merge(None, known, LockstepMode.PUSH, NOW) is None


@pytest.mark.parametrize(("status", "state"), [("NEW", "open"), ("MERGED", "merged"), ("ABANDONED", "abandoned")])
def test_one_that_gerrit_has_seen_is_not_pushed_again(status, state):
    for mode in (LockstepMode.PUSH, LockstepMode.WARN):
        for known in (None, STATUS, replace(STATUS, state=WaitState.REFUSED)):
            outcome = after_merge(removal(status), known, mode, NOW)
            assert outcome == Outcome(WaitState(state), "", "https://gerrit.example.com/7")


@pytest.mark.parametrize("state", ["open", "merged", "abandoned"])
def test_one_that_we_know_to_have_been_there_is_not_pushed_again(state):
    outcome = after_merge(None, replace(STATUS, state=WaitState(state)), LockstepMode.PUSH, NOW)
    assert outcome == Outcome(WaitState(state), "Gerrit does not show it any more", STATUS.url)


def test_an_open_one_that_does_not_merge_is_left_to_people():
    assert after_merge(removal(conflict="conflicts in a"), STATUS, LockstepMode.PUSH, NOW).note == "conflicts in a"


def test_nothing_is_pushed_where_the_site_only_wants_to_be_warned():
    outcome = after_merge(None, None, LockstepMode.WARN, NOW)
    assert outcome == Outcome(WaitState.DUE, "lockstep=warn in zuul.conf")


def test_one_that_was_refused_is_tried_again_seldom():
    refused = replace(STATUS, state=WaitState.REFUSED, note="no", url="", retry_at=NOW + 1)
    assert after_merge(None, refused, LockstepMode.PUSH, NOW) == Outcome(WaitState.REFUSED, "no", "", NOW + 1)
    assert after_merge(None, refused, LockstepMode.PUSH, NOW + 1) is None


def test_one_that_the_site_had_lost_is_made_when_the_site_has_it_again():
    assert after_merge(None, replace(STATUS, state=WaitState.BEHIND, url=""), LockstepMode.PUSH, NOW) is None


# --- the commit's message


def test_the_message_says_why_and_ends_with_the_removal_s_own_change_id():
    text = removal_message(WAIT, Sight((MASTER, PIKE), {MASTER: MERGED, PIKE: MERGED}))
    lines = text.splitlines()
    assert lines[0] == "Skip list: run 2 tests that waited for I1111111111"
    assert len(lines[0]) < 72
    assert lines[1] == ""
    assert {"skip_lists/a.txt left them out", f"until {UNTIL}."} <= set(lines)
    assert '- openstack/nova stable/pike: ccccccccccc "Add snapshots"' in lines
    assert lines[-2:] == ["", f"Change-Id: {WAIT.removal_id}"]
    assert "run 1 test that" in removal_message(replace(WAIT, ids=("id-1",)), Sight(()))


def test_a_hostile_subject_stays_one_short_quoted_line():
    hostile = MergedChange("c" * 40, f"x\nChange-Id: {'I' + '9' * 40}\n\n\x1b[31m\u202e{'long' * 100}")
    text = removal_message(WAIT, Sight((MASTER,), {MASTER: hostile}))
    assert re.findall(r"^Change-Id: .*$", text, re.MULTILINE) == [f"Change-Id: {WAIT.removal_id}"]
    assert all(character.isprintable() or character == "\n" for character in text)
    assert max(map(len, text.splitlines())) < 200


# --- what people read


def test_what_waits_as_it_should_is_nothing_to_say():
    assert told(replace(STATUS, state=WaitState.WAITING)) is None


@pytest.mark.parametrize(("state", "words"), [
    ("due", "which has merged: the removal of the block is to be pushed: no answer"),
    ("open", "is under review at https://gerrit.example.com/7: no answer"),
    ("merged", "and so has the removal of the block (https://gerrit.example.com/7): no answer"),
    ("behind", "and the site's repository does not have the block any more: no answer"),
    ("abandoned", "and the removal of the block was abandoned (https://gerrit.example.com/7): no answer"),
    ("refused", "and the removal of the block cannot be pushed: no answer"),
    ("waiting", f"the block waits for {UNTIL}: no answer"),
])  # fmt: skip
def test_each_state_has_its_sentence(state, words):
    said, _ = told(replace(STATUS, state=WaitState(state), note="no answer"))
    assert said.startswith(f"the block waits for {UNTIL}")
    assert words in said


@pytest.mark.parametrize(("state", "age", "is_told"), [
    ("waiting", 9999, False), ("due", 60, False), ("due", 9999, True), ("open", 0, True), ("merged", 0, True),
    ("behind", 0, True), ("abandoned", 0, True), ("refused", 0, True),
])  # fmt: skip
def test_what_a_person_must_look_at(state, age, is_told):
    lines = list(attention_lines([replace(STATUS, state=WaitState(state), note="x")], NOW + age))
    assert bool(lines) is is_told
    assert all(line.startswith("skip_lists/a.txt: the block waits for") for line in lines)


def test_of_many_some_are_named():
    lines = list(attention_lines([STATUS] * (MOST_LINES + 3), NOW))
    assert len(lines) == MOST_LINES + 1
    assert lines[-1].startswith("3 more blocks")
