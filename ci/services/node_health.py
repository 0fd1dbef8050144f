"""Health checks: none again where all was fine a moment ago, and another look at machines that are set aside."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING

from ci.errors import CIError, printable
from ci.model.build import Result
from ci.model.node import NodeState
from ci.observability import get_logger

if TYPE_CHECKING:
    from ci.model.build import Build, BuildOutcome
    from ci.model.node import Node
    from ci.ports import Clock, NodeProber, NodeProvider, Store
    from ci.services.pulse import Pulse

REMEMBERED_SECONDS = 300.0
AFTER_AN_ERROR_SECONDS = 60.0
# The run playbooks were at work to their end: the machine did what was asked of it.
_WORKED = frozenset({Result.SUCCESS, Result.FAILURE})


class CheckedNodes:
    """Keeps port `NodeHealth`; safe from any thread.

    A machine that was fine or brought a build to its end is not looked at again for 5 min; after anything else it is.
    """

    def __init__(self, prober: NodeProber, clock: Clock) -> None:
        self._prober = prober
        self._clock = clock
        self._lock = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._fine_at: dict[str, float] = {}
        self._looked: dict[str, tuple[int, str]] = {}  # by machine: how often, and what was found last

    def problem(self, node: Node) -> str:
        """Look at a node unless it was fine just now; of several who ask at once one looks for all."""
        machine = node.machine
        with self._lock:
            lock, (before, _) = self._locks[machine], self._looked.get(machine, (0, ""))
        with lock:
            with self._lock:
                count, found = self._looked.get(machine, (0, ""))
                fine_at = self._fine_at.get(machine)
            if count != before:
                return found  # somebody else looked while we waited
            if fine_at is not None and self._clock.now() - fine_at < REMEMBERED_SECONDS:
                return ""
            found = self._prober.problem(node)
            with self._lock:
                self._looked[machine] = (count + 1, found)
                self._note(machine, is_fine=not found)
        return found

    def ended(self, build: Build, outcome: BuildOutcome) -> None:
        """Remember the machines of a build that came to its end as fine, and forget those of any other."""
        with self._lock:
            for machine in build.machines:
                # who kept the nodes may have done anything to them
                self._note(machine, is_fine=outcome.result in _WORKED and not outcome.is_held)

    def _note(self, machine: str, *, is_fine: bool) -> None:
        if is_fine:
            self._fine_at[machine] = self._clock.now()
        else:
            self._fine_at.pop(machine, None)


class NodeWatch:
    """Looks again at machines that are set aside because they were ill; the well ones come back, on probation."""

    def __init__(self, provider: NodeProvider, prober: NodeProber, store: Store, pulse: Pulse, clock: Clock) -> None:
        self._provider = provider
        self._prober = prober
        self._store = store
        self._pulse = pulse
        self._clock = clock
        self._not_before = 0.0
        self._log = get_logger("nodes")

    def step(self) -> float | None:
        """Look at those that are due; returns after how many seconds the next one is, None for none."""
        now = self._clock.now()
        conditions = self._store.nodes.all().values()
        ill = {one.machine: one for one in conditions if one.state is NodeState.SET_ASIDE and one.is_ill}
        places = {node.machine: node for node in self._provider.nodes() if node.machine in ill}
        due = [node for machine, node in places.items() if max(ill[machine].retry_at, self._not_before) <= now]
        for node in due:
            self._look_at(node)
        later = [ill[machine].retry_at for machine in places if ill[machine].retry_at > now]
        return max(0.05, min(later) - now) if later else None

    def _look_at(self, node: Node) -> None:
        try:
            problem = self._prober.problem(node)
        except CIError as error:
            self._not_before = self._clock.now() + AFTER_AN_ERROR_SECONDS
            self._log.error("cannot look", action="node.not_looked_at", machine=node.machine, error=str(error))
            return
        now = self._clock.now()
        if problem:
            self._store.nodes.failed(node.machine, printable(problem), now, is_ill=True)
            self._log.warning("still ill", action="node.still_ill", machine=node.machine, reason=problem)
            return
        self._store.nodes.recovered(node.machine, now)
        self._log.info("well again, on probation", action="node.recovered", machine=node.machine)
        self._pulse.beat()
