"""Which changes a prepared source contains, by the Change-Ids of the commits that lead to its HEAD.

The service asks the same of branches (`ci/git/ancestry.py`, which cannot be imported here); a contract test holds that
both find the same.
"""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

GIT_SECONDS = 300
# Of one history: messages are hostile, and each revert that they speak of is looked up by git.
MOST_COMPARISONS = 20_000
COMPARING_SECONDS = 300
SHOWN = 300
SHA = r"([0-9a-f]{7,40})\b"
ANY_ID = re.compile(rb"I[0-9a-f]{40}")
CHANGE_ID = re.compile(r"change-id:[ \t]*(I[0-9a-f]{40})[ \t]*", re.IGNORECASE)
PICKED = re.compile(rf"^\(cherry picked from commit {SHA}", re.MULTILINE)
REVERTS = re.compile(rf"^This reverts commit {SHA}(?:, reversing\s+changes made to {SHA})?", re.MULTILINE)


class GitError(RuntimeError):
    """The history cannot be read; the message says whose and why."""


@dataclass(frozen=True)
class Commit:
    """What the message of a commit says: its Change-Id or "", what it was picked from, and what it takes back.

    `reverts` holds pairs: a commit, and for a merge the parent whose state was restored (else "").
    """

    sha: str
    change_id: str
    picked_from: tuple[str, ...]
    reverts: tuple[tuple[str, str], ...]


def contained(repository: str, change_ids: Collection[str]) -> dict[str, str]:
    """Return Change-Id -> commit for those of the changes that HEAD's history brings and has not taken back.

    One walk through the history for all of them. Raises GitError.
    """
    if not change_ids:
        return {}
    history = _History(repository, frozenset(change_ids))
    found = {wanted: history.commit_of(wanted) for wanted in sorted(change_ids)}
    return {wanted: sha for wanted, sha in found.items() if sha}


def is_shallow(repository: str) -> bool:
    """Return whether a part of the history is cut off; raises GitError."""
    return _git(repository, "rev-parse", "--is-shallow-repository").strip() == b"true"


def parse(sha: str, message: str) -> Commit:
    """Read a commit's message; a Change-Id counts where Gerrit takes it for one: the last in the footer."""
    text = message.replace("\r\n", "\n").strip()
    footer = re.split(r"\n[ \t]*\n", text.partition("\n")[2])[-1].split("\n")
    ids = [found[1] for found in map(CHANGE_ID.fullmatch, footer) if found]
    return Commit(
        sha,
        ids[-1] if ids else "",
        tuple(PICKED.findall(text)),
        tuple(REVERTS.findall(text)),
    )


class _History:
    """The commits that name one of the changes, and those that take something back."""

    def __init__(self, repository: str, change_ids: frozenset[str]) -> None:
        self._repository = repository
        commits = [parse(sha, message) for sha, message in _log(repository, change_ids)]
        self._carriers = [one for one in commits if one.change_id in change_ids]
        self._reverting = [one for one in commits if one.reverts]
        self._reverted: dict[str, bool] = {}
        self._compared = 0
        self._give_up_at = time.monotonic() + COMPARING_SECONDS

    def commit_of(self, change_id: str) -> str | None:
        for one in self._carriers:
            if change_id == one.change_id and not self._is_reverted(one):
                return one.sha
        return None

    def _is_reverted(self, commit: Commit) -> bool:
        """Whether a commit is taken back by one that is not itself taken back."""
        path = [commit]
        takers: dict[str, list[Commit]] = {}
        while path:
            current = path[-1]
            if current.sha in self._reverted:
                path.pop()
                continue
            if current.sha not in takers:
                takers[current.sha] = [one for one in self._reverting if self._takes_back(one, current)]
            later = takers[current.sha]  # each is a descendant, so this comes to an end
            unknown = [one for one in later if one.sha not in self._reverted]
            if unknown:
                path.append(unknown[0])
            else:
                self._reverted[current.sha] = any(not self._reverted[one.sha] for one in later)
        return self._reverted[commit.sha]

    def _takes_back(self, later: Commit, commit: Commit) -> bool:
        for named, restored in later.reverts:
            if restored:  # a merge is taken back, and with it all that it had brought
                if not self._is_ancestor(commit.sha, named) or self._is_ancestor(commit.sha, restored):
                    continue
            # What was picked from another branch may be taken back under the name that it has there.
            elif not any(_same(named, one) for one in (commit.sha, *commit.picked_from)):
                continue
            if later.sha != commit.sha and self._is_ancestor(commit.sha, later.sha):
                return True
        return False

    def _is_ancestor(self, older: str, newer: str) -> bool:
        if self._compared >= MOST_COMPARISONS or time.monotonic() > self._give_up_at:
            raise GitError(
                f"what the reverts in its history take back is not clear after {self._compared} comparisons of commits"
            )
        self._compared += 1
        return _run(self._repository, "merge-base", "--is-ancestor", older, newer).returncode == 0


def _same(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _log(repository: str, change_ids: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield commit and message where one of the ids is named or something is taken back, newest first."""
    # The whole history at once: to have git search it for some dozens of ids takes several times as long.
    options = ["--no-color", "--no-notes", "--no-show-signature", "--encoding=UTF-8", "-z", "--format=%H%n%B"]
    wanted = {one.encode() for one in change_ids}
    for record in _git(repository, "log", *options, "HEAD", "--").split(b"\0"):
        if b"This reverts commit" in record or not wanted.isdisjoint(ANY_ID.findall(record)):
            sha, _, message = record.decode("utf-8", "replace").partition("\n")
            yield sha, message


def _git(repository: str, *arguments: str) -> bytes:
    done = _run(repository, *arguments)
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise GitError(f"git {arguments[0]}: {lines[-1][:SHOWN]}")
    return done.stdout


def _run(repository: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    # The folder may belong to another account than the one that Ansible runs as.
    argv = ["git", "-C", repository, "-c", "safe.directory=*", *arguments]
    try:
        return subprocess.run(argv, capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=GIT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git {arguments[0]} did not end in {GIT_SECONDS} s") from error
