"""What the services ask of who runs builds, and of what builds leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from ci.model.build import BuildOutcome, BuildSpec, ProcessIdentity
    from ci.model.history import RanTest


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


class Remains(Protocol):
    """What builds and services that are gone leave behind outside of their folders."""

    def in_use(self, folder: Path) -> bool:
        """Whether a process of the attempt in this folder is alive."""
        ...

    def sweep(self) -> int:
        """Remove what processes that are gone left in temporary folders; returns how many folders."""
        ...


class ResultReader(Protocol):
    """Reads what the tests of a build did, from its published logs: hostile content."""

    def read(self, log_folder: Path) -> tuple[RanTest, ...]:
        """Each test once, as many as there may be at most; () where there are none, or none that can be read."""
        ...
