"""The site that counts now: replaced as a whole while the service runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ci.config.layout import Layout
    from ci.config.site import Site
    from ci.model.node import Node


class SiteInForce:
    """What services ask each time they act; safe from any thread, since one reference is all that changes.

    Who needs two things of one state asks once and keeps the answer.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    def replace(self, site: Site) -> None:
        self._site = site

    @property
    def site(self) -> Site:
        return self._site

    def layout(self) -> Layout:
        return self._site.layout

    def nodes(self) -> tuple[Node, ...]:
        return self._site.nodes

    def folder(self) -> Path:
        return self._site.folder

    def node_check(self) -> Path | None:
        return self._site.settings.node_check

    def projects(self, connection: str) -> Sequence[str]:
        """The names of the projects of one Gerrit."""
        return [project.name for project in self._site.layout.tenant.projects if project.connection == connection]
