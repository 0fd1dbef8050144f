"""Takes the test results of ended builds into the history, in a loop of its own: no vote waits for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ci.observability import TESTS_TAKEN, get_logger
from ci.services.loop import for_each

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.model.views import BuildView
    from ci.ports import Clock, ResultReader, Store
    from ci.services.folders import Folders

BUILDS_AT_ONCE = 20
SOON_SECONDS = 0.05
# Between two builds: the lock of the database is for others, too.
PAUSE_SECONDS = 0.1


class ResultsIntake:
    """A build is marked in the transaction that counts its tests: after a crash it is read anew, or is done with."""

    def __init__(
        self, reader: ResultReader, store: Store, folders: Folders, clock: Clock,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._reader = reader
        self._store = store
        self._folders = folders
        self._clock = clock
        self._pause = pause
        self._log = get_logger("results_intake")

    def step(self) -> float | None:
        """Take in some builds, oldest first; returns after how many seconds to come again."""
        found = self._store.test_intake.untaken(BUILDS_AT_ONCE)
        for_each(self._take, found)
        return SOON_SECONDS if len(found) == BUILDS_AT_ONCE else None

    def _take(self, view: BuildView) -> None:
        tests = self._reader.read(self._folders.build_logs(view.build, view.change, view.pipeline))
        if self._store.test_intake.take(view, tests, self._clock.now()):
            TESTS_TAKEN.inc(len(tests))
            self._log.debug("taken in", action="results.taken", build=view.build.id, tests=len(tests))
        self._pause(PAUSE_SECONDS)
