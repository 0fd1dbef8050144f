"""How the files of a site changed, from the git repository that the site is kept in; it is only read."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from ci.errors import CIError
from ci.git.command import check_version, git
from ci.git.names import revision
from ci.model.file_history import Commit, FileChange, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

TIMEOUT_SECONDS = 600.0
# Contents that are read at once: a bound for memory.
BATCH = 200
_FORMAT = "%H|%P|%at|%ct|%s"
_FORMAT_PARTS = 5
_FILE_MODE = "100"
_HEAD_WORDS = 3


class GitFileHistory:
    """The history of text files below the root of a repository, as far as it leads to what is checked out.

    `prefix` is the folder's own path from there, "" or with a slash at its end. `is_cut`: a shallow clone, in which
    the oldest commits are missing.
    """

    def __init__(self, folder: Path, prefix: str, *, is_cut: bool) -> None:
        self._folder = folder
        self.prefix = prefix
        self.is_cut = is_cut

    def steps(self, patterns: Sequence[str]) -> tuple[Step, ...]:
        """Return the branch's own commits that changed matching files, newest first; a merge is one step.

        Patterns are paths from the root, as git's `glob` reads them. Renames among matching files are followed.
        """
        return self._log(["--first-parent", "--diff-merges=first-parent", "HEAD"], patterns)

    def merged(self, commit: Commit, patterns: Sequence[str]) -> tuple[Step, ...]:
        """Return the steps that a merge brought to the branch, newest first."""
        name = revision(commit.id)
        return self._log(["--topo-order", "--no-merges", f"{name}^1..{name}"], patterns)

    def contents(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each content that steps name, once, with its name."""
        rest = iter(dict.fromkeys(name for name in names if name))
        while batch := list(islice(rest, BATCH)):
            asked = "".join(f"{revision(name)}\n" for name in batch)
            yield from zip(batch, _contents(self._git(["cat-file", "--batch"], asked)), strict=True)

    def _log(self, arguments: list[str], patterns: Sequence[str]) -> tuple[Step, ...]:
        options = ["--raw", "-z", "--no-abbrev", "--find-renames", "-l0", "--no-relative", "--no-show-signature"]
        paths = [f":(top,glob){pattern}" for pattern in patterns]
        output = self._git(["-c", "log.follow=false", "log", *options, f"--format={_FORMAT}", *arguments, "--", *paths])
        return tuple(_steps(output.decode("utf-8", "surrogateescape")))

    def _git(self, arguments: list[str], given: str | None = None) -> bytes:
        _, output = git(
            arguments, cwd=self._folder, timeout_seconds=TIMEOUT_SECONDS, about="the site's history", given=given
        )
        return output.encode("utf-8", "surrogateescape")


def file_history(folder: Path) -> GitFileHistory | None:
    """Return the history of a folder's files; None where it is in no repository, or in one without a commit."""
    check_version()
    asked = ["rev-parse", "--show-prefix", "--is-shallow-repository", "HEAD"]
    status, output = git(asked, cwd=folder, accepted=(0, 128), about="the site's history")
    if status:
        return None
    prefix, is_cut, _commit_name = output.removesuffix("\n").rsplit("\n", 2)
    return GitFileHistory(folder, prefix, is_cut=is_cut == "true")


def _steps(output: str) -> Iterator[Step]:
    """Read the log: a head for each commit, then for each file what git says of it and its one or two paths."""
    words = iter(output.split("\0"))
    commit: Commit | None = None
    changes: list[FileChange] = []
    for word in words:
        text = word.lstrip("\n")
        if text.startswith(":"):
            changes.append(_change(text, words))
            continue
        if commit is not None:
            yield Step(commit, tuple(changes))
        commit, changes = _commit(text) if text else None, []


def _commit(head: str) -> Commit:
    name, parents, authored, committed, subject = head.split("|", _FORMAT_PARTS - 1)
    return Commit(name, int(authored), int(committed), subject, is_merge=" " in parents)


def _change(text: str, words: Iterator[str]) -> FileChange:
    old_mode, new_mode, before, after, status = text.removeprefix(":").split(" ")
    old_path = next(words)
    path = next(words) if status.startswith("R") else old_path
    return FileChange(
        old_path,
        path,
        before if old_mode.startswith(_FILE_MODE) else "",
        after if new_mode.startswith(_FILE_MODE) else "",
    )


def _contents(output: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(output):
        end = output.index(b"\n", start)
        head = output[start:end].decode("ascii", "replace").split(" ")
        if len(head) != _HEAD_WORDS:
            raise CIError(f"the site's history: git lacks {head[0]}: fetch the whole history")
        size = int(head[2])
        yield output[end + 1 : end + 1 + size]
        start = end + 1 + size + 1
