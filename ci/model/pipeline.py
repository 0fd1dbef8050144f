"""Pipelines: which events start the jobs of a change, on what conditions, and how the end is reported."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ci.model.cron import Cron
from ci.model.event import EventType
from ci.model.regex import Regex


class Precedence(StrEnum):
    """Which pipeline's builds get nodes first."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> int:
        """Its place in the order in which nodes are given."""
        return list(Precedence).index(self)


@dataclass(frozen=True, slots=True)
class ApprovalFilter:
    """A vote that must, or must not, be there: all that is said must fit one and the same approval.

    `labels` pairs a label with the values that fit; ages in seconds.
    """

    labels: tuple[tuple[str, tuple[int, ...]], ...] = ()
    username: Regex | None = None
    email: Regex | None = None
    newer_than_seconds: int | None = None
    older_than_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """What a change of one connection must be like; None says nothing.

    `require` and `reject` of the language are both kept here: rejecting what is open is requiring what is not.
    """

    connection: str
    open: bool | None = None
    current_patchset: bool | None = None
    wip: bool | None = None
    statuses: tuple[str, ...] = ()
    rejected_statuses: tuple[str, ...] = ()
    approvals: tuple[ApprovalFilter, ...] = ()
    rejected_approvals: tuple[ApprovalFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class Trigger:
    """Events of one connection that start a pipeline; in each tuple one fit is enough, an empty one says nothing.

    `approvals` are votes that the event itself must carry, all of them. `filters` ask for a state of the change.
    """

    connection: str
    events: tuple[EventType, ...]
    branches: tuple[Regex, ...] = ()
    comments: tuple[Regex, ...] = ()
    emails: tuple[Regex, ...] = ()
    usernames: tuple[Regex, ...] = ()
    approvals: tuple[tuple[str, int], ...] = ()
    filters: tuple[ChangeFilter, ...] = ()

    def fits_branch(self, branch: str) -> bool:
        return not self.branches or any(regex.match(branch) for regex in self.branches)


@dataclass(frozen=True, slots=True)
class Reporter:
    """What a connection is told: the labels to vote, and whether a comment goes with them."""

    connection: str
    labels: tuple[tuple[str, int], ...] = ()
    comment: bool = True
    notify: str | None = None


@dataclass(frozen=True, slots=True)
class Messages:
    """The texts of a pipeline's reports; `{pipeline.name}` and the like are filled in as Zuul does."""

    start: str = "Starting {pipeline.name} jobs."
    success: str = "Build succeeded."
    failure: str = "Build failed."
    merge_conflict: str = (
        "Merge Failed.\n\nThis change could not be merged with the current state of its repository. "
        "Please rebase the change and upload a new patch set."
    )
    footer: str = ""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """An independent pipeline: every change runs for itself.

    `filters` must all fit (those of the change's own connection). `timers` are when it runs for branches.
    `disable_after` consecutive failures the pipeline no longer reports; None: never.
    `merge_conflict` is empty where the site says nothing: a change that does not merge is its author's business, and
    OpenStack asks third-party systems not to comment on it. (Zuul would use the failure reporters.)
    """

    name: str
    triggers: tuple[Trigger, ...] = ()
    timers: tuple[Cron, ...] = ()
    filters: tuple[ChangeFilter, ...] = ()
    start: tuple[Reporter, ...] = ()
    success: tuple[Reporter, ...] = ()
    failure: tuple[Reporter, ...] = ()
    merge_conflict: tuple[Reporter, ...] = ()
    messages: Messages = Messages()
    precedence: Precedence = Precedence.NORMAL
    dequeue_on_new_patchset: bool = True
    disable_after: int | None = None
    description: str = ""

    @property
    def hears_patchsets(self) -> bool:
        """Whether a new patch set may start it: what an order is for that names no pipeline."""
        return any(EventType.PATCHSET_CREATED in trigger.events for trigger in self.triggers)

    @property
    def connections(self) -> frozenset[str]:
        """The connections whose events this pipeline hears."""
        return frozenset(trigger.connection for trigger in self.triggers)

    def hears_of(self, connection: str, branch: str) -> bool:
        """Whether anything that happens to a change of this branch may start it."""
        return bool(self.timers) or any(
            trigger.connection == connection and trigger.fits_branch(branch) for trigger in self.triggers
        )
