"""One ansible-playbook process for several playbooks, watched until it has ended in one way or another."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ci.ansible import leftovers
from ci.ansible.console import ConsoleLog, one_line
from ci.ansible.discretion import Discretion
from ci.ansible.limits import CHECK_SECONDS, DiskWatch
from ci.ansible.progress import Progress
from ci.ansible.task_events import TaskEvents
from ci.model.build import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.ansible.progress import Step

LAUNCHER = Path(__file__).parent / "launch.py"
GRACE_SECONDS = 5.0
DRAIN_SECONDS = 2.0
READ_SIZE = 1 << 16
MAX_EVENT_BYTES = 8 * 1024 * 1024
TAIL_LINES = 30


class Ending(StrEnum):
    """How a process with playbooks ended."""

    SUCCESS = "success"
    FAILED = "failed"  # a task failed
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed out"
    CANCELED = "canceled"
    BROKEN = "broken"  # Ansible itself could not run: a syntax error, a missing role, a crash
    KILLED = "killed"  # by somebody else
    OVER_LIMIT = "over its limit"  # it wrote more than it may
    NO_ROOM = "no room left here"


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How it ended, at which of the steps, and one line that says why ("" after a success); hosts that were gone."""

    ending: Ending
    index: int
    error: str = ""
    unreachable: tuple[str, ...] = ()


