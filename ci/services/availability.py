"""Which places builds may have, by what is known of the machines: no I/O, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.errors import printable
from ci.model.node import NodeState
from ci.services import decisions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.model.build import Build
    from ci.model.node import Condition, Node

SHOWN_MACHINES = 3
_WORDS = {NodeState.SET_ASIDE: "set aside", NodeState.DRAINING: "draining"}


def closed_places(nodes: Sequence[Node], conditions: Mapping[str, Condition], now: float) -> frozenset[str]:
    """Return the ids of the places that get no build at `now`: set aside, draining, or in a pause after a failure."""
    closed = {machine for machine, condition in conditions.items() if not condition.takes_builds(now)}
    return frozenset(node.id for node in nodes if node.machine in closed)


def next_opening_at(nodes: Sequence[Node], conditions: Mapping[str, Condition], now: float) -> float | None:
    """Return when the next of the machines comes out of its pause, None when none is in one at `now`."""
    known = [conditions[machine] for machine in {node.machine for node in nodes} & conditions.keys()]
    ends = [one.retry_at for one in known if one.state is NodeState.READY and one.retry_at > now]
    return min(ends, default=None)


def why_closed(build: Build, nodes: Sequence[Node], conditions: Mapping[str, Condition]) -> str:
    """Say which machines a build waits for a person to give back; "" where enough are ready or only in use."""
    if all(one.state is NodeState.READY for one in conditions.values()):
        return ""
    shut = [one for machine in sorted({node.machine for node in nodes})
            if (one := conditions.get(machine)) and one.state is not NodeState.READY]  # fmt: skip
    shut_names = {one.machine for one in shut}
    ready = [node for node in nodes if node.machine not in shut_names]
    if not shut or not decisions.lacks_nodes(build, ready):
        return ""
    labels = {request.label for request in build.job.nodeset.nodes}
    fitting = {node.machine for node in nodes if labels & set(node.labels)}
    told = [f"{one.machine} is {_WORDS[one.state]}" + (f" ({one.reason})" if one.reason else "")
            for one in shut if one.machine in fitting]  # fmt: skip
    more = [f"{len(told) - SHOWN_MACHINES} more"] if len(told) > SHOWN_MACHINES else []
    return printable(
        f"not enough nodes of label {', '.join(sorted(labels))}: {', '.join(told[:SHOWN_MACHINES] + more)}"
    )
