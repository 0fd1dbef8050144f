"""The site's own repository: its newest commit, all its files or one, and a change to a file pushed for review."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import MergeConflict, Refused
from ci.git import names
from ci.git.command import GitFailed, check_version, printable_line
from ci.git.export import export
from ci.model.lockstep import SiteFile

if TYPE_CHECKING:
    import threading

    from ci.git.mirror import Mirror
    from ci.git.mirrors import Mirrors
    from ci.model.change import Change

PUSH_TIMEOUT_SECONDS = 120.0
INDEX = "proposal.index"
_FILE_MODES = frozenset({"100644", "100755"})
_REJECTED = re.compile(r"^ ! \[remote rejected\] .*\((.*)\)$", re.MULTILINE)
_ERROR = re.compile(r"^remote: *(?:ERROR|error|fatal): *(.*?)\s*$", re.MULTILINE)
# Gerrit takes a commit only with an address of the account that pushes it, and says which these are.
_ADDRESS = re.compile(
    r"^remote: .*email address .* is not registered .*$\n(?:^remote: .*$\n)*?"
    r"^remote: .*addresses are currently registered:\s*$\n^remote: +(\S+@\S+)\s*$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Author:
    """Who the changes are by; an empty address is the one that Gerrit knows of the account."""

    name: str
    email: str = ""


class GitSiteRepository:
    """Keeps `ci.ports.SiteRepository` by a mirror: there is no work tree."""

    def __init__(self, mirrors: Mirrors, connection: str, project: str, branch: str | None, author: Author) -> None:
        """`branch` is the one that the site's files are on, None for the repository's default one."""
        self._mirrors = mirrors
        self._connection = connection
        self._project = project
        self._branch = branch
        self._author = author

    def tip(self, interrupt: threading.Event | None = None) -> str:
        check_version()
        mirror = self._mirror()
        return mirror.healed(lambda: self._newest(mirror)[1], interrupt)

    def lay_out(self, commit: str, folder: Path, interrupt: threading.Event | None = None) -> None:
        mirror = self._mirror()
        with mirror.locked(interrupt):
            export(mirror, names.revision(commit), folder)

    def file(self, path: str, interrupt: threading.Event | None = None) -> SiteFile | None:
        check_version()
        mirror = self._mirror()

        def read() -> SiteFile | None:
            branch, tip = self._newest(mirror)
            entry = _entry(mirror, tip, path)
            if entry is None:
                return None
            if entry[0] not in _FILE_MODES:
                raise Refused(f"{path} is no file of {self._project} itself, but a link or a folder")
            _, content = mirror.git(["cat-file", "blob", entry[1]])
            return SiteFile(path, branch, tip, content.encode(errors="surrogateescape"))

        return mirror.healed(read, interrupt)

    def propose(
        self, file: SiteFile, content: bytes, message: str, topic: str, interrupt: threading.Event | None = None
    ) -> None:
        mirror = self._mirror()
        with mirror.locked(interrupt):
            tree = _edited_tree(mirror, file, content)
            settings = self._mirrors.settings(self._connection)
            author = replace(self._author, email=self._author.email or f"{settings.user}@{settings.server}")
            try:
                _push(mirror, file, _commit(mirror, file.tip, tree, message, author), topic)
            except _UnknownAddressError as error:
                if self._author.email:  # somebody has chosen it
                    raise
                author = replace(author, email=error.registered)
                _push(mirror, file, _commit(mirror, file.tip, tree, message, author), topic)

    def conflict(self, change: Change, interrupt: threading.Event | None = None) -> str:
        branch, revision, ref = (
            names.branch(change.branch), names.revision(change.revision), names.change_ref(change.ref),
        )  # fmt: skip
        mirror = self._mirror()

        def merge() -> str:
            mirror.fetch(ref)
            tip = mirror.branches().get(branch)
            if tip is None:
                raise Refused(f"{self._project} has no branch {branch}")
            try:
                mirror.merge(tip, revision, f"change {change.number}")
            except MergeConflict as error:
                return str(error)
            return ""

        return mirror.healed(merge, interrupt)

    def _newest(self, mirror: Mirror) -> tuple[str, str]:
        """Fetch, and return the site's branch and its tip."""
        mirror.fetch()
        branch = self._branch or mirror.default_branch()
        branches = mirror.branches()
        if branch not in branches:
            raise Refused(f"{self._project} has no branch {branch}")
        return branch, branches[branch]

    def _mirror(self) -> Mirror:
        return self._mirrors.of(self._connection, self._project)


class _UnknownAddressError(Refused):
    """Gerrit does not take the committer's address; `registered` is one that it would take."""

    def __init__(self, message: str, registered: str) -> None:
        super().__init__(message)
        self.registered = registered


def _entry(mirror: Mirror, tip: str, path: str) -> tuple[str, str] | None:
    """Return mode and object of a path in a commit, None when there is none."""
    literal = {"GIT_LITERAL_PATHSPECS": "1"}
    _, output = mirror.git(["ls-tree", "-z", "--full-tree", tip, "--", path], environment=literal)
    fields, _, _ = output.partition("\t")
    if not fields:
        return None
    mode, _, name = fields.split(" ")
    return mode, name


def _edited_tree(mirror: Mirror, file: SiteFile, content: bytes) -> str:
    """Return the tree of the tip with another content of the file; held by the mirror's lock."""
    entry = _entry(mirror, file.tip, file.path)
    if entry is None:
        raise Refused(f"{file.path} is not in {file.tip}")
    _, blob = mirror.git(["hash-object", "-w", "--stdin"], given=content.decode(errors="surrogateescape"))
    index = mirror.path / INDEX
    for rest in (index, Path(f"{index}.lock")):  # of a git that was killed
        rest.unlink(missing_ok=True)
    environment = {"GIT_INDEX_FILE": str(index)}
    mirror.git(["read-tree", file.tip], environment=environment)
    given = f"{entry[0]} {blob.strip()}\t{file.path}\0"
    mirror.git(["update-index", "-z", "--index-info"], environment=environment, given=given)
    _, tree = mirror.git(["write-tree"], environment=environment)
    index.unlink(missing_ok=True)
    return names.revision(tree.strip())


def _commit(mirror: Mirror, parent: str, tree: str, message: str, author: Author) -> str:
    identity = {
        f"GIT_{role}_{part}": text
        for role in ("AUTHOR", "COMMITTER")
        for part, text in (("NAME", author.name), ("EMAIL", author.email))
    }
    _, commit = mirror.git(["commit-tree", tree, "-p", parent], environment=identity, given=message)
    return names.revision(commit.strip())


def _push(mirror: Mirror, file: SiteFile, commit: str, topic: str) -> None:
    """Push a commit for review; raises Refused, with what Gerrit says, when it does not take it."""
    target = f"refs/for/{names.branch(file.branch)}%topic={topic}"
    try:
        mirror.git(
            ["push", "--no-verify", "--", mirror.url, f"{commit}:{target}"], PUSH_TIMEOUT_SECONDS, mirror.environment
        )
    except GitFailed as error:
        rejected = _REJECTED.search(error.output)
        if rejected is None:
            raise
        reasons = [*_ERROR.findall(error.output)[:1], rejected[1]]
        said = printable_line(": ".join(dict.fromkeys(reasons)))
        known = _ADDRESS.search(error.output)
        if known:
            raise _UnknownAddressError(f"{mirror.url}: {said}", known[1]) from error
        raise Refused(f"{mirror.url}: {said}") from error
