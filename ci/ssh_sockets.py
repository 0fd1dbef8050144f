"""Folders for the sockets of shared ssh connections, which outlive whoever made them until they are closed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from ci.processes import is_gone, own_name

PREFIX = "ci-ssh-"
# A socket's path may be 107 bytes long, and a state folder's may be longer: they lie here.
PLACE = Path("/tmp")  # noqa: S108 - each is made with mode 0700 under a fresh name


def make() -> Path:
    """Return a new folder that tells which process has made it."""
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{own_name()}-", dir=PLACE))


def close(folder: Path) -> None:
    """End the connections of a folder and remove it; harmless when it is gone."""
    quiet = subprocess.DEVNULL
    for path in sorted(folder.glob("*")):
        arguments = ["ssh", "-F", "none", "-O", "exit", "-o", f'ControlPath="{path}"', "--", "any"]
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(arguments, check=False, stdin=quiet, stdout=quiet, stderr=quiet, timeout=5)
    shutil.rmtree(folder, ignore_errors=True)


def close_stale() -> int:
    """Close those of our own whose process was killed before it could; returns how many there were."""
    count = 0
    for folder in PLACE.glob(f"{PREFIX}*"):
        with suppress(OSError, ValueError):
            pid, started, *_ = folder.name.removeprefix(PREFIX).split("-")
            # lstat: in a folder that all may write to, a link may lie in wait.
            if folder.lstat().st_uid == os.getuid() and is_gone(f"{pid}-{started}"):
                close(folder)
                count += 1
    return count
