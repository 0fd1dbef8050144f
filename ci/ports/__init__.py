"""What the services ask of the world: each Protocol is kept by an adapter and by its fake in the tests."""

from ci.ports.builds import JobRunner, Remains, ResultReader
from ci.ports.gerrit import Gerrit
from ci.ports.machine import Clock, Room
from ci.ports.nodes import NodeHealth, NodeProber, NodeProvider
from ci.ports.sources import (
    BranchSource,
    ChangeHistory,
    FileHistory,
    SiteRepository,
    SkipLists,
    SourceKeeper,
    SourcePreparer,
)
from ci.ports.store import (
    Buildsets,
    ConnectionStates,
    EventLog,
    Holds,
    NodeConditions,
    Outbox,
    Retention,
    SiteStates,
    Store,
    TestHistory,
    TestIntake,
    TimerStates,
    WaitStates,
)
from ci.ports.views import Views

__all__ = [
    "BranchSource",
    "Buildsets",
    "ChangeHistory",
    "Clock",
    "ConnectionStates",
    "EventLog",
    "FileHistory",
    "Gerrit",
    "Holds",
    "JobRunner",
    "NodeConditions",
    "NodeHealth",
    "NodeProber",
    "NodeProvider",
    "Outbox",
    "Remains",
    "ResultReader",
    "Retention",
    "Room",
    "SiteRepository",
    "SiteStates",
    "SkipLists",
    "SourceKeeper",
    "SourcePreparer",
    "Store",
    "TestHistory",
    "TestIntake",
    "TimerStates",
    "Views",
    "WaitStates",
]
