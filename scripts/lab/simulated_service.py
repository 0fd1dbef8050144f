"""The real service with builds that only last: `python -m lab.simulated_service` takes what `powervm-ci` takes.

In place of git, Ansible and the look at the nodes there is nothing; all else is what runs in the field.
"""

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from ci import bootstrap
from ci.cli.root import main
from ci.config.site import Site
from ci.git.sources import GitSources
from ci.model.build import BuildOutcome, BuildSpec, PreparedProject, ProcessIdentity, Result
from ci.model.change import Branch, Change
from ci.model.node import Node
from ci.services.site_in_force import SiteInForce

# By job: two for each change.
SECONDS = {"quick-one": 3.0, "quick-two": 5.0}


class LastingBuilds:
    """A `JobRunner`: a build is a moment at which it will have ended."""

    def __init__(self) -> None:
        self._started: dict[tuple[str, int], float] = {}

    def started(self, spec: BuildSpec) -> ProcessIdentity | None:
        return self._identity() if (spec.build_id, spec.attempt) in self._started else None

    def start(self, spec: BuildSpec) -> ProcessIdentity:
        self._started[spec.build_id, spec.attempt] = time.time()
        return self._identity()

    def wait(self, spec: BuildSpec, process: ProcessIdentity, stop: threading.Event) -> BuildOutcome | None:
        del process
        started_at = self._started[spec.build_id, spec.attempt]
        ends_at = started_at + SECONDS[spec.job.name]
        if stop.wait(max(0.0, ends_at - time.time())):
            return None
        return BuildOutcome(Result.SUCCESS, started_at, ends_at)

    def cancel(self, spec: BuildSpec, process: ProcessIdentity) -> None:
        """Nothing is canceled here."""

    def clean_up(self, spec: BuildSpec, stop: threading.Event) -> bool:
        del spec, stop
        return True

    def _identity(self) -> ProcessIdentity:
        return ProcessIdentity(os.getpid(), 0)


class NoSources(GitSources):
    """Prepares nothing."""

    def prepare(
        self, change: Change | Branch, required_projects: Sequence[str], folder: Path, *, buildset_id: str,
        interrupt: threading.Event | None = None,
    ) -> tuple[PreparedProject, ...]:  # fmt: skip
        del required_projects, folder, buildset_id, interrupt
        if isinstance(change, Branch):
            raise TypeError("only changes are simulated")
        places = dict.fromkeys((one.connection, one.project) for one in (change, *change.dependencies))
        host = "review.opendev.org"
        return tuple(
            PreparedProject(project, host, change.branch, change.revision, connection=connection)
            for connection, project in places
        )


class FineNodes:
    """Finds nothing wrong, wherever it is told to look."""

    def __init__(self, site: Site, in_force: SiteInForce) -> None:
        del site, in_force

    def problem(self, node: Node) -> str:
        del node
        return ""


if __name__ == "__main__":
    bootstrap.runner = LastingBuilds  # type: ignore[assignment]
    bootstrap.sources = lambda site, folders: NoSources(site.settings.gerrits, folders.mirrors)
    bootstrap.prober = FineNodes  # type: ignore[assignment]
    main(sys.argv[1:])
