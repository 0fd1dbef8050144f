"""Starts, watches and stops the processes of builds; they live on when the service does not."""

from __future__ import annotations

import errno
import math
import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ci.ansible import attempt_files, leftovers
from ci.ansible.attempt_files import (
    MAX_CLEANUPS,
    PROCESS_NAME,
    RESERVE_FILE,
    cleanup_folder,
    cleanup_name,
    write_atomically,
)
from ci.ansible.build_process import NO_ROOM
from ci.ansible.console import one_line
from ci.ansible.limits import is_nearly_full
from ci.ansible.phases import CLEANUP_TIMEOUT_SECONDS
from ci.ansible.playbook_run import GRACE_SECONDS
from ci.ansible.workspace import SYSTEM_PATH, close_connections
from ci.errors import CIError, DiskFull
from ci.model.build import RESULT_FILE, SPEC_FILE, TASK_EVENTS_FILE, BuildOutcome, Fault, ProcessIdentity
from ci.model.codec import from_json, to_json
from ci.observability import get_logger
from ci.processes import start_time

if TYPE_CHECKING:
    from ci.model.build import BuildSpec

OUTPUT_FILE = "process.log"
# How soon it is seen that the service stops: a build that takes hours need not be so quick as a short one.
FIRST_STOP_CHECK_MILLISECONDS = 100
LONGEST_STOP_CHECK_MILLISECONDS = 2000
CANCEL_LIMIT_SECONDS = GRACE_SECONDS + CLEANUP_TIMEOUT_SECONDS + 30
TAIL_BYTES = 4096
# The identity of a process that has ended and left no name: larger than any pid that Linux gives.
NOBODY = ProcessIdentity(pid=1 << 23, start_time=0)

log = get_logger("ansible")