@dataclass(slots=True)
class Cancellation:
    """Whether the build was told to stop; `wake` becomes readable when it is."""

    wake: int
    is_set: bool = False


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all processes of one build share; `marker` is in the environment of all."""

    folder: Path
    marker: Path
    site: Path
    inventory: Path
    zuul_file: Path
    environment: Mapping[str, str]
    console: ConsoleLog
    task_events: TaskEvents
    discretion: Discretion
    cancellation: Cancellation
    disk_watch: DiskWatch
    memory_limit_mib: int


def run_playbooks(
    context: RunContext, steps: Sequence[Step], extra: Mapping[str, str], deadline: float | None
) -> RunEnd:
    """Run the playbooks in order until one fails; `deadline` (monotonic seconds) bounds them all together."""
    run = _PlaybookRun(context, tuple(steps), deadline)
    return run.watch(_arguments(context, steps, extra))


def _arguments(context: RunContext, steps: Sequence[Step], extra: Mapping[str, str]) -> list[str]:
    # Isolated: no PYTHON* variables, and nothing is imported from a folder that holds foreign source.
    words = [sys.executable, "-I", str(LAUNCHER), str(os.getpid()), str(context.memory_limit_mib)]
    words += ["-i", str(context.inventory)]
    for name, value in extra.items():
        words += ["-e", f"{name}={value}"]
    return [*words, "-e", f"@{context.zuul_file}", *(str(context.site / step.playbook) for step in steps)]


class _PlaybookRun:
    def __init__(self, context: RunContext, steps: tuple[Step, ...], deadline: float | None) -> None:
        self._context = context
        self._progress = Progress(steps, context.console, context.task_events, context.discretion)
        self._deadline = deadline
        self._step_deadline = self._limit_of_step()
        self._kill_at: float | None = None
        self._stopped: Ending | None = None
        self._why_stopped = ""
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._buffers: dict[str, bytes] = {"events": b"", "output": b""}

    def watch(self, arguments: list[str]) -> RunEnd:
        events, write_end = os.pipe()
        try:
            process = subprocess.Popen(
                arguments,
                cwd=self._context.folder / "work",
                env={**self._context.environment, "CI_EVENTS_FD": str(write_end)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(write_end,),
                process_group=0,
            )
        except BaseException:
            os.close(events)
            raise
        finally:
            os.close(write_end)
        try:
            self._watch_process(process, events)
        finally:
            os.close(events)
            if process.poll() is None:
                self._kill(process)
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        return self._end(process.returncode)

    def _watch_process(self, process: subprocess.Popen[bytes], events: int) -> None:
        assert process.stdout is not None  # noqa: S101  # for the type checker: it is a pipe
        sources = {"events": events, "output": process.stdout.fileno()}
        pidfd = os.pidfd_open(process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                for name, descriptor in sources.items():
                    os.set_blocking(descriptor, False)
                    selector.register(descriptor, selectors.EVENT_READ, name)
                selector.register(pidfd, selectors.EVENT_READ, "end")
                selector.register(self._context.cancellation.wake, selectors.EVENT_READ, "wake")
                while self._turn(selector, process):
                    pass
        finally:
            os.close(pidfd)
        # What it left behind may go on writing: that is not waited for.
        drained_by = time.monotonic() + DRAIN_SECONDS
        for name, descriptor in sources.items():
            while self._read(name, descriptor) and time.monotonic() < drained_by:
                pass

    def _turn(self, selector: selectors.BaseSelector, process: subprocess.Popen[bytes]) -> bool:
        """Wait for something and deal with it; False once the process has ended."""
        ready = {key.data: key for key, _ in selector.select(self._patience())}
        # The pipes first: what a process wrote before its end counts.
        for name in ("events", "output"):
            if name in ready and self._read(name, ready[name].fd) is None:
                selector.unregister(ready[name].fd)
        if "end" in ready:
            process.wait()
            return False
        if "wake" in ready:
            selector.unregister(ready["wake"].fd)
        if self._stopped is None:
            ending, reason = self._what_stops_it()
            if ending:
                self._stop(process, ending, reason)
        elif self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._kill(process)
            self._kill_at = None
        return True

    def _what_stops_it(self) -> tuple[Ending | None, str]:
        context, phase = self._context, self._progress.step.phase
        if context.cancellation.is_set and phase != Phase.CLEANUP_RUN:
            return Ending.CANCELED, ""
        if self._time_left() == 0.0:
            return Ending.TIMED_OUT, ""
        # What comes after run is to end the work on the nodes: for that no log is needed.
        if phase in {Phase.PRE_RUN, Phase.RUN} and (
            context.console.is_out_of_room or context.task_events.is_out_of_room
        ):
            return Ending.NO_ROOM, str(context.folder)
        problem = context.disk_watch.problem()
        return (Ending.OVER_LIMIT, problem) if problem else (None, "")

    def _patience(self) -> float:
        left = self._time_left()
        return CHECK_SECONDS if left is None else min(left, CHECK_SECONDS)

    def _time_left(self) -> float | None:
        moments = [self._kill_at] if self._stopped else [self._deadline, self._step_deadline]
        nearest = min((moment for moment in moments if moment is not None), default=None)
        return None if nearest is None else max(0.0, nearest - time.monotonic())

    def _limit_of_step(self) -> float | None:
        limit = self._progress.step.limit_seconds
        return None if limit is None else time.monotonic() + limit

    def _stop(self, process: subprocess.Popen[bytes], ending: Ending, reason: str) -> None:
        self._stopped = ending
        self._why_stopped = f"{ending}: {reason}" if reason else str(ending)
        self._context.console.say(f"{self._progress.step} is being stopped: {self._why_stopped}")
        self._kill_at = time.monotonic() + GRACE_SECONDS
        process.terminate()

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        # Ansible's workers and what they start have sessions of their own: a process group does not reach them.
        process.kill()
        leftovers.kill(self._context.marker)

    def _read(self, name: str, descriptor: int) -> bool | None:
        """Read what is there; None at the end of the pipe, False when there is nothing now."""
        try:
            data = os.read(descriptor, READ_SIZE)
        except BlockingIOError:
            return False
        if not data:
            return None
        *lines, rest = (self._buffers[name] + data).split(b"\n")
        self._buffers[name] = rest if len(rest) <= MAX_EVENT_BYTES else b""
        if name == "output":
            self._show(lines)
            return True
        for line in lines:
            if self._progress.handle(line):
                self._step_deadline = self._limit_of_step()
        return True

    def _show(self, lines: list[bytes]) -> None:
        texts = self._context.discretion.lines([line.decode(errors="replace") for line in lines])
        self._tail.extend(text[:1000] for text in texts if text.strip())
        self._context.console.say_for("localhost", texts)

    def _end(self, status: int) -> RunEnd:
        progress = self._progress
        index = max(progress.index, 0)
        step = progress.steps[index]
        if self._stopped is not None:
            leftovers.kill(self._context.marker)
            if self._stopped is Ending.OVER_LIMIT:
                self._context.disk_watch.cut()
            return RunEnd(self._stopped, index, f"{self._why_stopped} ({step})")
        if status == 0 and progress.is_ended and index == len(progress.steps) - 1:
            return RunEnd(Ending.SUCCESS, index)
        if status < 0:
            return RunEnd(Ending.KILLED, index, f"ansible-playbook was killed by signal {-status} ({step})")
        if progress.unreachable:
            return RunEnd(Ending.UNREACHABLE, index, progress.failure, tuple(sorted(progress.unreachable)))
        if progress.failure and (progress.has_failed_hosts or not progress.is_ended):
            return RunEnd(Ending.FAILED, index, progress.failure)
        if progress.is_ended and not progress.has_failed_hosts:
            # The last playbook went well, so it was the next one that Ansible could not even load.
            index = min(index + 1, len(progress.steps) - 1)
        return RunEnd(Ending.BROKEN, index, f"{self._complaint(status)} ({progress.steps[index]})")

    def _complaint(self, status: int) -> str:
        marked = [line for line in self._tail if line.startswith(("ERROR", "[ERROR]", "fatal"))]
        line = one_line((marked or list(self._tail)[-1:] or [""])[0])
        return line or f"ansible-playbook ended with status {status}"
