"""A bare mirror of one project: fetched incrementally, merged in without a work tree."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ci.errors import CIError, DiskFull, Interrupted, MergeConflict, Refused, Unavailable
from ci.git import names, rests
from ci.git.command import LOCAL_TIMEOUT_SECONDS, GitFailed, git
from ci.observability import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")

FETCH_TIMEOUT_SECONDS = 1800.0
LS_REMOTE_TIMEOUT_SECONDS = 60.0
LOCK_CHECK_SECONDS = 0.5
MAX_CONFLICTS_NAMED = 10
MAX_PATH_SHOWN = 120
# ssh was given the connection of an earlier one that was just breaking down.
_STALE_CONNECTION = re.compile(r"mux_client|multiplex|Shared connection")
CONFLICT_STATUS = 1
IDENTITY = {
    "GIT_AUTHOR_NAME": "CI",
    "GIT_AUTHOR_EMAIL": "ci@localhost",
    "GIT_COMMITTER_NAME": "CI",
    "GIT_COMMITTER_EMAIL": "ci@localhost",
}

log = get_logger("git")


@dataclass(slots=True)
class Mirror:
    """A mirror at `path` of the repository at `url`; `environment` holds how to reach it.

    `shortage` says why there is no room for more on the disk ("" when there is).
    """

    path: Path
    url: str
    environment: Mapping[str, str]
    shortage: Callable[[], str] | None = None
    _thread_lock: threading.RLock = field(default_factory=threading.RLock)
    _depth: int = 0
    _interrupt: threading.Event | None = None

    @contextmanager
    def locked(self, interrupt: threading.Event | None = None) -> Iterator[None]:
        """Keep other threads and other processes off this mirror; may be nested.

        `interrupt` ends the wait for it, and all that git does in it, with Interrupted.
        """
        wait_for(self._thread_lock, interrupt)
        try:
            lock = self._lock_file(interrupt) if self._depth == 0 else None
            if lock is not None:
                self._interrupt = interrupt
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if lock is not None:
                    os.close(lock)
        finally:
            self._thread_lock.release()

    def healed(self, work: Callable[[], T], interrupt: threading.Event | None = None) -> T:
        """Return what `work` does with this mirror, which is made anew, once, when it proves to be damaged."""
        with self.locked(interrupt):
            try:
                return work()
            except GitFailed as error:
                if not error.is_damage:
                    raise
                log.warning("a mirror is damaged: making it anew", action="mirror-remade", reason=str(error))
                self._remove()
                return work()

    def fetch(self, *refs: str) -> None:
        """Bring all branches up to date and get patch sets, in one round trip.

        What does not fit on the disk raises DiskFull; whatever went wrong, nothing of it stays there.
        """
        refspecs = ["+refs/heads/*:refs/heads/*", *(f"+{names.change_ref(ref)}:{ref}" for ref in dict.fromkeys(refs))]
        with self.locked():
            if not self.path.exists():
                self._create()
            try:
                self._fetch_again_if_stale(refspecs)
            except CIError:
                rests.remove(self.path)
                raise

    def branches(self) -> dict[str, str]:
        """Return the tip of each branch as last fetched."""
        _, output = self.git(["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/"])
        pairs = (line.split(" ", 1) for line in output.splitlines())
        return {name.removeprefix("refs/heads/"): commit for commit, name in pairs}

    def default_branch(self) -> str:
        """Ask the server which branch its HEAD is."""
        arguments = ["ls-remote", "--symref", "--", self.url, "HEAD"]
        _, output = self.git(arguments, LS_REMOTE_TIMEOUT_SECONDS, self.environment)
        for line in output.splitlines():
            if line.startswith("ref: refs/heads/") and line.endswith("\tHEAD"):
                return names.branch(line.removeprefix("ref: refs/heads/").removesuffix("\tHEAD"))
        raise CIError(f"{self.url} has no default branch")

    def branches_of_server(self) -> tuple[str, ...]:
        """Ask the server for the names of its branches; those that we could not check out are left out."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(self.path, error) from error
        # Not in the mirror, which somebody may have locked for half an hour.
        _, output = git(
            ["ls-remote", "--heads", "--", self.url],
            cwd=self.path.parent,
            environment={**self.environment, "GIT_DIR": os.devnull},
            timeout_seconds=LS_REMOTE_TIMEOUT_SECONDS,
            about=self.url,
        )
        found = []
        for line in output.splitlines():
            name = line.partition("\t")[2].removeprefix("refs/heads/")
            try:
                found.append(names.branch(name))
            except Refused:
                log.warning("a branch that cannot be checked out", action="branch-refused", name=name[:MAX_PATH_SHOWN])
        return tuple(found)

    def merge(self, tip: str, revision: str, subject: str) -> str:
        """Return the commit that has `revision` merged onto `tip`: always the same one for the same two.

        Fast-forwards where it can, as Zuul's merge mode does. Raises MergeConflict with the files' names.
        """
        status, output = self.git(["merge-base", tip, revision], accepted=(0, 1))
        base = output.strip()
        if status == 1:
            raise MergeConflict(f"{subject} has no history in common with its branch")
        if base == revision:
            return tip
        if base == tip:
            return revision
        tree = self._merged_tree(tip, revision, subject)
        _, date = self.git(["show", "--no-patch", "--format=%ct +0000", revision])
        dates = {"GIT_AUTHOR_DATE": date.strip(), "GIT_COMMITTER_DATE": date.strip()}
        arguments = ["commit-tree", tree, "-p", tip, "-p", revision, "-m", f"Merge {subject}"]
        _, commit = self.git(arguments, environment={**IDENTITY, **dates})
        return names.revision(commit.strip())

    def _merged_tree(self, tip: str, revision: str, subject: str) -> str:
        arguments = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", tip, revision]
        status, output = self.git(arguments, accepted=(0, CONFLICT_STATUS))
        tree, *files = output.split("\0")
        if status != CONFLICT_STATUS:
            return names.revision(tree.strip())
        conflicts = sorted({path for path in files if path})
        named = ", ".join(_shown(path) for path in conflicts[:MAX_CONFLICTS_NAMED])
        more = f" and {len(conflicts) - MAX_CONFLICTS_NAMED} more" if len(conflicts) > MAX_CONFLICTS_NAMED else ""
        raise MergeConflict(f"{subject} does not merge: conflicts in {named}{more}")

    def _lock_file(self, interrupt: threading.Event | None) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise storage_error(self.path, error) from error
        try:
            _lock(lock, interrupt)
        except OSError as error:
            os.close(lock)
            raise storage_error(self.path, error) from error
        except Interrupted:
            os.close(lock)
            raise
        return lock

    def _create(self) -> None:
        # Made beside and renamed: a half-made mirror never has the name of a whole one.
        temporary = self.path.with_name(f".{uuid.uuid4().hex}.new")
        try:
            git(["init", "--quiet", "--bare", "--template=", "--", str(temporary)], cwd=self.path.parent)
            temporary.rename(self.path)
        except OSError as error:
            raise storage_error(self.path, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _remove(self) -> None:
        doomed = self.path.with_name(f".{uuid.uuid4().hex}.old")
        with suppress(FileNotFoundError):
            self.path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def _fetch_again_if_stale(self, refspecs: Sequence[str]) -> None:
        try:
            self._fetch(refspecs)
        except Unavailable as error:
            if not _STALE_CONNECTION.search(str(error)):
                raise
            self._fetch(refspecs)

    def _fetch(self, refspecs: Sequence[str]) -> None:
        # Objects are not checked one by one (fetch.fsckObjects): old OpenStack history does not pass, and nothing is
        # ever checked out of a mirror.
        options = ["--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"]
        self.git(["fetch", *options, "--", self.url, *refspecs], FETCH_TIMEOUT_SECONDS, self.environment, writes=True)

    def git(
        self,
        arguments: Sequence[str],
        timeout_seconds: float = LOCAL_TIMEOUT_SECONDS,
        environment: Mapping[str, str] | None = None,
        accepted: Sequence[int] = (0,),
        given: str | None = None,
        *,
        writes: bool = False,
    ) -> tuple[int, str]:
        """Run git in this mirror; see `ci.git.command.git`. What `writes` much is ended when the disk runs full."""
        # Named, not discovered: from a damaged mirror git would go up to a repository around it.
        variables = {**(environment or {}), "GIT_DIR": str(self.path)}
        about = self.url if environment is self.environment else ""
        return git(
            arguments,
            cwd=self.path.parent,
            environment=variables,
            timeout_seconds=timeout_seconds,
            accepted=accepted,
            about=about,
            given=given,
            interrupt=self._interrupt if self._depth else None,
            shortage=self.shortage if writes else None,
        )


def wait_for(lock: threading.Lock | threading.RLock, interrupt: threading.Event | None) -> None:
    """Acquire a lock; raises Interrupted soon after `interrupt` was set."""
    while not lock.acquire(timeout=-1 if interrupt is None else LOCK_CHECK_SECONDS):
        if interrupt is not None and interrupt.is_set():
            raise Interrupted("the wait for a mirror was ended")


def _lock(file: int, interrupt: threading.Event | None) -> None:
    """Wait for the lock of a file, which another process has while it fetches."""
    if interrupt is None:
        fcntl.flock(file, fcntl.LOCK_EX)
        return
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if interrupt.wait(LOCK_CHECK_SECONDS):
            raise Interrupted("the wait for a mirror was ended")


def storage_error(path: Path, error: OSError) -> CIError:
    """Return what stands for an error of a file system."""
    kind = DiskFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else CIError
    return kind(f"cannot write {path}: {error.strerror}")


def _text(path: str) -> str:
    """Return a path that git gave as bytes as text, whatever its encoding was."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _shown(path: str) -> str:
    return _text(path)[:MAX_PATH_SHOWN].encode("unicode_escape").decode()
