"""Removes what is old - logs, folders of ended builds, rows - a little at a time."""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import CIError
from ci.model.build import SPEC_FILE, BuildState
from ci.observability import REMOVED, get_logger
from ci.services.log_sweep import LogSweep
from ci.services.loop import for_each
from ci.services.trash import Trash

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.model.build import Build
    from ci.ports import Clock, Remains, Store, Views
    from ci.services.folders import Folders

DAY_SECONDS = 86_400.0
EVERY_SECONDS = 600.0
# A chore works for so long at a time; where there is more to do the next one comes soon.
SLICE_SECONDS = 0.5
SOON_SECONDS = 1.0
# Between two transactions: SQLite lets those who wait for the lock sleep, and they would find it taken again and again.
PAUSE_SECONDS = 0.1
# Somebody may still want to look into the folder of a build that has just ended.
BUILD_FOLDER_SECONDS = 3600.0
UNKNOWN_FOLDER_SECONDS = DAY_SECONDS
# One that has just been laid out is not in force yet.
SITE_FOLDER_SECONDS = 3600.0
# An event is told again by a query only while a link's watermark is behind it; two weeks of outage are covered.
SHORTEST_EVENT_DAYS = 14
BUILDS_AT_ONCE = 50
BUILDSETS_AT_ONCE = 20
EVENTS_AT_ONCE = 200
STEPS_AT_ONCE = 200
TEST_DAYS_AT_ONCE = 2000
TESTS_AT_ONCE = 500
# What a person has made so (a mount point, an immutable file) stays, and holds up nothing that comes after it.
STUBBORN = frozenset({errno.EPERM, errno.EACCES, errno.EBUSY})


@dataclass(frozen=True, slots=True)
class Limits:
    """For how many days logs and rows are kept; 0 for ever."""

    log_days: int
    history_days: int


