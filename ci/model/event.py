"""What happened in a Gerrit, as a typed event."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ci.model.change import Account, Approval, Branch, Change, Ref


class EventSource(StrEnum):
    """How we came to know of an event: the stream told it, a query found it afterwards, or it was ordered.

    Orders are those of operators and of the site's timers.
    """

    STREAM = "stream"
    QUERY = "query"
    ORDER = "order"


class EventType(StrEnum):
    """The types that the CI acts on; every other type is `OTHER` and only counted."""

    PATCHSET_CREATED = "patchset-created"
    CHANGE_RESTORED = "change-restored"
    CHANGE_ABANDONED = "change-abandoned"
    CHANGE_MERGED = "change-merged"
    COMMENT_ADDED = "comment-added"
    WIP_STATE_CHANGED = "wip-state-changed"
    PRIVATE_STATE_CHANGED = "private-state-changed"
    ENQUEUE = "enqueue"  # an operator's order, from the command line
    DEQUEUE = "dequeue"
    TIMER = "timer"  # the time of a pipeline has come, for one branch
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Event:
    """One event of one connection.

    `natural_key` is the same for the same happening, however often and by whatever way it is told. `type_name` is the
    type as the server wrote it. `created_at` in seconds since the epoch, UTC.
    `same_as` are beginnings of keys under which another source may have told of it at about that time (what the stream
    calls the second of an event is some time after the one that a query finds). `raw` is the JSON text as received.
    """

    connection: str
    type: EventType
    type_name: str
    natural_key: str
    created_at: int
    change: Change | None = None
    author: Account | None = None
    comment: str = ""
    approvals: tuple[Approval, ...] = ()
    pipeline: str | None = None  # of an enqueue or dequeue order, or a timer
    raw: str = ""
    source: EventSource = EventSource.STREAM
    same_as: tuple[str, ...] = ()
    branch: Branch | None = None  # what it is about when there is no change

    @property
    def about(self) -> Ref | None:
        return self.change or self.branch


@dataclass(frozen=True, slots=True)
class Lost:
    """A happening that Gerrit cannot give back if the stream did not tell of it; `reason` is one line.

    `event` is what can be said of it.
    """

    event: Event
    reason: str


@dataclass(frozen=True, slots=True)
class Missed:
    """What a query found that the stream may not have told: events in the order in which they happened.

    `newest` is Gerrit's own time (seconds since the epoch) up to which the answer is complete, None when no change of
    the projects was ever updated.
    """

    events: tuple[Event, ...] = ()
    lost: tuple[Lost, ...] = ()
    newest: int | None = None
