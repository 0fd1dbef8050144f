"""What the command line and the pages ask of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.model.build import Build
    from ci.model.lockstep import WaitStatus
    from ci.model.node import Node
    from ci.model.site import SiteState
    from ci.model.views import (
        BuildView,
        ConnectionView,
        DroppedReviewView,
        FailureElsewhere,
        NodeView,
        ReviewView,
        StepView,
        WaitingView,
    )


class Views(Protocol):
    """Read-only questions for the command line and the pages; the cost of none grows with history."""

    def connections(self) -> tuple[ConnectionView, ...]: ...

    def events_waiting(self) -> int: ...

    def leases(self) -> dict[str, str]:
        """Who has nodes (a build, `run-...`, `hold-...`), by node id."""
        ...

    def nodes(self, places: Sequence[Node]) -> tuple[NodeView, ...]:
        """How these places are doing and who has them, in the same order."""
        ...

    def lockstep(self) -> tuple[WaitStatus, ...]:
        """The blocks that wait for a change, by list."""
        ...

    def site(self) -> SiteState:
        """Which state of the site is in force, and what there is to say of newer ones."""
        ...

    def builds(
        self, *, limit: int = 20, job: str | None = None, change_number: int | None = None,
        connection: str | None = None,
    ) -> tuple[BuildView, ...]:  # fmt: skip
        """The latest builds, newest first; several Gerrits have changes of one number: `connection` says whose."""
        ...

    def build(self, prefix: str) -> BuildView | None:
        """A build by its id or the beginning of it; None when there is none or more than one."""
        ...

    def ended_buildset_ids(self, limit: int = 20) -> tuple[str, ...]:
        """The latest buildsets that have ended, newest first."""
        ...

    def steps(self, noun_id: str) -> tuple[StepView, ...]: ...

    def reviews(self, buildset_id: str) -> tuple[ReviewView, ...]: ...

    def waiting(self) -> tuple[WaitingView, ...]:
        """What waits for each Gerrit, also for one that zuul.conf no longer names; those for which something does."""
        ...

    def reviews_open(self) -> tuple[WaitingView, ...]:
        """Of `waiting`, the Gerrits for which reviews wait."""
        ...

    def reviews_dropped(self, limit: int = 20) -> tuple[DroppedReviewView, ...]:
        """The latest reviews that ended without being posted, newest first."""
        ...

    def failures_elsewhere(
        self, view: BuildView, tests: Sequence[str], limit: int = 20
    ) -> tuple[FailureElsewhere, ...]:
        """The latest failures of these tests in builds of other changes, among the latest builds with failed tests.

        Builds that the CI itself broke, or that somebody ended, do not count.
        """
        ...

    def task_events(self, build: Build) -> tuple[str, ...]:
        """The tasks of the build's latest attempt, one JSON text each, in order."""
        ...
