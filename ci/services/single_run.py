"""One job for one change, here and now: no event, no buildset, no vote."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from ci.errors import CIError
from ci.model.build import Build, BuildState
from ci.services import availability, decisions
from ci.services.leases import RUN_HOLDER

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from ci.model.build import BuildOutcome, BuildSpec, ProcessIdentity
    from ci.model.change import Change
    from ci.model.job import FrozenJob
    from ci.ports import Clock, JobRunner, NodeProber, NodeProvider, Store
    from ci.services.build_preparation import BuildPreparation

PIPELINE = "run"


class SingleRun:
    """Takes free nodes, prepares the source and starts the job; the nodes are held so that a service keeps off."""

    def __init__(
        self, preparation: BuildPreparation, runner: JobRunner, nodes: NodeProvider, prober: NodeProber, store: Store,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._preparation = preparation
        self._runner = runner
        self._nodes = nodes
        self._prober = prober
        self._store = store
        self._clock = clock
        self._holder = ""

    def prepare(self, job: FrozenJob, change: Change, holder: str) -> BuildSpec:
        """Return what is to run, with nodes held for `holder`; raises `CIError` when no node is free and fit."""
        build = Build(uuid.uuid4().hex, uuid.uuid4().hex, job, BuildState.WAITING)
        lease = self._hold_fit_nodes(build, holder)
        spec = self._preparation.spec(build, change, PIPELINE, [node for _, node in lease.nodes])
        return replace(spec, zuul=self._preparation.variables(build, change, PIPELINE))

    def _hold_fit_nodes(self, build: Build, holder: str) -> decisions.Lease:
        """Hold nodes that a health check finds nothing wrong with; those that it does are passed over."""
        ill: dict[str, str] = {}  # what is wrong, by machine
        self._holder = holder
        while True:
            with self._store.transaction():
                lease = self._lease(build, ill)
                self._store.buildsets.hold_nodes(holder, lease.nodes, self._clock.now())
            found = {node.machine: problem for _, node in lease.nodes if (problem := self._prober.problem(node))}
            if not found:
                return lease
            self.give_back_nodes()
            ill |= found

    def _lease(self, build: Build, ill: Mapping[str, str]) -> decisions.Lease:
        now, nodes, conditions = self._clock.now(), self._nodes.nodes(), self._store.nodes.all()
        taken = self._store.buildsets.leased_node_ids() | availability.closed_places(nodes, conditions, now)
        taken |= {node.id for node in nodes if node.machine in ill}
        decided = decisions.allocate([build], nodes, taken, now)
        if not decided:
            told = [f"{machine} is ill ({problem})" for machine, problem in ill.items()]
            told += [why] if (why := availability.why_closed(build, nodes, conditions)) else []
            why = "; ".join(told) or "all are in use or in a pause"
            raise CIError(f"no free node for {build.job.name}: {why}: see powervm-ci nodes")
        if isinstance(decided[0], decisions.EndBuild):
            raise CIError(decided[0].reason)
        return decided[0]

    def start(self, spec: BuildSpec) -> ProcessIdentity:
        """Start the job; from now on its process has the nodes: it goes on when this one is killed."""
        process = self._runner.start(spec)
        buildsets, holder = self._store.buildsets, f"{RUN_HOLDER}{process.pid}-{process.start_time}"
        with self._store.transaction():
            buildsets.give_back_nodes(self._holder)
            buildsets.hold_nodes(holder, list(zip(spec.job.nodeset.nodes, spec.nodes, strict=True)), self._clock.now())
        self._holder = holder
        return process

    def give_back_nodes(self) -> None:
        self._store.buildsets.give_back_nodes(self._holder)

    def wait(self, spec: BuildSpec, process: ProcessIdentity, stop: threading.Event) -> BuildOutcome | None:
        return self._runner.wait(spec, process, stop)

    def cancel(self, spec: BuildSpec, process: ProcessIdentity) -> None:
        self._runner.cancel(spec, process)
