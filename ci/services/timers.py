"""Makes an event for each branch when the time of a pipeline has come."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.errors import CIError
from ci.model.change import Branch
from ci.model.cron import Cron
from ci.model.event import Event, EventSource, EventType
from ci.model.timer import Timer
from ci.observability import LOOP_FAILURES, get_logger
from ci.services.loop import for_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ci.config.layout import Layout
    from ci.ports import BranchSource, Clock, Store
    from ci.services.pulse import Pulse

RETRY_SECONDS = 60.0


@dataclass(slots=True)
class _Schedule:
    timer: Timer
    cron: Cron
    next_at: float = 0.0  # when to look at it again


class Timers:
    """Each time of a timer becomes events once: they and how far the timer has been told are one transaction.

    Of the times that were missed only the last one is made up for, unless it is older than a day. A timer that was
    never seen has missed nothing.
    """

    def __init__(
        self, connection: str, layout: Callable[[], Layout], source: BranchSource, store: Store, pulse: Pulse,
        clock: Clock,
    ) -> None:  # fmt: skip
        """`connection` is the one whose projects these are the timers of: a server that hangs holds up no other."""
        self.connection = connection
        self._layout = layout
        self._source = source
        self._store = store
        self._pulse = pulse
        self._clock = clock
        self._log = get_logger("timers")
        self._read: Layout | None = None
        self._schedules: list[_Schedule] = []

    def step(self) -> float | None:
        """Act on what is due; returns after how many seconds the next time comes, None for never."""
        now, layout = self._clock.now(), self._layout()
        if layout is not self._read:
            self._read, self._schedules = layout, list(self._schedules_of(layout))
        for_each(lambda one: self._look(one, now), [one for one in self._schedules if one.next_at <= now])
        next_at = min((one.next_at for one in self._schedules), default=math.inf)
        return None if math.isinf(next_at) else max(0.05, next_at - self._clock.now())

    def _schedules_of(self, layout: Layout) -> Iterator[_Schedule]:
        for pipeline in layout.pipelines.values():
            for cron in dict.fromkeys(pipeline.timers):
                for project in layout.projects_in(pipeline.name):
                    if project.connection == self.connection:
                        yield _Schedule(Timer(pipeline.name, cron.text, project.connection, project.name), cron)

    def _look(self, schedule: _Schedule, now: float) -> None:
        schedule.next_at = now + RETRY_SECONDS  # also when it fails
        timer, cron = schedule.timer, schedule.cron
        told_until = self._store.timers.told_until(timer)
        if told_until is None:
            self._store.timers.tell_until(timer, now)
        elif (due := cron.last_in(told_until, now)) is not None:
            try:
                self._go_off(schedule, due)
            except CIError as error:
                LOOP_FAILURES.labels(f"timers {timer.connection}").inc()
                self._log.warning("to be tried again", action="timer.postponed", pipeline=timer.pipeline,
                                  project=timer.project, error=str(error))  # fmt: skip
                return
        following = cron.next_after(now)
        schedule.next_at = math.inf if following is None else following

    def _go_off(self, schedule: _Schedule, due: float) -> None:
        timer = schedule.timer
        branches = list(self._branches(timer))
        now = self._clock.now()
        with self._store.transaction():
            for branch in branches:
                later = schedule.cron.delay_seconds(timer.pipeline, timer.project, branch.branch)
                self._store.events.add([_event(timer, branch, due)], now, not_before=due + later)
            self._store.timers.tell_until(timer, due)
        self._log.info("time has come", action="timer.due", pipeline=timer.pipeline, project=timer.project,
                       branches=[branch.branch for branch in branches], late_seconds=round(now - due, 1))  # fmt: skip
        self._pulse.beat()

    def _branches(self, timer: Timer) -> Iterator[Branch]:
        """Yield the branches on which the pipeline has jobs."""
        for name in self._source.branch_names(timer.connection, timer.project):
            branch = Branch(timer.connection, timer.project, name)
            selection = self._layout().select_jobs(timer.pipeline, branch)
            if selection.errors:
                self._log.error("no job runs", action="timer.broken", pipeline=timer.pipeline, branch=name,
                                error=selection.errors[0])  # fmt: skip
            if selection.jobs:
                yield branch


def _event(timer: Timer, branch: Branch, due: float) -> Event:
    key = f"timer {timer.pipeline} {timer.project} {branch.branch} {due:.0f}"
    return Event(
        connection=timer.connection,
        type=EventType.TIMER,
        type_name=str(EventType.TIMER),
        natural_key=key,
        created_at=int(due),
        pipeline=timer.pipeline,
        source=EventSource.ORDER,
        branch=branch,
    )
