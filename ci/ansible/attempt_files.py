"""The files by which the process of an attempt and the service that watches it know of each other.

`process.json` names the build's own process, `cleanup-1.json` and `cleanup-2.json` those that only clean up, and
`cleanup-ended` says that one of them came to its end. `no-room.json` is the result of an attempt whose own finds
no room: it is written while there is some, for a name can be changed on a full disk too.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from typing import TYPE_CHECKING

from ci.model.build import RESULT_FILE, TASK_EVENTS_FILE, ProcessIdentity
from ci.processes import start_time

if TYPE_CHECKING:
    from pathlib import Path

PROCESS_NAME = "process"
CLEANUP_ENDED_FILE = "cleanup-ended"
RESERVE_FILE = "no-room.json"
MAX_CLEANUPS = 2
LARGEST_BYTES = 64 << 20


def cleanup_name(number: int) -> str:
    """Return the name of the so-maniest cleanup of an attempt, which its file has too."""
    return f"cleanup-{number}"


def cleanup_folder(folder: Path) -> Path:
    """Return what a cleanup of an attempt has for itself; its processes carry it as their marker."""
    return folder / "cleanup"


def write_identity(path: Path) -> None:
    """Write down that this process is the one at work."""
    write_atomically(path, json.dumps({"pid": os.getpid(), "start_time": start_time(os.getpid())}))


def read_identity(path: Path) -> ProcessIdentity | None:
    """Read what `write_identity` wrote; None where there is nothing of that kind."""
    try:
        fields = json.loads(read_regular(path))
        return ProcessIdentity(int(fields["pid"]), int(fields["start_time"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def has_begun(folder: Path) -> bool:
    """Whether the process of an attempt may have done anything."""
    return (folder / f"{PROCESS_NAME}.json").exists() or (folder / TASK_EVENTS_FILE).exists()


def is_cleaned_up(folder: Path) -> bool:
    """Whether an attempt's cleanup-run has been, in its own process or in a later one."""
    if (folder / CLEANUP_ENDED_FILE).exists():
        return True
    try:
        fields = json.loads(read_regular(folder / RESULT_FILE))
        return not fields.get("is_held")
    except (OSError, ValueError, AttributeError):
        return False


def read_regular(path: Path) -> bytes:
    """Read one of these files; what is no file (a pipe would never end), or too large, is an `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        if found.st_size > LARGEST_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
        return file.read()


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that after a crash it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
