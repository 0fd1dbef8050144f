"""Lists as files: read within bounds, and replaced in one step or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from ci.errors import CIError, Finding

MAX_LIST_BYTES = 8 << 20


def read_list(path: Path, name: str) -> bytes | Finding:
    """Return a list's bytes, or what keeps it from being read; never waits for a pipe or a device."""
    try:
        # a pipe that nobody writes to would hold up a plain open for ever
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                hint = "name the lists in it" if stat.S_ISDIR(mode) else "name a list"
                return Finding(name, 0, 0, "is not a file", hint, "not-a-file")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(MAX_LIST_BYTES + 1)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Finding(name, 0, 0, f"cannot be read: {reason}", "name a list that is there", "unreadable")
    if len(content) > MAX_LIST_BYTES:
        return Finding(name, 0, 0, f"is larger than {MAX_LIST_BYTES} bytes", "split it", "too-large")
    return content


def new_list(path: Path, content: bytes) -> None:
    """Write a list that is not there yet, whole or not at all; raises OSError."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        written = Path(folder, path.name)
        with written.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(written)


def replace_list(path: Path, old: bytes, new: bytes) -> None:
    """Put a list's new bytes in the place of its old ones, keeping mode and owner.

    Raises CIError, which does not repeat the path, and changes nothing where that is a link, the file has changed,
    or there is no room.
    """
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise CIError("is a link or no file, and is left as it is: name the file itself")
        if path.read_bytes() != old:
            raise CIError("was changed by somebody else meanwhile, and is left as it is: try again")
        _replace(path, found, new)
    except OSError as error:
        raise CIError(f"cannot be written: {error.strerror}") from error


def _replace(path: Path, found: os.stat_result, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
            with suppress(PermissionError):
                os.fchown(descriptor, found.st_uid, found.st_gid)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
