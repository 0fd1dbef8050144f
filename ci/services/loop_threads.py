"""The threads of the service's loops: which there are, and which of them have ended that should not."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class LoopThreads:
    """Loops go on until the service stops: one that ended before is dead, and nothing else says so."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._stopping = False

    def start(self, name: str, target: Callable[..., None], *arguments: object) -> None:
        """Run `target` in a thread of its own, under a name that people read."""
        thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def dead(self) -> tuple[str, ...]:
        """The names of the loops that have ended although nobody told them to."""
        if self._stopping:
            return ()
        return tuple(thread.name for thread in list(self._threads) if not thread.is_alive())

    def stop(self, timeout_seconds: float) -> None:
        """Wait for all of them together, which were told to end; one that hangs is left behind."""
        self._stopping = True
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
