"""Prepares the source that a buildset tests: one merge for all of its jobs, laid out in milliseconds for each."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import CIError, Interrupted, Refused
from ci.git import fixed, names, rests
from ci.git.checkout import lay_out
from ci.git.command import check_version
from ci.git.mirror import wait_for
from ci.git.mirrors import Mirrors
from ci.model.build import PreparedProject
from ci.model.change import Branch, Change

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ci.config.settings import GerritSettings
    from ci.git.mirror import Mirror
    from ci.model.change import Ref

MAX_KEPT = 500
MAKE_ROOM_SECONDS = 3600.0

_Key = tuple[str, str, str, str]  # buildset, connection, project, revision or branch


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One project as it is to be prepared: at a branch, with changes merged in; only the change's own has its ref."""

    connection: str
    project: str
    branch: str
    own_ref: str
    is_required: bool
    changes: tuple[Change, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.connection, self.project, self.own_ref or self.branch


@dataclass(frozen=True, slots=True)
class Source:
    """One project of a buildset's source: its branches, merged changes in them, and which of them is checked out."""

    project: PreparedProject
    mirror: Path
    branches: dict[str, str]


class GitSources:
    """A `SourcePreparer` over one mirror for each project of the site's Gerrits (`gerrits` by connection name)."""

    def __init__(
        self, gerrits: Mapping[str, GerritSettings], folder: Path, shortage: Callable[[], str] | None = None
    ) -> None:
        """`shortage` says why nothing more is to be fetched ("" while it may)."""
        self.mirrors = Mirrors(gerrits, folder, shortage)
        self._shortage = shortage
        self._made_room_at: dict[Path, float] = {}  # monotonic
        self._lock = threading.Lock()
        self._fixed: dict[_Key, Source] = {}
        self._turns: dict[_Key, threading.Lock] = {}
        self._default_branches: dict[Path, str] = {}
        self._last_tidied: Path | None = None  # None: the next round begins with the first mirror

    def prepare(
        self, change: Ref, required_projects: Sequence[str], folder: Path, *, buildset_id: str,
        interrupt: threading.Event | None = None,
    ) -> tuple[PreparedProject, ...]:  # fmt: skip
        """Fetch, merge and lay out; see the port."""
        sources = self.resolve(change, required_projects, buildset_id=buildset_id, interrupt=interrupt)
        return self.lay_out(sources, folder)

    def resolve(
        self, change: Ref, required_projects: Sequence[str] = (), *, buildset_id: str = "",
        interrupt: threading.Event | None = None,
    ) -> tuple[Source, ...]:  # fmt: skip
        """Fetch the change and its dependencies, merge them, and fix each project's commits; or a branch's tip.

        For the same buildset each project's commit stays the same, also for several threads at once and over restarts:
        all its builds, retries too, test the same, whatever else they require. Without a buildset it is fixed anew each
        time. Raises MergeConflict, Unavailable, Refused, or Interrupted soon after `interrupt` was set.
        """
        sources = []
        for wanted in self._wanted(change, required_projects):
            make = partial(self._made, wanted, buildset_id, interrupt)
            source = self._once((buildset_id, *wanted.key), make, interrupt)
            # What one job requires another may only get for a dependency's sake.
            sources.append(replace(source, project=replace(source.project, required=wanted.is_required)))
        return tuple(sources)

    def lay_out(self, sources: Sequence[Source], folder: Path) -> tuple[PreparedProject, ...]:
        """Put repositories that borrow from the mirrors below the folder; returns their projects in order."""
        for source in sources:
            target = folder / source.project.canonical_hostname / source.project.name
            lay_out(target, source.mirror, source.branches, source.project.checkout)
        return tuple(source.project for source in sources)

    def branch_names(self, connection: str, project: str) -> tuple[str, ...]:
        """Ask the server for a project's branches; see the port."""
        return self.mirrors.of(connection, project).branches_of_server()

    def close(self) -> None:
        """Close the shared ssh connections; the end of the program does so too."""
        self.mirrors.close()

    def remove_rests(self) -> None:
        """Remove what gits of a service that was killed have left in mirrors that nobody uses."""
        no_patience = threading.Event()
        no_patience.set()
        rests.remove_old_mirrors(self.mirrors.folder)
        for path in self.mirrors.folder.glob("*/*.git"):
            with suppress(CIError), self.mirrors.at(path).locked(no_patience):
                rests.remove(path)

    def tidy(self, open_buildset_ids: Callable[[], Collection[str]], may_go_on: Callable[[], bool]) -> bool:
        """Let go of what only ended buildsets needed, and pack; False when there is more to do."""
        last = self._last_tidied
        for path in sorted(path for path in self.mirrors.folder.glob("*/*.git") if last is None or path > last):
            self._last_tidied = path  # also when it cannot be tidied: the others get their turn
            mirror = self.mirrors.at(path)
            with suppress(Interrupted):  # in use: its turn comes again
                fixed.forget(mirror, open_buildset_ids)
                if not self._made_room(mirror):
                    fixed.pack(mirror)
            if not may_go_on():
                return False
        self._last_tidied = None
        return True

    def _made_room(self, mirror: Mirror) -> bool:
        """Make room in a mirror, once in a while, when the disk is short of it; False when that is not needed now."""
        is_due = time.monotonic() - self._made_room_at.get(mirror.path, -MAKE_ROOM_SECONDS) >= MAKE_ROOM_SECONDS
        if not is_due or not self._shortage or not self._shortage():
            return False
        self._made_room_at[mirror.path] = time.monotonic()
        fixed.make_room(mirror)
        return True

    def _once(self, key: _Key, make: Callable[[], Source], interrupt: threading.Event | None) -> Source:
        """Return what was fixed under the key, or fix it while others wait for it; an error fixes nothing."""
        if not key[0]:
            return make()
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        wait_for(turn, interrupt)
        try:
            source = self._fixed.get(key)
            if source is None:
                try:
                    source = self._fixed[key] = make()
                finally:
                    self._forget_oldest()
        finally:
            turn.release()
        return source

    def _forget_oldest(self) -> None:
        with self._lock:
            while len(self._turns) > MAX_KEPT:
                oldest = next(iter(self._turns))
                del self._turns[oldest]
                self._fixed.pop(oldest, None)

    def _wanted(self, change: Ref, required_projects: Sequence[str]) -> list[_Wanted]:
        """Return the change's own project, those that the job requires, and those of its dependencies."""
        own = change.connection, change.project
        changes = change.dependencies if isinstance(change, Branch) else (*change.dependencies, change)
        required = [self.mirrors.located(change.connection, name) for name in required_projects]
        places = dict.fromkeys([own, *required, *((one.connection, one.project) for one in changes)])
        branch = names.branch(change.branch)
        return [
            _Wanted(
                *place, branch, change.ref if place == own else "", place in required and place != own,
                tuple(one for one in changes if (one.connection, one.project) == place),
            )
            for place in places
        ]  # fmt: skip

    def _made(self, wanted: _Wanted, buildset_id: str, interrupt: threading.Event | None) -> Source:
        """Fix the commits of one project: the tips of its branches with the changes merged in."""
        check_version()
        mirror = self.mirrors.of(wanted.connection, wanted.project)
        refs = [names.change_ref(change.ref) for change in wanted.changes]
        for change in wanted.changes:
            names.revision(change.revision)
            names.branch(change.branch)

        def fetch_and_merge() -> tuple[dict[str, str], str]:
            known = fixed.read(mirror, buildset_id)
            if known:
                return mirror.branches() | fixed.read_others(mirror, buildset_id) | dict([known]), known[0]
            mirror.fetch(*refs)
            branches = mirror.branches()
            checkout = self._checkout(wanted, mirror, branches)
            merged = _merged(mirror, wanted, branches)
            commit = merged.pop(checkout, branches[checkout])
            fixed.write(mirror, buildset_id, checkout, commit, merged)
            return branches | merged | {checkout: commit}, checkout

        branches, checkout = mirror.healed(fetch_and_merge, interrupt)
        host = self.mirrors.settings(wanted.connection).canonical_hostname
        project = PreparedProject(wanted.project, host, checkout, branches[checkout], connection=wanted.connection)
        return Source(project, mirror.path, branches)

    def _checkout(self, wanted: _Wanted, mirror: Mirror, branches: Mapping[str, str]) -> str:
        """Return the branch to check out: the change's own; in another project that has no such one its default."""
        found = wanted.branch
        if found not in branches and not wanted.own_ref:
            found = self._default_branches.get(mirror.path) or mirror.default_branch()
            self._default_branches[mirror.path] = found
        if found not in branches:
            raise Refused(f"{wanted.project} has no branch {found}")
        return found


def _merged(mirror: Mirror, wanted: _Wanted, branches: Mapping[str, str]) -> dict[str, str]:
    """Return the commits of the branches that changes are for, with these merged in one after the other."""
    commits: dict[str, str] = {}
    before: dict[str, list[str]] = {}
    for change in wanted.changes:
        branch = change.branch
        if branch not in branches:
            raise Refused(f"{change.project} has no branch {branch}")
        subject = f"change {change.name} into {branch}"
        if not (wanted.own_ref and change is wanted.changes[-1]):
            subject = f"change {change.name}, a dependency, into {branch} of {change.project}"
        if earlier := before.setdefault(branch, []):
            subject += f" with {', '.join(earlier)}"
        commits[branch] = mirror.merge(commits.get(branch, branches[branch]), change.revision, subject)
        earlier.append(change.name)
    return commits
