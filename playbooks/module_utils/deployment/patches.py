"""The site's patching list: changes that every build gets beside its own, until they have merged."""

from __future__ import annotations

import http.client
import json
import os
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from ansible.module_utils.deployment.sources import SourceError, git
from ansible.module_utils.skip_lists.ancestry import GitError, contained

ASK_SECONDS = 60
MAX_ANSWER = 1 << 20
MAX_LINE = 1000
MAX_SHOWN = 200
ENTRY = re.compile(r"([1-9][0-9]{0,9})(?:,([1-9][0-9]{0,4}))?")
PROJECT = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*")
REF = re.compile(r"refs/changes/[0-9]{2}/[0-9]+/[0-9]+")
CHANGE_ID = re.compile(r"I[0-9a-f]{40}")
GONE = {"MERGED": "has merged", "ABANDONED": "is abandoned"}
# Of nobody: what is applied here lives as long as the build.
IDENTITY = ("-c", "user.name=powervm-ci", "-c", "user.email=powervm-ci@localhost", "-c", "commit.gpgSign=false")


class PatchError(RuntimeError):
    """An entry of the list cannot be used or applied; the message, one line, says which and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(_line(message))


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
        entries_of = [str(change) for change in _checked(list_name, project, changes)]
        folder = os.path.join(base_dir, project.rpartition("/")[2])
        patches = [_ask(gerrit_url, list_name, project, entry) for entry in entries_of]
        if not os.path.isdir(os.path.join(folder, ".git")):
            said += [f"{patch}: passed over, this build does not use the project" for patch in patches]
            continue
        said += [_apply(patch, folder, gerrit_url, list_name) for patch in patches]
    return [_line(one) for one in said]


def _checked(list_name: str, project: Any, changes: Any) -> list[Any]:
    if not isinstance(project, str) or not PROJECT.fullmatch(project):
        raise PatchError(f"{list_name}: {str(project)[:80]!r} is not the name of a project")
    listed = changes if isinstance(changes, list) else [changes]
    for change in listed:
        if not ENTRY.fullmatch(str(change)):
            raise PatchError(f"{list_name}: {project}: {str(change)[:80]!r} is not a change (write 12345 or 12345,2)")
    return listed


def _ask(gerrit_url: str, list_name: str, project: str, entry: str) -> Patch:
    number, _, patchset = entry.partition(",")
    url = f"{gerrit_url.rstrip('/')}/changes/{urllib.parse.quote(project, safe='')}~{number}?o=ALL_REVISIONS"
    try:
        told = json.loads(_answer(url).decode("utf-8", "replace").partition("\n")[2])
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == HTTPStatus.NOT_FOUND:
            raise PatchError(f"{list_name}: {project} {entry}: Gerrit has no such change (remove it)") from None
        raise PatchError(f"{list_name}: {project} {entry}: Gerrit answers {error.code} {error.reason}") from None
    except (OSError, ValueError, http.client.HTTPException, RecursionError) as error:
        why = str(error)[:MAX_SHOWN] or type(error).__name__
        raise PatchError(f"{list_name}: {project} {entry}: Gerrit cannot be asked: {why}") from None
    try:
        return _read(told, project, entry, patchset)
    except (AttributeError, KeyError, TypeError, ValueError):
        why = f"what answers at {gerrit_url} is no Gerrit (correct patching_list_gerrit_url)"
        raise PatchError(f"{list_name}: {project} {entry}: {why}") from None
    except LookupError:
        raise PatchError(f"{list_name}: {project} {entry}: Gerrit has no such patch set (remove it)") from None


def _answer(url: str) -> bytes:
    """Return what a server says, within bounds of size and time; the socket's own time limit is for each read only."""
    found: list[Any] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=ASK_SECONDS) as answer:
                found.append(answer.read(MAX_ANSWER + 1))
        except Exception as error:  # noqa: BLE001 - raised below, where somebody waits
            found.append(error)

    # Not a pool's: nobody waits at the end for one that never comes back.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ASK_SECONDS)
    if not found:
        raise TimeoutError(f"no whole answer in {ASK_SECONDS} s")
    if isinstance(found[0], Exception):
        raise found[0]
    if len(found[0]) > MAX_ANSWER:
        raise ValueError(f"its answer has more than {MAX_ANSWER} bytes")
    return bytes(found[0])


def _read(told: Any, project: str, entry: str, patchset: str) -> Patch:
    """Read Gerrit's answer; raises LookupError without such a patch set, another one when it is not Gerrit's."""
    revisions = told["revisions"]
    numbers = {str(one["_number"]): one["ref"] for one in revisions.values()}
    newest = revisions.get(told["current_revision"], {"ref": ""})["ref"]
    ref = numbers.get(patchset, "") if patchset else newest
    fields = [told[name] for name in ("status", "branch", "change_id")]
    if not all(isinstance(one, str) for one in fields) or not CHANGE_ID.fullmatch(fields[2]):
        raise ValueError("not Gerrit's")
    if not REF.fullmatch(ref):
        raise LookupError(patchset)
    return Patch(project, entry, fields[0][:MAX_SHOWN], fields[1], fields[2], ref)


def _line(text: str) -> str:
    """Return what somebody else may have written as one line that can be shown."""
    return "".join(one if one.isprintable() else "?" for one in text.strip())[:MAX_LINE]


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
