"""Opens what a build has published: a node may have left a link or a pipe under any name, and files of any size."""

from __future__ import annotations

import os
import stat
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def is_plain(path: Path) -> bool:
    """Whether there is a regular file; a link to one is none."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def open_plainly(path: Path) -> IO[bytes]:
    """Open a file to read; raises OSError for a link or a folder, and never waits for a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.fdopen(descriptor, "rb")
    except OSError:  # a folder
        os.close(descriptor)
        raise


def read_plainly(path: Path, limit_bytes: int) -> bytes | None:
    """Return the content of a regular file, None where there is none; raises ValueError when it is longer."""
    if not is_plain(path):
        return None
    with open_plainly(path) as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise ValueError(f"{path.name} is longer than any real one")
    return content
