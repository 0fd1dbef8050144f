"""The history of the site's own files: commits and what each did to a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit; times in seconds since the epoch: when the change was written and when it came to the branch."""

    id: str
    authored_at: int
    committed_at: int
    subject: str
    is_merge: bool = False


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a commit did to one file: `before` and `after` name contents, "" where there is no file.

    Paths start at the repository's root; `old_path` is another one where the file was renamed.
    """

    old_path: str
    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Step:
    """A commit and the files that it changed."""

    commit: Commit
    changes: tuple[FileChange, ...]
