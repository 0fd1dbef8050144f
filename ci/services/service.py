"""The whole service in one process: a thread for each connection and for each loop."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from ci.errors import CIError
from ci.observability import get_logger
from ci.ports import Store, Views
from ci.services.executor import Executor
from ci.services.janitor import Janitor
from ci.services.leases import LeaseCheck
from ci.services.listener import Listener
from ci.services.lockstep import Lockstep
from ci.services.loop import run_loop
from ci.services.loop_threads import LoopThreads
from ci.services.mirror_care import MirrorCare
from ci.services.node_allocator import NodeAllocator
from ci.services.node_health import NodeWatch
from ci.services.node_holds import NodeHolds
from ci.services.pulse import Pulse
from ci.services.reporter import Reporter
from ci.services.results_intake import ResultsIntake
from ci.services.scheduler import Scheduler
from ci.services.site_updates import SiteUpdates
from ci.services.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable


STOP_SECONDS = 10.0


class Server(Protocol):
    """The pages: started before the loops, so that the links of a vote always open."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is made of."""

    store: Store
    views: Views
    connections: Sequence[str]
    listeners: Sequence[Listener]
    scheduler: Scheduler
    node_allocator: NodeAllocator
    node_watch: NodeWatch
    node_holds: NodeHolds
    lease_check: LeaseCheck
    executor: Executor
    reporter: Reporter
    janitor: Janitor
    mirror_care: MirrorCare
    results_intake: ResultsIntake
    timers: Sequence[Timers]
    lockstep: Lockstep
    site_updates: SiteUpdates
    web: Server
    pulse: Pulse
    threads: LoopThreads


class Service:
    """Runs until it is told to stop; builds that run then go on, and the next start adopts them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stop = threading.Event()
        self._log = get_logger("service")

    def run(self, started: Callable[[], None], stop: threading.Event) -> None:
        """Start everything, call `started` once the pages answer, and return some time after `stop` is set."""
        parts = self._parts
        for listener in parts.listeners:  # before the pages answer: they show each Gerrit, and none as it was once
            listener.begin()
        parts.web.start()
        started()
        self._tell_of_unknown_connections()
        loops: dict[str, Callable[[], float | None]] = {
            "node_allocator": parts.node_allocator.step,
            "node_watch": parts.node_watch.step,
            "node_holds": parts.node_holds.step,
            "lease_check": parts.lease_check.step,
            "executor": parts.executor.step,
            "watcher": _Watcher(parts.store, parts.pulse).step,
        }
        for connection in parts.connections:  # loops of its own for each: one Gerrit that hangs holds up no other
            loops[f"scheduler {connection}"] = partial(parts.scheduler.step, connection)
            loops[f"reporter {connection}"] = partial(parts.reporter.step, connection)
        # What nobody waits for need not look at each beat: it looks by itself, each second.
        unhurried: dict[str, Callable[[], float | None]] = {
            "janitor": parts.janitor.step,
            "mirror_care": parts.mirror_care.step,
            "results_intake": parts.results_intake.step,
            "lockstep": parts.lockstep.step,
            "site_updates": parts.site_updates.step,
            **{f"timers {timers.connection}": timers.step for timers in parts.timers},
        }
        for listener in parts.listeners:
            loops[f"catch_up {listener.name}"] = listener.step
        for name, step in loops.items():
            parts.threads.start(name, run_loop, name, step, parts.pulse, self._stop)
        calm = Pulse()
        for name, step in unhurried.items():
            parts.threads.start(name, run_loop, name, step, calm, self._stop)
        for listener in parts.listeners:
            parts.threads.start(f"listener {listener.name}", listener.run, self._stop)
        stop.wait()
        self._log.info("stopping", action="service.stopping")
        self._stop.set()
        parts.pulse.beat()
        calm.beat()
        parts.lockstep.stop()
        parts.site_updates.stop()
        parts.executor.stop()
        parts.node_holds.stop()
        parts.threads.stop(STOP_SECONDS)
        parts.web.stop()
        self._log.info("stopped", action="service.stopped")

    def look_at_site(self) -> None:
        """Have the site's files looked at now; may be called from a signal handler."""
        self._parts.site_updates.look_now()

    def _tell_of_unknown_connections(self) -> None:
        """Say what waits for a Gerrit that zuul.conf no longer names: it is kept until it is named again."""
        try:
            waiting = self._parts.views.waiting()
        except CIError as error:
            self._log.error("not known what waits", action="service.waiting", error=str(error))
            return
        for one in waiting:
            if one.connection not in self._parts.connections:
                self._log.warning(
                    "waits for a connection that zuul.conf does not name", action="service.unknown_connection",
                    connection=one.connection, events=one.events, reviews=one.reviews,
                )  # fmt: skip


class _Watcher:
    """Wakes the loops when another process (an operator's command) has written to the database."""

    def __init__(self, store: Store, pulse: Pulse) -> None:
        self._store = store
        self._pulse = pulse
        self._seen = 0

    def step(self) -> float:
        version = self._store.data_version()
        if version != self._seen:
            self._seen = version
            self._pulse.beat()
        return 1.0
