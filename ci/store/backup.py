"""A copy of the database while the service goes on writing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from ci.errors import CIError, DiskFull

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# SQLite lets others write between two steps; the copy is that of the moment when the last step is done.
PAGES_AT_ONCE = 4096
# What SQLite keeps beside a database: a copy in the place of one of them takes its last commits away.
COMPANIONS = ("-wal", "-shm", "-journal")


def back_up(database: Path, target: Path, tell: Callable[[int, int], None], *, replaces: bool = False) -> int:
    """Copy a database in use to a file that is there wholly or not at all; returns its bytes.

    `tell` is told the pages that are left, and how many there are. A file that is there is only overwritten when
    `replaces` says so. Raises `CIError`.
    """
    if target.exists() and not replaces:
        raise CIError(f"{target} is there already: name another file, or say --force")
    _expect_harmless(database, target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        _copy(database, temporary, tell)
        _expect_sound(temporary, database)
        _sync(temporary)
        if replaces:
            temporary.replace(target)
        else:
            os.link(temporary, target)  # fails, unlike a rename, when somebody was quicker
        _sync(target.parent)
        return target.stat().st_size
    except FileExistsError as error:
        raise CIError(f"{target} is there already: name another file, or say --force") from error
    except OSError as error:
        raise CIError(f"{target}: {error.strerror}: name another file") from error
    except sqlite3.Error as error:
        kind = DiskFull if "full" in str(error) else CIError
        raise kind(f"{target}: {error}: the backup was not made") from error
    finally:
        for rest in (temporary, temporary.with_name(f"{temporary.name}-journal")):
            with suppress(OSError):
                rest.unlink(missing_ok=True)


def _expect_harmless(database: Path, target: Path) -> None:
    """Raise when a copy in the place of `target` would destroy more than an older copy."""
    try:
        if target.exists() and target.samefile(database):
            raise CIError(f"{target} is the database itself: name another file")
        if target.exists() and not target.is_file():
            raise CIError(f"{target} is no file but something else: name another one")
        there, file = target.parent.resolve() == database.parent.resolve(), target.name
    except OSError as error:
        raise CIError(f"{target}: {error.strerror}: name another file") from error
    if there and (file.endswith(".lock") or file in {f"{database.name}{end}" for end in COMPANIONS}):
        raise CIError(f"{target} belongs to the database: name another file")


def _copy(database: Path, temporary: Path, tell: Callable[[int, int], None]) -> None:
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with (
        closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(temporary)) as copy,
    ):
        # A read transaction: otherwise each commit of the service would make the copy begin anew.
        source.execute("begin")
        source.execute("select count(*) from sqlite_schema").fetchone()
        source.backup(copy, pages=PAGES_AT_ONCE, progress=lambda _status, left, total: tell(left, total), sleep=0.0)
        # One file, without a log of its own beside it.
        copy.execute("pragma journal_mode = delete")


def _expect_sound(copy: Path, database: Path) -> None:
    """Raise when the copy is not worth keeping: it would take the place of a good one."""
    with closing(sqlite3.connect(copy)) as connection:
        found = connection.execute("pragma quick_check(1)").fetchone()[0]
        version = connection.execute("pragma user_version").fetchone()[0]
    if found != "ok" or not version:
        what = "damaged" if found != "ok" else "not a database of this CI"
        raise CIError(f"{database} is {what}: no backup was made; see powervm-ci db check")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
