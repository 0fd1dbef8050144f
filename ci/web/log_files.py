"""Read-only access to the log folders, which hold what hostile patches left there.

Every component of a path is opened by itself below the one before, without following symbolic links: no name and no
race can lead out of the folder.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LONGEST_LISTING = 5_000
DEEPEST_PATH = 64
# O_NONBLOCK: opening a FIFO must not wait for a writer.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class NoSuchFile(Exception):
    """There is nothing that may be shown under that path."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a folder; `kind` is "folder", "file" or "other" (a link, a device...: shown, never opened)."""

    name: str
    kind: str
    size_bytes: int
    changed_at: float


def open_below(root: Path, names: Sequence[bytes]) -> int:
    """Return a descriptor of a regular file or folder below `root`; the caller closes it.

    Raises `NoSuchFile` for anything else, also for symbolic links, devices, FIFOs and sockets anywhere in the path.
    """
    if len(names) > DEEPEST_PATH or any(not _is_plain(name) for name in names):
        raise NoSuchFile
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NoSuchFile from error
    for name in names:
        try:
            below = _open_entry(name, descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


@contextmanager
def opened_below(root: Path, names: Sequence[bytes]) -> Iterator[int]:
    """`open_below` for the length of a block."""
    descriptor = open_below(root, names)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_folder(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def list_folder(descriptor: int) -> tuple[list[Entry], bool]:
    """Return the entries of an open folder, folders first, and whether there are more than `LONGEST_LISTING`."""
    with os.scandir(descriptor) as found:
        entries = [_entry(entry) for entry in islice(found, LONGEST_LISTING + 1)]
    cut = len(entries) > LONGEST_LISTING
    return sorted(entries[:LONGEST_LISTING], key=lambda entry: (entry.kind != "folder", entry.name)), cut


def _is_plain(name: bytes) -> bool:
    return name not in {b"", b".", b".."} and b"/" not in name and b"\0" not in name


def _open_entry(name: bytes, folder: int) -> int:
    try:
        # Looked at first: opening a device may do something.
        if not _may_be_shown(os.stat(name, dir_fd=folder, follow_symlinks=False)):
            raise NoSuchFile
        descriptor = os.open(name, _FLAGS, dir_fd=folder)
    except OSError as error:
        raise NoSuchFile from error
    if not _may_be_shown(os.fstat(descriptor)):
        os.close(descriptor)
        raise NoSuchFile
    return descriptor


def _may_be_shown(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)


def _entry(entry: os.DirEntry[str]) -> Entry:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:  # removed meanwhile
        return Entry(entry.name, "other", 0, 0.0)
    if stat.S_ISDIR(status.st_mode):
        return Entry(entry.name, "folder", 0, status.st_mtime)
    kind = "file" if stat.S_ISREG(status.st_mode) else "other"
    return Entry(entry.name, kind, status.st_size, status.st_mtime)
