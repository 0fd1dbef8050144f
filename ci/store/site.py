"""Which state of the site is in force, in the database."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ci.model.site import SiteState

if TYPE_CHECKING:
    from ci.store.database import Database


class SiteTable:
    """Keeps `ci.ports.SiteStates`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self) -> SiteState:
        row = self._database.row("site")
        if row is None:
            return SiteState()
        values = dict(row)
        return SiteState(commit=values.pop("commit_id"), **values)

    def put(self, state: SiteState) -> None:
        values = asdict(state)
        self._database.execute("set_site", commit_id=values.pop("commit"), **values)

    def in_use(self) -> frozenset[str]:
        return frozenset(row["site"] for row in self._database.rows("sites_in_use"))
