"""Which changes a branch contains: by the Change-Ids of its commits, less what was reverted."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.errors import CIError
from ci.git import names
from ci.git.command import LOCAL_TIMEOUT_SECONDS
from ci.model.lockstep import MergedChange

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from ci.git.mirrors import Mirrors

LOG_TIMEOUT_SECONDS = 600.0
# Of one history: messages are hostile, and each revert that they speak of is looked up by git.
MOST_COMPARISONS = 20_000
COMPARING_SECONDS = 300.0
MAX_KEPT = 200
MAX_SUBJECT = 200
SHORTEST_NAME = 7
_CHANGE_ID = re.compile(r"change-id:[ \t]*(I[0-9a-f]{40})[ \t]*", re.IGNORECASE)
# As git itself and Gerrit's button write it; a revert that was made by hand without these words is no revert to us.
_REVERT_WORDS = "This reverts commit"
_NAME = r"([0-9a-f]{7,40})\b"
_REVERT = re.compile(rf"^{_REVERT_WORDS} {_NAME}(?:, reversing\s+changes made to {_NAME})?", re.MULTILINE)
_PICKED = re.compile(rf"^\(cherry picked from commit {_NAME}", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Commit:
    """What matters of a commit: its Change-Id, the commits that it reverts, and those that it was picked from.

    `reverts` holds pairs: a commit, and for a merge the parent whose state was restored (else "").
    """

    id: str
    subject: str
    change_id: str
    reverts: tuple[tuple[str, str], ...]
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
        mirror = self._mirrors.of(connection, project)
        greps = [f"--grep={text}" for text in (_REVERT_WORDS, *sorted(change_ids))]
        _, output = mirror.git(
            ["log", "-z", "--format=%H%n%B", "--fixed-strings", *greps, key[2], "--"], LOG_TIMEOUT_SECONDS
        )

        compared, give_up_at = 0, time.monotonic() + COMPARING_SECONDS

        def is_ancestor(older: str, newer: str) -> bool:
            nonlocal compared
            compared, left = compared + 1, give_up_at - time.monotonic()
            if compared > MOST_COMPARISONS or left <= 0:
                raise CIError(
                    f"{project} at {key[2][:12]}: what its reverts take back is not clear after {compared - 1}"
                    " comparisons of commits: find out by hand which changes it contains"
                )
            # 128: a message may name what there is not
            question = ["merge-base", "--is-ancestor", older, newer]
            return mirror.git(question, min(left, LOCAL_TIMEOUT_SECONDS), accepted=(0, 1, 128))[0] == 0

        found = in_effect(map(read_commit, filter(None, output.split("\0"))), change_ids, is_ancestor)
        with self._lock:
            self._known[key] = found
            while len(self._known) > MAX_KEPT:
                del self._known[next(iter(self._known))]
        return found


def read_commit(text: str) -> Commit:
    """Read a commit's id and message, which is hostile; a Change-Id counts in the last paragraph alone."""
    commit, _, message = text.partition("\n")
    message = message.replace("\r\n", "\n").strip()
    subject, _, body = message.partition("\n")
    footer = re.split(r"\n[ \t]*\n", body)[-1].split("\n")
    change_ids = [found[1] for found in map(_CHANGE_ID.fullmatch, footer) if found]
    return Commit(
        commit,
        subject[:MAX_SUBJECT],
        change_ids[-1] if change_ids else "",
        tuple(_REVERT.findall(message)),
        tuple(_PICKED.findall(message)),
    )


def in_effect(
    commits: Iterable[Commit], change_ids: Collection[str], is_ancestor: Callable[[str, str], bool]
) -> dict[str, MergedChange]:
    """Return the wanted changes that some commit of a history, given newest first, brought and none took back.

    A revert may itself be reverted. One that was picked from another branch names a commit of that branch: it means
    the one that was picked from there. `is_ancestor` says whether the first of two commits leads to the second.

    A build asks the same of its sources (`playbooks/module_utils/skip_lists/ancestry.py`), on the executor's side of
    Ansible, which cannot import this; a contract test holds that both find the same.
    """
    known = list(commits)
    reverts = _Reverts(known, is_ancestor)
    found: dict[str, MergedChange] = {}
    for commit in known:
        if commit.change_id in change_ids and commit.change_id not in found and not reverts.take_back(commit):
            found[commit.change_id] = MergedChange(commit.id, commit.subject)
    return found


class _Reverts:
    """The commits of a history that take others back."""

    def __init__(self, commits: Iterable[Commit], is_ancestor: Callable[[str, str], bool]) -> None:
        self._is_ancestor = is_ancestor
        self._by_beginning: dict[str, list[tuple[str, Commit]]] = {}
        self._of_merges: list[tuple[str, str, Commit]] = []
        self._taken_back: dict[str, bool] = {}
        self._of: dict[str, list[Commit]] = {}
        for commit in commits:
            for name, restored in commit.reverts:
                if restored:
                    self._of_merges.append((name, restored, commit))
                else:
                    self._by_beginning.setdefault(name[:SHORTEST_NAME], []).append((name, commit))

    def take_back(self, start: Commit) -> bool:
        """Whether a revert that is itself in effect names a commit; whatever messages claim, it comes to an end."""
        known = self._taken_back
        path, open_ones = [start], {start.id}
        while path:
            current = path[-1]
            if current.id in known:
                open_ones.discard(path.pop().id)
                continue
            # a revert of a commit that names it in turn cannot be; what is still open here counts as none
            unknown = [one for one in self._reverts_of(current) if one.id not in known and one.id not in open_ones]
            if unknown:
                path.append(unknown[0])
                open_ones.add(unknown[0].id)
                continue
            known[current.id] = any(not known.get(one.id, True) for one in self._reverts_of(current))
        return known[start.id]

    def _reverts_of(self, commit: Commit) -> list[Commit]:
        if commit.id not in self._of:
            found = {one.id: one for one in (*self._naming(commit), *self._of_a_merge_with(commit))}
            found.pop(commit.id, None)
            self._of[commit.id] = [one for one in found.values() if self._is_ancestor(commit.id, one.id)]
        return self._of[commit.id]

    def _naming(self, commit: Commit) -> Iterator[Commit]:
        """Yield the reverts that mean a commit by a name, which may be a short one."""
        for own in (commit.id, *commit.picked_from):
            for name, one in self._by_beginning.get(own[:SHORTEST_NAME], ()):
                if own.startswith(name) or name.startswith(own):
                    yield one

    def _of_a_merge_with(self, commit: Commit) -> Iterator[Commit]:
        """Yield the reverts of merges that had brought a commit."""
        for merge, restored, one in self._of_merges:
            if self._is_ancestor(commit.id, merge) and not self._is_ancestor(commit.id, restored):
                yield one
