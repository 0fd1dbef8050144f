"""What gits that were killed, or found no room, have left in a mirror; it may fill a disk."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ci.errors import Interrupted
from ci.observability import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATTERNS = (
    "objects/??/tmp_obj_*", "objects/pack/tmp_*", "objects/pack/.tmp-*", "objects/pack/*.keep",
    "gc.pid*", "HEAD.lock", "packed-refs.*lock", "packed-refs.new", "refs/**/*.lock",
)  # fmt: skip

log = get_logger("git")


@contextmanager
def packing(mirror: Path) -> Iterator[int]:
    """Keep others from packing a mirror, and from removing what its packing has only begun.

    A git that is given the file goes on keeping them off when we are killed. Raises Interrupted when somebody is at it.
    """
    # The folder itself is locked: on a full disk there may be no room for a file.
    file = os.open(mirror, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Interrupted("somebody packs this mirror") from None
        yield file
    finally:
        os.close(file)


def remove(mirror: Path) -> None:
    """Remove what no running git of ours needs; the caller holds the mirror's lock. What cannot be removed stays."""
    with suppress(Interrupted, OSError), packing(mirror):
        count = size = 0
        for pattern in PATTERNS:
            for rest in mirror.glob(pattern):
                with suppress(OSError):
                    size += rest.lstat().st_size
                    rest.unlink()
                    count += 1
        if count:
            log.info("removed what an ended git has left", action="mirror-cleaned", mirror=mirror.name, files=count,
                     bytes=size)  # fmt: skip


def remove_old_mirrors(folder: Path) -> None:
    """Remove the mirrors below a folder that were being removed when we were killed."""
    for doomed in folder.glob("*/.*.old"):
        shutil.rmtree(doomed, ignore_errors=True)
