"""What an event means for a pipeline: whether it starts the pipeline's jobs, and what it ends. Pure, as Zuul has it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from ci.model.change import Account, Branch, Change
from ci.model.event import EventType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ci.model.change import Approval, Ref
    from ci.model.event import Event
    from ci.model.pipeline import ApprovalFilter, ChangeFilter, Pipeline, Trigger
    from ci.model.regex import Regex

_ORDERS = frozenset({EventType.ENQUEUE, EventType.DEQUEUE})
_ENDING = frozenset({EventType.PATCHSET_CREATED, EventType.CHANGE_ABANDONED, EventType.PRIVATE_STATE_CHANGED})
_SHOWN_COMMENT = 60


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether an event starts a pipeline, and one line for each reason why not, or one that says what did it."""

    starts: bool
    reasons: tuple[str, ...] = ()


def judge(pipeline: Pipeline, event: Event, change: Ref | None, now: float, own_users: Mapping[str, str]) -> Judgement:
    """Decide whether an event starts a pipeline for a change, or for a branch.

    `change` is what the event is about, in its present state; `now` in seconds since the epoch, for ages of approvals;
    `own_users` are our account names by connection. An operator's order goes past triggers and requirements.
    """
    if change is None or isinstance(change, Branch) or event.type in _ORDERS:
        return _judge_without_triggers(pipeline, event, change)
    if is_own(event, own_users):
        return Judgement(starts=False, reasons=(f"{pipeline.name}: the event is our own doing",))
    reasons: list[str] = []
    for trigger in pipeline.triggers:
        reason = _no_trigger(trigger, event, change, now)
        if reason is None:
            unmet = unmet_by(pipeline, change, now)
            if unmet:
                return Judgement(starts=False, reasons=(f"{pipeline.name}: {unmet}",))
            return Judgement(starts=True, reasons=(f"{pipeline.name}: {event.type_name}",))
        if reason:
            reasons.append(f"{pipeline.name}: {reason}")
    if not reasons:
        reasons.append(f"{pipeline.name}: {event.type_name} of {event.connection} starts nothing")
    return Judgement(starts=False, reasons=tuple(dict.fromkeys(reasons)))


def _judge_without_triggers(pipeline: Pipeline, event: Event, change: Ref | None) -> Judgement:
    if change is None:
        return Judgement(starts=False, reasons=(f"{pipeline.name}: {event.type_name} is about no change",))
    if event.type in _ORDERS:
        wanted = pipeline.hears_patchsets if event.pipeline is None else event.pipeline == pipeline.name
        ordered = event.type is EventType.ENQUEUE and wanted
        return Judgement(ordered, ("enqueued by an operator",) if ordered else ())
    ours = event.type is EventType.TIMER and event.pipeline == pipeline.name
    return Judgement(ours, (f"the time of {pipeline.name}" if ours else f"{pipeline.name}: not its time",))


def unmet_by(pipeline: Pipeline, change: Change, now: float) -> str | None:
    """Say what of a pipeline's requirements a change does not meet, None when it meets all; triggers have no say."""
    return next((text for item in pipeline.filters if (text := _unmet(item, change, now))), None)


def is_own(event: Event, own_users: Mapping[str, str]) -> bool:
    """Whether the event was made by the account that we act as on its connection."""
    user = own_users.get(event.connection)
    return user is not None and event.author is not None and event.author.username == user


def may_matter(pipeline: Pipeline, event: Event) -> bool:
    """Whether an event can start or end anything in the pipeline, as far as can be said without the change's state."""
    if event.about is None:
        return False
    if event.type in _ORDERS:
        return event.pipeline in {None, pipeline.name}
    if event.type is EventType.TIMER:
        return event.pipeline == pipeline.name
    if event.type in _ENDING:
        return True
    return any(_event_mismatch(trigger, event) is None for trigger in pipeline.triggers)


def ends_running(pipeline: Pipeline, event: Event, change: Ref, running: Ref, *, restarts: bool) -> str | None:
    """Say why a buildset that runs for `running` must end now, None when it may go on.

    `change` is what the event is about; `restarts` says that the event starts the pipeline's jobs for it again.
    """
    if isinstance(change, Branch) or isinstance(running, Branch):
        return _ends_running_of_branch(pipeline, event, restarts=restarts) if change == running else None
    if (change.connection, change.number) != (running.connection, running.number):
        return None
    same_patchset = change.patchset == running.patchset
    ends: dict[EventType, tuple[bool, str]] = {
        EventType.DEQUEUE: (same_patchset and event.pipeline in {None, pipeline.name}, "dequeued by an operator"),
        # It may have been restored since: a catch-up tells late.
        EventType.CHANGE_ABANDONED: (not change.is_open, "the change was abandoned"),
        EventType.PRIVATE_STATE_CHANGED: (change.private, "the change became private"),
        EventType.PATCHSET_CREATED: (
            change.patchset > running.patchset and pipeline.dequeue_on_new_patchset,
            f"patch set {change.patchset} was uploaded",
        ),
    }
    applies, reason = ends.get(event.type, (False, ""))
    if applies:
        return reason
    return f"started again by {event.type_name}" if restarts and same_patchset else None


