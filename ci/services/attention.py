"""What a person should look at now, in one line each, for the first page and for `status`: pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ci.model.connection import ConnectionState
from ci.model.node import NodeState
from ci.services.lockstep_words import attention_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ci.model.lockstep import WaitStatus
    from ci.model.site import SiteState
    from ci.model.views import ConnectionView, NodeView, WaitingView

# What is retried within this time is nobody's business yet.
PATIENCE_SECONDS = 60.0
_COMMIT = re.compile(r"[0-9a-f]{40}")


def attention(
    connections: Iterable[ConnectionView],
    nodes: Iterable[NodeView],
    waiting: Iterable[WaitingView],
    shortage: str,
    dead_loops: Sequence[str],
    now: float,
    blocks: Iterable[WaitStatus] = (),
    site: SiteState | None = None,
) -> tuple[str, ...]:
    """Return a line for each thing that does not mend itself, or takes long to; `now` in seconds since the epoch."""
    lines = [f"These loops of the service have ended: {', '.join(dead_loops)}. Restart it."] if dead_loops else []
    lines += [f"No build is taken: {shortage}"] if shortage else []
    lines += _site(site, now) if site else []
    return (*lines, *_links(connections, now), *_nodes(nodes), *_reviews(waiting, now), *attention_lines(blocks, now))


def _site(site: SiteState, now: float) -> Iterator[str]:
    if site.refused:
        what = f"Commit {site.refused[:10]} of the site" if _COMMIT.match(site.refused) else "The site's folder"
        yield f"{what} is refused, the state before stays: {site.reason} (powervm-ci check shows all)"
    if site.trouble and now - site.trouble_since > PATIENCE_SECONDS:
        yield f"The site's repository cannot be read since {_utc(site.trouble_since)}: {site.trouble}"
    if site.restart:
        yield f"Restart the service: {site.restart}"


def _links(connections: Iterable[ConnectionView], now: float) -> Iterator[str]:
    for one in connections:
        if one.state == ConnectionState.ALARM or (
            one.state != ConnectionState.CONNECTED and now - one.since > PATIENCE_SECONDS
        ):
            yield f"Nothing is heard from {one.name} since {_utc(one.since)}: {one.reason or 'not connected yet'}"


def _nodes(nodes: Iterable[NodeView]) -> Iterator[str]:
    machines = {one.node.machine: one for one in nodes}
    for machine, one in machines.items():
        if one.state is NodeState.SET_ASIDE:
            yield (
                f"{machine} is set aside since {_utc(one.since)}: {one.reason}"
                f" (mend it, then: powervm-ci nodes enable {machine})"
            )


def _reviews(waiting: Iterable[WaitingView], now: float) -> Iterator[str]:
    for one in waiting:
        if one.reviews and one.reviews_since is not None and now - one.reviews_since > PATIENCE_SECONDS:
            votes = "1 vote waits" if one.reviews == 1 else f"{one.reviews} votes wait"
            why = f": {one.note}" if one.note else ""
            yield f"{votes} for {one.connection} since {_utc(one.reviews_since)}{why}"


def _utc(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
