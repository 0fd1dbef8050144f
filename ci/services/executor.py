"""Runs builds that have nodes: prepares the source, starts the build's process, waits for it, collects its outcome."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ci.errors import CIError, MergeConflict
from ci.model.build import Build, BuildOutcome, BuildSpec, BuildState, ProcessIdentity, Result
from ci.observability import LOOP_FAILURES, get_logger
from ci.services.zuul_variables import Run, zuul_variables

if TYPE_CHECKING:
    from ci.model.build import Buildset
    from ci.ports import Clock, JobRunner, SourcePreparer, Store
    from ci.services.folders import Folders
    from ci.services.pulse import Pulse
    from ci.services.scheduler import Scheduler

STOP_GRACE_SECONDS = 10.0
TASK_EVENTS = "task-events.jsonl"


@dataclass(frozen=True, slots=True)
class SiteFiles:
    """What of the site every build needs: the folder that playbooks lie in, the key for nodes, the tenant."""

    folder: Path
    node_private_key: Path
    tenant: str


class Executor:
    """One thread for each build that has nodes; the build's process outlives the service."""

    def __init__(
        self, site: SiteFiles, sources: SourcePreparer, runner: JobRunner, store: Store,
        scheduler: Scheduler, folders: Folders, pulse: Pulse, clock: Clock,
    ) -> None:  # fmt: skip
        self._site = site
        self._sources = sources
        self._runner = runner
        self._store = store
        self._scheduler = scheduler
        self._folders = folders
        self._pulse = pulse
        self._clock = clock
        self._threads: dict[str, threading.Thread] = {}
        self._canceled: set[str] = set()
        self._stop = threading.Event()
        self._log = get_logger("executor")

    def step(self) -> float | None:
        """Take on builds that have nodes and are nobody's yet, and end those that are to be canceled."""
        self._threads = {key: thread for key, thread in self._threads.items() if thread.is_alive()}
        self._canceled &= self._threads.keys()
        for build in self._store.buildsets.open_builds():
            if build.state is BuildState.WAITING:
                continue
            if self._key(build) not in self._threads:
                thread = threading.Thread(
                    target=self._attempt, args=(build,), name=f"build-{build.id[:10]}", daemon=True
                )
                self._threads[self._key(build)] = thread
                thread.start()
            elif build.cancel_reason and build.process and self._key(build) not in self._canceled:
                self._canceled.add(self._key(build))
                self._log.info("canceling", action="build.canceling", build=build.id, reason=build.cancel_reason)
                self._runner.cancel(self._spec(build), build.process)
        return None

    def stop(self) -> None:
        """Let go of the running builds: their processes go on, the next service adopts them."""
        self._stop.set()
        for thread in list(self._threads.values()):
            thread.join(STOP_GRACE_SECONDS)

    def _attempt(self, build: Build) -> None:
        """Bring an attempt to its end; what fails on the way is left as it is, and the next step takes it up again."""
        with structlog.contextvars.bound_contextvars(build=build.id, job=build.job.name):
            try:
                outcome = self._run(build)
                if outcome is not None:
                    self._collect(build, outcome)
            except CIError as error:
                self._log.error("to be taken up again", action="build.interrupted", error=str(error))
            except Exception:  # noqa: BLE001 - the top of a thread
                self._log.exception("unexpected failure; to be taken up again", action="build.bug")
                LOOP_FAILURES.labels("executor").inc()
            finally:
                self._store.close()
                self._pulse.beat()

    def _run(self, build: Build) -> BuildOutcome | None:
        """Run or adopt an attempt; returns None when the service stops before it has ended."""
        if build.state is BuildState.RUNNING and build.process:
            self._log.info("adopted", action="build.adopted", pid=build.process.pid)
            return self._wait(build, build.process)
        if build.cancel_reason:
            return self._fault(build.cancel_reason)
        try:
            spec = self._prepare(build)
            if self._stop.is_set():
                return None  # still `starting`: the next service prepares it again
            process = self._runner.start(spec)
        except MergeConflict as error:
            now = self._clock.now()
            return BuildOutcome(Result.MERGE_CONFLICT, now, now, str(error))
        except CIError as error:
            self._log.error("not started", action="build.not_started", error=str(error))
            return self._fault(str(error))
        self._record(build, spec, process)
        return self._wait(build, process)

    def _record(self, build: Build, spec: BuildSpec, process: ProcessIdentity) -> None:
        """Write down which process runs the build; one that cannot be written down must not go on with the nodes."""
        try:
            self._store.buildsets.run(build, process, self._clock.now())
        except CIError:
            self._runner.cancel(spec, process)
            self._runner.wait(spec, process, self._stop)
            raise
        self._log.info("started", action="build.started", pid=process.pid, attempt=build.attempt)
        self._pulse.beat()

    def _wait(self, build: Build, process: ProcessIdentity) -> BuildOutcome | None:
        return self._runner.wait(self._spec(build), process, self._stop)

    def _prepare(self, build: Build) -> BuildSpec:
        buildset = self._buildset(build)
        folder = self._folders.build(build)
        required = tuple(project.name for project in build.job.required_projects)
        projects = self._sources.prepare(
            buildset.change, required, folder / "work" / "src", buildset_id=build.buildset_id
        )
        run = Run(build, buildset.change, buildset.pipeline, self._site.tenant)
        return self._spec(build, zuul=zuul_variables(run, projects))

    def _spec(self, build: Build, zuul: dict[str, object] | None = None) -> BuildSpec:
        buildset = self._buildset(build)
        return BuildSpec(
            build_id=build.id,
            attempt=build.attempt,
            folder=str(self._folders.build(build)),
            log_folder=str(self._folders.build_logs(build, buildset.change, buildset.pipeline)),
            site=str(self._site.folder),
            job=build.job,
            nodes=self._store.buildsets.nodes_of_build(build.id),
            private_key=str(self._site.node_private_key),
            zuul=zuul or {},
        )

    def _collect(self, build: Build, outcome: BuildOutcome) -> None:
        events = self._folders.build(build) / TASK_EVENTS
        if events.is_file():
            with events.open(encoding="utf-8", errors="replace") as lines:
                self._store.buildsets.add_task_events(build, (line.strip() for line in lines))
        self._scheduler.attempt_ended(build, outcome)

    def _buildset(self, build: Build) -> Buildset:
        buildset = self._store.buildsets.get(build.buildset_id)
        if buildset is None:
            raise CIError(f"build {build.id} has no buildset")
        return buildset

    def _fault(self, reason: str) -> BuildOutcome:
        now = self._clock.now()
        return BuildOutcome(None, now, now, reason)

    def _key(self, build: Build) -> str:
        return f"{build.id}/{build.attempt}"
