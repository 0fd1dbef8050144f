"""Runs git with nothing of the caller's configuration, within a time limit, and says what went wrong in one line."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from ci.errors import AuthenticationFailed, CIError, DiskFull, HostKeyMismatch, Interrupted, Refused, Unavailable

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

MINIMUM_VERSION = (2, 38)
LOCAL_TIMEOUT_SECONDS = 120.0
MAX_MESSAGE = 300
INTERRUPT_CHECK_SECONDS = 0.5
ROOM_CHECK_SECONDS = 0.05  # a fast link brings some megabytes in this time

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "LC_ALL": "C",  # messages are read below
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "ssh",
    "GIT_ADVICE": "0",
}
# Most telling first. What does not match is a plain failure of git.
_CAUSES: tuple[tuple[re.Pattern[str], type[CIError]], ...] = (
    (re.compile(r"No space left on device|Disk quota exceeded"), DiskFull),
    (re.compile(r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED"), HostKeyMismatch),
    (re.compile(r"Permission denied \("), AuthenticationFailed),
    (re.compile(r"[Cc]ouldn't find remote ref|does not appear to be a git repository|[Nn]ot found|no such"), Refused),
    (re.compile(r"Could not resolve|Connection (refused|timed out|reset|closed)|No route to host|"
                r"Network is unreachable|kex_exchange_identification|hung up unexpectedly|early EOF|Broken pipe|"
                r"Timeout, server|mux_client|Could not read from remote repository|not responding"), Unavailable),
)  # fmt: skip
# What git says besides: how far it came, and what it says after every trouble of a link.
_NOISE = re.compile(
    r"^(Please make sure you have|and the repository exists|fatal: the remote end hung up|Total \d+ \(delta|\s*$|@)"
)


# What git says when the repository that it works in is damaged.
_DAMAGE = re.compile(
    r"not a git repository|corrupt|bad object|bad (config|signature)|unable to read|is empty|broken|"
    r"unable to (find|parse|map)|loose object|missing (blob|tree|commit|object|necessary)|inflate|unresolved deltas|"
    r"did not send all necessary objects|packfile .* cannot be|invalid index-pack"
)


class GitFailed(CIError):
    """git ended with an error that is neither the network's nor the server's; `output` is what it said."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output
        self.is_damage = bool(_DAMAGE.search(output))


def git(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    timeout_seconds: float = LOCAL_TIMEOUT_SECONDS,
    accepted: Sequence[int] = (0,),
    about: str = "",
    given: str | None = None,
    interrupt: threading.Event | None = None,
    shortage: Callable[[], str] | None = None,
    passed: Sequence[int] = (),
) -> tuple[int, str]:
    """Run git in a folder, `given` as its input; returns its exit status and its output.

    `about` says what it is for in an error. `shortage` says why there is no room to write ("" when there is): then git
    is not begun, or ended on its way. git and its children keep the `passed` files open.

    Raises Unavailable, DiskFull, Refused and its kinds, GitFailed, or Interrupted soon after `interrupt` was set.
    """
    about = about or f"git {_verb(arguments)}"
    if shortage is not None and (reason := shortage()):
        raise DiskFull(f"{about}: not begun: {reason}")
    process = subprocess.Popen(
        ["git", "-c", "safe.directory=*", "-c", "gc.auto=0", "-c", "protocol.version=2", *arguments],
        cwd=cwd,
        env={**ENVIRONMENT, **(environment or {})},
        stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pass_fds=passed,
    )
    try:
        output, errors = _communicate(process, given, timeout_seconds, interrupt, shortage)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{about}: git {_verb(arguments)} did not end in {timeout_seconds:.0f} s") from None
    except _NoRoomError as error:
        raise DiskFull(f"{about}: the source does not fit on the disk: {error}") from None
    finally:
        if process.poll() is None:
            # With its children: ssh waits for a server that does not answer.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode not in accepted:
        raise _failure(about, process.returncode, errors.decode(errors="replace"))
    return process.returncode, output.decode(errors="surrogateescape")


class _NoRoomError(Exception):
    """The disk ran full while git ran."""


def _communicate(
    process: subprocess.Popen[bytes], given: str | None, timeout_seconds: float, interrupt: threading.Event | None,
    shortage: Callable[[], str] | None,
) -> tuple[bytes, bytes]:  # fmt: skip
    content = None if given is None else given.encode(errors="surrogateescape")
    give_up_at = time.monotonic() + timeout_seconds
    while True:
        left = give_up_at - time.monotonic()
        patience = left if interrupt is None else min(left, INTERRUPT_CHECK_SECONDS)
        patience = patience if shortage is None else min(patience, ROOM_CHECK_SECONDS)
        try:
            return process.communicate(content, timeout=max(0.0, patience))
        except subprocess.TimeoutExpired:
            if interrupt is not None and interrupt.is_set():
                raise Interrupted("git was told to stop") from None
            if shortage is not None and (reason := shortage()):
                raise _NoRoomError(reason) from None
            if time.monotonic() >= give_up_at:
                raise


@cache
def check_version(program: str = "git") -> None:
    """Raise CIError, once and clearly, where git is missing or too old to merge without a work tree."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CIError("git does not run on this machine: install git 2.38 or newer") from error
    numbers = re.search(r"(\d+)\.(\d+)", answer.stdout)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < MINIMUM_VERSION:
        raise CIError(f"{answer.stdout.strip()[:60]} is too old: merging without a work tree needs git 2.38 or newer")


def _verb(arguments: Sequence[str]) -> str:
    return next((word for word in arguments if not word.startswith("-") and "=" not in word), "")


def _failure(about: str, status: int, errors: str) -> CIError:
    lines = [line for line in errors.splitlines() if not _NOISE.match(line)]
    for said in (lines, [] if lines else errors.splitlines()):  # what it says besides counts where it says no more
        for pattern, kind in _CAUSES:
            found = next((line for line in said if pattern.search(line)), None)
            if found is not None:
                return kind(f"{about}: {printable_line(found)}")
    last = lines[-1] if lines else f"exit status {status}"
    return GitFailed(f"{about}: {printable_line(last)}", errors)


def printable_line(line: str) -> str:
    """Return a line of git's, or of the other side's, as one that can be shown."""
    return re.sub(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\uffff]", "?", line.strip())[:MAX_MESSAGE]
