"""What the services ask of the world: each Protocol is kept by an adapter and by its fake in the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date
    from pathlib import Path

    from ci.model.build import Build, BuildOutcome, Buildset, BuildSpec, Fault, PreparedProject, ProcessIdentity, Result
    from ci.model.change import Change, Ref
    from ci.model.connection import ConnectionState
    from ci.model.event import Event, Lost, Missed
    from ci.model.file_history import Commit, Step
    from ci.model.history import Amount, DayResults, FailingTest, RanTest, SumResults
    from ci.model.hold import Autohold, Hold
    from ci.model.job import NodeRequest
    from ci.model.lockstep import MergedChange, SiteFile, Wait, WaitStatus
    from ci.model.node import Condition, Node
    from ci.model.site import SiteState
    from ci.model.timer import Timer
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
    from ci.model.vote import DueReview, Review, ReviewReceipt


class Gerrit(Protocol):
    """One Gerrit, under the name of its connection.

    Every call but `events` is safe from several threads. All raise `Unavailable` when trying again later makes
    sense, and `Refused` (or `HostKeyMismatch`, `AuthenticationFailed`) when it does not.
    """

    @property
    def name(self) -> str: ...

    @property
    def user(self) -> str:
        """The account that we act as: events of its making are our own echo."""
        ...

    def events(self, stop: threading.Event) -> Iterator[Sequence[Event]]:
        """Yield the stream's events as they come, as many as came at once; first of all () when the stream is open.

        Lines that are no event are logged, counted and passed over. Raises `Unavailable` when the link is lost, also
        when it is frozen: a keepalive that expects an answer finds that out.
        """
        ...

    def change(self, number: int, patchset: int | None = None) -> Change:
        """Read a change as it is now, with the files of the asked-for patch set (the current one when None)."""
        ...

    def changes_with_id(self, change_id: str) -> tuple[Change, ...]:
        """The changes with that Change-Id, one for each project and branch, as far as we may see them."""
        ...

    def changes_at(self, project: str, commit: str) -> tuple[Change, ...]:
        """The changes of a project that have this commit as a patch set, current or not; () when we see none."""
        ...

    def newest_update(self, projects: Sequence[str]) -> int:
        """Gerrit's own time in seconds of the last update of any change of the projects, 0 for none."""
        ...

    def missed(self, since: int, projects: Sequence[str]) -> Missed:
        """What has happened in the projects since that second of Gerrit's own time (that second included)."""
        ...

    def post_review(self, review: Review) -> ReviewReceipt:
        """Post a review; see `ReviewReceipt` for labels that Gerrit drops without a word."""
        ...

    def has_review(self, number: int, patchset: int, marker: str) -> bool:
        """Whether a message of our own account on that patch set contains `marker` (a buildset's id)."""
        ...


class SourcePreparer(Protocol):
    """Brings the source under test into a folder."""

    def prepare(
        self, change: Ref, required_projects: Sequence[str], folder: Path, *, buildset_id: str,
        interrupt: threading.Event | None = None,
    ) -> tuple[PreparedProject, ...]:  # fmt: skip
        """Fetch, merge the change onto the tip of its branch, and lay it out below `folder`.

        Each project ends up in `folder/<canonical name>`: a git repository without a work tree whose HEAD is the
        branch, with the change, where there is one, merged into it after those of its dependencies that are for the
        same project. The change's own project comes first; those of its dependencies are there too, at the change's
        branch or else their default one. All builds of one buildset get the same commits, also those of a later
        service. Raises `MergeConflict`; `Unavailable` when the server cannot be reached; `Refused` when it says no for
        good; `Interrupted` soon after `interrupt` was set.
        """
        ...


class BranchSource(Protocol):
    """Knows the branches of projects."""

    def branch_names(self, connection: str, project: str) -> tuple[str, ...]:
        """Ask the server; names that cannot be checked out are left out. Raises `Unavailable` or `Refused`."""
        ...


class JobRunner(Protocol):
    """Runs builds in processes of their own, that outlive the service."""

    def started(self, spec: BuildSpec) -> ProcessIdentity | None:
        """The process that was started for this attempt already, also one that has ended; None for none."""
        ...

    def start(self, spec: BuildSpec) -> ProcessIdentity:
        """Start the build's process (its own session) and return at once."""
        ...

    def wait(self, spec: BuildSpec, process: ProcessIdentity, stop: threading.Event) -> BuildOutcome | None:
        """Wait until the process has ended and return what it wrote; None when `stop` was set before.

        A process that ended without writing a result gives an outcome with `result` None and `Fault.LOST`.
        """
        ...

    def cancel(self, spec: BuildSpec, process: ProcessIdentity) -> None:
        """Ask the process to stop: what runs is ended, cleanup-run still runs; returns at once."""
        ...

    def clean_up(self, spec: BuildSpec, stop: threading.Event) -> bool:
        """Do the cleanup-run of an attempt whose own process did not, to its end; False when `stop` was set before.

        It takes some minutes at most. Nothing happens when it has been done, or tried twice, or the attempt never
        began. What was cut off the next service goes on with, when it is called again.
        """
        ...


