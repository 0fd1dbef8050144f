"""What the services ask of the database: state, table by table, and transactions over all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from contextlib import AbstractContextManager
    from datetime import date

    from ci.model.build import Build, BuildOutcome, Buildset, Fault, ProcessIdentity, Result
    from ci.model.change import Ref
    from ci.model.connection import ConnectionState
    from ci.model.event import Event, Lost
    from ci.model.history import Amount, DayResults, FailingTest, RanTest, SumResults
    from ci.model.hold import Autohold, Hold
    from ci.model.job import NodeRequest
    from ci.model.lockstep import WaitStatus
    from ci.model.node import Condition, Node
    from ci.model.site import SiteState
    from ci.model.timer import Timer
    from ci.model.views import (
        BuildView,
    )
    from ci.model.vote import DueReview, Review


class EventLog(Protocol):
    """Events, each committed under its natural key before anything acts on it."""

    def add(self, events: Sequence[Event], now: float, *, outcome: str = "", not_before: float = 0.0) -> int:
        """Keep events, all or none; returns how many were not known already.

        With an `outcome` they are only kept: nothing is to be done any more. Otherwise nothing is `not_before`.
        """
        ...

    def add_lost(self, lost: Lost, now: float) -> bool:
        """Keep that something was lost; False when the log has it, or what may be it, or knows of the loss."""
        ...

    def newest_merge(self) -> int:
        """The number of the newest event that tells of a merged change, 0 for none: another one when there is news."""
        ...

    def pending(self, connection: str, now: float, limit: int = 100) -> list[tuple[int, Event]]:
        """What of a connection is to be acted on now, oldest first, with its number in the log."""
        ...

    def next_retry_at(self, connection: str) -> float | None: ...

    def end(self, event_id: int, outcome: str) -> None: ...

    def postpone(self, event_id: int, retry_at: float, reason: str) -> None: ...


class ConnectionStates(Protocol):
    """How the link to each Gerrit is doing, for people to see."""

    def set_state(self, name: str, state: ConnectionState, reason: str, now: float) -> None: ...

    def heard_from(self, name: str, now: float) -> None: ...

    def watermark(self, name: str) -> int | None:
        """Gerrit's own time (seconds since the epoch) before which all that happened is in the log; None at first."""
        ...

    def raise_watermark(self, name: str, watermark: int) -> None:
        """Move the watermark forward; an older one than the present one changes nothing."""
        ...


class TimerStates(Protocol):
    """Up to when each timer has been told of."""

    def told_until(self, timer: Timer) -> float | None:
        """Due times up to here are events, or were let go; None for a timer that was never seen."""
        ...

    def tell_until(self, timer: Timer, until: float) -> None: ...


class Buildsets(Protocol):
    """Buildsets, their builds and the nodes that these hold.

    A change of state from another than the expected one raises `StaleStateError`.
    """

    def add(self, buildset: Buildset, event_id: int | None, now: float) -> None: ...

    def get(self, buildset_id: str) -> Buildset | None: ...

    def running(self) -> tuple[Buildset, ...]: ...

    def running_of(self, about: Ref) -> tuple[Buildset, ...]:
        """What runs for a change, any patch set of it, or for the tip of a branch."""
        ...

    def end(self, buildset_id: str, result: Result, reason: str, now: float) -> None: ...

    def open_builds(self) -> tuple[Build, ...]:
        """Builds that have not ended, in the order in which they were asked for."""
        ...

    def waiting_builds(self) -> tuple[Build, ...]:
        """Of the open builds those that have no nodes yet, in the same order."""
        ...

    def builds_with_nodes(self) -> tuple[Build, ...]:
        """Of the open builds those that are starting or running."""
        ...

    def build(self, build_id: str) -> Build | None: ...

    def lease(self, build: Build, nodes: Sequence[tuple[NodeRequest, Node]], now: float) -> None:
        """Waiting -> starting, with these nodes."""
        ...

    def hold_nodes(self, holder: str, nodes: Sequence[tuple[NodeRequest, Node]], now: float) -> None:
        """Take nodes for somebody who is no build of the service."""
        ...

    def give_back_nodes(self, holder: str) -> None: ...

    def leased_node_ids(self) -> frozenset[str]: ...

    def lost_holders(self) -> tuple[str, ...]:
        """Who has nodes and is no `run-...`, no build that is open and no hold: what must not be."""
        ...

    def tell_wait(self, build: Build, reason: str) -> bool:
        """Say why a waiting build waits, "" when it does no more than wait for its turn; returns whether that is new.

        It is told as the build's error, and never in place of the error of its last attempt.
        """
        ...

    def nodes_of_build(self, build_id: str) -> tuple[Node, ...]: ...

    def run(self, build: Build, process: ProcessIdentity, now: float) -> None:
        """Starting -> running."""
        ...

    def retry(
        self, build: Build, reason: str, now: float, *, fault: Fault | None = None, retry_at: float = 0.0,
        charged: bool = True, new_round: bool = False,
    ) -> None:  # fmt: skip
        """Starting | running -> waiting, as the next attempt, not before `retry_at`; the nodes are given back.

        `charged`: it counts among the job's attempts. `new_round`: all attempts are begun again.
        """
        ...

    def end_build(self, build: Build, result: Result, outcome: BuildOutcome | None, reason: str, now: float) -> None:
        """Any state -> ended; the nodes are given back."""
        ...

    def ask_to_cancel(self, build: Build, reason: str) -> None: ...

    def add_task_events(self, build: Build, records: Iterable[str]) -> None: ...


