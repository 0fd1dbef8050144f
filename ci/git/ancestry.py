"""Which changes a branch contains: by the Change-Ids of its commits, less what was reverted."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.git import names
from ci.model.lockstep import MergedChange

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ci.git.mirrors import Mirrors

LOG_TIMEOUT_SECONDS = 600.0
MAX_KEPT = 200
MAX_SUBJECT = 200
SHORTEST_NAME = 7
_CHANGE_ID = re.compile(r"^(?i:Change-Id): *(I[0-9a-f]{40})[ \t]*$", re.MULTILINE)
# As git itself and Gerrit's button write it; a revert that was made by hand without these words is no revert to us.
_REVERT = re.compile(r"^This reverts commit ([0-9a-f]{7,40})\b", re.MULTILINE)
_PICKED = re.compile(r"^\(cherry picked from commit ([0-9a-f]{40})\)$", re.MULTILINE)
_REVERT_WORDS = "This reverts commit"


@dataclass(frozen=True, slots=True)
class Commit:
    """What matters of a commit: its Change-Id, the commits that it reverts, and those that it was picked from."""

    id: str
    subject: str
    change_id: str
    reverts: tuple[str, ...]
    picked_from: tuple[str, ...]


class GitHistory:
    """Keeps `ci.ports.ChangeHistory` over the mirrors; what a tip contains is only looked up once."""

    def __init__(self, mirrors: Mirrors) -> None:
        self._mirrors = mirrors
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, str, frozenset[str]], dict[str, MergedChange]] = {}

    def branches(
        self, connection: str, project: str, interrupt: threading.Event | None = None
    ) -> Mapping[str, str]:  # fmt: skip
        mirror = self._mirrors.of(connection, project)

        def fetch() -> dict[str, str]:
            mirror.fetch()
            return mirror.branches()

        return mirror.healed(fetch, interrupt)

    def default_branch(self, connection: str, project: str) -> str:
        return self._mirrors.of(connection, project).default_branch()

    def merged(
        self, connection: str, project: str, tip: str, change_ids: Collection[str]
    ) -> Mapping[str, MergedChange]:  # fmt: skip
        key = (connection, project, names.revision(tip), frozenset(change_ids))
        with self._lock:
            known = self._known.get(key)
        if known is not None:
            return known
        greps = [f"--grep={text}" for text in (_REVERT_WORDS, *sorted(change_ids))]
        _, output = self._mirrors.of(connection, project).git(
            ["log", "-z", "--format=%H%n%B", "--fixed-strings", *greps, key[2], "--"], LOG_TIMEOUT_SECONDS
        )
        found = in_effect(map(read_commit, filter(None, output.split("\0"))), change_ids)
        with self._lock:
            self._known[key] = found
            while len(self._known) > MAX_KEPT:
                del self._known[next(iter(self._known))]
        return found


def read_commit(text: str) -> Commit:
    """Read a commit's id and message, which is hostile; a Change-Id counts in the last paragraph alone."""
    commit, _, message = text.partition("\n")
    message = message.strip()
    footer = re.split(r"\n[ \t]*\n", message)[-1]
    change_ids = _CHANGE_ID.findall(footer) if "\n" in message else []
    return Commit(
        commit,
        message.partition("\n")[0][:MAX_SUBJECT],
        change_ids[-1] if change_ids else "",
        tuple(_REVERT.findall(message)),
        tuple(_PICKED.findall(message)),
    )


def in_effect(commits: Iterable[Commit], change_ids: Collection[str]) -> dict[str, MergedChange]:
    """Return the wanted changes that some commit of a history brought and none took back.

    A revert may itself be reverted. One that was picked from another branch names a commit of that branch: it means
    the one that was picked from there.
    """
    known = list(commits)
    own = _by_beginning((commit.id, commit.id) for commit in known)
    picked = _by_beginning((source, commit.id) for commit in known for source in commit.picked_from)
    reverts: dict[str, list[str]] = {}
    for commit in known:
        for name in commit.reverts:
            for target in _named(name, own) or _named(name, picked):
                reverts.setdefault(target, []).append(commit.id)
    taken_back: dict[str, bool] = {}
    found: dict[str, MergedChange] = {}
    for commit in known:
        if commit.change_id in change_ids and not _is_taken_back(commit.id, reverts, taken_back):
            found.setdefault(commit.change_id, MergedChange(commit.id, commit.subject))
    return found


def _by_beginning(pairs: Iterable[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for name, commit in pairs:
        found.setdefault(name[:SHORTEST_NAME], []).append((name, commit))
    return found


def _named(name: str, known: Mapping[str, list[tuple[str, str]]]) -> list[str]:
    """Return the commits that a revert means by a name, which may be a short one."""
    return [commit for full, commit in known.get(name[:SHORTEST_NAME], ()) if full.startswith(name)]


def _is_taken_back(start: str, reverts: Mapping[str, list[str]], known: dict[str, bool]) -> bool:
    """Whether a revert that is itself in effect names a commit; whatever messages claim, it comes to an end."""
    path, open_ones = [start], {start}
    while path:
        current = path[-1]
        if current in known:
            open_ones.discard(path.pop())
            continue
        # a revert of a commit that names it in turn cannot be; what is still open here counts as none
        unknown = [one for one in reverts.get(current, ()) if one not in known and one not in open_ones]
        if unknown:
            path.append(unknown[0])
            open_ones.add(unknown[0])
            continue
        known[current] = any(not known.get(one, True) for one in reverts.get(current, ()))
    return known[start]
