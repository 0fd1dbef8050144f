"""What may stand in the place of a file and is none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ci.skip_lists.files import MAX_LIST_BYTES

if TYPE_CHECKING:
    from pathlib import Path


def directory(path: Path) -> None:
    path.mkdir()


def fifo(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def large(path: Path) -> None:
    """A file that is larger than any list, and takes no room."""
    with path.open("wb") as file:
        file.truncate(MAX_LIST_BYTES + 1)


def nowhere(path: Path) -> None:
    path.symlink_to("/nowhere")
