"""What people look at: records of the read-only views, for the command line and the pages."""

from __future__ import annotations

from dataclasses import dataclass, field

from ci.model.build import Build
from ci.model.change import Change


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
    change: Change
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
class FailureElsewhere:
    """A failure of one test in a build of some other change; `ended_at` in seconds since the epoch."""

    test: str
    build_id: str
    job: str
    change: Change
    ended_at: float
