"""Prepares the source that a buildset tests: one merge for all of its jobs, laid out in milliseconds for each."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
import threading
import weakref
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ci.errors import Refused
from ci.git import names
from ci.git.checkout import lay_out
from ci.git.command import ENVIRONMENT, check_version
from ci.git.mirror import Mirror
from ci.model.build import PreparedProject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ci.config.settings import GerritSettings
    from ci.model.change import Change

CONNECT_TIMEOUT_SECONDS = 20
CONTROL_PERSIST_SECONDS = 900
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
        self._gerrits = gerrits
        self._folder = folder.absolute()
        self._lock = threading.Lock()
        self._mirrors: dict[Path, Mirror] = {}
        self._fixed: dict[_Key, Source] = {}
        self._turns: dict[_Key, threading.Lock] = {}
        self._default_branches: dict[Path, str] = {}
        # A socket's path may be 107 bytes long, and a state folder's may be longer.
        self._sockets = Path(tempfile.mkdtemp(prefix="ci-git-", dir="/tmp"))
        self._close = weakref.finalize(self, _disconnect, self._sockets)

    def prepare(
        self, change: Change, required_projects: Sequence[str], folder: Path, *, buildset_id: str
    ) -> tuple[PreparedProject, ...]:
        """Fetch, merge and lay out; see the port."""
        sources = self.resolve(change, required_projects, buildset_id=buildset_id)
        return self.lay_out(sources, folder)

    def resolve(
        self, change: Change, required_projects: Sequence[str] = (), *, buildset_id: str = ""
    ) -> tuple[Source, ...]:
        """Fetch the change and its branch, merge them, and fix the commit of each project.

        For the same buildset each project's commit stays the same while the service runs, also for several threads at
        once: all its builds, retries too, test the same, whatever else they require. Without a buildset it is fixed
        anew each time. Raises MergeConflict, Unavailable, Refused.
        """
        own = (buildset_id, change.connection, change.project, change.revision)
        sources = [self._once(own, lambda: self._merged(change))]
        for required in required_projects:
            connection, name = self._located(change.connection, required)
            if (connection, name) != (change.connection, change.project):
                branch = names.branch(change.branch)
                key = (buildset_id, connection, name, branch)
                sources.append(self._once(key, partial(self._required, connection, name, branch)))
        return tuple(sources)

    def lay_out(self, sources: Sequence[Source], folder: Path) -> tuple[PreparedProject, ...]:
        """Put repositories that borrow from the mirrors below the folder; returns their projects in order."""
        for source in sources:
            target = folder / source.project.canonical_hostname / source.project.name
            branches = {**source.branches, source.project.checkout: source.project.commit}
            lay_out(target, source.mirror, branches, source.project.checkout)
        return tuple(source.project for source in sources)

    def close(self) -> None:
        """Close the shared ssh connections; the end of the program does so too."""
        self._close()

    def _once(self, key: _Key, make: Callable[[], Source]) -> Source:
        """Return what was fixed under the key, or fix it while others wait for it; an error fixes nothing."""
        if not key[0]:
            return make()
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            source = self._fixed.get(key)
            if source is None:
                try:
                    source = self._fixed[key] = make()
                finally:
                    self._forget_oldest()
        return source

    def _forget_oldest(self) -> None:
        with self._lock:
            while len(self._turns) > MAX_KEPT:
                oldest = next(iter(self._turns))
                del self._turns[oldest]
                self._fixed.pop(oldest, None)

    def _merged(self, change: Change) -> Source:
        check_version()
        branch, revision = names.branch(change.branch), names.revision(change.revision)
        ref, mirror = names.change_ref(change.ref), self._mirror(change.connection, change.project)

        def fetch_and_merge() -> tuple[dict[str, str], str]:
            mirror.fetch(ref)
            branches = mirror.branches()
            if branch not in branches:
                raise Refused(f"{change.project} has no branch {branch}")
            subject = f"change {change.number},{change.patchset} into {branch}"
            return branches, mirror.merge(branches[branch], revision, subject)

        branches, commit = mirror.healed(fetch_and_merge)
        settings = self._settings(change.connection)
        project = PreparedProject(change.project, settings.canonical_hostname, branch, commit)
        return Source(project, mirror.path, branches)

    def _required(self, connection: str, name: str, branch: str) -> Source:
        mirror = self._mirror(connection, name)

        def fetch() -> dict[str, str]:
            mirror.fetch()
            return mirror.branches()

        branches = mirror.healed(fetch)
        if branch not in branches:
            branch = self._default_branches.get(mirror.path) or mirror.default_branch()
            self._default_branches[mirror.path] = branch
        if branch not in branches:
            raise Refused(f"{name} has no branch {branch}")
        settings = self._settings(connection)
        project = PreparedProject(name, settings.canonical_hostname, branch, branches[branch], required=True)
        return Source(project, mirror.path, branches)

    def _located(self, connection: str, name: str) -> tuple[str, str]:
        """Return the connection and the name of a project that may be given by its canonical name."""
        for other, settings in self._gerrits.items():
            if name.startswith(f"{settings.canonical_hostname}/"):
                return other, name.removeprefix(f"{settings.canonical_hostname}/")
        return connection, name

    def _settings(self, connection: str) -> GerritSettings:
        try:
            return self._gerrits[connection]
        except KeyError:
            raise Refused(f"no connection {connection!r} in zuul.conf") from None

    def _mirror(self, connection: str, project: str) -> Mirror:
        settings = self._settings(connection)
        path = names.mirror_path(self._folder, settings.canonical_hostname, project)
        address = names.host(settings.ssh_server or settings.server)
        url = f"ssh://{quote(settings.user, safe='')}@{address}:{settings.port}/{quote(project)}"
        environment = {"GIT_SSH_COMMAND": shlex.join(self._ssh(settings)), "GIT_SSH_VARIANT": "ssh"}
        with self._lock:
            return self._mirrors.setdefault(path, Mirror(path, url, environment))

    def _ssh(self, settings: GerritSettings) -> list[str]:
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": str(CONNECT_TIMEOUT_SECONDS),
            # The second fetch needs no handshake: it takes the connection of the first.
            "ControlMaster": "auto",
            "ControlPath": f'"{self._sockets}/%C"',
            "ControlPersist": f"{CONTROL_PERSIST_SECONDS}s",
            "GlobalKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "IdentityFile": f'"{settings.sshkey.absolute()}"',
            "ServerAliveCountMax": "3",
            "ServerAliveInterval": "5",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": f'"{settings.known_hosts.absolute()}"',
        }
        return ["ssh", "-F", "none", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]


def _disconnect(sockets: Path) -> None:
    quiet = subprocess.DEVNULL
    for path in sorted(sockets.glob("*")):
        arguments = ["ssh", "-F", "none", "-O", "exit", "-o", f'ControlPath="{path}"', "--", "any"]
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(arguments, check=False, stdin=quiet, stdout=quiet, stderr=quiet, env=ENVIRONMENT, timeout=5)
    shutil.rmtree(sockets, ignore_errors=True)
