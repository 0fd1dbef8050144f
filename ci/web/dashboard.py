"""What the first page shows: links to the Gerrits, running builds, nodes, and what ended lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.model.build import Build, Buildset
from ci.model.node import Node
from ci.model.views import ConnectionView, ReviewView

if TYPE_CHECKING:
    from ci.web.sources import Sources

SHOWN_RUNNING = 100
SHOWN_ENDED = 20


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A place for builds and the build that has it, if any."""

    node: Node
    in_use: bool
    build: Build | None
    buildset: Buildset | None


@dataclass(frozen=True, slots=True)
class EndedRow:
    """An ended buildset and its result review, if there is one."""

    buildset: Buildset
    review: ReviewView | None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything on the first page."""

    connections: tuple[ConnectionView, ...]
    events_waiting: int
    running: tuple[Buildset, ...]
    nodes: tuple[NodeRow, ...]
    ended: tuple[EndedRow, ...]

    @property
    def shown_running(self) -> tuple[Buildset, ...]:
        return self.running[:SHOWN_RUNNING]

    @property
    def free_nodes(self) -> int:
        return sum(not row.in_use for row in self.nodes)


def dashboard(sources: Sources) -> Dashboard:
    """Gather the first page from the database."""
    running = sources.buildsets.running()
    return Dashboard(
        connections=sources.views.connections(),
        events_waiting=sources.views.events_waiting(),
        running=running,
        nodes=_nodes(sources, running),
        ended=_ended(sources),
    )


def _nodes(sources: Sources, running: tuple[Buildset, ...]) -> tuple[NodeRow, ...]:
    leases = sources.views.leases()
    users = {build.id: (build, buildset) for buildset in running for build in buildset.builds}
    rows = []
    for provider in sources.nodes:
        for node in provider.nodes():
            build, buildset = users.get(leases.get(node.id, ""), (None, None))
            rows.append(NodeRow(node, node.id in leases, build, buildset))
    return tuple(rows)


def _ended(sources: Sources) -> tuple[EndedRow, ...]:
    rows = []
    for buildset_id in sources.views.ended_buildset_ids(SHOWN_ENDED):
        buildset = sources.buildsets.get(buildset_id)
        if buildset is not None:
            reviews = [review for review in sources.views.reviews(buildset_id) if review.kind == "result"]
            rows.append(EndedRow(buildset, reviews[-1] if reviews else None))
    return tuple(rows)
