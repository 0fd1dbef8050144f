"""Which events start a pipeline, which do not and why, and what they end."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ci.config.site import load_site
from ci.model.change import Account, Approval, Branch, Change
from ci.model.event import Event, EventType
from ci.model.pipeline import ApprovalFilter, ChangeFilter, Pipeline, Trigger
from ci.model.regex import Regex
from ci.services.triggers import ends_running, judge, may_matter

NOW = 1_000_000.0
DAY = 86400
OWN = {"g": "our-ci"}
CHANGE = Change("g", "nova", "master", 7, 2, "r", "refs/changes/07/7/2")
PIPELINE = Pipeline("check", triggers=(Trigger("g", (EventType.PATCHSET_CREATED, EventType.COMMENT_ADDED)),))


def event(kind=EventType.PATCHSET_CREATED, change=CHANGE, author="alice", **more):
    return Event("g", kind, kind.value, "key", 1, change=change, author=Account(author, email=f"{author}@x"), **more)


def comment(text, **more):
    return event(EventType.COMMENT_ADDED, comment=text, **more)


def with_trigger(**more):
    return replace(PIPELINE, triggers=(Trigger("g", (EventType.PATCHSET_CREATED, EventType.COMMENT_ADDED), **more),))


def with_filter(**more):
    return replace(PIPELINE, filters=(ChangeFilter("g", **more),))


def starts(pipeline, happening, change=CHANGE):
    return judge(pipeline, happening, change, NOW, OWN).starts


def test_an_event_that_is_listened_to_starts_and_others_do_not():
    assert starts(PIPELINE, event())
    assert not starts(PIPELINE, event(EventType.CHANGE_MERGED))
    assert judge(PIPELINE, event(EventType.CHANGE_MERGED), CHANGE, NOW, OWN).reasons == (
        "check: change-merged of g starts nothing",
    )


def test_an_event_of_another_connection_does_not_start():
    assert not starts(PIPELINE, replace(event(), connection="other"))


def test_an_event_about_no_change_does_not_start():
    assert not judge(PIPELINE, event(change=None), None, NOW, OWN).starts


@pytest.mark.parametrize("kind", [EventType.PATCHSET_CREATED, EventType.COMMENT_ADDED])
def test_our_own_doing_never_starts_anything(kind):
    assert starts(PIPELINE, event(kind))
    assert judge(PIPELINE, event(kind, author="our-ci"), CHANGE, NOW, OWN).reasons == (
        "check: the event is our own doing",
    )


def test_the_same_name_on_another_connection_is_somebody_else():
    assert judge(PIPELINE, event(author="our-ci"), CHANGE, NOW, {"other": "our-ci"}).starts


def test_comments_are_searched_branches_are_matched_from_the_start():
    pipeline = with_trigger(comments=(Regex("recheck"),), branches=(Regex("stable/"),))
    pike = replace(CHANGE, branch="stable/pike")
    assert starts(pipeline, comment("please recheck", change=pike), pike)
    assert not starts(pipeline, comment("please", change=pike), pike)
    odd = replace(CHANGE, branch="unstable/pike")
    assert not starts(pipeline, comment("recheck", change=odd), odd)


def test_a_negated_expression():
    pipeline = with_trigger(comments=(Regex("nocheck", negate=True),))
    assert starts(pipeline, comment("hello"))
    assert not starts(pipeline, comment("nocheck"))


def test_any_of_several_expressions_and_any_of_several_triggers_will_do():
    assert starts(with_trigger(comments=(Regex("^a"), Regex("^b"))), comment("b"))
    two = replace(PIPELINE, triggers=(*with_trigger(comments=(Regex("^a"),)).triggers, *PIPELINE.triggers))
    assert starts(two, comment("c"))


def test_authors_by_name_and_address():
    assert starts(with_trigger(usernames=(Regex("^al"),)), event())
    assert not starts(with_trigger(usernames=(Regex("^bob"),)), event())
    assert starts(with_trigger(emails=(Regex("@x$"),)), event())
    assert not starts(with_trigger(emails=(Regex("@y$"),)), event())
    assert not starts(with_trigger(usernames=(Regex(".*"),)), replace(event(), author=None))


def test_votes_that_the_event_carries_must_all_be_there():
    pipeline = with_trigger(approvals=(("Workflow", 1), ("Code-Review", 2)))
    votes = (Approval("Workflow", 1, Account()), Approval("Code-Review", 2, Account()))
    assert starts(pipeline, comment("x", approvals=votes))
    assert not starts(pipeline, comment("x", approvals=votes[:1]))


def test_a_requirement_of_a_trigger_is_judged_by_the_change():
    pipeline = with_trigger(filters=(ChangeFilter("g", open=True),))
    assert not starts(pipeline, event(), replace(CHANGE, status="MERGED"))
    assert starts(pipeline, event(), CHANGE)


@pytest.mark.parametrize(
    ("requirement", "bad", "reason"),
    [
        ({"open": True}, {"status": "ABANDONED"}, "the change is closed (ABANDONED)"),
        ({"open": False}, {}, "the change is open (NEW)"),
        ({"current_patchset": True}, {"is_current": False}, "patch set 2 is not the current one"),
        ({"wip": False}, {"wip": True}, "the change is work in progress"),
        ({"wip": True}, {}, "the change is not work in progress"),
        ({"statuses": ("MERGED",)}, {}, "the change's status is NEW, not MERGED"),
        ({"rejected_statuses": ("NEW",)}, {}, "the change's status is NEW"),
    ],
)
def test_state_of_the_change(requirement, bad, reason):
    judgement = judge(with_filter(**requirement), event(), replace(CHANGE, **bad), NOW, OWN)
    assert (judgement.starts, judgement.reasons) == (False, (f"check: {reason}",))


def test_wip_and_private_changes_start_unless_a_requirement_says_otherwise():
    assert starts(PIPELINE, event(), replace(CHANGE, wip=True, private=True))


def test_a_requirement_of_another_connection_says_nothing():
    other = replace(PIPELINE, filters=(ChangeFilter("other", open=False),))
    assert starts(other, event())


VOTE = Approval("Verified", 1, Account("zuul", email="z@x"), granted_at=int(NOW) - DAY)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({"labels": (("Verified", (1, 2)),)}, True),
        ({"labels": (("Verified", (2,)),)}, False),
        ({"labels": (("Other", (1,)),)}, False),
        ({"username": Regex("^zuul$")}, True),
        ({"username": Regex("^bob$")}, False),
        ({"email": Regex("x$")}, True),
        ({"email": Regex("y$")}, False),
        ({"newer_than_seconds": 2 * DAY}, True),
        ({"newer_than_seconds": DAY - 1}, False),
        ({"older_than_seconds": DAY - 1}, True),
        ({"older_than_seconds": DAY}, False),  # exactly as old is not older
        ({"newer_than_seconds": DAY}, True),
        ({"labels": (("Verified", (1,)),), "username": Regex("^bob$")}, False),
    ],
)
def test_approvals_required_and_rejected(wanted, fits):
    change = replace(CHANGE, approvals=(VOTE,))
    assert starts(with_filter(approvals=(ApprovalFilter(**wanted),)), event(), change) is fits
    assert starts(with_filter(rejected_approvals=(ApprovalFilter(**wanted),)), event(), change) is not fits


def test_a_required_approval_that_nobody_gave():
    judgement = judge(
        with_filter(approvals=(ApprovalFilter(labels=(("Code-Review", (2,)),)),)), event(), CHANGE, NOW, OWN
    )
    assert judgement.reasons == ("check: no approval fits: Code-Review +2",)


def test_an_order_goes_past_triggers_and_requirements():
    order = replace(event(EventType.ENQUEUE, author="our-ci"), pipeline="check")
    assert starts(with_filter(open=False), order)
    assert not starts(replace(PIPELINE, name="other"), order)
    assert not starts(PIPELINE, replace(order, type=EventType.DEQUEUE))


def test_an_order_without_a_pipeline_is_for_those_that_new_patch_sets_start():
    order = replace(event(EventType.ENQUEUE, author="our-ci"), pipeline=None)
    assert starts(PIPELINE, order)
    assert not starts(replace(PIPELINE, name="experimental", triggers=()), order)
    assert starts(replace(PIPELINE, name="experimental", triggers=()), replace(order, pipeline="experimental"))


def test_a_timer_starts_its_own_pipeline_alone():
    branch = Branch("gerrit", "nova", "master")
    due = Event("gerrit", EventType.TIMER, "timer", "key", 1, pipeline="periodic", branch=branch)
    periodic = Pipeline("periodic")
    assert judge(periodic, due, branch, NOW, OWN).starts
    assert may_matter(periodic, due)
    assert not judge(PIPELINE, due, branch, NOW, OWN).starts
    assert not may_matter(PIPELINE, due)


def test_what_ends_a_branch_that_runs():
    branch = Branch("gerrit", "nova", "master")
    order = Event("gerrit", EventType.DEQUEUE, "dequeue", "key", 1, pipeline="check", branch=branch)
    assert ends_running(PIPELINE, order, branch, branch, restarts=False) == "dequeued by an operator"
    assert ends_running(PIPELINE, replace(order, pipeline="other"), branch, branch, restarts=False) is None
    assert ends_running(PIPELINE, order, branch, replace(branch, branch="stable/pike"), restarts=False) is None
    assert ends_running(PIPELINE, event(EventType.CHANGE_ABANDONED), CHANGE, branch, restarts=False) is None


def test_a_hostile_comment_is_judged_quickly_and_told_shortly():
    pipeline = with_trigger(comments=(Regex("^(a+)+$"),))
    judgement = judge(pipeline, comment("a" * 100_000 + "\ud800\n!"), CHANGE, NOW, OWN)
    assert not judgement.starts
    assert len(judgement.reasons[0]) < 120


def test_what_ends_a_running_buildset():
    old = replace(CHANGE, patchset=1)
    assert ends_running(PIPELINE, event(), CHANGE, old, restarts=True) == "patch set 2 was uploaded"
    assert ends_running(PIPELINE, event(), CHANGE, old, restarts=False) == "patch set 2 was uploaded"
    assert ends_running(PIPELINE, event(), old, CHANGE, restarts=False) is None
    assert ends_running(PIPELINE, event(), CHANGE, replace(old, number=8), restarts=True) is None
    assert ends_running(PIPELINE, event(), CHANGE, replace(old, connection="other"), restarts=True) is None
    abandoned = replace(CHANGE, status="ABANDONED")
    assert ends_running(PIPELINE, event(EventType.CHANGE_ABANDONED), abandoned, CHANGE, restarts=False)
    restored_since = ends_running(PIPELINE, event(EventType.CHANGE_ABANDONED), CHANGE, CHANGE, restarts=False)
    assert restored_since is None
    assert ends_running(PIPELINE, event(EventType.CHANGE_MERGED), CHANGE, CHANGE, restarts=False) is None


def test_a_pipeline_may_let_old_patch_sets_run_on():
    keeps = replace(PIPELINE, dequeue_on_new_patchset=False)
    assert ends_running(keeps, event(), CHANGE, replace(CHANGE, patchset=1), restarts=True) is None


def test_a_recheck_supersedes_the_same_patch_set_only():
    assert ends_running(PIPELINE, comment("recheck"), CHANGE, CHANGE, restarts=True) == "started again by comment-added"
    assert ends_running(PIPELINE, comment("thanks"), CHANGE, CHANGE, restarts=False) is None
    assert ends_running(PIPELINE, comment("recheck"), CHANGE, replace(CHANGE, patchset=1), restarts=True) is None


def test_an_operator_dequeues_one_patch_set_of_one_pipeline():
    order = replace(event(EventType.DEQUEUE), pipeline="check")
    assert ends_running(PIPELINE, order, CHANGE, CHANGE, restarts=False) == "dequeued by an operator"
    assert ends_running(replace(PIPELINE, name="other"), order, CHANGE, CHANGE, restarts=False) is None
    assert ends_running(PIPELINE, order, CHANGE, replace(CHANGE, patchset=1), restarts=False) is None


def test_a_change_that_becomes_private_is_ended_and_one_that_becomes_public_is_not():
    happening = event(EventType.PRIVATE_STATE_CHANGED)
    assert ends_running(PIPELINE, happening, replace(CHANGE, private=True), CHANGE, restarts=False)
    assert ends_running(PIPELINE, happening, CHANGE, CHANGE, restarts=False) is None


def test_what_may_matter_is_known_before_the_change_is_asked_for():
    pipeline = with_trigger(comments=(Regex("recheck"),))
    assert may_matter(pipeline, comment("recheck"))
    assert not may_matter(pipeline, comment("hello"))
    assert may_matter(pipeline, event(EventType.CHANGE_ABANDONED))
    assert not may_matter(pipeline, event(EventType.CHANGE_MERGED))
    assert not may_matter(pipeline, event(change=None))


@pytest.fixture(scope="module")
def shipped():
    return load_site(Path(__file__).parents[3]).layout.pipelines["check"]


def shipped_event(text):
    change = replace(CHANGE, connection="opendev", project="openstack/nova")
    return replace(comment(text), connection="opendev", change=change), change


@pytest.mark.parametrize(
    "text",
    ["recheck", "Recheck bug 1234", "RECHECK", "reverify", "pvmci recheck", "pvmci-recheck", "run-PowerVM CI", "run PowerVM CI",
     "recheck no bug\n\nit was the network", "\n\nrecheck"],
)  # fmt: skip
@pytest.mark.parametrize(
    "head", ["Patch Set 2:\n\n", "Patch Set 2: Code-Review+1\n\n", "Patch Set 12: -Verified\n\n", "Patch Set 2:\n\n(1 comment)\n\n",
             "Patch Set 2: Code-Review-1\n\n(12 comments)\n\n"],
)  # fmt: skip
def test_comments_that_recheck(shipped, head, text):
    happening, change = shipped_event(head + text)
    assert judge(shipped, happening, change, NOW, {}).starts


@pytest.mark.parametrize(
    "text",
    ["please do not recheck", "> recheck", "> recheck\n\nwhy did you?", "I will recheck", "don't\nrecheck", "(2 comments)",
     "do not run-PowerVM CI", 'Build failed. To run again, comment "recheck".', "", "run-Other CI", "pvmci"],
)  # fmt: skip
def test_comments_that_do_not(shipped, text):
    happening, change = shipped_event("Patch Set 2:\n\n" + text)
    assert not judge(shipped, happening, change, NOW, {}).starts


def test_the_shipped_pipeline_wants_open_changes_and_current_patch_sets(shipped):
    happening, change = shipped_event("Patch Set 2:\n\nrecheck")
    assert not judge(shipped, happening, replace(change, status="MERGED"), NOW, {}).starts
    assert not judge(shipped, happening, replace(change, is_current=False), NOW, {}).starts
    for kind in (EventType.PATCHSET_CREATED, EventType.CHANGE_RESTORED):
        assert judge(shipped, replace(happening, type=kind), change, NOW, {}).starts
