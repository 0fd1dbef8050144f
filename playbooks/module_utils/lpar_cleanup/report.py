"""What was removed and what stays, told to the parent process as it happens: a process that is killed has told it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ansible.module_utils.lpar_cleanup.names import printable

if TYPE_CHECKING:
    from collections.abc import Callable


class Report:
    """Takes what the threads of a clean-up have done; each thing is told once."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        """`tell` gets one record at a time."""
        self._tell = tell
        self._lock = threading.Lock()
        self._told: set[tuple[str, str, str]] = set()

    def planned(self, lpar: str) -> None:
        """An LPAR is to go: unless it is removed or left, its clean-up has not come to its end."""
        self._say("planned", "LPAR", lpar, lpar, "")

    def removed(self, kind: str, name: object, lpar: str) -> None:
        """Something that belonged to an LPAR is gone."""
        self._say("removed", kind, name, lpar, "")

    def left(self, kind: str, name: object, lpar: str, why: object) -> None:
        """Something stays, and why."""
        self._say("left", kind, name, lpar, why)

    def kept(self, node_id: int, count: int, why: str) -> None:
        """LPARs of another node are none of our business."""
        self._say("kept", "LPARs of a node", node_id, str(count), why)

    def _say(self, what: str, kind: str, name: object, lpar: str, why: object) -> None:
        record = {"what": what, "kind": kind, "name": printable(name), "lpar": printable(lpar), "why": printable(why)}
        key = (what, kind, f"{name} {lpar}")
        with self._lock:
            if key not in self._told:
                self._told.add(key)
                self._tell(record)
