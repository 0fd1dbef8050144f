"""Runs builds that have nodes: prepares the source, starts the build's process, waits for it, collects its outcome."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from ci.errors import AuthenticationFailed, CIError, DiskFull, HostKeyMismatch, Interrupted, MergeConflict, Refused
from ci.model.build import (
    CONCLUSIVE_RESULTS,
    MAX_TASK_EVENTS,
    TASK_EVENTS_FILE,
    Build,
    BuildOutcome,
    BuildState,
    Fault,
    Result,
)
from ci.observability import LOOP_FAILURES, get_logger

if TYPE_CHECKING:
    from ci.model.build import Buildset, BuildSpec, ProcessIdentity
    from ci.model.node import Node
    from ci.ports import Clock, JobRunner, NodeHealth, Store
    from ci.services.build_preparation import BuildPreparation
    from ci.services.folders import Folders
    from ci.services.pulse import Pulse
    from ci.services.scheduler import Scheduler

STOP_GRACE_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 60.0
# Their processes may have ended before their cleanup-run.
LEFT_UNCLEAN = frozenset({Fault.LOST, Fault.DISK})


@dataclass(slots=True)
class _Attempt:
    """An attempt that a thread has in hand, or had: then it is taken up again after a pause."""

    thread: threading.Thread | None = None
    interrupt: threading.Event | None = None
    is_canceled: bool = False
    failures: int = 0
    not_before: float = 0.0  # monotonic


class Executor:
    """One thread for each build that has nodes; the build's process outlives the service."""

    def __init__(
        self, preparation: BuildPreparation, runner: JobRunner, prober: NodeHealth, store: Store,
        scheduler: Scheduler, folders: Folders, pulse: Pulse, clock: Clock,
    ) -> None:  # fmt: skip
        self._preparation = preparation
        self._runner = runner
        self._prober = prober
        self._store = store
        self._scheduler = scheduler
        self._folders = folders
        self._pulse = pulse
        self._clock = clock
        self._attempts: dict[str, _Attempt] = {}
        self._stop = threading.Event()
        self._log = get_logger("executor")

    def step(self) -> float | None:
        """Take on builds that have nodes and are nobody's yet, and end those that are to be canceled."""
        builds = {self._key(one): one for one in self._store.buildsets.builds_with_nodes()}
        self._attempts = {
            key: one for key, one in self._attempts.items() if key in builds or (one.thread and one.thread.is_alive())
        }
        for key, build in builds.items():
            attempt = self._attempts.setdefault(key, _Attempt())
            if attempt.thread is None or not attempt.thread.is_alive():
                if time.monotonic() >= attempt.not_before:
                    self._take_on(build, attempt)
            elif build.cancel_reason and not attempt.is_canceled:
                self._cancel(build, attempt)
        return None

    def stop(self) -> None:
        """Let go of the running builds: their processes go on, the next service adopts them."""
        self._stop.set()
        attempts = list(self._attempts.values())
        for attempt in attempts:
            if attempt.interrupt:
                attempt.interrupt.set()
        give_up_at = time.monotonic() + STOP_GRACE_SECONDS
        for attempt in attempts:
            if attempt.thread:
                attempt.thread.join(max(0.0, give_up_at - time.monotonic()))

    def _take_on(self, build: Build, attempt: _Attempt) -> None:
        attempt.interrupt = threading.Event()
        attempt.is_canceled = False
        attempt.thread = threading.Thread(
            target=self._attempt, args=(build, attempt), name=f"build-{build.id[:10]}", daemon=True
        )
        attempt.thread.start()

    def _cancel(self, build: Build, attempt: _Attempt) -> None:
        """End what is under way for a canceled build; one that is just being started is ended at the next look."""
        self._log.info("canceling", action="build.canceling", build=build.id, reason=build.cancel_reason)
        if build.process:
            attempt.is_canceled = True
            self._runner.cancel(self._spec(build), build.process)
        elif attempt.interrupt:
            attempt.interrupt.set()

    def _attempt(self, build: Build, attempt: _Attempt) -> None:
        """Bring an attempt to its end; what fails on the way is left as it is, and taken up again after a pause."""
        with structlog.contextvars.bound_contextvars(build=build.id, job=build.job.name):
            try:
                outcome = self._run(build, attempt.interrupt or threading.Event())
                if outcome is not None:
                    self._collect(build, outcome)
            except CIError as error:
                self._log.error("to be taken up again", action="build.interrupted", error=str(error))
                self._pause(attempt)
            except Exception:  # noqa: BLE001 - the top of a thread
                self._log.exception("unexpected failure; to be taken up again", action="build.bug")
                self._pause(attempt)
            finally:
                self._store.close()
                self._pulse.beat()

    def _pause(self, attempt: _Attempt) -> None:
        LOOP_FAILURES.labels("executor").inc()
        pause = min(FIRST_PAUSE_SECONDS * 2 ** min(attempt.failures, 10), LONGEST_PAUSE_SECONDS)
        attempt.failures += 1
        attempt.not_before = time.monotonic() + pause

    def _run(self, build: Build, interrupt: threading.Event) -> BuildOutcome | None:
        """Run or adopt an attempt; returns None when the service stops before it has ended."""
        spec = self._spec(build)
        # Before anything is prepared: that would pull the source away from under a build that runs.
        process = build.process or self._runner.started(spec)
        if process:
            self._log.info("adopted", action="build.adopted", pid=process.pid)
        elif build.cancel_reason:
            return self._outcome(Result.CANCELED, build.cancel_reason)
        else:
            begun = self._begin(build, spec, interrupt)
            if begun is None or isinstance(begun, BuildOutcome):
                return begun
            process = begun
        if build.state is BuildState.STARTING:
            self._store.buildsets.run(build, process, self._clock.now())
            self._log.info("started", action="build.started", pid=process.pid, attempt=build.attempt)
            self._pulse.beat()
        outcome = self._runner.wait(spec, process, self._stop)
        if outcome is None or not self._is_left_unclean(build, outcome):
            return outcome
        return replace(outcome, is_held=False) if self._runner.clean_up(spec, self._stop) else None

    def _is_left_unclean(self, build: Build, outcome: BuildOutcome) -> bool:
        """Whether clean-up is still to be done: not for nodes that a person is to see as the build has left them."""
        if outcome.fault in LEFT_UNCLEAN:
            return True
        current = self._store.buildsets.build(build.id) if outcome.is_held else None
        return current is not None and current.cancel_reason is not None

    def _begin(
        self, build: Build, spec: BuildSpec, interrupt: threading.Event
    ) -> ProcessIdentity | BuildOutcome | None:
        """Start an attempt of which there is nothing yet; or say why it has ended before it began."""
        try:
            nodes = self._store.buildsets.nodes_of_build(build.id)
            problem = self._problem_of_nodes(build, nodes)
            if problem:
                return self._outcome(None, problem, Fault.NODE)
            buildset = self._buildset(build)
            zuul = self._preparation.variables(build, buildset.change, buildset.pipeline, interrupt)
            if interrupt.is_set():
                return None  # still `starting`: it is taken up again, or canceled then
            return self._runner.start(replace(spec, nodes=nodes, zuul=zuul))
        except MergeConflict as error:
            return self._outcome(Result.MERGE_CONFLICT, str(error))
        except Interrupted:
            return None
        except CIError as error:
            outcome = self._why_not_begun(error)
            self._log.warning(
                "not started", action="build.not_started", fault=str(outcome.fault or ""), error=outcome.error
            )
            return outcome

    def _why_not_begun(self, error: CIError) -> BuildOutcome:
        if isinstance(error, DiskFull):
            return self._outcome(None, str(error), Fault.DISK)
        if isinstance(error, Refused) and not isinstance(error, AuthenticationFailed | HostKeyMismatch):
            return self._outcome(Result.ERROR, str(error))
        return self._outcome(None, str(error), Fault.SOURCE)

    def _problem_of_nodes(self, build: Build, nodes: tuple[Node, ...]) -> str:
        """Look at each machine of a build; one that is not fit is counted, and told in the line."""
        for machine, node in {node.machine: node for node in nodes}.items():
            problem = self._prober.problem(node)
            if problem:
                self._store.nodes.failed(machine, problem, self._clock.now(), is_ill=True, build_id=build.id)
                return f"node {machine}: {problem}"
        return ""

    def _spec(self, build: Build) -> BuildSpec:
        buildset = self._buildset(build)
        return self._preparation.spec(build, buildset.change, buildset.pipeline)

    def _collect(self, build: Build, outcome: BuildOutcome) -> None:
        events = self._folders.build(build) / TASK_EVENTS_FILE
        if events.is_file():
            with events.open(encoding="utf-8", errors="replace") as lines:
                self._store.buildsets.add_task_events(build, (line.strip() for line in islice(lines, MAX_TASK_EVENTS)))
        with self._store.transaction():
            current = self._store.buildsets.build(build.id)
            if current and current.cancel_reason is None:
                self._judge_nodes(build, outcome)
            if outcome.is_held:
                self._store.holds.keep(build, self._clock.now())
            self._scheduler.attempt_ended(build, outcome)
        self._prober.ended(build, outcome)

    def _judge_nodes(self, build: Build, outcome: BuildOutcome) -> None:
        """Write down what an attempt has shown of its machines."""
        nodes, now = self._store.buildsets.nodes_of_build(build.id), self._clock.now()
        if outcome.result in CONCLUSIVE_RESULTS:  # the nodes have done what they are for
            for machine in {node.machine for node in nodes}:
                self._store.nodes.worked(machine, now)
        elif outcome.fault is Fault.UNREACHABLE:
            named = zip(build.job.nodeset.nodes, nodes, strict=False)
            lost = {node.machine for request, node in named if request.name in outcome.unreachable}
            for machine in lost:
                self._store.nodes.failed(machine, outcome.error, now, is_ill=False, build_id=build.id)

    def _buildset(self, build: Build) -> Buildset:
        buildset = self._store.buildsets.get(build.buildset_id)
        if buildset is None:
            raise CIError(f"build {build.id} has no buildset")
        return buildset

    def _outcome(self, result: Result | None, reason: str, fault: Fault | None = None) -> BuildOutcome:
        now = self._clock.now()
        return BuildOutcome(result, now, now, reason, fault=fault)

    def _key(self, build: Build) -> str:
        return f"{build.id}/{build.attempt}"
