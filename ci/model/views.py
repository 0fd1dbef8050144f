"""What people look at: records of the read-only views, for the command line and the pages."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ci.model.build import Build
from ci.model.change import Ref
from ci.model.file_history import Commit
from ci.model.node import Node, NodeState


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A connection and how it is doing; times in seconds since the epoch."""

    name: str
    state: str
    reason: str
    since: float
    last_event_at: float | None


@dataclass(frozen=True, slots=True)
class BuildView:
    """A build with the change and the pipeline that it ran for."""

    build: Build
    change: Ref
    pipeline: str


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the story of a build, buildset or review."""

    at: float
    noun: str
    from_state: str
    to_state: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReviewView:
    """A review of a buildset and what became of it; `labels` is the vote, empty for a comment only."""

    kind: str
    state: str
    attempts: int
    note: str
    sent_at: float | None
    labels: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WaitingView:
    """What waits for one Gerrit: events to act on and reviews to post.

    `reviews_since` is when the oldest of these was written (None where there is none), `note` what was last said of it.
    """

    connection: str
    events: int
    reviews: int
    reviews_since: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class DroppedReviewView:
    """A review that ended without being posted, when (seconds since the epoch) and why."""

    buildset_id: str
    kind: str
    connection: str
    number: int
    patchset: int
    reason: str
    at: float
    labels: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FailureElsewhere:
    """A failure of one test in a build of some other change; `ended_at` in seconds since the epoch."""

    test: str
    build_id: str
    job: str
    change: Ref
    ended_at: float


@dataclass(frozen=True, slots=True)
class NodeView:
    """A place for builds, how its machine does, and who has it: a build, `run-...`, `hold-...`, or nobody ("").

    `since` is when the machine came into its state, None where nothing ever happened to it; it takes no build before
    `retry_at`. `held_build` and `held_reason` are set where the node is kept for a person, till `expires_at` or (None)
    until it is deleted. Times in seconds since the epoch.
    """

    node: Node
    state: NodeState
    failures: int = 0
    reason: str = ""
    since: float | None = None
    retry_at: float = 0.0
    holder: str = ""
    held_build: str = ""
    held_reason: str = ""
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class BurnDownPoint:
    """The skip lists after a commit: for each list (its path in the site) the entries by reason ("" where none)."""

    commit: Commit
    lists: dict[str, dict[str, int]]

    @property
    def entries(self) -> int:
        """How many entries all lists have together."""
        return sum(sum(reasons.values()) for reasons in self.lists.values())

    @property
    def reasons(self) -> dict[str, int]:
        """The entries by reason, of all lists together."""
        counter: Counter[str] = Counter()
        for reasons in self.lists.values():
            counter.update(reasons)
        return dict(counter)