def _ends_running_of_branch(pipeline: Pipeline, event: Event, *, restarts: bool) -> str | None:
    if event.type is EventType.DEQUEUE and event.pipeline in {None, pipeline.name}:
        return "dequeued by an operator"
    return f"started again by {event.type_name}" if restarts else None


def _no_trigger(trigger: Trigger, event: Event, change: Change, now: float) -> str | None:
    """Say why a trigger does not fire, "" when it is not about such events at all, None when it fires."""
    mismatch = _event_mismatch(trigger, event)
    if mismatch is not None:
        return mismatch
    unmet = [text for item in trigger.filters if (text := _unmet(item, change, now))]
    return unmet[0] if unmet else None


def _event_mismatch(trigger: Trigger, event: Event) -> str | None:
    if trigger.connection != event.connection or event.type not in trigger.events:
        return ""
    return next(_event_complaints(trigger, event), None)


def _event_complaints(trigger: Trigger, event: Event) -> Iterator[str]:
    branch = event.change.branch if event.change else ""
    author = event.author or Account()
    if not trigger.fits_branch(branch):
        yield f"the branch {branch} is not one of the trigger's"
    if trigger.comments and not _any_found(trigger.comments, event.comment):
        yield f"the comment {_shortened(event.comment)} asks for nothing"
    if trigger.emails and not _any_found(trigger.emails, author.email):
        yield "the author's e-mail address is not one of the trigger's"
    if trigger.usernames and not _any_found(trigger.usernames, author.username):
        yield "the author is not one of the trigger's"
    given = {(approval.label, approval.value) for approval in event.approvals}
    for label, value in trigger.approvals:
        if (label, value) not in given:
            yield f"the event does not vote {label} {value:+d}"


def _any_found(regexes: Iterable[Regex], text: str | None) -> bool:
    return text is not None and any(regex.search(text) for regex in regexes)


def _shortened(comment: str) -> str:
    text = " ".join(comment.split())
    return repr(text if len(text) <= _SHOWN_COMMENT else text[: _SHOWN_COMMENT - 3] + "...")


def _unmet(item: ChangeFilter, change: Change, now: float) -> str | None:
    """Say what of a requirement the change does not meet, None when it meets all or is of another connection."""
    if item.connection != change.connection:
        return None
    return next(chain(_state_complaints(item, change), _approval_complaints(item, change, now)), None)


def _state_complaints(item: ChangeFilter, change: Change) -> Iterator[str]:
    if item.open is not None and item.open is not change.is_open:
        yield f"the change is {'closed' if item.open else 'open'} ({change.status})"
    if item.current_patchset is not None and item.current_patchset is not change.is_current:
        yield f"patch set {change.patchset} is {'not ' if item.current_patchset else ''}the current one"
    if item.wip is not None and item.wip is not change.wip:
        yield f"the change is {'work in progress' if change.wip else 'not work in progress'}"
    if item.statuses and change.status not in item.statuses:
        yield f"the change's status is {change.status}, not {' or '.join(item.statuses)}"
    if change.status in item.rejected_statuses:
        yield f"the change's status is {change.status}"


def _approval_complaints(item: ChangeFilter, change: Change, now: float) -> Iterator[str]:
    for wanted in item.approvals:
        if not any(_fits(wanted, approval, now) for approval in change.approvals):
            yield f"no approval fits: {_told(wanted)}"
    for unwanted in item.rejected_approvals:
        if any(_fits(unwanted, approval, now) for approval in change.approvals):
            yield f"an approval stands against it: {_told(unwanted)}"


def _fits(item: ApprovalFilter, approval: Approval, now: float) -> bool:
    if item.username and not item.username.search(approval.by.username or ""):
        return False
    if item.email and not item.email.search(approval.by.email or ""):
        return False
    if item.newer_than_seconds is not None and approval.granted_at < now - item.newer_than_seconds:
        return False
    if item.older_than_seconds is not None and approval.granted_at >= now - item.older_than_seconds:
        return False
    return all(approval.label == label and approval.value in values for label, values in item.labels)


def _told(item: ApprovalFilter) -> str:
    parts = [f"{label} {' or '.join(f'{value:+d}' for value in values)}" for label, values in item.labels]
    parts += [f"by {item.username}"] if item.username else []
    parts += [f"by {item.email}"] if item.email else []
    parts += [f"newer than {item.newer_than_seconds} s"] if item.newer_than_seconds is not None else []
    parts += [f"older than {item.older_than_seconds} s"] if item.older_than_seconds is not None else []
    return ", ".join(parts)
