"""Runs one of devstack's scripts, bounded, with its output kept, and says in a few lines why it failed."""

from __future__ import annotations

import os
import re
import time

from ansible.module_utils.cloud import processes
from ansible.module_utils.devstack.verdict import CIFault

TIMED_OUT = 124
SHOWN_LINES = 25
ERROR_LINE = re.compile(r"\[ERROR\] |^E: |^ERROR: |No space left on device|error: .*fail", re.IGNORECASE)


class ScriptError(RuntimeError):
    """A script failed or did not end in time; the message ends with the last lines of its output."""


def run(workspace: str, folder: str, argv: list[str], log: str, timeout_seconds: float, room_mebibytes: int) -> float:
    """Run `argv` in `folder`, output into the file `log`; return the seconds it took.

    Raises ScriptError, or CIFault where less room is left: nothing fails for its own reasons then.
    """
    os.makedirs(os.path.dirname(log), exist_ok=True)
    begun = time.monotonic()
    status = processes.run(workspace, argv, environment(folder), log, timeout_seconds, start_in=folder)
    name = os.path.basename(argv[0])
    if status == 0:
        return round(time.monotonic() - begun, 1)
    end = processes.tail(log, SHOWN_LINES)
    for place in dict.fromkeys((folder, workspace)):
        if room_bytes(place) < room_mebibytes << 20:
            raise CIFault(f"{name} failed because the node's disk is full ({place})\n{end}")
    if status == TIMED_OUT:
        raise ScriptError(f"{name} timed out after {timeout_seconds:.0f} s; its last lines:\n{end}")
    reason = next((line.strip() for line in reversed(end.splitlines()) if ERROR_LINE.search(line)), "")
    said = f": {reason}" if reason else ""
    raise ScriptError(f"{name} failed (exit status {status}){said}; its last lines:\n{end}")


def environment(devstack: str) -> dict[str, str]:
    """Return the variables of a login of devstack's user: nothing of Ansible's own, devstack's programs first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ANSIBLE"))}
    programs = os.path.join(os.path.dirname(devstack), "data", "venv", "bin")
    path = kept.get("PATH", "/usr/bin:/bin")
    return kept | {
        "PATH": f"{programs}:/usr/local/bin:{path}:/usr/local/sbin:/usr/sbin:/sbin",
        "HOME": os.path.expanduser("~"),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
    }


def room_bytes(folder: str) -> int:
    """Return how much of a disk may still be written."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
