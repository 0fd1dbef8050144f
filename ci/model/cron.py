"""Times of day as Zuul writes them: a cron line of five fields, and perhaps seconds and jitter. UTC.

The meaning is that of the library that Zuul itself has for them: weekday 0 is Monday, and a day must fit both the day
of the month and the weekday. Zuul takes its machine's time zone; here it is always UTC: no hour is there twice.
"""

from __future__ import annotations

import functools
import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apscheduler.triggers.cron import CronTrigger

LOOK_BACK_SECONDS = 86_400.0
# In such steps it is looked for the last time: however often a timer goes off, few times are gone through.
_WINDOWS_SECONDS = (60.0, 3600.0, LOOK_BACK_SECONDS)
_FIELDS = (5, 6, 7)
_JITTER = re.compile(r"[0-9]{1,6}")


@functools.cache
def _trigger(text: str) -> Any:
    minute, hour, day, month, weekday, *rest = text.split()
    return CronTrigger(
        minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, second=rest[0] if rest else None,
        timezone=UTC,
    )  # fmt: skip


def cron_problem(text: str) -> str | None:
    """Say what is wrong with a cron line, None when it is fine."""
    fields = text.split()
    if len(fields) not in _FIELDS:
        return "has five fields, or six with seconds, or seven with jitter"
    if len(fields) == _FIELDS[-1] and not _JITTER.fullmatch(fields[-1]):
        return f"the jitter {fields[-1]!r} is not a number of seconds"
    try:
        trigger = _trigger(text)
    except ValueError as error:
        return str(error)
    if trigger.get_next_fire_time(None, datetime(2000, 1, 1, tzinfo=UTC)) is None:
        return "there is no such day"
    return None


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron line in which `cron_problem` finds nothing. All times in seconds since the epoch."""

    text: str

    @property
    def jitter_seconds(self) -> float:
        """By how much each run may be later at most."""
        fields = self.text.split()
        return float(fields[-1]) if len(fields) == _FIELDS[-1] else 0.0

    def next_after(self, moment: float) -> float | None:
        """Return the first time after a moment, None when there is none any more."""
        at = _trigger(self.text).get_next_fire_time(None, datetime.fromtimestamp(moment + 1e-6, UTC))
        return None if at is None else float(at.timestamp())

    def last_in(self, after: float, until: float) -> float | None:
        """Return the last time that is after the one and not after the other; `LOOK_BACK_SECONDS` back at most."""
        for window_seconds in _WINDOWS_SECONDS:
            start = max(after, until - window_seconds)
            last, following = None, self.next_after(start)
            while following is not None and following <= until:
                last, following = following, self.next_after(following)
            if last is not None or start == after:
                return last
        return None

    def delay_seconds(self, *names: str) -> float:
        """Return by how much what has these names runs later: always the same for the same ones, as in Zuul."""
        return random.Random("\0".join(names)).uniform(0.0, self.jitter_seconds)  # noqa: S311 - nothing secret

    def __str__(self) -> str:
        return self.text
