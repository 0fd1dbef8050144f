"""One mirror for each project of the site's Gerrits, reached by ssh with checked host keys."""

from __future__ import annotations

import shlex
import threading
import weakref
from typing import TYPE_CHECKING
from urllib.parse import quote

from ci import ssh_sockets
from ci.errors import Refused
from ci.git import names
from ci.git.mirror import Mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ci.config.settings import GerritSettings

CONNECT_TIMEOUT_SECONDS = 20
CONTROL_PERSIST_SECONDS = 900


class Mirrors:
    """The mirrors below a folder (`gerrits` by connection name); all who use them share their locks and connections."""

    def __init__(
        self, gerrits: Mapping[str, GerritSettings], folder: Path, shortage: Callable[[], str] | None = None
    ) -> None:
        """`shortage` says why nothing more is to be written into the folder ("" while it may)."""
        self.folder = folder.absolute()
        self._gerrits = gerrits
        self._shortage = shortage
        self._lock = threading.Lock()
        self._mirrors: dict[Path, Mirror] = {}
        self._sockets = ssh_sockets.make()
        self._close = weakref.finalize(self, ssh_sockets.close, self._sockets)

    def close(self) -> None:
        """Close the shared ssh connections; the end of the program does so too."""
        self._close()

    def settings(self, connection: str) -> GerritSettings:
        try:
            return self._gerrits[connection]
        except KeyError:
            raise Refused(f"no connection {connection!r} in zuul.conf") from None

    def located(self, connection: str, name: str) -> tuple[str, str]:
        """Return the connection and the name of a project that may be given by its canonical name."""
        for other, settings in self._gerrits.items():
            if name.startswith(f"{settings.canonical_hostname}/"):
                return other, name.removeprefix(f"{settings.canonical_hostname}/")
        return connection, name

    def of(self, connection: str, project: str) -> Mirror:
        """Return the mirror of a project; nothing is fetched yet."""
        settings = self.settings(connection)
        path = names.mirror_path(self.folder, settings.canonical_hostname, project)
        address = names.host(settings.ssh_server or settings.server)
        url = f"ssh://{quote(settings.user, safe='')}@{address}:{settings.port}/{quote(project)}"
        environment = {"GIT_SSH_COMMAND": shlex.join(self._ssh(settings)), "GIT_SSH_VARIANT": "ssh"}
        with self._lock:
            return self._mirrors.setdefault(path, Mirror(path, url, environment, self._shortage))

    def at(self, path: Path) -> Mirror:
        """Return the mirror that lies at a path, also one of a project that the site no longer names."""
        with self._lock:
            return self._mirrors.get(path) or Mirror(path, path.name, {})

    def _ssh(self, settings: GerritSettings) -> list[str]:
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": str(CONNECT_TIMEOUT_SECONDS),
            # The second fetch needs no handshake: it takes the connection of the first.
            "ControlMaster": "auto",
            "ControlPath": f'"{self._sockets}/%C"',
            "ControlPersist": f"{CONTROL_PERSIST_SECONDS}s",
            "GlobalKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "IdentityFile": f'"{settings.sshkey.absolute()}"',
            "ServerAliveCountMax": "3",
            "ServerAliveInterval": "5",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": f'"{settings.known_hosts.absolute()}"',
        }
        return ["ssh", "-F", "none", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
