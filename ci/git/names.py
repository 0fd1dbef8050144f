"""Names that come from outside, checked before they become part of a path, a refspec or a command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from ci.errors import Refused

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_NAME = 200

_REVISION = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CHANGE_REF = re.compile(r"refs/changes/[0-9]{2}/[1-9][0-9]{0,17}/[1-9][0-9]{0,8}")
# git check-ref-format, and nothing that a shell or a refspec could take for something else.
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@#=,/-]{0,199}")
_PROJECT_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@~-]{0,199}")


def revision(text: str) -> str:
    """Return a full object name; raises Refused for anything else."""
    if not _REVISION.fullmatch(text):
        raise Refused(f"not a git revision: {text[:60]!r}")
    return text


def change_ref(text: str) -> str:
    """Return the ref of a patch set, `refs/changes/NN/NUMBER/PATCHSET`; raises Refused for anything else."""
    if not _CHANGE_REF.fullmatch(text):
        raise Refused(f"not the ref of a patch set: {text[:60]!r}")
    return text


def branch(text: str) -> str:
    """Return the name of a branch without `refs/heads/`; raises Refused for what git or we do not take."""
    parts = text.split("/")
    is_odd = (
        ".." in text
        or "@{" in text
        or any(not part or part.startswith(".") or part.endswith((".", ".lock")) for part in parts)
    )
    if is_odd or not _BRANCH.fullmatch(text):
        raise Refused(f"not a branch name: {text[:60]!r}")
    return text


def project(text: str) -> str:
    """Return the name of a project as a relative path that stays inside its folder; raises Refused otherwise."""
    parts = text.split("/")
    if not all(_PROJECT_PART.fullmatch(part) and part.lower() != ".git" for part in parts) or len(text) > MAX_FILE_NAME:
        raise Refused(f"not a project name: {text[:60]!r}")
    return text


def host(text: str) -> str:
    """Return a host name for a path or an address; raises Refused for anything else."""
    if not re.fullmatch(r"[A-Za-z0-9\[][A-Za-z0-9_.:\]-]{0,199}", text):
        raise Refused(f"not a host name: {text[:60]!r}")
    return text


def mirror_path(folder: Path, canonical_hostname: str, project_name: str) -> Path:
    """Return where the mirror of a project lies: one flat, encoded name for each project."""
    return folder / quote(host(canonical_hostname), safe="") / f"{quote(project(project_name), safe='')}.git"
