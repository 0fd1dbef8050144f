"""The scheduler's pure core: what is to be done, given what is known - no I/O, no clock, no chance.

The service feeds it from the database and a real clock, a simulator from a trace and a virtual one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ci.config.layout import Layout
from ci.model.build import INFRASTRUCTURE_RESULTS, Build, BuildOutcome, Buildset, BuildState, Fault, Result
from ci.model.change import Change, Ref
from ci.model.depends_on import Chain, told
from ci.model.duration import duration
from ci.model.event import EventType
from ci.model.job import FrozenJob, NodeRequest
from ci.model.node import Node
from ci.model.policy import SHIPPED_INFRA_POLICY, InfraFailure, InfraPolicy
from ci.services import triggers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ci.model.event import Event
    from ci.model.pipeline import Pipeline

# Pauses before another attempt, in seconds: the first one, and by how much each is longer than the one before.
CHARGED_PAUSE, CHARGED_GROWTH = 5.0, 4.0  # such as a broken pre-run: there are only `attempts` of them
WAIT_PAUSE, WAIT_GROWTH = 10.0, 2.0  # what only a person or time can mend: again and again
ROUND_GROWTH = 4.0
LONGEST_PAUSE = 300.0
LONGEST_ROUND_PAUSE = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class State:
    """What a decision rests on: the site's layout, our account names by connection, and what runs for the change.

    `chain` is what the change is to be tested with, None while nobody has asked.
    """

    layout: Layout
    own_users: dict[str, str]
    running: tuple[Buildset, ...] = ()
    chain: Chain | None = None


@dataclass(frozen=True, slots=True)
class CancelBuildset:
    """End a running buildset without a report."""

    buildset: Buildset
    reason: str


@dataclass(frozen=True, slots=True)
class StartBuildset:
    """Run these jobs for the change, or the branch."""

    pipeline: str
    change: Ref
    jobs: tuple[FrozenJob, ...]


@dataclass(frozen=True, slots=True)
class RefuseBuildset:
    """Run none of these jobs, and say why: the change cannot be put together with what it depends on."""

    pipeline: str
    change: Ref
    jobs: tuple[FrozenJob, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class RetryBuild:
    """Give a build another attempt, not before `retry_at` (seconds since the epoch); as `Buildsets.retry` has it."""

    build: Build
    reason: str
    fault: Fault | None = None
    retry_at: float = 0.0
    charged: bool = True
    new_round: bool = False


@dataclass(frozen=True, slots=True)
class EndBuild:
    """A build has its result."""

    build: Build
    result: Result
    reason: str


Action = CancelBuildset | StartBuildset | RefuseBuildset


@dataclass(frozen=True, slots=True)
class Decision:
    """What an event leads to; `why_not` says for each pipeline and job that stays out why it does."""

    actions: tuple[Action, ...] = ()
    why_not: tuple[str, ...] = ()

    @property
    def starts(self) -> bool:
        return any(isinstance(action, StartBuildset) for action in self.actions)

    def __str__(self) -> str:
        done = [_action_text(action) for action in self.actions]
        return "; ".join(done or self.why_not or ("nothing to do",))


def decide(state: State, event: Event, change: Ref, now: float) -> Decision:
    """Decide what an event leads to; `change` is what the event is about, as it is now."""
    actions: list[Action] = []
    why_not: list[str] = []
    for pipeline in state.layout.pipelines.values():
        judgement = triggers.judge(pipeline, event, change, now, state.own_users)
        running = [buildset for buildset in state.running if buildset.pipeline == pipeline.name]
        jobs: tuple[FrozenJob, ...] = ()
        if judgement.starts and running and event.type is EventType.TIMER:
            why_not.append(f"{pipeline.name}: runs for {change.name} already")
        elif judgement.starts:
            selection = state.layout.select_jobs(pipeline.name, change)
            jobs = selection.jobs
            why_not += [*selection.why_not, *selection.errors]
        else:
            why_not += judgement.reasons
        for buildset in running:
            reason = triggers.ends_running(pipeline, event, change, buildset.change, restarts=bool(jobs))
            if reason:
                actions.append(CancelBuildset(buildset, reason))
        if jobs:
            actions.append(_start(pipeline, event, state.chain, StartBuildset(pipeline.name, change, jobs), now))
    return Decision(tuple(actions), tuple(why_not))


def _start(
    pipeline: Pipeline, event: Event, chain: Chain | None, start: StartBuildset, now: float
) -> StartBuildset | RefuseBuildset:
    """Add what the change is tested with; as in Zuul, all of it must meet what the pipeline requires of the change."""
    if chain is None or not isinstance(start.change, Change):
        return start
    problem = chain.problem
    if not problem and event.type is not EventType.ENQUEUE:
        unmet = ((one, triggers.unmet_by(pipeline, one, now)) for one in chain.changes)
        problem = next((f"It depends on {told([one])}: {text}" for one, text in unmet if text), "")
    if problem:
        return RefuseBuildset(start.pipeline, start.change, start.jobs, problem)
    return replace(start, change=chain.put_on(start.change))


def decide_attempt(
    build: Build, outcome: BuildOutcome, now: float, policy: InfraPolicy = SHIPPED_INFRA_POLICY
) -> RetryBuild | EndBuild:
    """Decide what the end of an attempt at `now` (seconds since the epoch) means for its build."""
    if build.cancel_reason is not None:
        return EndBuild(build, Result.CANCELED, build.cancel_reason)
    if outcome.result is not None:
        return decide_end(EndBuild(build, outcome.result, outcome.error), now, policy)
    if outcome.fault in {Fault.NODE, Fault.SOURCE, Fault.DISK}:
        # Of the attempts that do not count these are the ones that waited, as far as can be told.
        waits = max(0, build.uncharged - build.losses - build.rounds * build.job.attempts)
        retry_at = now + _pause(WAIT_PAUSE, WAIT_GROWTH, waits, LONGEST_PAUSE)
        return RetryBuild(build, outcome.error, outcome.fault, retry_at, charged=False)
    if outcome.fault is Fault.LOST and not build.losses:
        return RetryBuild(build, outcome.error, outcome.fault, now, charged=False)
    used = build.attempt - build.uncharged
    if outcome.fault is not Fault.LOST and used < build.job.attempts:
        retry_at = now + _pause(CHARGED_PAUSE, CHARGED_GROWTH, used - 1, LONGEST_PAUSE)
        return RetryBuild(build, outcome.error, outcome.fault, retry_at)
    return decide_end(_given_up(build, outcome, used), now, policy)


def _given_up(build: Build, outcome: BuildOutcome, used: int) -> EndBuild:
    if outcome.fault is Fault.LOST:
        return EndBuild(build, Result.ERROR, f"lost a second time: {outcome.error}")
    tried = f"given up after {used} attempt{'s' if used > 1 else ''}; the last one: {outcome.error}"
    return EndBuild(build, Result.RETRY_LIMIT, tried)


def decide_end(end: EndBuild, now: float, policy: InfraPolicy = SHIPPED_INFRA_POLICY) -> RetryBuild | EndBuild:
    """Decide whether a build ends so, or begins a new round of attempts because it was the CI that failed."""
    build = end.build
    retried = policy.on_failure is InfraFailure.RETRY and build.rounds < policy.retries
    if build.cancel_reason is not None or end.result not in INFRASTRUCTURE_RESULTS or not retried:
        return end
    delay_seconds = _pause(policy.retry_delay_seconds, ROUND_GROWTH, build.rounds, LONGEST_ROUND_PAUSE)
    which = f"retry {build.rounds + 1} of {policy.retries} in {duration(delay_seconds)}"
    return RetryBuild(build, f"{end.result}, {which}: {end.reason}", None, now + delay_seconds, new_round=True)


def _pause(first_seconds: float, growth: float, earlier: int, longest_seconds: float) -> float:
    """Return a pause that grows with the number of earlier ones."""
    return float(min(first_seconds * growth ** min(earlier, 30), max(longest_seconds, first_seconds)))


@dataclass(frozen=True, slots=True)
class Lease:
    """Give these nodes to a waiting build."""

    build: Build
    nodes: tuple[tuple[NodeRequest, Node], ...]


def allocate(
    open_builds: Iterable[Build], nodes: Sequence[Node], leased: frozenset[str], now: float
) -> list[Lease | EndBuild]:
    """Give free nodes to waiting builds, first come first served for each label, those of a higher precedence first.

    A build waits until it can have all its nodes at once; one in a pause asks for nothing yet. One that asks for more
    nodes of a label than there are in all pools would wait for ever: it ends with NODE_FAILURE.
    """
    free = [node for node in nodes if node.id not in leased]
    spoken_for: set[str] = set()  # labels that an earlier build waits for
    decided: list[Lease | EndBuild] = []
    is_possible: dict[tuple[NodeRequest, ...], bool] = {}  # many builds ask for the same
    for build in sorted(open_builds, key=lambda build: build.precedence.rank):
        if build.state is not BuildState.WAITING or build.retry_at > now:
            continue
        requests = build.job.nodeset.nodes
        if requests not in is_possible:
            is_possible[requests] = _pick(requests, nodes) is not None
        if not is_possible[requests]:
            labels = ", ".join(sorted({request.label for request in requests}))
            decided.append(EndBuild(build, Result.NODE_FAILURE, f"no pool has the nodes it asks for (label {labels})"))
            continue
        chosen = None if {request.label for request in requests} & spoken_for else _pick(requests, free)
        if chosen is None:
            spoken_for |= {request.label for request in requests}
            continue
        taken = {node.id for _, node in chosen}
        free = [node for node in free if node.id not in taken]
        decided.append(Lease(build, chosen))
    return decided


def next_retry_at(open_builds: Iterable[Build], now: float) -> float | None:
    """Return when the next build that is in a pause at `now` may have nodes, None when there is none."""
    due = [build.retry_at for build in open_builds if build.state is BuildState.WAITING and build.retry_at > now]
    return min(due, default=None)


def lacks_nodes(build: Build, nodes: Sequence[Node]) -> bool:
    """Whether a build could not have all its nodes even if all of these were free."""
    return _pick(build.job.nodeset.nodes, nodes) is None


def _pick(requests: Sequence[NodeRequest], free: Sequence[Node]) -> tuple[tuple[NodeRequest, Node], ...] | None:
    """Find a node for each request; of several the one on the machine with the most free places, to spread load."""
    chosen: list[tuple[NodeRequest, Node]] = []
    left = list(free)
    for request in requests:
        fitting = [node for node in left if request.label in node.labels]
        if not fitting:
            return None
        places = {node.name: sum(other.name == node.name for other in left) for node in fitting}
        node = max(fitting, key=lambda node: places[node.name])
        left.remove(node)
        chosen.append((request, node))
    return tuple(chosen)


def _action_text(action: Action) -> str:
    if isinstance(action, CancelBuildset):
        return f"canceled buildset {action.buildset.id} ({action.reason})"
    if isinstance(action, RefuseBuildset):
        return f"refused in {action.pipeline} ({action.reason})"
    started = f"started {', '.join(job.name for job in action.jobs)} in {action.pipeline}"
    return f"{started} with {told(needs)}" if (needs := action.change.dependencies) else started
