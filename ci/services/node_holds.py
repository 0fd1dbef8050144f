"""Autoholds: has builds that fail leave their nodes as they are, and cleans up after them when their time is over."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ci.errors import CIError
from ci.model.build import HOLD_FILE, SPEC_FILE, BuildSpec, BuildState
from ci.model.codec import from_json
from ci.observability import LOOP_FAILURES, get_logger

if TYPE_CHECKING:
    from ci.model.build import Build
    from ci.model.hold import Hold
    from ci.ports import Clock, JobRunner, Store
    from ci.services.folders import Folders
    from ci.services.pulse import Pulse

TRY_AGAIN_SECONDS = 30.0
STOP_GRACE_SECONDS = 10.0


class NodeHolds:
    """Marks builds that somebody wants to look at, and frees kept nodes only after their cleanup-run."""

    def __init__(self, runner: JobRunner, store: Store, folders: Folders, pulse: Pulse, clock: Clock) -> None:
        self._runner = runner
        self._store = store
        self._folders = folders
        self._pulse = pulse
        self._clock = clock
        self._marked: set[str] | None = None  # not known after a start
        self._threads: dict[int, threading.Thread] = {}
        self._not_before: dict[int, float] = {}
        self._stop = threading.Event()
        self._log = get_logger("holds")

    def step(self) -> float | None:
        """Mark what is to be kept and let go of what is not; returns after how many seconds the next hold expires."""
        self._mark()
        now = self._clock.now()
        self._threads = {key: thread for key, thread in self._threads.items() if thread.is_alive()}
        for hold in self._store.holds.ending(now):
            if hold.id not in self._threads and self._not_before.get(hold.id, 0.0) <= now:
                thread = threading.Thread(target=self._let_go, args=(hold,), name=hold.holder, daemon=True)
                self._threads[hold.id] = thread
                thread.start()
        expiry_at = self._store.holds.next_expiry_at()
        return None if expiry_at is None else max(0.05, expiry_at - now)

    def stop(self) -> None:
        """Leave what is being cleaned up to the next service."""
        self._stop.set()
        for thread in list(self._threads.values()):
            thread.join(STOP_GRACE_SECONDS)

    def _mark(self) -> None:
        """Put a file into the folder of each attempt that a request fits, and take it away where none does any more."""
        wishes = any(one.current_count < one.max_count for one in self._store.holds.requests())
        if not wishes and self._marked == set():
            return
        marked = set()
        for build in self._store.buildsets.open_builds():
            if build.state is BuildState.WAITING:
                continue
            if wishes and self._store.holds.matching(build):
                self._ask_to_hold(build)
                marked.add(f"{build.id}/{build.attempt}")
            else:
                (self._folders.build(build) / HOLD_FILE).unlink(missing_ok=True)
        self._marked = marked

    def _ask_to_hold(self, build: Build) -> None:
        if self._marked and f"{build.id}/{build.attempt}" in self._marked:
            return
        try:
            self._folders.build(build).mkdir(parents=True, exist_ok=True)
            self._folders.ask_to_hold(build)
        except OSError as error:
            raise CIError(f"cannot ask to hold build {build.id}: {error.strerror}") from error
        self._log.info("to be kept if it fails", action="hold.asked", build=build.id, job=build.job.name)

    def _let_go(self, hold: Hold) -> None:
        log = self._log.bind(hold=hold.holder, build=hold.build_id, job=hold.job)
        try:
            self._store.holds.release(hold, self._clock.now())
            note = self._clean_up(hold)
            if note is not None:
                self._store.holds.free(hold, note, self._clock.now())
                log.info("nodes are free", action="hold.freed", note=note)
                self._pulse.beat()
        except CIError as error:
            self._not_before[hold.id] = self._clock.now() + TRY_AGAIN_SECONDS
            log.error("to be taken up again", action="hold.interrupted", error=str(error))  # noqa: TRY400
        except Exception:
            self._not_before[hold.id] = self._clock.now() + TRY_AGAIN_SECONDS
            log.exception("unexpected failure; to be taken up again", action="hold.bug")
            LOOP_FAILURES.labels("holds").inc()
        finally:
            self._store.close()

    def _clean_up(self, hold: Hold) -> str | None:
        """Run the cleanup-run; returns what is to be said of it, None when the service stops before its end."""
        path = self._folders.builds / hold.build_id / str(hold.attempt) / SPEC_FILE
        try:
            spec = from_json(BuildSpec, path.read_bytes())
        except FileNotFoundError:
            self._log.error("no cleanup-run: its folder is gone", action="hold.no_cleanup", hold=hold.holder)
            return "without cleanup-run: its folder is gone"
        except (OSError, ValueError) as error:
            raise CIError(f"{path} cannot be read: {error}") from error
        return "cleanup-run is done" if self._runner.clean_up(spec, self._stop) else None
