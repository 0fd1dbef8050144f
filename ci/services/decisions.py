"""The scheduler's pure core: what is to be done, given what is known - no I/O, no clock, no chance.

The service feeds it from the database and a real clock, a simulator from a trace and a virtual one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.config.layout import Layout
from ci.model.build import Build, BuildOutcome, Buildset, BuildState, Result
from ci.model.change import Change
from ci.model.job import FrozenJob, NodeRequest
from ci.model.node import Node
from ci.services import triggers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ci.model.event import Event


@dataclass(frozen=True, slots=True)
class State:
    """What a decision rests on: the site's layout, our account names by connection, and what runs for the change."""

    layout: Layout
    own_users: dict[str, str]
    running: tuple[Buildset, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelBuildset:
    """End a running buildset without a report."""

    buildset: Buildset
    reason: str


@dataclass(frozen=True, slots=True)
class StartBuildset:
    """Run these jobs for the change."""

    pipeline: str
    change: Change
    jobs: tuple[FrozenJob, ...]


@dataclass(frozen=True, slots=True)
class RetryBuild:
    """Give a build another attempt."""

    build: Build
    reason: str


@dataclass(frozen=True, slots=True)
class EndBuild:
    """A build has its result."""

    build: Build
    result: Result
    reason: str


Action = CancelBuildset | StartBuildset


@dataclass(frozen=True, slots=True)
class Decision:
    """What an event leads to; `why_not` says for each pipeline and job that stays out why it does."""

    actions: tuple[Action, ...] = ()
    why_not: tuple[str, ...] = ()

    def __str__(self) -> str:
        done = [_action_text(action) for action in self.actions]
        return "; ".join(done or self.why_not or ("nothing to do",))


def decide(state: State, event: Event, change: Change, now: float) -> Decision:
    """Decide what an event leads to; `change` is what the event is about, as it is now."""
    actions: list[Action] = []
    why_not: list[str] = []
    for pipeline in state.layout.pipelines.values():
        judgement = triggers.judge(pipeline, event, change, now, state.own_users)
        running = [buildset for buildset in state.running if buildset.pipeline == pipeline.name]
        jobs: tuple[FrozenJob, ...] = ()
        if judgement.starts:
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
            actions.append(StartBuildset(pipeline.name, change, jobs))
    return Decision(tuple(actions), tuple(why_not))


def decide_attempt(build: Build, outcome: BuildOutcome) -> RetryBuild | EndBuild:
    """Decide what the end of an attempt means for its build."""
    if build.cancel_reason is not None:
        return EndBuild(build, Result.CANCELED, build.cancel_reason)
    if outcome.result is not None:
        return EndBuild(build, outcome.result, outcome.error)
    if build.attempt - build.uncharged < build.job.attempts:
        return RetryBuild(build, outcome.error)
    tried = f"given up after {build.attempt} attempt{'s' if build.attempt > 1 else ''}"
    return EndBuild(build, Result.RETRY_LIMIT, f"{tried}; the last one: {outcome.error}")


@dataclass(frozen=True, slots=True)
class Lease:
    """Give these nodes to a waiting build."""

    build: Build
    nodes: tuple[tuple[NodeRequest, Node], ...]


def allocate(open_builds: Iterable[Build], nodes: Sequence[Node], leased: frozenset[str]) -> list[Lease | EndBuild]:
    """Give free nodes to waiting builds, first come first served for each label.

    A build waits until it can have all its nodes at once. One that asks for more nodes of a label than there are in
    all pools would wait for ever: it ends with NODE_FAILURE.
    """
    free = [node for node in nodes if node.id not in leased]
    spoken_for: set[str] = set()  # labels that an earlier build waits for
    decided: list[Lease | EndBuild] = []
    for build in open_builds:
        if build.state is not BuildState.WAITING:
            continue
        requests = build.job.nodeset.nodes
        if _pick(requests, nodes) is None:
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
    return f"started {', '.join(job.name for job in action.jobs)} in {action.pipeline}"
