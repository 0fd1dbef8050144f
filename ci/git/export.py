"""Writes the files of a commit into a folder, which is there as a whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from ci.git.mirror import storage_error

if TYPE_CHECKING:
    from pathlib import Path

    from ci.git.mirror import Mirror

_BEGUN = ".begun-"


def export(mirror: Mirror, commit: str, folder: Path) -> None:
    """Make `folder` with the files of a commit; nothing is done when it is there. The caller holds the mirror's lock.

    It is made beside and renamed: what a kill leaves is removed by the next one. Raises what git does, and `DiskFull`.
    """
    with suppress(FileNotFoundError):
        os.utime(folder)  # the janitor takes it for new
        return
    begun = folder.with_name(f"{_BEGUN}{uuid.uuid4().hex}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for rest in folder.parent.glob(f"{_BEGUN}*"):
            shutil.rmtree(rest)
        begun.mkdir()
        # An index of its own: the mirror has none. No hook runs: a mirror has none of these either.
        environment = {"GIT_WORK_TREE": str(begun), "GIT_INDEX_FILE": str(begun / ".git-index")}
        mirror.git(["read-tree", "-u", "--reset", commit], environment=environment, writes=True)
        (begun / ".git-index").unlink()
        os.sync()  # a folder of this name is taken for whole, also after the power was cut
        begun.rename(folder)
    except OSError as error:
        raise storage_error(folder, error) from error
    finally:
        shutil.rmtree(begun, ignore_errors=True)
