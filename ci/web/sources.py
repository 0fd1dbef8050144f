"""What the pages are made from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from ci.model.views import BurnDownPoint
from ci.ports import Buildsets, Clock, NodeProvider, Room, Views
from ci.services.folders import Folders
from ci.services.pulse import Pulse
from ci.services.reporting import Links

if TYPE_CHECKING:
    from pathlib import Path

    from ci.model.build import Build
    from ci.model.views import BuildView, ConnectionView


@dataclass(frozen=True, slots=True)
class Sources:
    """The read-only sides of the engine; `pulse` beats whenever a page may look different."""

    views: Views
    gerrits: Collection[str]  # the connections that zuul.conf names
    buildsets: Buildsets
    nodes: Sequence[NodeProvider]
    folders: Folders
    links: Links
    clock: Clock
    pulse: Pulse
    room: Room | None = None
    name: str = ""  # of this CI, as its comments have it
    dead_loops: Callable[[], Sequence[str]] = tuple  # names of the service's loops that have ended
    burn_down: Callable[[], Sequence[BurnDownPoint]] = tuple  # how the skip lists shrink, oldest first

    @property
    def connections(self) -> tuple[ConnectionView, ...]:
        """How the Gerrits of zuul.conf are doing; the database also knows those that it named once."""
        return tuple(view for view in self.views.connections() if view.name in self.gerrits)

    @property
    def shortage(self) -> str:
        """Why no build is taken, "" when builds are."""
        return self.room.shortage() if self.room else ""

    @property
    def base(self) -> str:
        """The path that a reverse proxy puts before ours, from the public address; mostly ""."""
        return quote(urlsplit(self.links.root_url).path.rstrip("/"))

    def log_folder(self, view: BuildView, build: Build) -> Path:
        """The log folder of one attempt, relative to the folder that `/logs/` shows."""
        folder = self.folders.build_logs(build, view.change, view.pipeline)
        return folder.relative_to(self.folders.logs)

    def logs_url(self, relative: Path) -> str:
        return f"{self.base}/logs/{quote(str(relative))}/"