class NodeConditions(Protocol):
    """How the machines have done; one that nothing is known of is ready."""

    def all(self) -> dict[str, Condition]:
        """What is known, by machine."""
        ...

    def failed(self, machine: str, reason: str, now: float, *, is_ill: bool, build_id: str = "") -> Condition:
        """Count a failure: a pause that grows, and with the third in a row the machine is set aside.

        During that pause nothing more is counted: its other places tell of the same trouble. `is_ill`: a health check
        found it. Otherwise it was lost under a build, and of one build that counts once: a patch that brings machines
        down must not put one aside alone.
        """
        ...

    def worked(self, machine: str, now: float) -> None:
        """A build has come to its end there: earlier failures no longer count."""
        ...

    def recovered(self, machine: str, now: float) -> None:
        """Set aside as ill -> ready, on probation: one more failure sets it aside again."""
        ...

    def drain(self, machine: str, reason: str, now: float) -> None:
        """Any state -> draining: what runs there goes on, nothing new comes."""
        ...

    def enable(self, machine: str, now: float) -> None:
        """Any state -> ready, without failures."""
        ...


class Holds(Protocol):
    """Autoholds, and the nodes that are kept by them."""

    def request(self, autohold: Autohold, now: float) -> int:
        """Ask that nodes be kept; returns the request's id."""
        ...

    def requests(self) -> tuple[Autohold, ...]: ...

    def withdraw(self, autohold_id: int, now: float) -> bool:
        """Delete a request and let go of what it keeps, after clean-up; False when there is no such request."""
        ...

    def matching(self, build: Build) -> Autohold | None:
        """The request that a failed build would be kept for: one for its change before one for all."""
        ...

    def keep(self, build: Build, now: float) -> Hold:
        """Move the build's leases to a hold; without a matching request it ends at once, after clean-up."""
        ...

    def held(self) -> tuple[Hold, ...]: ...

    def ending(self, now: float) -> tuple[Hold, ...]:
        """Those whose clean-up is due, or was begun."""
        ...

    def next_expiry_at(self) -> float | None: ...

    def nodes(self, hold: Hold) -> tuple[Node, ...]: ...

    def release(self, hold: Hold, now: float) -> None:
        """Held -> releasing; no change when it is that already."""
        ...

    def free(self, hold: Hold, note: str, now: float) -> None:
        """Releasing -> gone: the nodes are free."""
        ...


class WaitStates(Protocol):
    """What is known of blocks that wait for a change."""

    def all(self) -> dict[str, WaitStatus]:
        """What is known, by the Change-Id of the removal."""
        ...

    def put(self, status: WaitStatus) -> None: ...

    def keep_only(self, removal_ids: Collection[str]) -> None:
        """Forget the others: the site's lists have them no more."""
        ...


class SiteStates(Protocol):
    """Which state of the site is in force, for people to see and for the next start."""

    def get(self) -> SiteState: ...

    def put(self, state: SiteState) -> None: ...

    def in_use(self) -> frozenset[str]:
        """The commits that builds which are not ended run, or will run, with."""
        ...


