"""Removes folders in which hostile patches have left what they liked: names, links, depths and modes.

A folder is first renamed into `.trash` of its root - from then on it is gone for everybody - and emptied there. No
link is ever followed: each folder is opened by itself, below the one before. Folders within are renamed up into the
trash, so neither depth nor a crash matters: what is found there is removed the next time.
"""

from __future__ import annotations

import os
import stat
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ci.observability import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

TRASH = ".trash"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OWN = stat.S_IRWXU


class Trash:
    """What is to be removed from below one root; one thread uses it at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._log = get_logger("trash")

    def throw_away(self, parts: Sequence[str]) -> bool:
        """Take what is at `root/part/part/...` out of sight; False when there is nothing.

        Parents that are empty then go too.
        """
        with suppress(FileNotFoundError, NotADirectoryError), self._opened() as root, self._trash(root) as trash:
            parents = [*_descend(root, parts[:-1])]
            try:
                folder = parents[-1] if parents else root
                os.rename(parts[-1], uuid.uuid4().hex, src_dir_fd=folder, dst_dir_fd=trash)
                _prune(root, parents, parts)
            finally:
                for descriptor in parents:
                    os.close(descriptor)
            return True
        return False

    def empty(self, may_go_on: Callable[[], bool]) -> bool:
        """Remove what was thrown away, also before a crash, for as long as we may; False when there is more to do.

        What cannot be removed (a mount point, say) is logged and left.
        """
        stubborn: set[str] = set()
        with suppress(FileNotFoundError), self._opened() as root, self._trash(root) as trash:
            while names := set(os.listdir(trash)) - stubborn:  # noqa: PTH208 - of a descriptor
                for name in names:
                    try:
                        if not may_go_on() or not _remove(trash, name, may_go_on):
                            return False
                    except OSError as error:
                        stubborn.add(name)
                        self._log.warning("cannot be removed", action="trash.stubborn", root=str(self._root),
                                          error=str(error))  # fmt: skip
        return True

    @contextmanager
    def _opened(self) -> Iterator[int]:
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _trash(self, root: int) -> Iterator[int]:
        # It stays: on a full disk none could be made.
        with suppress(FileExistsError):
            os.mkdir(TRASH, _OWN, dir_fd=root)
        descriptor = os.open(TRASH, _FOLDER, dir_fd=root)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _descend(root: int, parts: Sequence[str]) -> list[int]:
    """Open each folder of the path below the one before; the caller closes them."""
    opened: list[int] = []
    try:
        for part in parts:
            opened.append(os.open(part, _FOLDER, dir_fd=opened[-1] if opened else root))
    except OSError:
        for descriptor in opened:
            os.close(descriptor)
        raise
    return opened


def _prune(root: int, parents: Sequence[int], parts: Sequence[str]) -> None:
    """Remove the parents that are empty now, the innermost first."""
    above = [root, *parents][: len(parents)]
    with suppress(OSError):  # the first that is not empty ends it
        for folder, name in zip(reversed(above), reversed(parts[:-1]), strict=True):
            os.rmdir(name, dir_fd=folder)


def _remove(trash: int, name: str, may_go_on: Callable[[], bool]) -> bool:
    """Remove one entry of the trash; the folders in it become entries of the trash."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=trash, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=trash)
        return True
    folder = _open_own(trash, name)
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not may_go_on():
                    return False
                if entry.is_dir(follow_symlinks=False):
                    os.close(_open_own(folder, entry.name))  # it must be ours to write before it can be moved
                    os.rename(entry.name, uuid.uuid4().hex, src_dir_fd=folder, dst_dir_fd=trash)
                else:
                    os.unlink(entry.name, dir_fd=folder)
    finally:
        os.close(folder)
    with suppress(OSError):  # an entry may have been passed over while others went: another round finds it
        os.rmdir(name, dir_fd=trash)
    return True


def _open_own(parent: int, name: str) -> int:
    """Open a folder whatever its mode is: the owner gets all rights first. The caller closes it."""
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if os.fstat(handle).st_mode & _OWN != _OWN:
            os.chmod(f"/proc/self/fd/{handle}", _OWN)  # noqa: PTH101 - the open folder itself, not a name
        return os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(handle)
