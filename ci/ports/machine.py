"""What the services ask of the machine that they run on."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The time, so that tests and the simulator can have their own."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...


class Room(Protocol):
    """Whether there is room for more builds."""

    def shortage(self) -> str:
        """One line that says what is too full; "" when builds may be taken."""
        ...
