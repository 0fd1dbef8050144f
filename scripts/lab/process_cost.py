"""What a process has cost so far, from /proc: processor time of its own and of its children, memory."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Processor time in seconds, user and system together; `children` are those that have ended and were waited for."""

    own_seconds: float
    children_seconds: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Raise FileNotFoundError when there is no such process."""
        # The name before the last ")" may hold anything; utime is the 12th field after it.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        ticks = [int(field) for field in fields[11:15]]
        return cls(sum(ticks[:2]) / TICKS_PER_SECOND, sum(ticks[2:]) / TICKS_PER_SECOND)

    def __sub__(self, earlier: Self) -> "Cost":
        return Cost(self.own_seconds - earlier.own_seconds, self.children_seconds - earlier.children_seconds)


def pss_mib(pid: int) -> float:
    """Return a process's memory (its share of what is shared) in MiB; 0 when it has just ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024
