"""Acts on events and on the ends of builds: applies what the pure core decides, one transaction for each."""

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

from ci.errors import LINK_FAILURES, Refused, StaleStateError, printable
from ci.model.build import Build, BuildOutcome, Buildset, BuildsetState, BuildState, Result
from ci.model.change import Change
from ci.model.depends_on import Chain, stands_alone
from ci.model.event import EventType
from ci.model.policy import SHIPPED_INFRA_POLICY, InfraPolicy
from ci.observability import BUILDS, LOOP_FAILURES, get_logger
from ci.services import decisions, reporting, triggers
from ci.services.dependencies import no_chain
from ci.services.loop import AT_ONCE_SECONDS, for_each

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ci.config.layout import Layout
    from ci.model.change import Ref
    from ci.model.event import Event
    from ci.ports import Clock, Gerrit, Store
    from ci.services.pulse import Pulse
    from ci.services.reporting import Links

GERRIT_RETRY_SECONDS = 5.0
CHAIN_RETRY_SECONDS = 10.0
# One change may have trouble of its own; after so many in a row the Gerrit itself is in trouble.
SILENT_AFTER = 3
# An event whose handling fails for a reason that nobody foresaw is kept, but tried ever more seldom.
FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 3600.0


class Scheduler:
    """Turns events into buildsets and ended builds into verdicts."""

    def __init__(
        self, layout: Callable[[], Layout], gerrits: Mapping[str, Gerrit], store: Store, links: Links, pulse: Pulse,
        clock: Clock, policy: InfraPolicy = SHIPPED_INFRA_POLICY, chain_of: Callable[[Change], Chain] = no_chain,
    ) -> None:  # fmt: skip
        self._layout = layout
        self._gerrits = gerrits
        self._chain_of = chain_of
        self._store = store
        self._links = links
        self._pulse = pulse
        self._clock = clock
        self._policy = policy
        self._unanswered = dict.fromkeys(gerrits, 0)  # questions in a row, by connection
        self._silent_until = dict.fromkeys(gerrits, 0.0)
        self._failures: dict[int, int] = {}  # unforeseen ones in a row, by event; a later service begins anew
        self._own_users = {name: gerrit.user for name, gerrit in gerrits.items()}
        self._log = get_logger("scheduler")

    def step(self, connection: str) -> float | None:
        """Act on a connection's events that are due; returns after how many seconds the next one is, None for none.

        A Gerrit that does not answer is left alone for a while, so that its events stay in their order.
        """
        now = self._clock.now()
        if self._silent_until[connection] <= now:
            self._unanswered[connection] = 0
            due = self._without_idle(self._store.events.pending(connection, now))
            answers = takewhile(lambda _: self._unanswered[connection] < SILENT_AFTER, due)
            for_each(lambda one: self._try(*one), answers)
        retry_at = self._store.events.next_retry_at(connection)
        if retry_at is None:
            return None
        return max(AT_ONCE_SECONDS, max(retry_at, self._silent_until[connection]) - self._clock.now())

    def attempt_ended(self, build: Build, outcome: BuildOutcome) -> None:
        """Write down the end of an attempt at a build and, with the last one of its buildset, verdict and review."""
        now = self._clock.now()
        with self._store.transaction():
            current = self._store.buildsets.build(build.id)
            if current is None or current.state is BuildState.ENDED or current.attempt != build.attempt:
                return
            # It may have been canceled since the caller read it.
            decision = decisions.decide_attempt(current, outcome, now, self._policy)
            self._carry_out(decision, outcome, now)
        self._tell(decision, str(outcome.fault or outcome.result or ""))

    def refuse(self, end: decisions.EndBuild) -> Callable[[], None]:
        """End a build that cannot have what it waits for, unless it is to be tried again later.

        Returns what tells of it, to be called once the caller's transaction is committed.
        """
        now = self._clock.now()
        with self._store.transaction():
            current = self._store.buildsets.build(end.build.id)
            if current is None or current.state is not BuildState.WAITING:
                return lambda: None
            decision = decisions.decide_end(replace(end, build=current), now, self._policy)
            self._carry_out(decision, None, now)
        return partial(self._tell, decision, str(end.result))

    def _carry_out(
        self, decision: decisions.RetryBuild | decisions.EndBuild, outcome: BuildOutcome | None, now: float
    ) -> None:
        buildsets, build = self._store.buildsets, decision.build
        if isinstance(decision, decisions.RetryBuild):
            buildsets.retry(
                build, decision.reason, now, fault=decision.fault, retry_at=decision.retry_at,
                charged=decision.charged, new_round=decision.new_round,
            )  # fmt: skip
        else:
            buildsets.end_build(build, decision.result, outcome, decision.reason, now)
            self._end_buildset_of(build, now)

    def _tell(self, decision: decisions.RetryBuild | decisions.EndBuild, why: str) -> None:
        """Log and count what became of an attempt, and wake who waits for it."""
        build = decision.build
        log = self._log.bind(build=build.id, job=build.job.name, attempt=build.attempt, reason=decision.reason)
        if isinstance(decision, decisions.RetryBuild):
            delay_seconds = round(decision.retry_at - self._clock.now(), 1)
            log.warning("attempt ended", action="build.retried", why=why, delay_seconds=max(0.0, delay_seconds))
        else:
            log.info("attempt ended", action="build.attempt_ended", result=str(decision.result))
            BUILDS.labels(build.job.name, decision.result).inc()
        self._pulse.beat()

    def _without_idle(self, due: Sequence[tuple[int, Event]]) -> list[tuple[int, Event]]:
        """End the events that can start or end nothing, all in one transaction; returns the others."""
        others = [one for one in due if self._may_matter(one[1])]
        kept = {event_id for event_id, _ in others}
        if len(others) < len(due):
            with self._store.transaction():
                for event_id, _ in due:
                    if event_id not in kept:
                        self._store.events.end(event_id, "nothing to do")
        return others

    def _try(self, event_id: int, event: Event) -> None:
        try:
            self._act_on(event_id, event)
        except LINK_FAILURES:
            raise  # the database's trouble or a full disk: not this event's
        except Exception as error:  # noqa: BLE001 - otherwise a hundred such events would hold up all others
            self._set_aside(event_id, event, error)
        else:
            self._failures.pop(event_id, None)

    def _set_aside(self, event_id: int, event: Event, error: Exception) -> None:
        """Leave an event alone for a while, longer each time, for an error that may be its own."""
        failures = self._failures.get(event_id, 0)
        pause_seconds = min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 30), LONGEST_PAUSE_SECONDS)
        reason = printable(f"{type(error).__name__}: {error}")
        self._store.events.postpone(event_id, self._clock.now() + pause_seconds, reason)
        self._failures[event_id] = failures + 1
        LOOP_FAILURES.labels(f"scheduler {event.connection}").inc()
        self._log.error(
            "unexpected failure; the event is set aside", action="event.bug", key=event.natural_key, reason=reason,
            delay_seconds=pause_seconds, exc_info=error,
        )  # fmt: skip

    def _act_on(self, event_id: int, event: Event) -> None:
        about = event.about
        if isinstance(about, Change):
            about = self._read(event_id, event, about)
        if about is not None:  # otherwise `_without_idle` has ended it, or `_read`
            self._apply(event_id, event, about)

    def _read(self, event_id: int, event: Event, told: Change) -> Change | None:
        """Read the change that an event is about, as it is now; None when it must wait or has come to its end."""
        try:
            change = self._gerrits[event.connection].change(told.number, told.patchset)
        except LINK_FAILURES as error:
            now = self._clock.now()
            self._unanswered[event.connection] += 1
            if self._unanswered[event.connection] >= SILENT_AFTER:
                self._silent_until[event.connection] = now + GERRIT_RETRY_SECONDS
            self._store.events.postpone(event_id, now + GERRIT_RETRY_SECONDS, str(error))
            self._log.warning("waiting for Gerrit", action="event.postponed", key=event.natural_key, error=str(error))
            return None
        except Refused as error:
            self._unanswered[event.connection] = 0
            if event.type in {EventType.CHANGE_ABANDONED, EventType.PRIVATE_STATE_CHANGED}:
                return told  # no longer visible to us: what it tells is enough to stop what runs
            self._store.events.end(event_id, str(error))
            return None
        self._unanswered[event.connection] = 0
        return change

    def _may_matter(self, event: Event) -> bool:
        try:
            return any(triggers.may_matter(pipeline, event) for pipeline in self._layout().pipelines.values())
        except Exception:  # noqa: BLE001 - it comes again where the event is acted on alone
            return True

    def _apply(self, event_id: int, event: Event, change: Ref) -> None:
        # Most changes need no other: nothing is decided twice for them.
        known = Chain() if isinstance(change, Change) and stands_alone(change) else None
        decision = self._decide_and_do(event_id, event, change, known)
        if decision is None and isinstance(change, Change):  # jobs are to be started
            chain = self._chain(event_id, event, change)
            decision = self._decide_and_do(event_id, event, change, chain) if chain else None
        if decision is None:
            return
        self._log.info("event", action="event.done", type=event.type_name, change=change.name, outcome=str(decision))
        self._pulse.beat()

    def _decide_and_do(
        self, event_id: int, event: Event, change: Ref, chain: Chain | None
    ) -> decisions.Decision | None:
        """Do what an event leads to, in one transaction; None when the change's chain has to be known before."""
        now, layout = self._clock.now(), self._layout()
        with self._store.transaction():
            state = decisions.State(layout, self._own_users, self._store.buildsets.running_of(change), chain)
            decision = decisions.decide(state, event, change, now)
            if chain is None and decision.starts and isinstance(change, Change):
                return None
            for action in decision.actions:
                if isinstance(action, decisions.CancelBuildset):
                    self._cancel(action.buildset, action.reason, now)
                elif isinstance(action, decisions.RefuseBuildset):
                    self._refuse(layout, action, event_id, now)
                else:
                    self._start(layout, action, event_id, now)
            self._store.events.end(event_id, str(decision))
        return decision

    def _chain(self, event_id: int, event: Event, change: Change) -> Chain | None:
        """Ask, outside of any transaction, for what a change depends on; None when it must wait for a Gerrit."""
        try:
            return self._chain_of(change)
        except LINK_FAILURES as error:
            # It may be another Gerrit than the event's, whose own events go on.
            retry_at = self._clock.now() + CHAIN_RETRY_SECONDS
            self._store.events.postpone(event_id, retry_at, f"its dependencies cannot be read: {error}")
            self._log.warning("waiting for a Gerrit", action="event.postponed", key=event.natural_key, error=str(error))
            return None

    def _start(self, layout: Layout, action: decisions.StartBuildset, event_id: int, now: float) -> None:
        pipeline = layout.pipelines[action.pipeline]
        buildset = self._add(layout, action, event_id, now)
        review = reporting.start_review(pipeline, buildset, self._links)
        if review:
            self._store.outbox.add(buildset.id, "start", review, now)

    def _refuse(self, layout: Layout, action: decisions.RefuseBuildset, event_id: int, now: float) -> None:
        """End a buildset before it has begun, with the one comment that says why."""
        buildset = self._add(layout, action, event_id, now)
        for build in buildset.builds:
            self._store.buildsets.end_build(build, Result.SKIPPED, None, action.reason, now)
        self._store.buildsets.end(buildset.id, Result.FAILURE, action.reason, now)
        pipeline = layout.pipelines[action.pipeline]
        if review := reporting.refusal_review(pipeline, buildset, action.reason, self._links):
            self._store.outbox.add(buildset.id, "result", review, now)

    def _add(
        self, layout: Layout, action: decisions.StartBuildset | decisions.RefuseBuildset, event_id: int, now: float
    ) -> Buildset:
        buildset_id = uuid.uuid4().hex
        precedence = layout.pipelines[action.pipeline].precedence
        builds = tuple(
            Build(uuid.uuid4().hex, buildset_id, job, BuildState.WAITING, precedence=precedence, site=layout.commit)
            for job in action.jobs
        )
        buildset = Buildset(buildset_id, action.pipeline, action.change, BuildsetState.RUNNING, builds)
        self._store.buildsets.add(buildset, event_id, now)
        return buildset

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
        pipeline = self._layout().pipelines.get(buildset.pipeline)
        if pipeline is None:
            self._log.warning("no pipeline to report by", action="buildset.unreported", pipeline=buildset.pipeline)
        elif review := reporting.result_review(pipeline, buildset, result, self._links, self._policy):
            self._store.outbox.add(buildset.id, "result", review, now)
        self._log.info("buildset ended", action="buildset.ended", buildset=buildset.id, result=str(result))
