"""What the services ask of repositories: sources to test, their history, and the site's own files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ci.model.build import PreparedProject
    from ci.model.change import Change, Ref
    from ci.model.file_history import Commit, Step
    from ci.model.lockstep import MergedChange, SiteFile, Wait


class SourcePreparer(Protocol):
    """Brings the source under test into a folder."""

    def prepare(
        self, change: Ref, required_projects: Sequence[str], folder: Path, *, buildset_id: str,
        interrupt: threading.Event | None = None,
    ) -> tuple[PreparedProject, ...]:  # fmt: skip
        """Fetch, merge the change onto the tip of its branch, and lay it out below `folder`.

        Each project ends up in `folder/<canonical name>`: a git repository without a work tree whose HEAD is the
        branch, with the change, where there is one, merged into it after those of its dependencies that are for the
        same project. The change's own project comes first; those of its dependencies are there too, at the change's
        branch or else their default one. All builds of one buildset get the same commits, also those of a later
        service. Raises `MergeConflict`; `Unavailable` when the server cannot be reached; `Refused` when it says no for
        good; `Interrupted` soon after `interrupt` was set.
        """
        ...


class BranchSource(Protocol):
    """Knows the branches of projects."""

    def branch_names(self, connection: str, project: str) -> tuple[str, ...]:
        """Ask the server; names that cannot be checked out are left out. Raises `Unavailable` or `Refused`."""
        ...


class SourceKeeper(Protocol):
    """Keeps the mirrors small."""

    def tidy(self, open_buildset_ids: Callable[[], Collection[str]], may_go_on: Callable[[], bool]) -> bool:
        """Remove what only ended buildsets needed, and pack, for as long as we may; False when there is more to do."""
        ...


class ChangeHistory(Protocol):
    """What the branches of the projects contain. Raises `Unavailable`, `Refused`, or `Interrupted` as git is."""

    def branches(
        self, connection: str, project: str, interrupt: threading.Event | None = None
    ) -> Mapping[str, str]:  # fmt: skip
        """Fetch, and return the tip of each branch."""
        ...

    def default_branch(self, connection: str, project: str) -> str: ...

    def merged(
        self, connection: str, project: str, tip: str, change_ids: Collection[str]
    ) -> Mapping[str, MergedChange]:  # fmt: skip
        """Of these Change-Ids those whose change is in the history of a tip, and was not reverted there."""
        ...


class SiteRepository(Protocol):
    """The site's own repository in its Gerrit. Raises as `ChangeHistory`."""

    def tip(self, interrupt: threading.Event | None = None) -> str:
        """Fetch, and return the newest commit of the site's branch."""
        ...

    def lay_out(self, commit: str, folder: Path, interrupt: threading.Event | None = None) -> None:
        """Write the files of a fetched commit into a folder, which is there as a whole or not at all."""
        ...

    def file(self, path: str, interrupt: threading.Event | None = None) -> SiteFile | None:
        """Fetch, and return a file from the tip of the site's branch; None when there is none of that name."""
        ...

    def propose(
        self, file: SiteFile, content: bytes, message: str, topic: str, interrupt: threading.Event | None = None
    ) -> None:
        """Push a commit with another content of the file, on top of `file.tip`, for review.

        `message` ends with the Change-Id. Raises `Refused` when Gerrit does not take it.
        """
        ...

    def conflict(self, change: Change, interrupt: threading.Event | None = None) -> str:
        """Why an open change cannot be merged onto its branch as that is now; "" when it can."""
        ...


class SkipLists(Protocol):
    """The site's skip lists, as its folder has them now."""

    def waits(self, path: str) -> tuple[Wait, ...]:
        """What a list waits for; raises `CIError` when it cannot be read or has errors."""
        ...

    def without(self, wait: Wait, content: bytes) -> bytes | None:
        """A list without the blocks of a wait; None when it has others, or none. Raises `CIError` as above."""
        ...


class FileHistory(Protocol):
    """The history of the site's own files, in the repository that it is kept in."""

    @property
    def prefix(self) -> str:
        """The site's path from the repository's root: "", or with a slash at its end."""
        ...

    @property
    def is_cut(self) -> bool:
        """Whether the oldest commits are missing."""
        ...

    def steps(self, patterns: Sequence[str]) -> tuple[Step, ...]:
        """The branch's own commits that changed files with such paths (git's `glob`), newest first."""
        ...

    def merged(self, commit: Commit, patterns: Sequence[str]) -> tuple[Step, ...]:
        """What a merge brought to the branch, newest first."""
        ...

    def contents(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each content that steps name, once, with its name."""
        ...
