"""Acts on events and on the ends of builds: applies what the pure core decides, one transaction for each."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ci.errors import Refused, StaleStateError, Unavailable
from ci.model.build import Build, BuildOutcome, Buildset, BuildsetState, BuildState, Result
from ci.model.event import EventType
from ci.observability import BUILDS, get_logger
from ci.services import decisions, reporting, triggers
from ci.services.loop import for_each

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.config.layout import Layout
    from ci.model.change import Change
    from ci.model.event import Event
    from ci.ports import Clock, Gerrit, Store
    from ci.services.pulse import Pulse
    from ci.services.reporting import Links

GERRIT_RETRY_SECONDS = 5.0


class Scheduler:
    """Turns events into buildsets and ended builds into verdicts."""

    def __init__(
        self, layout: Layout, gerrits: Mapping[str, Gerrit], store: Store, links: Links, pulse: Pulse, clock: Clock
    ) -> None:
        self._layout = layout
        self._gerrits = gerrits
        self._store = store
        self._links = links
        self._pulse = pulse
        self._clock = clock
        self._own_users = {name: gerrit.user for name, gerrit in gerrits.items()}
        self._log = get_logger("scheduler")

    def step(self, connection: str) -> float | None:
        """Act on a connection's events that are due; returns after how many seconds the next one is, None for none."""
        for_each(lambda due: self._act_on(*due), self._store.events.pending(connection, self._clock.now()))
        retry_at = self._store.events.next_retry_at(connection)
        return None if retry_at is None else max(0.05, retry_at - self._clock.now())

    def attempt_ended(self, build: Build, outcome: BuildOutcome) -> None:
        """Write down the end of an attempt at a build and, with the last one of its buildset, verdict and review."""
        now = self._clock.now()
        with self._store.transaction():
            current = self._store.buildsets.build(build.id)
            if current is None or current.state is BuildState.ENDED:
                return
            build = current  # it may have been canceled since the caller read it
            decision = decisions.decide_attempt(build, outcome)
            if isinstance(decision, decisions.RetryBuild):
                self._store.buildsets.retry(build, decision.reason, now)
            else:
                self._store.buildsets.end_build(build, decision.result, outcome, decision.reason, now)
                self._end_buildset_of(build, now)
        if isinstance(decision, decisions.EndBuild):
            BUILDS.labels(build.job.name, decision.result).inc()
        self._log.info(
            "attempt ended", action="build.attempt_ended", build=build.id, job=build.job.name, attempt=build.attempt,
            result=str(outcome.result or "RETRY"), error=outcome.error,
        )  # fmt: skip
        self._pulse.beat()

    def refuse(self, decision: decisions.EndBuild) -> None:
        """End a build that never ran."""
        now = self._clock.now()
        with self._store.transaction():
            self._store.buildsets.end_build(decision.build, decision.result, None, decision.reason, now)
            self._end_buildset_of(decision.build, now)
        BUILDS.labels(decision.build.job.name, decision.result).inc()
        self._pulse.beat()

    def _act_on(self, event_id: int, event: Event) -> None:
        gerrit = self._gerrits.get(event.connection)
        if gerrit is None or event.change is None or not self._may_matter(event):
            self._store.events.end(event_id, "nothing to do")
            return
        try:
            change = gerrit.change(event.change.number, event.change.patchset)
        except Unavailable as error:
            self._store.events.postpone(event_id, self._clock.now() + GERRIT_RETRY_SECONDS, str(error))
            self._log.warning("waiting for Gerrit", action="event.postponed", key=event.natural_key, error=str(error))
            return
        except Refused as error:
            if event.type in {EventType.CHANGE_ABANDONED, EventType.PRIVATE_STATE_CHANGED}:
                change = event.change  # no longer visible to us: what it tells is enough to stop what runs
            else:
                self._store.events.end(event_id, str(error))
                return
        self._apply(event_id, event, change)

    def _may_matter(self, event: Event) -> bool:
        return any(triggers.may_matter(pipeline, event) for pipeline in self._layout.pipelines.values())

    def _apply(self, event_id: int, event: Event, change: Change) -> None:
        now = self._clock.now()
        with self._store.transaction():
            running = self._store.buildsets.running_of_change(change.connection, change.number)
            state = decisions.State(self._layout, self._own_users, running)
            decision = decisions.decide(state, event, change, now)
            for action in decision.actions:
                if isinstance(action, decisions.CancelBuildset):
                    self._cancel(action.buildset, action.reason, now)
                else:
                    self._start(action, event_id, now)
            self._store.events.end(event_id, str(decision))
        self._log.info("event", action="event.done", type=event.type_name, change=change.name, outcome=str(decision))
        self._pulse.beat()

    def _start(self, action: decisions.StartBuildset, event_id: int, now: float) -> None:
        buildset_id = uuid.uuid4().hex
        builds = tuple(Build(uuid.uuid4().hex, buildset_id, job, BuildState.WAITING) for job in action.jobs)
        buildset = Buildset(buildset_id, action.pipeline, action.change, BuildsetState.RUNNING, builds)
        self._store.buildsets.add(buildset, event_id, now)
        review = reporting.start_review(self._layout.pipelines[action.pipeline], buildset, self._links)
        if review:
            self._store.outbox.add(buildset_id, "start", review, now)

    def _cancel(self, buildset: Buildset, reason: str, now: float) -> None:
        """End the buildset now; builds that have nodes are ended by the executor, which gives the nodes back."""
        self._store.buildsets.end(buildset.id, Result.CANCELED, reason, now)
        for build in buildset.builds:
            if build.state is BuildState.WAITING:
                self._store.buildsets.end_build(build, Result.CANCELED, None, reason, now)
            elif build.state is not BuildState.ENDED:
                self._store.buildsets.ask_to_cancel(build, reason)

    def _end_buildset_of(self, build: Build, now: float) -> None:
        buildset = self._store.buildsets.get(build.buildset_id)
        if buildset is None:
            raise StaleStateError(f"build {build.id} has no buildset")
        if buildset.state is BuildsetState.ENDED or any(b.state is not BuildState.ENDED for b in buildset.builds):
            return
        result = reporting.verdict(buildset.builds)
        self._store.buildsets.end(buildset.id, result, "all builds ended", now)
        pipeline = self._layout.pipelines.get(buildset.pipeline)
        review = reporting.result_review(pipeline, buildset, result, self._links) if pipeline else None
        if review:
            self._store.outbox.add(buildset.id, "result", review, now)
        self._log.info("buildset ended", action="buildset.ended", buildset=buildset.id, result=str(result))
