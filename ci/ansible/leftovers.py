"""The processes of a build, also those that it left behind."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

# Every process of a build carries its folder in the environment, however far it has forked away.
MARKER = "CI_BUILD_FOLDER"
ROUNDS = 5


def of_build(folder: Path) -> list[int]:
    """Return the pids of the processes of a build, but for the caller's own; those that we may not read are not."""
    wanted = f"{MARKER}={folder}".encode()
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if wanted in Path(entry.path, "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def kill(folder: Path) -> int:
    """Kill what is left of a build, also what forks meanwhile; returns how many processes were found."""
    count = 0
    for _ in range(ROUNDS):
        pids = of_build(folder)
        if not pids:
            break
        count += len(pids)
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
    return count
