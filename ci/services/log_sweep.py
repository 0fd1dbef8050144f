"""Looks for old log folders that no build of the database leads to: those of `powervm-ci run`."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# shard / change / patch set / pipeline / job / build, or as deep for a branch: `Folders.build_logs`
DEPTH = 6


class LogSweep:
    """Goes through one shard (a hundredth of the logs) each time; only names, never what is in a build's logs."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._last = ""

    def old_folders(self, before: float) -> list[Path]:
        """Return the builds' folders (relative) of the next shard that nobody has changed since `before`."""
        shards = [name for name in _folders(self._root, Path()) if not name.startswith(".")]
        if not shards:
            return []
        self._last = min((name for name in shards if name > self._last), default=min(shards))
        return [place for place in self._below(Path(self._last), 1) if _changed_at(self._root / place) < before]

    def _below(self, place: Path, depth: int) -> Iterator[Path]:
        for name in _folders(self._root, place):
            if depth + 1 == DEPTH:
                yield place / name
            else:
                yield from self._below(place / name, depth + 1)


def _folders(root: Path, place: Path) -> list[str]:
    try:
        with os.scandir(root / place) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:  # removed meanwhile
        return []


def _changed_at(folder: Path) -> float:
    try:
        status = folder.lstat()
    except OSError:
        return float("inf")
    return status.st_ctime if stat.S_ISDIR(status.st_mode) else float("inf")
