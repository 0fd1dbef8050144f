"""What is known of blocks that wait for a change, in the database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

from ci.errors import CIError
from ci.model.lockstep import WaitState, WaitStatus
from ci.store.database import load_queries

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path
    from typing import Any

    from ci.store.database import Database


class LockstepTable:
    """Keeps `ci.ports.WaitStates`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, WaitStatus]:
        return _statuses(self._database.rows("lockstep"))

    def put(self, status: WaitStatus) -> None:
        self._database.execute("set_lockstep", **asdict(status))

    def keep_only(self, removal_ids: Collection[str]) -> None:
        with self._database.transaction():
            for removal_id in self.all().keys() - set(removal_ids):
                self._database.execute("forget_lockstep", removal_id=removal_id)


def read_statuses(path: Path) -> dict[str, WaitStatus]:
    """Read a database that may be in use and is not ours to change; {} when there is none, or none of this version.

    Raises `CIError` when it cannot be read.
    """
    try:
        if not path.is_file():
            return {}
        # Where nobody has it open SQLite would leave files beside it, of our account, that the service's cannot write.
        is_open = path.with_name(f"{path.name}-wal").exists()
        address = f"{path.resolve().as_uri()}?mode=ro" + ("" if is_open else "&immutable=1")
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return _statuses(connection.execute(load_queries()["lockstep"]).fetchall())
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return {}
        raise CIError(f"{path}: {error}: be the account that the service has") from error
    except sqlite3.DatabaseError as error:
        raise CIError(f"{path}: {error}: not a database of this CI, or damaged") from error
    except OSError as error:
        raise CIError(f"{path}: {error.strerror}: be the account that the service has") from error


def _statuses(rows: Collection[Mapping[str, Any]]) -> dict[str, WaitStatus]:
    values = [dict(row) for row in rows]
    return {one["removal_id"]: WaitStatus(**one | {"state": WaitState(one["state"])}) for one in values}
