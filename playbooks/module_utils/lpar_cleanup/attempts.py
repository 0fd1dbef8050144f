"""Trying again while the answer is one that passes, within the time that is left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from pypowervm import exceptions as pvm_errors

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

STALE, NOT_FOUND, UNAVAILABLE = 412, 404, 503
DELAYS_SECONDS = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)


class NotYetError(RuntimeError):
    """What was asked for takes its time; the message says what is waited for."""


class ChangedError(RuntimeError):
    """An LPAR is no longer what was planned for: nothing more is done to it."""


# What may go wrong with one thing and leave the others as they are.
TROUBLE = (pvm_errors.Error, NotYetError, ChangedError)


class Deadline:
    """The end of the time that a clean-up has."""

    def __init__(self, seconds: float) -> None:
        """Start now."""
        self._end = time.monotonic() + seconds

    def left_seconds(self) -> float:
        """Return how much is left, never less than 0."""
        return max(0.0, self._end - time.monotonic())


def insist(action: Callable[[], Result], deadline: Deadline) -> Result:
    """Return what `action` returns; while its error passes by itself, call it again, which reads everything anew.

    What passes: an etag that is stale, a VIOS or a server that is busy, a connection that broke, NotYetError. Each
    action must be one that may happen twice.
    """
    for delay in DELAYS_SECONDS:
        try:
            return action()
        except (pvm_errors.Error, NotYetError) as error:
            if not _passes(error) or deadline.left_seconds() < delay:
                raise
        time.sleep(delay)
    return action()


def if_there(action: Callable[[], Result], otherwise: Result) -> Result:
    """Return `otherwise` when the server does not know what is asked for."""
    try:
        return action()
    except pvm_errors.HttpNotFound:
        return otherwise


def _passes(error: Exception) -> bool:
    if isinstance(error, (NotYetError, pvm_errors.ConnectionError, pvm_errors.TimeoutError)):
        return True
    if not isinstance(error, pvm_errors.HttpError):
        return False
    busy = error.her_wrap is not None and error.her_wrap.is_vios_busy()
    return busy or error.response.status in (STALE, UNAVAILABLE)
