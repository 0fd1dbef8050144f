"""One job for one change, here and now: no event, no buildset, no vote."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ci.errors import CIError
from ci.model.build import Build, BuildOutcome, BuildSpec, BuildState, ProcessIdentity
from ci.services import availability, decisions
from ci.services.zuul_variables import Run, zuul_variables

if TYPE_CHECKING:
    import threading

    from ci.model.change import Change
    from ci.model.job import FrozenJob
    from ci.model.node import Node
    from ci.ports import Clock, JobRunner, NodeProvider, SourcePreparer, Store
    from ci.services.executor import SiteFiles
    from ci.services.folders import Folders

PIPELINE = "run"


class SingleRun:
    """Takes free nodes, prepares the source and starts the job; the nodes are held so that a service keeps off."""

    def __init__(
        self, site: SiteFiles, sources: SourcePreparer, runner: JobRunner, nodes: NodeProvider,
        store: Store, folders: Folders, clock: Clock,
    ) -> None:  # fmt: skip
        self._site = site
        self._sources = sources
        self._runner = runner
        self._nodes = nodes
        self._store = store
        self._folders = folders
        self._clock = clock

    def prepare(self, job: FrozenJob, change: Change, holder: str) -> BuildSpec:
        """Return what is to run, with nodes held for `holder`; raises `CIError` when no node is free."""
        build = Build(uuid.uuid4().hex, uuid.uuid4().hex, job, BuildState.WAITING)
        with self._store.transaction():
            lease = self._lease(build)
            self._store.buildsets.hold_nodes(holder, lease.nodes, self._clock.now())
        return self._spec(build, change, tuple(node for _, node in lease.nodes))

    def _lease(self, build: Build) -> decisions.Lease:
        now, nodes, conditions = self._clock.now(), self._nodes.nodes(), self._store.nodes.all()
        taken = self._store.buildsets.leased_node_ids() | availability.closed_places(nodes, conditions, now)
        decided = decisions.allocate([build], nodes, taken, now)
        if not decided:
            why = availability.why_closed(build, nodes, conditions) or "all are in use or in a pause"
            raise CIError(f"no free node for {build.job.name}: {why}: see powervm-ci nodes")
        if isinstance(decided[0], decisions.EndBuild):
            raise CIError(decided[0].reason)
        return decided[0]

    def _spec(self, build: Build, change: Change, nodes: tuple[Node, ...]) -> BuildSpec:
        folder = self._folders.build(build)
        required = tuple(project.name for project in build.job.required_projects)
        projects = self._sources.prepare(change, required, folder / "work" / "src", buildset_id=build.buildset_id)
        return BuildSpec(
            build_id=build.id,
            attempt=1,
            folder=str(folder),
            log_folder=str(self._folders.build_logs(build, change, PIPELINE)),
            site=str(self._site.folder),
            job=build.job,
            nodes=nodes,
            private_key=str(self._site.node_private_key),
            zuul=zuul_variables(Run(build, change, PIPELINE, self._site.tenant), projects),
        )

    def start(self, spec: BuildSpec) -> ProcessIdentity:
        return self._runner.start(spec)

    def wait(self, spec: BuildSpec, process: ProcessIdentity, stop: threading.Event) -> BuildOutcome | None:
        return self._runner.wait(spec, process, stop)

    def cancel(self, spec: BuildSpec, process: ProcessIdentity) -> None:
        self._runner.cancel(spec, process)
