"""The site's patching list: changes that every build gets beside its own, until they have merged."""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from ansible.module_utils.devstack.sources import SourceError, git
from ansible.module_utils.skip_lists.ancestry import GitError, contained

ASK_SECONDS = 60
ENTRY = re.compile(r"([1-9][0-9]{0,9})(?:,([1-9][0-9]{0,4}))?")
REF = re.compile(r"refs/changes/[0-9]{2}/[0-9]+/[0-9]+")
CHANGE_ID = re.compile(r"I[0-9a-f]{40}")
GONE = {"MERGED": "has merged", "ABANDONED": "is abandoned"}
# Of nobody: what is applied here lives as long as the build.
IDENTITY = ("-c", "user.name=powervm-ci", "-c", "user.email=powervm-ci@localhost", "-c", "commit.gpgSign=false")


class PatchError(RuntimeError):
    """An entry of the list cannot be used or applied; the message says which and what to do."""


@dataclass(frozen=True)
class Patch:
    """An entry, with what Gerrit says of its change."""

    project: str
    entry: str
    status: str
    branch: str
    change_id: str
    ref: str

    def __str__(self) -> str:
        return f"{self.project} {self.entry}"


def apply_all(entries: Any, list_name: str, gerrit_url: str, base_dir: str) -> list[str]:
    """Cherry-pick what is neither merged nor in the source already; return a line for each entry. Raises PatchError."""
    if not isinstance(entries or {}, dict):
        raise PatchError(f"{list_name}: it holds no projects with their changes (write openstack/nova: [12345])")
    said = []
    for project, changes in (entries or {}).items():
        folder = os.path.join(base_dir, project.rpartition("/")[2])
        entries_of = [str(change) for change in _checked(list_name, project, changes)]
        patches = [_ask(gerrit_url, list_name, project, entry) for entry in entries_of]
        if not os.path.isdir(os.path.join(folder, ".git")):
            said += [f"{patch}: passed over, this build does not use the project" for patch in patches]
            continue
        said += [_apply(patch, folder, gerrit_url, list_name) for patch in patches]
    return said


def _checked(list_name: str, project: str, changes: Any) -> list[Any]:
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*", project):
        raise PatchError(f"{list_name}: {project[:80]!r} is not the name of a project")
    listed = changes if isinstance(changes, list) else [changes]
    for change in listed:
        if not ENTRY.fullmatch(str(change)):
            raise PatchError(f"{list_name}: {project}: {str(change)[:80]!r} is not a change (write 12345 or 12345,2)")
    return listed


def _ask(gerrit_url: str, list_name: str, project: str, entry: str) -> Patch:
    number, _, patchset = entry.partition(",")
    url = f"{gerrit_url.rstrip('/')}/changes/{urllib.parse.quote(project, safe='')}~{number}?o=ALL_REVISIONS"
    try:
        with urllib.request.urlopen(url, timeout=ASK_SECONDS) as answer:
            told = json.loads(answer.read().decode("utf-8", "replace").partition("\n")[2])
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == HTTPStatus.NOT_FOUND:
            raise PatchError(f"{list_name}: {project} {entry}: Gerrit has no such change (remove it)") from None
        raise PatchError(f"{list_name}: {project} {entry}: Gerrit answers {error.code} {error.reason}") from None
    except (OSError, ValueError) as error:
        raise PatchError(f"{list_name}: {project} {entry}: Gerrit cannot be asked: {error}") from None
    try:
        revisions = told.get("revisions", {})
        newest = revisions.get(told.get("current_revision"))
        named = (one for one in revisions.values() if str(one["_number"]) == patchset)
        wanted = next(named, None) if patchset else newest
        if not wanted or not REF.fullmatch(wanted["ref"]) or not CHANGE_ID.fullmatch(told["change_id"]):
            raise PatchError(f"{list_name}: {project} {entry}: Gerrit has no such patch set (remove it)")
        return Patch(project, entry, str(told["status"]), str(told["branch"]), told["change_id"], wanted["ref"])
    except (AttributeError, KeyError, TypeError):
        raise PatchError(f"{list_name}: {project} {entry}: what Gerrit answers is no change") from None


def _apply(patch: Patch, folder: str, gerrit_url: str, list_name: str) -> str:
    if patch.status in GONE:
        return f"WARNING: {patch}: stale, it {GONE[patch.status]}: remove it from {list_name}"
    try:
        branch = git(folder, "symbolic-ref", "--short", "HEAD").strip()
        if branch != patch.branch:
            return f"{patch}: passed over, it is for {patch.branch} and the source is at {branch}"
        if contained(folder, {patch.change_id}):
            return f"{patch}: in the source already"
        git(folder, "fetch", "--quiet", "--no-tags", f"{gerrit_url.rstrip('/')}/{patch.project}", patch.ref)
        return _pick(patch, folder, list_name)
    except (SourceError, GitError) as error:
        raise PatchError(f"{list_name}: {patch}: {error}") from None


def _pick(patch: Patch, folder: str, list_name: str) -> str:
    try:
        git(folder, *IDENTITY, "cherry-pick", "--no-gpg-sign", "FETCH_HEAD")
    except SourceError as error:
        files = git(folder, "diff", "--name-only", "--diff-filter=U").split()
        is_empty = not files and not git(folder, "status", "--porcelain", "--untracked-files=no").strip()
        with suppress(SourceError):
            git(folder, "cherry-pick", "--abort")
        if is_empty:
            return f"{patch}: the source has all of it already"
        where = f"conflict in {', '.join(files[:5])}" if files else str(error)
        hint = "rebase it, or remove it from the list"
        raise PatchError(f"{list_name}: {patch} does not apply to {patch.branch}: {where} ({hint})") from None
    return f"{patch}: applied"
