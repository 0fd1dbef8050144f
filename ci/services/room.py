"""Room on the state folder's file systems: below a watermark no build is taken."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from ci.observability import BUILDS_HELD_BACK, FREE_BYTES, get_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ci.services.folders import Folders

MIB = 1 << 20
FEWEST_FREE_FILES = 10_000
# Once it is too full there must be some more than the least: builds would start and stop by turns.
MARGIN = 1.1


class DiskRoom:
    """Keeps `ci.ports.Room` for the folders that grow; `look` is `os.statvfs`.

    Safe from any thread. `min_free_mib` 0 turns it off.
    """

    def __init__(
        self, folders: Folders, min_free_mib: int, look: Callable[[Path], os.statvfs_result] = os.statvfs
    ) -> None:
        self._places = (folders.state, folders.logs, folders.builds, folders.mirrors)
        self._least = min_free_mib * MIB
        self._look = look
        self._lock = threading.Lock()
        self._short = False
        self._log = get_logger("room")

    def shortage(self) -> str:
        with self._lock:
            reason = self.reason(MARGIN if self._short else 1.0)
            if bool(reason) != self._short:
                self._tell(reason)
            return reason

    def reason(self, factor: float = 1.0) -> str:
        """`shortage` as it is now, told to nobody else; `factor` times the watermark."""
        if not self._least:
            return ""
        for place in self._places:
            try:
                found = self._look(place)
            except OSError:  # not made yet
                continue
            free = found.f_bavail * found.f_frsize
            FREE_BYTES.labels(place.name).set(free)
            if free < self._least * factor:
                wanted = int(self._least * factor) // MIB
                return f"{place} has {free // MIB} MiB free, less than {wanted}: make room, or lower min_free_mib"
            if found.f_files > 0 and found.f_favail < FEWEST_FREE_FILES * factor:
                return f"{place} has room for {found.f_favail} more files only: remove some"
        return ""

    def _tell(self, reason: str) -> None:
        self._short = bool(reason)
        BUILDS_HELD_BACK.set(float(self._short))
        if reason:
            self._log.warning("no build is taken", action="room.short", reason=reason)
        else:
            self._log.info("there is room again: builds are taken", action="room.enough")
