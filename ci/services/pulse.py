"""How the loops of the service wake each other: a beat after every commit that others may care for."""

from __future__ import annotations

import threading


class Pulse:
    """A counter to wait on; safe from any thread."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._beats = 0

    @property
    def beats(self) -> int:
        """How many there have been; read it *before* looking for work, so that no beat is missed."""
        with self._condition:
            return self._beats

    def beat(self) -> None:
        with self._condition:
            self._beats += 1
            self._condition.notify_all()

    def wait(self, seen: int, timeout_seconds: float) -> None:
        """Return at once when there was a beat after `seen`, otherwise at the next one or after the timeout."""
        with self._condition:
            self._condition.wait_for(lambda: self._beats != seen, timeout_seconds)
