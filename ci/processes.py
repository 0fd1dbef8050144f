"""Processes by an identity that no later process with the same number has."""

from __future__ import annotations

import os
from pathlib import Path


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name before the last ")" may hold anything; the start time is the 20th field after it.
    return int(stat.rpartition(b")")[2].split()[19])


def own_name() -> str:
    """Return the identity of this process as part of a file name: `PID-START_TIME`."""
    return f"{os.getpid()}-{start_time(os.getpid())}"


def is_gone(name: str) -> bool:
    """Whether the process that `own_name` has named is no more; False for what is no such name."""
    pid, _, started = name.partition("-")
    return pid.isdigit() and started.isdigit() and start_time(int(pid)) != int(started)