class Outbox(Protocol):
    """Reviews to post, each exactly once."""

    def add(self, buildset_id: str, kind: str, review: Review, now: float) -> None: ...

    def due(self, connection: str, now: float) -> tuple[DueReview, ...]: ...

    def next_retry_at(self, connection: str) -> float | None: ...

    def hurry(self, connection: str, now: float) -> None:
        """Make what waits for its next try due now: the Gerrit is back."""
        ...

    def claim(self, due: DueReview, now: float) -> None: ...

    def sent(self, due: DueReview, note: str, now: float) -> None: ...

    def drop(self, due: DueReview, note: str, now: float) -> None: ...

    def postpone(self, due: DueReview, retry_at: float, note: str, now: float) -> None: ...


class TestIntake(Protocol):
    """Takes what the tests of ended builds did into the history, each build once."""

    def untaken(self, limit: int) -> tuple[BuildView, ...]:
        """Ended builds that have test results which are not in the history, oldest first."""
        ...

    def take(self, view: BuildView, tests: Sequence[RanTest], now: float) -> bool:
        """Count the tests of a build (each is there once) and mark it, in one; False when it was marked already."""
        ...


class TestHistory(Protocol):
    """What each test did over time; the cost of no question grows with history. Days are UTC."""

    def last_results(self, test: str, limit: int = 20) -> tuple[DayResults, ...]:
        """The latest days of a test, newest first, by its full name or its idempotent ID (that of several tests)."""
        ...

    def sums(self, ids: Collection[str], jobs: Collection[str], since: date) -> tuple[SumResults, ...]:
        """What the tests with these idempotent IDs did in all builds of each of these jobs since a day."""
        ...

    def tested(self, job: str, since: date) -> Amount:
        """How much a job has tested since a day."""
        ...

    def failing_on_changes(self, job: str, since: date, min_changes: int) -> tuple[FailingTest, ...]:
        """Tests that failed in a job on so many changes since a day, while they also passed; most changes first."""
        ...


class Retention(Protocol):
    """Removes what is old from the database, little at a time."""

    def builds_with_old_logs(self, ended_before: float, limit: int) -> tuple[BuildView, ...]:
        """Builds that ended before, oldest first, and whose logs are not marked as removed."""
        ...

    def logs_are_removed(self, build_ids: Sequence[str], now: float) -> None:
        """Remove the builds' task events, and mark their logs as removed."""
        ...

    def forget_buildsets(self, ended_before: float, limit: int) -> int:
        """Remove the oldest buildsets that ended before, with all of theirs; returns how many were removed.

        One whose logs are there, or whose reviews are on their way, stays.
        """
        ...

    def forget_events(self, after: int, received_before: float, limit: int) -> tuple[int, int | None]:
        """Of the next events after a number, remove those that are done with and that no buildset came of.

        Returns how many were removed, and after which number to go on, None at the end.
        """
        ...

    def forget_stories(self, told_before: float, limit: int) -> int:
        """Remove old steps of machines, holds and autoholds; returns how many."""
        ...

    def forget_test_days(self, before: date, limit: int) -> int:
        """Remove what tests did before a day; returns how many figures."""
        ...

    def forget_tests(self, after: int, limit: int) -> int | None:
        """Of the next tests after a number, remove those of which nothing is left; as `forget_events` goes on."""
        ...

    def shrink_log(self) -> None:
        """Keep the database's own log small."""
        ...


class Store(Protocol):
    """All state; what happens within one `transaction()` happens wholly or not at all."""

    @property
    def events(self) -> EventLog: ...

    @property
    def connections(self) -> ConnectionStates: ...

    @property
    def timers(self) -> TimerStates: ...

    @property
    def buildsets(self) -> Buildsets: ...

    @property
    def nodes(self) -> NodeConditions: ...

    @property
    def holds(self) -> Holds: ...

    @property
    def lockstep(self) -> WaitStates: ...

    @property
    def site(self) -> SiteStates: ...

    @property
    def outbox(self) -> Outbox: ...

    @property
    def test_intake(self) -> TestIntake: ...

    @property
    def retention(self) -> Retention: ...

    def transaction(self) -> AbstractContextManager[None]: ...

    def data_version(self) -> int:
        """A number that changes when somebody else, also another process, has committed."""
        ...

    def close(self) -> None:
        """Let go of what the calling thread holds."""
        ...