class AnsibleRunner:
    """A `JobRunner`: each build is a process with a session of its own that runs ansible-playbook.

    `test_reader` names (as `module:function`) what reads the tests of a log folder in the build's process:
    `(Path) -> TestReport`; "" for none.
    """

    def __init__(self, *, test_reader: str, cancel_limit_seconds: float = CANCEL_LIMIT_SECONDS) -> None:
        self._test_reader = test_reader
        self._cancel_limit_seconds = cancel_limit_seconds

    def started(self, spec: BuildSpec) -> ProcessIdentity | None:
        """Return the process that was started for this attempt already, also one that has ended; None for none."""
        folder = Path(spec.folder)
        if not (folder / SPEC_FILE).exists():
            return None
        found = _by_name(folder, PROCESS_NAME) or _by_marker(folder)
        return found or (NOBODY if (folder / RESULT_FILE).exists() else None)

    def start(self, spec: BuildSpec) -> ProcessIdentity:
        """Write the spec into the build's folder and start its process; raises DiskFull or CIError."""
        folder = Path(spec.folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if (folder / SPEC_FILE).exists():
                # Nobody waits for what an earlier service may have started here: the caller has looked.
                leftovers.kill(folder)
            (folder / RESULT_FILE).unlink(missing_ok=True)
            write_atomically(folder / RESERVE_FILE, to_json(_no_room(folder)))
            write_atomically(folder / SPEC_FILE, to_json(spec))
            return self._spawn(folder, folder)
        except OSError as error:
            raise _cannot_start(folder, error) from error

    def wait(self, spec: BuildSpec, process: ProcessIdentity, stop: threading.Event) -> BuildOutcome | None:
        """Wait for the end of a build's process, ours or one that an earlier service has started."""
        ended, status = _wait(process, stop)
        return self._outcome(spec, status) if ended else None

    def _start_cleanup(self, spec: BuildSpec) -> ProcessIdentity | None:
        """Start what only does the cleanup-run of an attempt, unless it runs already or nothing is left to do."""
        folder = Path(spec.folder)
        own = cleanup_folder(folder)
        if not spec.job.cleanup_run or not attempt_files.has_begun(folder) or attempt_files.is_cleaned_up(folder):
            return None
        tried = [number for number in range(1, MAX_CLEANUPS + 1) if _by_name(folder, cleanup_name(number))]
        latest = _by_name(folder, cleanup_name(tried[-1])) if tried else None
        running = latest if latest and start_time(latest.pid) == latest.start_time else _by_marker(own)
        if running or len(tried) == MAX_CLEANUPS:
            return running
        log.info("cleaning up for a build that could not", action="build.cleanup", build=spec.build_id)
        try:
            own.mkdir(exist_ok=True)
            return self._spawn(folder, own, cleanup_name(len(tried) + 1))
        except OSError as error:
            raise _cannot_start(folder, error) from error

    def clean_up(self, spec: BuildSpec, stop: threading.Event) -> bool:
        """Do the cleanup-run that is left to do, to its end; see the port."""
        limit_seconds = CLEANUP_TIMEOUT_SECONDS * len(spec.job.cleanup_run) + CANCEL_LIMIT_SECONDS
        for _ in range(MAX_CLEANUPS):
            process = self._start_cleanup(spec)
            if process is None:
                break
            ended, _status = _wait(process, stop, limit_seconds)
            if not ended and stop.is_set():
                return False
            _send(process, signal.SIGKILL)
            leftovers.kill(cleanup_folder(Path(spec.folder)))
            close_connections(cleanup_folder(Path(spec.folder)))
        return True

    def cancel(self, spec: BuildSpec, process: ProcessIdentity) -> None:
        """Ask the process to stop; what is left of it after `cancel_limit_seconds` is killed."""
        if not _send(process, signal.SIGTERM):
            return
        timer = threading.Timer(self._cancel_limit_seconds, self._kill, (spec, process))
        timer.daemon = True
        timer.start()

    def _spawn(self, folder: Path, marker: Path, *name: str) -> ProcessIdentity:
        # posix_spawn, not Popen: the process is meant to outlive this object, its user and the whole service.
        output = os.open(folder / OUTPUT_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        arguments = [sys.executable, "-I", "-m", "ci.ansible.build_process", str(folder), self._test_reader, *name]
        try:
            pid = os.posix_spawn(
                sys.executable,
                arguments,
                {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", leftovers.MARKER: str(marker)},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, output, 1),
                    (os.POSIX_SPAWN_DUP2, output, 2),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE],
            )
        finally:
            os.close(output)
        started = start_time(pid)
        # A child that we have not reaped keeps its entry in /proc, even when it has ended already.
        assert started is not None  # noqa: S101
        _await_marker(pid)
        return ProcessIdentity(pid, started)

    def _kill(self, spec: BuildSpec, process: ProcessIdentity) -> None:
        if _send(process, signal.SIGKILL):
            log.warning("a canceled build did not end: killed", action="build.killed", build=spec.build_id)
            leftovers.kill(Path(spec.folder))

    def _outcome(self, spec: BuildSpec, status: int | None) -> BuildOutcome:
        folder = Path(spec.folder)
        path = folder / RESULT_FILE
        try:
            return from_json(BuildOutcome, attempt_files.read_regular(path))
        except FileNotFoundError:
            problem = _why_no_result(folder, status)
        except (OSError, ValueError) as error:
            problem = f"{path} cannot be read: {one_line(str(error))}"
        killed = leftovers.kill(folder)
        close_connections(folder)
        log.warning(problem, action="build.without_result", build=spec.build_id, leftover_processes=killed)
        ended_at = (folder if folder.exists() else Path("/")).stat().st_mtime
        started_at = _modified(folder / SPEC_FILE, ended_at)
        fault = Fault.DISK if status == NO_ROOM or (status is None and is_nearly_full(folder)) else Fault.LOST
        return BuildOutcome(None, started_at, _modified(folder / TASK_EVENTS_FILE, ended_at), problem, fault=fault)


def _no_room(folder: Path) -> BuildOutcome:
    """Return what is the case if the disk is full when the process has something to write."""
    now = time.time()
    problem = f"no room left in {folder}: the build's result could not be written"
    return BuildOutcome(None, now, now, problem, fault=Fault.DISK)


def _by_name(folder: Path, name: str) -> ProcessIdentity | None:
    return attempt_files.read_identity(folder / f"{name}.json")


def _by_marker(marker: Path) -> ProcessIdentity | None:
    """Find a process that was started so short a time ago that it has not yet written down its name."""
    for pid in leftovers.of_build(marker):
        with suppress(ProcessLookupError):
            started = start_time(pid)
            if started is not None and os.getsid(pid) == pid:
                return ProcessIdentity(pid, started)
    return None


def _await_marker(pid: int) -> None:
    """Return once others can see the environment of a process: for a moment after posix_spawn they cannot."""
    give_up_at = time.monotonic() + 1.0
    with suppress(OSError):
        while not Path(f"/proc/{pid}/environ").read_bytes() and time.monotonic() < give_up_at:
            time.sleep(0.001)


def _cannot_start(folder: Path, error: OSError) -> CIError:
    kind = DiskFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else CIError
    return kind(f"cannot start a build in {folder}: {error.strerror}")


def _wait(process: ProcessIdentity, stop: threading.Event, limit_seconds: float = math.inf) -> tuple[bool, int | None]:
    """Return whether the process has ended before `stop` or the limit, and its status if it was our child."""
    pidfd = _open(process)
    if pidfd is None:
        return True, None
    give_up_at = time.monotonic() + limit_seconds
    patience = FIRST_STOP_CHECK_MILLISECONDS
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        while not poll.poll(patience):
            if stop.is_set() or time.monotonic() > give_up_at:
                return False, None
            patience = min(patience * 2, LONGEST_STOP_CHECK_MILLISECONDS)
    finally:
        os.close(pidfd)
    return True, _reap(process.pid)


def _send(process: ProcessIdentity, number: signal.Signals) -> bool:
    """Send a signal; False when the process is gone."""
    pidfd = _open(process)
    if pidfd is None:
        return False
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, number)
    os.close(pidfd)
    return True


def _open(process: ProcessIdentity) -> int | None:
    """Return a pidfd of the process, None when it is gone (even if its pid is in use again)."""
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    if start_time(process.pid) != process.start_time:
        os.close(pidfd)
        return None
    return pidfd


def _reap(pid: int) -> int | None:
    """Take the exit status of a process that has ended; None when it was not our child."""
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status)


def _why_no_result(folder: Path, status: int | None) -> str:
    if status == NO_ROOM:
        return f"no room left in {folder}: the build's result could not be written"
    ended = "ended" if status is None else f"was killed by signal {-status}" if status < 0 else f"exited with {status}"
    last_line = _last_line(folder / OUTPUT_FILE)
    return f"the build's process {ended} without a result" + (f": {last_line}" if last_line else "")


def _last_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return one_line(next((line for line in reversed(lines) if line.strip()), ""))


def _modified(path: Path, default: float) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return default