class Janitor:
    """Works in slices, each of which may be the last: whatever a crash leaves undone is found again.

    The database is the guide: logs go because their build ended long ago. Of what the database does not know
    (`powervm-ci run`) the time of the last change decides.
    """

    def __init__(
        self, limits: Limits, store: Store, views: Views, folders: Folders, remains: Remains,
        clock: Clock, monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._limits = limits
        self._store = store
        self._views = views
        self._folders = folders
        self._remains = remains
        self._clock = clock
        self._monotonic = monotonic
        self._pause = pause
        self._logs = Trash(folders.logs)
        self._builds = Trash(folders.builds)
        self._sites = Trash(folders.sites)
        self._log_sweep = LogSweep(folders.logs)
        self._due_at = 0.0
        self._slice_ends_at = 0.0
        self._last_event = 0
        self._last_test = 0
        self._log = get_logger("janitor")

    def step(self) -> float:
        """Do a slice of each chore when it is time; returns after how many seconds to come again."""
        if self._clock.now() < self._due_at:
            return self._due_at - self._clock.now()
        finished: list[bool] = []

        def work(chore: Callable[[], bool]) -> None:
            self._slice_ends_at = self._monotonic() + SLICE_SECONDS
            finished.append(chore())

        self._due_at = self._clock.now() + SOON_SECONDS  # also when one of the chores fails
        chores = (
            self._empty_trash, self._old_logs, self._unknown_logs, self._build_folders, self._old_sites,
            self._old_buildsets,
            self._old_events, self._old_stories, self._old_test_days, self._unused_tests, self._sweep,
        )  # fmt: skip
        for_each(work, chores)
        self._store.retention.shrink_log()
        if all(finished):
            self._due_at = self._clock.now() + EVERY_SECONDS
        return self._due_at - self._clock.now()

    def _may_go_on(self) -> bool:
        return self._monotonic() < self._slice_ends_at

    def _empty_trash(self) -> bool:
        return self._logs.empty(self._may_go_on) and self._builds.empty(self._may_go_on)

    def _old_logs(self) -> bool:
        """Remove the logs of builds that ended too long ago; each is marked after its folders are out of sight."""
        if not self._limits.log_days:
            return True
        before = self._clock.now() - self._limits.log_days * DAY_SECONDS
        found = self._store.retention.builds_with_old_logs(before, BUILDS_AT_ONCE)
        for view in found:
            for attempt in range(1, view.build.attempt + 1):
                folder = self._folders.build_logs(replace(view.build, attempt=attempt), view.change, view.pipeline)
                self._throw_away(self._logs, folder.relative_to(self._folders.logs), "log_folder")
        self._store.retention.logs_are_removed([view.build.id for view in found], self._clock.now())
        self._pause(PAUSE_SECONDS)
        return len(found) < BUILDS_AT_ONCE and self._logs.empty(self._may_go_on)

    def _unknown_logs(self) -> bool:
        """Remove old log folders of which no build is known, a part of the folder each time."""
        if not self._limits.log_days:
            return True
        before = self._clock.now() - self._limits.log_days * DAY_SECONDS
        for folder in self._log_sweep.old_folders(before):
            if self._views.build(folder.name.partition("-")[0]) is None:
                self._throw_away(self._logs, folder, "unknown_log_folder")
        return True

    def _build_folders(self) -> bool:
        now = self._clock.now()
        for name in _names(self._folders.builds):
            # read anew for each: a hold may come while we go on
            held = {hold.build_id for hold in self._store.holds.held()}
            build = self._store.buildsets.build(name)
            if name not in held and self._is_done_with(build, self._folders.builds / name, now):
                self._throw_away(self._builds, Path(name), "build_folder")
            if not self._may_go_on():
                return False
        return self._builds.empty(self._may_go_on)

    def _is_done_with(self, build: Build | None, folder: Path, now: float) -> bool:
        """Whether nobody needs a build's folder any more: none that waits, runs, or whose process is alive."""
        if build is None:
            old = _changed_at(folder) < now - UNKNOWN_FOLDER_SECONDS
        else:
            old = build.state is BuildState.ENDED and (build.ended_at or now) < now - BUILD_FOLDER_SECONDS
        return old and not any(self._remains.in_use(folder / attempt) for attempt in _names(folder))

    def _old_sites(self) -> bool:
        """Remove the states of the site that are not in force and that no build runs with, or will."""
        names = _names(self._folders.sites)
        if names:
            kept = {self._store.site.get().commit} | self._store.site.in_use() | self._sites_of_build_folders()
            before = self._clock.now() - SITE_FOLDER_SECONDS
            for name in names:
                if name not in kept and _changed_at(self._folders.sites / name) < before:
                    self._throw_away(self._sites, Path(name), "site_folder")
        return self._sites.empty(self._may_go_on)

    def _sites_of_build_folders(self) -> set[str]:
        """The states of the site that builds have been started with whose folders are still there."""
        found = set()
        for spec in self._folders.builds.glob(f"*/*/{SPEC_FILE}"):
            with suppress(OSError, ValueError, KeyError, TypeError):  # it goes with its folder
                found.add(Path(json.loads(spec.read_bytes())["site"]).name)
        return found

    def _old_buildsets(self) -> bool:
        if not self._limits.history_days or not self._limits.log_days:
            return True
        days = max(self._limits.history_days, self._limits.log_days)
        forget = partial(self._store.retention.forget_buildsets, self._clock.now() - days * DAY_SECONDS)
        while count := forget(BUILDSETS_AT_ONCE):
            REMOVED.labels("buildset").inc(count)
            self._pause(PAUSE_SECONDS)
            if not self._may_go_on():
                return False
        return True

    def _old_events(self) -> bool:
        if not self._limits.log_days:
            return True
        before = self._clock.now() - max(self._limits.log_days, SHORTEST_EVENT_DAYS) * DAY_SECONDS
        while True:
            count, after = self._store.retention.forget_events(self._last_event, before, EVENTS_AT_ONCE)
            REMOVED.labels("event").inc(count)
            if after is None:
                return True
            self._last_event = after
            if count:
                self._pause(PAUSE_SECONDS)
            if not self._may_go_on():
                return False

    def _old_stories(self) -> bool:
        """Remove the steps of machines, holds and autoholds after the days of history."""
        if not self._limits.history_days:
            return True
        before = self._clock.now() - self._limits.history_days * DAY_SECONDS
        while count := self._store.retention.forget_stories(before, STEPS_AT_ONCE):
            REMOVED.labels("step").inc(count)
            self._pause(PAUSE_SECONDS)
            if not self._may_go_on():
                return False
        return True

    def _old_test_days(self) -> bool:
        """Remove what tests did before the days of history."""
        if not self._limits.history_days:
            return True
        before = datetime.fromtimestamp(self._clock.now() - self._limits.history_days * DAY_SECONDS, UTC).date()
        while count := self._store.retention.forget_test_days(before, TEST_DAYS_AT_ONCE):
            REMOVED.labels("test_day").inc(count)
            self._pause(PAUSE_SECONDS)
            if not self._may_go_on():
                return False
        return True

    def _unused_tests(self) -> bool:
        """Remove the names of tests of which nothing is left, a part of them each time."""
        self._last_test = self._store.retention.forget_tests(self._last_test, TESTS_AT_ONCE) or 0
        return True

    def _sweep(self) -> bool:
        REMOVED.labels("temporary_folder").inc(self._remains.sweep())
        return True

    def _throw_away(self, trash: Trash, place: Path, what: str) -> None:
        try:
            is_gone = trash.throw_away(place.parts)
        except OSError as error:
            if error.errno not in STUBBORN:
                raise CIError(f"{place}: {error.strerror}") from error
            self._log.warning("cannot be removed", action="janitor.stubborn", what=what, place=str(place),
                              error=error.strerror)  # fmt: skip
            return
        if is_gone:
            REMOVED.labels(what).inc()
            self._log.debug("removed", action="janitor.removed", what=what, place=str(place))


def _names(folder: Path) -> list[str]:
    """The names of the folders in a folder, but for the trash; nothing when it is not there."""
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CIError(f"{folder}: {error.strerror}") from error


def _changed_at(folder: Path) -> float:
    """When a folder itself changed last; this time cannot be set from outside as the time of modification can."""
    status = folder.lstat()
    return status.st_ctime if stat.S_ISDIR(status.st_mode) else 0.0
