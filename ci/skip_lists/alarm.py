"""Ends what takes too long, in the middle of a regular expression too: for the command line, which has one thread."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType, TracebackType


class TooSlowError(Exception):
    """The time is over."""


class Alarm:
    """A context manager, to be used again and again: each time it gives `seconds`, and `all_seconds` to all together.

    Raises `TooSlowError` when they are over; only for the main thread, which is where signals arrive.
    """

    def __init__(self, seconds: float, all_seconds: float) -> None:
        self._seconds = seconds
        self._left = all_seconds
        self._began = 0.0

    def __enter__(self) -> Self:
        if self._left <= 0:
            raise TooSlowError
        self._began = time.monotonic()
        self._before = signal.signal(signal.SIGALRM, _ring)
        signal.setitimer(signal.ITIMER_REAL, min(self._seconds, self._left))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:  # it may ring just here
            signal.setitimer(signal.ITIMER_REAL, 0)
        finally:
            signal.signal(signal.SIGALRM, self._before)
        self._left -= time.monotonic() - self._began


def _ring(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlowError
