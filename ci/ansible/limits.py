"""What a build may use here: how much it writes is watched, and cut; its memory is the kernel's to refuse."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ci.model.build import CONSOLE_FILE, TASK_EVENTS_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHECK_SECONDS = 2.0
# A look at a folder of many files takes time: at most this share of it.
MOST_OF_THE_TIME = 0.02
MEBIBYTE = 1 << 20
CUT_MARK = b"\n[cut here: the build wrote more than it may]\n"
LITTLE_ROOM_BYTES = 8 * MEBIBYTE
NICENESS = 3
OOM_SCORE = 500


def be_modest() -> None:
    """Have this process and all that it starts give way to the service: in time, and first where memory ends."""
    os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")


def is_nearly_full(folder: Path) -> bool:
    """Whether what fails here may fail for want of room."""
    return shutil.disk_usage(folder).free < LITTLE_ROOM_BYTES


class DiskWatch:
    """Looks now and then at how much there is in a build's folders."""

    def __init__(self, folders: Sequence[Path], limit_mib: int) -> None:
        # One may lie in another: what is below both counts once.
        self._folders = [one for one in folders if not any(other in one.parents for other in folders)]
        self._limit = limit_mib * MEBIBYTE
        self._next_look = time.monotonic() + CHECK_SECONDS

    def problem(self) -> str:
        """Return one line when there is more than there may be, "" otherwise; cheap to call often."""
        now = time.monotonic()
        if now < self._next_look:
            return ""
        size = self._size()
        took = time.monotonic() - now
        self._next_look = now + max(CHECK_SECONDS, took / MOST_OF_THE_TIME)
        if size <= self._limit:
            return ""
        return f"it has written {size // MEBIBYTE} MiB here, and {self._limit // MEBIBYTE} MiB is the limit"

    def cut_if_needed(self) -> None:
        """Look once more, at the end, and cut what has come since the last look."""
        if self._size() > self._limit:
            self.cut()

    def cut(self) -> list[str]:
        """Shorten the largest files until half of the limit is free; returns the names of those that were."""
        files = sorted(self._files(), reverse=True)
        too_much = sum(size for size, _ in files) - self._limit // 2
        shortened = []
        for size, path in files:
            if too_much <= 0:
                break
            if path.name in {CONSOLE_FILE, TASK_EVENTS_FILE}:
                continue  # they have limits of their own
            kept = max(0, size - too_much - len(CUT_MARK))
            with suppress(OSError):
                _shorten(path, kept)
                too_much -= size - kept - len(CUT_MARK)
                shortened.append(path.name)
        return shortened

    def _size(self) -> int:
        return sum(size for size, _ in self._files())

    def _files(self) -> Iterator[tuple[int, Path]]:
        for folder in self._folders:
            yield from _files_below(folder)


def _files_below(folder: str | Path) -> Iterator[tuple[int, Path]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return  # removed meanwhile
    for entry in entries:
        with suppress(OSError):
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.stat(follow_symlinks=False).st_blocks * 512, Path(entry.path)


def _shorten(path: Path, kept: int) -> None:
    # What the file holds beyond is gone at once, also for a process that goes on writing to it.
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.ftruncate(descriptor, kept)
        os.pwrite(descriptor, CUT_MARK, kept)
    finally:
        os.close(descriptor)
