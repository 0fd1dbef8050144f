"""What builds leave behind that outlives their folders: processes, and sockets of shared ssh connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci import ssh_sockets
from ci.ansible import leftovers
from ci.ansible.attempt_files import cleanup_folder

if TYPE_CHECKING:
    from pathlib import Path


class BuildRemains:
    """Keeps `ci.ports.Remains`."""

    def in_use(self, folder: Path) -> bool:
        return bool(leftovers.of_build(folder) or leftovers.of_build(cleanup_folder(folder)))

    def sweep(self) -> int:
        return ssh_sockets.close_stale()
