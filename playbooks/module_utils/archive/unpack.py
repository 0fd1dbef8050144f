"""The executor's side: nothing in the archive is trusted, as the node ran somebody's patch."""

from __future__ import annotations

import os
import re
import tarfile
import zlib
from typing import Any

FILE_LIMIT_BYTES = 64 * 1024 * 1024
TOTAL_LIMIT_BYTES = 512 * 1024 * 1024
COUNT_LIMIT = 5000
DEPTH_LIMIT = 8
HARMLESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,120}")
# Written by the executor itself, or of a meaning there: a node must not replace them.
RESERVED = frozenset({"zuul-manifest.json", "job-output.txt", "job-output.json", "result.json", "zuul-info"}) | {
    "skip-list.json",
    "tests.json",
}


class ArchiveError(RuntimeError):
    """What was transferred is no archive."""


def unpack(archive: str, target: str) -> dict[str, Any]:
    """Unpack regular files below `target` and remove the archive.

    Returns the number of files and what was left out with the reason. Links, devices, odd names, files that
    exist already and everything beyond the bounds are left out; nothing is ever written through a link.
    """
    files, total, left_out = 0, 0, []
    try:
        with tarfile.open(archive, "r:gz") as packed:
            for seen, member in enumerate(packed):
                reason = _refuse(member, total, seen)
                if reason is None and not _write(packed, member, target):
                    reason = "a file of this name is there already"
                if reason is not None:
                    left_out.append(f"{member.name[:200]!a}: {reason}")
                    if seen >= COUNT_LIMIT or total + member.size > TOTAL_LIMIT_BYTES:
                        break
                    continue
                files, total = files + 1, total + member.size
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        if not files:
            raise ArchiveError(f"{os.path.basename(archive)}: {error}") from error
        left_out.append(f"the rest of the archive: {str(error)!a}")
    finally:
        os.unlink(archive)
    return {"files": files, "left_out": left_out[:100]}


def _refuse(member: tarfile.TarInfo, total: int, seen: int) -> str | None:
    parts = member.name.split("/")
    if seen >= COUNT_LIMIT:
        return f"more than {COUNT_LIMIT} files"
    if not member.isreg():
        return "not a regular file"
    if len(parts) > DEPTH_LIMIT or not all(HARMLESS.fullmatch(part) for part in parts):
        return "not a harmless name"
    if parts[0] in RESERVED:
        return "the name is the executor's own"
    if member.size > FILE_LIMIT_BYTES or total + member.size > TOTAL_LIMIT_BYTES:
        return "too long"
    return None


def _write(packed: tarfile.TarFile, member: tarfile.TarInfo, target: str) -> bool:
    content = packed.extractfile(member)
    path = os.path.join(target, member.name)
    if content is None or os.path.lexists(path):
        return False
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return False
    with open(path, "xb") as stream:
        while block := content.read(1024 * 1024):
            stream.write(block)
    return True
