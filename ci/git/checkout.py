"""Lays out a repository that borrows all of its objects: a few small files instead of a clone."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ci.errors import CIError, DiskFull

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = false\n"
PACKED_REFS_HEADER = "# pack-refs with: peeled fully-peeled sorted \n"


def lay_out(target: Path, mirror: Path, branches: Mapping[str, str], checkout: str) -> None:
    """Make `target/.git` with the branches and HEAD on `checkout`; nothing is checked out, objects stay in the mirror.

    Raises DiskFull, or CIError when the folder cannot be written.
    """
    git_folder = target / ".git"
    try:
        for folder in ("objects/info", "refs/heads"):
            (git_folder / folder).mkdir(parents=True, exist_ok=True)
        (git_folder / "objects/info/alternates").write_text(f"{mirror / 'objects'}\n", encoding="utf-8")
        (git_folder / "config").write_text(CONFIG, encoding="utf-8")
        lines = sorted((f"refs/heads/{name}", commit) for name, commit in branches.items())
        packed = PACKED_REFS_HEADER + "".join(f"{commit} {name}\n" for name, commit in lines)
        (git_folder / "packed-refs").write_text(packed, encoding="utf-8")
        (git_folder / "HEAD").write_text(f"ref: refs/heads/{checkout}\n", encoding="utf-8")
    except OSError as error:
        kind = DiskFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else CIError
        raise kind(f"cannot write {git_folder}: {error.strerror}") from error
