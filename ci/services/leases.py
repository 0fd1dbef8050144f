"""Leases that nobody can end any more, found at the start and again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.errors import StaleStateError, printable
from ci.model.build import SPEC_FILE, BuildSpec, BuildState
from ci.model.codec import from_json
from ci.observability import get_logger
from ci.processes import is_gone

if TYPE_CHECKING:
    from ci.ports import Clock, JobRunner, Store, Views
    from ci.services.folders import Folders
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


def keep_off_strays(store: Store, folders: Folders, runner: JobRunner, now: float) -> int:
    """Hold the nodes of builds that run although the database knows nothing of it, as after a restore; how many.

    Their processes hold them like those of `powervm-ci run`: when one is gone, its nodes are free.
    """
    log, count = get_logger("leases"), 0
    for path in sorted(folders.builds.glob(f"*/*/{SPEC_FILE}")):
        build = store.buildsets.build(path.parent.parent.name)
        if build is not None and build.state is not BuildState.WAITING:
            continue
        try:
            spec = from_json(BuildSpec, path.read_bytes())
        except (OSError, ValueError) as error:
            log.warning("cannot be read", action="leases.stray", path=str(path), error=printable(str(error)))
            continue
        process = runner.started(spec)
        name = f"{process.pid}-{process.start_time}" if process else ""
        if not process or is_gone(name):
            continue
        try:
            places = zip(spec.job.nodeset.nodes, spec.nodes, strict=False)
            store.buildsets.hold_nodes(f"{RUN_HOLDER}{name}", list(places), now)
        except StaleStateError:
            continue  # the `run` that it belongs to, or a build, has them
        count += 1
        log.warning("runs unknown to the database: its nodes are kept off till it ends", action="leases.stray",
                    build=spec.build_id, pid=process.pid)  # fmt: skip
    return count


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
