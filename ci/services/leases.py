"""Leases that nobody can end any more, found at the start and again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.observability import get_logger
from ci.processes import is_gone

if TYPE_CHECKING:
    from ci.ports import Clock, Store, Views
    from ci.services.pulse import Pulse

RUN_HOLDER = "run-"
EVERY_SECONDS = 60.0


def give_back_lost_nodes(store: Store, views: Views) -> int:
    """Free the nodes of commands that were killed and of builds that have ended; returns of how many holders."""
    log = get_logger("leases")
    with store.transaction():
        holders = set(views.leases().values())
        lost = {holder for holder in holders
                if holder.startswith(RUN_HOLDER) and is_gone(holder.removeprefix(RUN_HOLDER))}  # fmt: skip
        lost |= set(store.buildsets.lost_holders())
        for holder in sorted(lost):
            store.buildsets.give_back_nodes(holder)
            log.warning("nobody has them any more", action="leases.given_back", holder=holder)
    return len(lost)


class LeaseCheck:
    """Frees lost nodes once a minute."""

    def __init__(self, store: Store, views: Views, pulse: Pulse, clock: Clock) -> None:
        self._store = store
        self._views = views
        self._pulse = pulse
        self._clock = clock
        self._due_at = 0.0

    def step(self) -> float:
        """Look when it is time; returns after how many seconds to look again."""
        now = self._clock.now()
        if now >= self._due_at:
            self._due_at = now + EVERY_SECONDS
            if give_back_lost_nodes(self._store, self._views):
                self._pulse.beat()
        return max(0.05, self._due_at - now)
