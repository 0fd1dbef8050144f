"""What a task runs for hours, once: Ansible starts a task's module anew when the connection to the node breaks."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible.module_utils.cloud import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMED_OUT = 124
# Runs its arguments and keeps their exit status in the file that it is called by.
REMEMBER = '"$@"; status=$?; echo "$status" >"$0.new" && mv "$0.new" "$0"; exit "$status"'


class LostError(Exception):
    """The command is gone and has left no exit status."""


@dataclass(frozen=True)
class Command:
    """What to run in which folder, with output to the end of a file; None for no time limit.

    `once` names the one task. `name` is a word of its command line.
    """

    name: str
    argv: list[str]
    environment: dict[str, str]
    log: str
    folder: str
    once: str
    timeout_seconds: float | None = None


def run(workspace: str, command: Command) -> int:
    """Run a command, or wait for it where it runs already, and never start it beside itself.

    Returns its exit status, TIMED_OUT where it was ended for its time limit; raises LostError where it was ended from
    outside.
    """
    path = _path(workspace, command.once)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    argv = ["/bin/sh", "-c", REMEMBER, path + ".status", *command.argv]
    try:
        with open(path, "x", encoding="ascii") as stream:
            stream.write(str(time.time()))
    except FileExistsError:
        return _wait(path, command)
    process: subprocess.Popen[bytes]
    process = processes.start(workspace, command.name, argv, command.environment, command.log, command.folder)
    with open(path + ".pid", "w", encoding="ascii") as stream:
        stream.write(str(process.pid))
    try:
        return process.wait(command.timeout_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return TIMED_OUT


def has_begun(workspace: str, once: str) -> bool:
    """Whether the command of this task was started, ever."""
    return os.path.exists(_path(workspace, once))


@contextmanager
def alone(workspace: str, once: str) -> Iterator[None]:
    """Wait until no other module of this task is in here: that of the broken connection may still be at work."""
    path = _path(workspace, once)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    # not inherited: what a module has started may outlive it
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _path(workspace: str, once: str) -> str:
    return os.path.join(workspace, "once", hashlib.sha256(once.encode()).hexdigest()[:16])


def _wait(path: str, command: Command) -> int:
    """Wait for the command that an earlier connection has started; that one's module may still be there, or not."""
    with open(path, encoding="ascii") as stream:
        begun = float(stream.read())
    while True:
        lives = _lives(path + ".pid", command.name)
        # in this order: what ends between the two has left its status
        try:
            with open(path + ".status", encoding="ascii") as stream:
                return int(stream.read())
        except FileNotFoundError:
            pass
        if command.timeout_seconds is not None and time.time() > begun + command.timeout_seconds:
            if lives:
                os.killpg(lives, signal.SIGKILL)
            return TIMED_OUT
        if not lives:
            raise LostError
        time.sleep(1)


def _lives(path: str, name: str) -> int:
    """Return the id of the session that runs the command, 0 where it does not."""
    try:
        with open(path, encoding="ascii") as stream:
            pid = int(stream.read())
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return pid if name.encode() in stream.read() else 0
    except (OSError, ValueError):
        return 0
