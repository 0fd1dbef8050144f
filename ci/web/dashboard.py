"""What the first page shows: links to the Gerrits, running builds, nodes, and what ended lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.model.build import Build, Buildset
from ci.model.node import NodeState
from ci.model.site import SiteState
from ci.model.views import ConnectionView, DroppedReviewView, NodeView, ReviewView
from ci.services.attention import attention

if TYPE_CHECKING:
    from ci.web.sources import Sources

SHOWN_RUNNING = 100
SHOWN_ENDED = 20
SHOWN_DROPPED = 10


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A place for builds and the build that has it, if it is one that runs now."""

    view: NodeView
    build: Build | None
    buildset: Buildset | None

    @property
    def is_free(self) -> bool:
        return not self.view.holder and self.view.state is NodeState.READY


@dataclass(frozen=True, slots=True)
class EndedRow:
    """An ended buildset and its result review, if there is one."""

    buildset: Buildset
    review: ReviewView | None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything on the first page."""

    attention: tuple[str, ...]
    site: SiteState
    connections: tuple[ConnectionView, ...]
    events_waiting: int
    running: tuple[Buildset, ...]
    nodes: tuple[NodeRow, ...]
    ended: tuple[EndedRow, ...]
    dropped: tuple[DroppedReviewView, ...]

    @property
    def shown_running(self) -> tuple[Buildset, ...]:
        return self.running[:SHOWN_RUNNING]

    @property
    def free_nodes(self) -> int:
        return sum(row.is_free for row in self.nodes)


def dashboard(sources: Sources) -> Dashboard:
    """Gather the first page from the database."""
    running = sources.buildsets.running()
    views, now = sources.views, sources.clock.now()
    site = views.site()
    connections = sources.connections
    places = views.nodes([node for provider in sources.nodes for node in provider.nodes()])
    return Dashboard(
        attention=attention(
            connections, places, views.waiting(), sources.shortage, sources.dead_loops(), now, views.lockstep(), site
        ),
        site=site,
        connections=connections,
        events_waiting=sources.views.events_waiting(),
        running=running,
        nodes=_nodes(places, running),
        ended=_ended(sources),
        dropped=views.reviews_dropped(SHOWN_DROPPED),
    )


def _nodes(places: tuple[NodeView, ...], running: tuple[Buildset, ...]) -> tuple[NodeRow, ...]:
    users = {build.id: (build, buildset) for buildset in running for build in buildset.builds}
    return tuple(NodeRow(place, *users.get(place.holder, (None, None))) for place in places)


def _ended(sources: Sources) -> tuple[EndedRow, ...]:
    rows = []
    for buildset_id in sources.views.ended_buildset_ids(SHOWN_ENDED):
        buildset = sources.buildsets.get(buildset_id)
        if buildset is not None:
            reviews = [review for review in sources.views.reviews(buildset_id) if review.kind == "result"]
            rows.append(EndedRow(buildset, reviews[-1] if reviews else None))
    return tuple(rows)
