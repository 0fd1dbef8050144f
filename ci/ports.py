"""What the services ask of the world: each Protocol is kept by an adapter and by its fake in the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ci.model.build import BuildOutcome, BuildSpec, PreparedProject, ProcessIdentity
    from ci.model.change import Change
    from ci.model.event import Event
    from ci.model.node import Node
    from ci.model.vote import Review, ReviewReceipt


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

    def events(self, stop: threading.Event) -> Iterator[Event | None]:
        """Yield the stream's events as they come, until `stop` is set; None once when the stream is open.

        Lines that are no event are logged, counted and passed over. Raises `Unavailable` when the link is lost, also
        when it is frozen: a keepalive that expects an answer finds that out.
        """
        ...

    def change(self, number: int, patchset: int | None = None) -> Change:
        """Read a change as it is now, with the files of the asked-for patch set (the current one when None)."""
        ...

    def post_review(self, review: Review) -> ReviewReceipt:
        """Post a review; see `ReviewReceipt` for labels that Gerrit drops without a word."""
        ...

    def has_review(self, number: int, patchset: int, marker: str) -> bool:
        """Whether a message of our own account on that patch set contains `marker` (a buildset's id)."""
        ...


class SourcePreparer(Protocol):
    """Brings the source under test into a folder."""

    def prepare(self, change: Change, required_projects: Sequence[str], folder: Path) -> tuple[PreparedProject, ...]:
        """Fetch, merge the change onto the tip of its branch, and lay it out below `folder`.

        Each project ends up in `folder/<canonical name>`: a git repository without a work tree whose HEAD is the
        branch, with the change merged into it. The change's own project comes first. Raises `MergeConflict`, or
        `Unavailable` when the server cannot be reached.
        """
        ...


class JobRunner(Protocol):
    """Runs builds in processes of their own, that outlive the service."""

    def start(self, spec: BuildSpec) -> ProcessIdentity:
        """Start the build's process (its own session) and return at once."""
        ...

    def wait(self, spec: BuildSpec, process: ProcessIdentity, stop: threading.Event) -> BuildOutcome | None:
        """Wait until the process has ended and return what it wrote; None when `stop` was set before.

        A process that ended without writing a result gives an outcome with `result` None and an `error`.
        """
        ...

    def cancel(self, spec: BuildSpec, process: ProcessIdentity) -> None:
        """Ask the process to stop: what runs is ended, cleanup-run still runs; returns at once."""
        ...


class NodeProvider(Protocol):
    """Knows the machines that builds may have."""

    def nodes(self) -> tuple[Node, ...]:
        """All places for builds, also those in use."""
        ...


class Clock(Protocol):
    """The time, so that tests and the simulator can have their own."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...
