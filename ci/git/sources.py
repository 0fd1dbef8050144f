"""Prepares the source that a buildset tests: one merge for all of its jobs, laid out in milliseconds for each."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import Interrupted, Refused
from ci.git import fixed, names
from ci.git.checkout import lay_out
from ci.git.command import check_version
from ci.git.mirror import wait_for
from ci.git.mirrors import Mirrors
from ci.model.build import PreparedProject
from ci.model.change import Branch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ci.config.settings import GerritSettings
    from ci.model.change import Ref

MAX_KEPT = 500

_Key = tuple[str, str, str, str]  # buildset, connection, project, revision or branch


@dataclass(frozen=True, slots=True)
class Source:
    """One project of a buildset's source: its branches, and the commit that is put on the one checked out."""

    project: PreparedProject
    mirror: Path
    branches: dict[str, str]


class GitSources:
    """A `SourcePreparer` over one mirror for each project of the site's Gerrits (`gerrits` by connection name)."""

    def __init__(self, gerrits: Mapping[str, GerritSettings], folder: Path) -> None:
        self.mirrors = Mirrors(gerrits, folder)
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
        """Fetch the change and its branch, merge them, and fix the commit of each project; or the tip of a branch.

        For the same buildset each project's commit stays the same, also for several threads at once and over restarts:
        all its builds, retries too, test the same, whatever else they require. Without a buildset it is fixed anew each
        time. Raises MergeConflict, Unavailable, Refused, or Interrupted soon after `interrupt` was set.
        """
        own = (buildset_id, change.connection, change.project, change.ref)
        sources = [self._once(own, lambda: self._merged(change, buildset_id, interrupt), interrupt)]
        for required in required_projects:
            connection, name = self.mirrors.located(change.connection, required)
            if (connection, name) != (change.connection, change.project):
                branch = names.branch(change.branch)
                key = (buildset_id, connection, name, branch)
                make = partial(self._required, connection, name, branch, buildset_id, interrupt)
                sources.append(self._once(key, make, interrupt))
        return tuple(sources)

    def lay_out(self, sources: Sequence[Source], folder: Path) -> tuple[PreparedProject, ...]:
        """Put repositories that borrow from the mirrors below the folder; returns their projects in order."""
        for source in sources:
            target = folder / source.project.canonical_hostname / source.project.name
            branches = {**source.branches, source.project.checkout: source.project.commit}
            lay_out(target, source.mirror, branches, source.project.checkout)
        return tuple(source.project for source in sources)

    def branch_names(self, connection: str, project: str) -> tuple[str, ...]:
        """Ask the server for a project's branches; see the port."""
        return self.mirrors.of(connection, project).branches_of_server()

    def close(self) -> None:
        """Close the shared ssh connections; the end of the program does so too."""
        self.mirrors.close()

    def tidy(self, open_buildset_ids: Callable[[], Collection[str]], may_go_on: Callable[[], bool]) -> bool:
        """Let go of what only ended buildsets needed, and pack; False when there is more to do."""
        last = self._last_tidied
        for path in sorted(path for path in self.mirrors.folder.glob("*/*.git") if last is None or path > last):
            self._last_tidied = path  # also when it cannot be tidied: the others get their turn
            mirror = self.mirrors.at(path)
            with suppress(Interrupted):  # in use: its turn comes again
                fixed.forget(mirror, open_buildset_ids)
                fixed.pack(mirror)
            if not may_go_on():
                return False
        self._last_tidied = None
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

    def _merged(self, change: Ref, buildset_id: str, interrupt: threading.Event | None) -> Source:
        check_version()
        branch, mirror = names.branch(change.branch), self.mirrors.of(change.connection, change.project)
        ref, revision = None, None
        if not isinstance(change, Branch):
            ref, revision = names.change_ref(change.ref), names.revision(change.revision)

        def fetch_and_merge() -> tuple[dict[str, str], str]:
            known = fixed.read(mirror, buildset_id)
            if known:
                return mirror.branches(), known[1]
            mirror.fetch(ref)
            branches = mirror.branches()
            if branch not in branches:
                raise Refused(f"{change.project} has no branch {branch}")
            commit = branches[branch]
            if revision is not None:
                commit = mirror.merge(commit, revision, f"change {change.name} into {branch}")
            fixed.write(mirror, buildset_id, branch, commit)
            return branches, commit

        branches, commit = mirror.healed(fetch_and_merge, interrupt)
        settings = self.mirrors.settings(change.connection)
        project = PreparedProject(change.project, settings.canonical_hostname, branch, commit)
        return Source(project, mirror.path, branches)

    def _required(
        self, connection: str, name: str, branch: str, buildset_id: str, interrupt: threading.Event | None
    ) -> Source:
        mirror = self.mirrors.of(connection, name)

        def fetch() -> tuple[dict[str, str], str, str]:
            known = fixed.read(mirror, buildset_id)
            if known:
                return mirror.branches(), *known
            mirror.fetch()
            branches, found = mirror.branches(), branch
            if found not in branches:
                found = self._default_branches.get(mirror.path) or mirror.default_branch()
                self._default_branches[mirror.path] = found
            if found not in branches:
                raise Refused(f"{name} has no branch {found}")
            fixed.write(mirror, buildset_id, found, branches[found])
            return branches, found, branches[found]

        branches, checkout, commit = mirror.healed(fetch, interrupt)
        settings = self.mirrors.settings(connection)
        project = PreparedProject(name, settings.canonical_hostname, checkout, commit, required=True)
        return Source(project, mirror.path, branches)
