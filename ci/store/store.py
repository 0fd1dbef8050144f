"""The store as the services see it: its tables, and transactions over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.store.buildsets import BuildsetTable
from ci.store.database import Database
from ci.store.events import ConnectionTable, EventTable, TimerTable
from ci.store.holds import HoldTable
from ci.store.lockstep import LockstepTable
from ci.store.nodes import NodeTable
from ci.store.retention import Retention
from ci.store.reviews import ReviewTable
from ci.store.site import SiteTable
from ci.store.tests import TestTable
from ci.store.views import Views

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path


class SqliteStore:
    """Keeps `ci.ports.Store` in one SQLite file, which is made when it is not there."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self.events = EventTable(self._database)
        self.connections = ConnectionTable(self._database)
        self.timers = TimerTable(self._database)
        self.buildsets = BuildsetTable(self._database)
        self.nodes = NodeTable(self._database)
        self.holds = HoldTable(self._database)
        self.lockstep = LockstepTable(self._database)
        self.site = SiteTable(self._database)
        self.outbox = ReviewTable(self._database)
        self.test_intake = self.test_history = TestTable(self._database)
        self.retention = Retention(self._database)
        self.views = Views(self._database)

    def transaction(self) -> AbstractContextManager[None]:
        return self._database.transaction()

    def data_version(self) -> int:
        return self._database.data_version()

    def close(self) -> None:
        self._database.close()
