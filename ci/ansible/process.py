"""Starts, watches and stops the processes of builds; they live on when the service does not."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ci.ansible import leftovers, spec_file
from ci.ansible.build_process import NO_ROOM, RESULT_FILE, write_atomically
from ci.ansible.console import one_line
from ci.ansible.phases import CLEANUP_TIMEOUT_SECONDS
from ci.ansible.playbook_run import GRACE_SECONDS
from ci.ansible.workspace import SYSTEM_PATH, close_connections
from ci.errors import CIError, DiskFull
from ci.model.build import BuildOutcome, ProcessIdentity
from ci.model.codec import from_json, to_json
from ci.observability import get_logger

if TYPE_CHECKING:
    from ci.model.build import BuildSpec

OUTPUT_FILE = "process.log"
STOP_CHECK_MILLISECONDS = 200
CANCEL_LIMIT_SECONDS = GRACE_SECONDS + CLEANUP_TIMEOUT_SECONDS + 30
TAIL_BYTES = 4096

log = get_logger("ansible")


class AnsibleRunner:
    """A `JobRunner`: each build is a process with a session of its own that runs ansible-playbook.

    `test_reader` names (as `module:function`) what reads the tests of a log folder in the build's process:
    `(Path) -> TestReport`; "" for none.
    """

    def __init__(self, *, test_reader: str, cancel_limit_seconds: float = CANCEL_LIMIT_SECONDS) -> None:
        self._test_reader = test_reader
        self._cancel_limit_seconds = cancel_limit_seconds

    def start(self, spec: BuildSpec) -> ProcessIdentity:
        """Write the spec into the build's folder and start its process; raises DiskFull or CIError."""
        folder = Path(spec.folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if (folder / spec_file.FILE_NAME).exists():
                # A service that died before it wrote the process down has started this attempt already.
                leftovers.kill(folder)
            (folder / RESULT_FILE).unlink(missing_ok=True)
            write_atomically(folder / spec_file.FILE_NAME, to_json(spec))
            pid = self._spawn(folder)
        except OSError as error:
            kind = DiskFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else CIError
            raise kind(f"cannot start a build in {folder}: {error.strerror}") from error
        started = leftovers.start_time(pid)
        # A child that we have not reaped keeps its entry in /proc, even when it has ended already.
        assert started is not None  # noqa: S101
        return ProcessIdentity(pid, started)

    def wait(self, spec: BuildSpec, process: ProcessIdentity, stop: threading.Event) -> BuildOutcome | None:
        """Wait for the end of a build's process, ours or one that an earlier service has started."""
        status: int | None = None
        pidfd = _open(process)
        if pidfd is not None:
            try:
                poll = select.poll()
                poll.register(pidfd, select.POLLIN)
                while not poll.poll(STOP_CHECK_MILLISECONDS):
                    if stop.is_set():
                        return None
            finally:
                os.close(pidfd)
            status = _reap(process.pid)
        return self._outcome(spec, status)

    def cancel(self, spec: BuildSpec, process: ProcessIdentity) -> None:
        """Ask the process to stop; what is left of it after `cancel_limit_seconds` is killed."""
        pidfd = _open(process)
        if pidfd is None:
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        os.close(pidfd)
        timer = threading.Timer(self._cancel_limit_seconds, self._kill, (spec, process))
        timer.daemon = True
        timer.start()

    def _spawn(self, folder: Path) -> int:
        # posix_spawn, not Popen: the process is meant to outlive this object, its user and the whole service.
        output = os.open(folder / OUTPUT_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        arguments = [sys.executable, "-I", "-m", "ci.ansible.build_process", str(folder), self._test_reader]
        try:
            return os.posix_spawn(
                sys.executable,
                arguments,
                {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", leftovers.MARKER: str(folder)},
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

    def _kill(self, spec: BuildSpec, process: ProcessIdentity) -> None:
        pidfd = _open(process)
        if pidfd is None:
            return
        log.warning("a canceled build does not end: killing it", action="build-killed", build=spec.build_id)
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)
        leftovers.kill(Path(spec.folder))

    def _outcome(self, spec: BuildSpec, status: int | None) -> BuildOutcome:
        folder = Path(spec.folder)
        path = folder / RESULT_FILE
        try:
            return from_json(BuildOutcome, path.read_bytes())
        except FileNotFoundError:
            problem = _why_no_result(folder, status)
        except (OSError, ValueError) as error:
            problem = f"{path} cannot be read: {one_line(str(error))}"
        killed = leftovers.kill(folder)
        close_connections(folder)
        log.warning(problem, action="build-without-result", build=spec.build_id, leftover_processes=killed)
        ended_at = (folder if folder.exists() else Path("/")).stat().st_mtime
        started_at = _modified(folder / spec_file.FILE_NAME, ended_at)
        return BuildOutcome(None, started_at, _modified(folder / "task-events.jsonl", ended_at), problem)


def _open(process: ProcessIdentity) -> int | None:
    """Return a pidfd of the process, None when it is gone (even if its pid is in use again)."""
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    if leftovers.start_time(process.pid) != process.start_time:
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
