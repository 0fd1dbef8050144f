"""The real time."""

from __future__ import annotations

import time


class SystemClock:
    """Keeps `ci.ports.Clock`."""

    def now(self) -> float:
        return time.time()
