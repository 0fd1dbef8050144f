"""Gives nodes to waiting builds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ci.observability import get_logger
from ci.services import availability, decisions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ci.model.build import Build
    from ci.ports import Clock, NodeProvider, Room, Store
    from ci.services.pulse import Pulse
    from ci.services.scheduler import Scheduler

NO_ROOM = "the state folder is too full: see powervm-ci status"


class NodeAllocator:
    """Leases are rows: a node that is in use stays so over a restart."""

    def __init__(
        self, provider: NodeProvider, store: Store, scheduler: Scheduler, pulse: Pulse, clock: Clock,
        room: Room | None = None,
    ) -> None:  # fmt: skip
        self._provider = provider
        self._store = store
        self._scheduler = scheduler
        self._pulse = pulse
        self._clock = clock
        self._room = room
        self._log = get_logger("node_allocator")

    def step(self) -> float | None:
        """Lease what is free to who waits; returns after how many seconds a pause ends, None for none."""
        now = self._clock.now()
        waiting = self._store.buildsets.waiting_builds()
        if not waiting:
            return None
        if self._room is not None and self._room.shortage():
            for build in waiting:
                self._say_why(build, NO_ROOM)
            return None
        # One transaction: a machine that a person has drained, or a command has taken, is never given away after that.
        with self._store.transaction():
            decided = self._decide(waiting, now)
            tellers: list[Callable[[], None]] = [partial(self._tell, decision) for decision in decided]
            for decision in decided:
                if isinstance(decision, decisions.EndBuild):
                    tellers.append(self._scheduler.refuse(decision))
                else:
                    self._store.buildsets.lease(decision.build, decision.nodes, now)
        for tell in tellers:
            tell()
        if decided:
            self._pulse.beat()
        return self._look_again_in(waiting, now)

    def _decide(self, waiting: Sequence[Build], now: float) -> list[decisions.Lease | decisions.EndBuild]:
        nodes, conditions = self._provider.nodes(), self._store.nodes.all()
        taken = self._store.buildsets.leased_node_ids() | availability.closed_places(nodes, conditions, now)
        decided = decisions.allocate(waiting, nodes, taken, now)
        served = {decision.build.id for decision in decided}
        for build in waiting:
            if build.id not in served:
                self._say_why(build, availability.why_closed(build, nodes, conditions))
        return decided

    def _say_why(self, build: Build, reason: str) -> None:
        if build.error != (f"waits: {reason}" if reason else "") and self._store.buildsets.tell_wait(build, reason):
            self._log.warning("waiting", action="build.waits", build=build.id, reason=reason or "for its turn")

    def _look_again_in(self, waiting: Sequence[Build], now: float) -> float | None:
        opening_at = availability.next_opening_at(self._provider.nodes(), self._store.nodes.all(), now)
        due = [at for at in (decisions.next_retry_at(waiting, now), opening_at) if at is not None]
        return max(0.05, min(due) - now) if due else None

    def _tell(self, decision: decisions.Lease | decisions.EndBuild) -> None:
        build = decision.build
        if isinstance(decision, decisions.EndBuild):
            self._log.error("no such nodes", action="build.node_failure", job=build.job.name, reason=decision.reason)
            return
        self._log.info("leased", action="build.leased", build=build.id, job=build.job.name,
                       nodes=",".join(node.id for _, node in decision.nodes))  # fmt: skip
