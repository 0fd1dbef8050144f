"""Gives nodes to waiting builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.observability import get_logger
from ci.services import decisions

if TYPE_CHECKING:
    from ci.ports import Clock, NodeProvider, Store
    from ci.services.pulse import Pulse
    from ci.services.scheduler import Scheduler


class NodeAllocator:
    """Leases are rows: a node that is in use stays so over a restart."""

    def __init__(self, provider: NodeProvider, store: Store, scheduler: Scheduler, pulse: Pulse, clock: Clock) -> None:
        self._provider = provider
        self._store = store
        self._scheduler = scheduler
        self._pulse = pulse
        self._clock = clock
        self._log = get_logger("node_allocator")

    def step(self) -> float | None:
        """Lease what is free to who waits; returns after how many seconds a build's pause ends, None for none."""
        buildsets, now = self._store.buildsets, self._clock.now()
        open_builds = buildsets.open_builds()
        decided = decisions.allocate(open_builds, self._provider.nodes(), buildsets.leased_node_ids(), now)
        for decision in decided:
            if isinstance(decision, decisions.EndBuild):
                self._log.error("no such nodes", action="build.node_failure", job=decision.build.job.name,
                                reason=decision.reason)  # fmt: skip
                self._scheduler.refuse(decision)
                continue
            buildsets.lease(decision.build, decision.nodes, self._clock.now())
            self._log.info("leased", action="build.leased", build=decision.build.id, job=decision.build.job.name,
                           nodes=",".join(node.id for _, node in decision.nodes))  # fmt: skip
            self._pulse.beat()
        retry_at = decisions.next_retry_at(open_builds, now)
        return None if retry_at is None else max(0.05, retry_at - now)