class NodeProvider(Protocol):
    """Knows the machines that builds may have."""

    def nodes(self) -> tuple[Node, ...]:
        """All places for builds, also those in use."""
        ...


class NodeProber(Protocol):
    """Looks whether a machine is fit for a build."""

    def problem(self, node: Node) -> str:
        """What is wrong with the node, as one printable line; "" when nothing is.

        Raises `CIError` when it could not be looked at for a reason that is not the node's.
        """
        ...


class Remains(Protocol):
    """What builds and services that are gone leave behind outside of their folders."""

    def in_use(self, folder: Path) -> bool:
        """Whether a process of the attempt in this folder is alive."""
        ...

    def sweep(self) -> int:
        """Remove what processes that are gone left in temporary folders; returns how many folders."""
        ...


class SourceKeeper(Protocol):
    """Keeps the mirrors small."""

    def tidy(self, open_buildset_ids: Callable[[], Collection[str]], may_go_on: Callable[[], bool]) -> bool:
        """Remove what only ended buildsets needed, and pack, for as long as we may; False when there is more to do."""
        ...


class SkipLists(Protocol):
    """The site's skip lists, as its folder has them now."""

    def waits(self, path: str) -> tuple[Wait, ...]:
        """What a list waits for; raises `CIError` when it cannot be read or has errors."""
        ...

    def without(self, wait: Wait, content: bytes) -> bytes | None:
        """A list without the blocks of a wait; None when it has others, or none. Raises `CIError` as above."""
        ...


class ChangeHistory(Protocol):
    """What the branches of the projects contain. Raises `Unavailable`, `Refused`, or `Interrupted` as git is."""

    def branches(
        self, connection: str, project: str, interrupt: threading.Event | None = None
    ) -> Mapping[str, str]:  # fmt: skip
        """Fetch, and return the tip of each branch."""
        ...

    def default_branch(self, connection: str, project: str) -> str: ...

    def merged(
        self, connection: str, project: str, tip: str, change_ids: Collection[str]
    ) -> Mapping[str, MergedChange]:  # fmt: skip
        """Of these Change-Ids those whose change is in the history of a tip, and was not reverted there."""
        ...


class SiteRepository(Protocol):
    """The site's own repository in its Gerrit. Raises as `ChangeHistory`."""

    def tip(self, interrupt: threading.Event | None = None) -> str:
        """Fetch, and return the newest commit of the site's branch."""
        ...

    def lay_out(self, commit: str, folder: Path, interrupt: threading.Event | None = None) -> None:
        """Write the files of a fetched commit into a folder, which is there as a whole or not at all."""
        ...

    def file(self, path: str, interrupt: threading.Event | None = None) -> SiteFile | None:
        """Fetch, and return a file from the tip of the site's branch; None when there is none of that name."""
        ...

    def propose(
        self, file: SiteFile, content: bytes, message: str, topic: str, interrupt: threading.Event | None = None
    ) -> None:
        """Push a commit with another content of the file, on top of `file.tip`, for review.

        `message` ends with the Change-Id. Raises `Refused` when Gerrit does not take it.
        """
        ...

    def conflict(self, change: Change, interrupt: threading.Event | None = None) -> str:
        """Why an open change cannot be merged onto its branch as that is now; "" when it can."""
        ...


class Room(Protocol):
    """Whether there is room for more builds."""

    def shortage(self) -> str:
        """One line that says what is too full; "" when builds may be taken."""
        ...


class NodeHealth(NodeProber, Protocol):
    """A prober that does not look again at what was fine a moment ago."""

    def ended(self, build: Build, outcome: BuildOutcome) -> None:
        """What the end of an attempt says about its machines: whether they are to be looked at before the next one."""
        ...


class Clock(Protocol):
    """The time, so that tests and the simulator can have their own."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...


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


class ResultReader(Protocol):
    """Reads what the tests of a build did, from its published logs: hostile content."""

    def read(self, log_folder: Path) -> tuple[RanTest, ...]:
        """Each test once, as many as there may be at most; () where there are none, or none that can be read."""
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


class SiteStates(Protocol):
    """Which state of the site is in force, for people to see and for the next start."""

    def get(self) -> SiteState: ...

    def put(self, state: SiteState) -> None: ...

    def in_use(self) -> frozenset[str]:
        """The commits that builds which are not ended run, or will run, with."""
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
        """The latest failures of these tests in builds of other changes, among the latest builds with failed tests."""
        ...

    def task_events(self, build: Build) -> tuple[str, ...]:
        """The tasks of the build's latest attempt, one JSON text each, in order."""
        ...


class FileHistory(Protocol):
    """The history of the site's own files, in the repository that it is kept in."""

    @property
    def prefix(self) -> str:
        """The site's path from the repository's root: "", or with a slash at its end."""
        ...

    @property
    def is_cut(self) -> bool:
        """Whether the oldest commits are missing."""
        ...

    def steps(self, patterns: Sequence[str]) -> tuple[Step, ...]:
        """The branch's own commits that changed files with such paths (git's `glob`), newest first."""
        ...

    def merged(self, commit: Commit, patterns: Sequence[str]) -> tuple[Step, ...]:
        """What a merge brought to the branch, newest first."""
        ...

    def contents(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each content that steps name, once, with its name."""
        ...
