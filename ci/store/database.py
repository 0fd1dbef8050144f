"""The SQLite file: connections, transactions, named queries and migrations."""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any

from ci.errors import CIError, DiskFull, StaleStateError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

BUSY_TIMEOUT_SECONDS = 30.0
# The write-ahead log is cut back to this size once all of it is in the database.
LOG_LIMIT_BYTES = 16 << 20
SHRINK_TIMEOUT_MILLISECONDS = 50
_OTHER_SCHEMA = re.compile(r"no such (table|column|index)|(table|index|trigger|view) \S+ already exists")


class Database:
    """One SQLite file in WAL mode; each thread has a connection of its own.

    What is committed is on disk (`synchronous=FULL`): a `kill -9` or a power cut at any line loses nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._queries = load_queries()
        with _errors_in_one_line(path):
            _migrate(self._connection())

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            connection.execute("pragma foreign_keys = on")
            connection.execute(f"pragma journal_size_limit = {LOG_LIMIT_BYTES}")
            self._local.connection = connection
        return connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: commits at the end of the block, rolls back when it raises; an inner block joins in."""
        with _errors_in_one_line(self.path):
            connection = self._connection()
            if connection.in_transaction:
                yield
                return
            connection.execute("begin immediate")
            try:
                yield
                # within the try: one that could not end and stayed open would be joined by all that come after it
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def execute(self, query: str, **values: Any) -> int:
        """Run a named query that changes rows; returns how many it changed."""
        with _errors_in_one_line(self.path):
            return self._connection().execute(self._queries[query], values).rowcount

    def rows(self, query: str, **values: Any) -> list[Mapping[str, Any]]:
        """Run a named query; returns all its rows, by column name."""
        with _errors_in_one_line(self.path):
            return self._connection().execute(self._queries[query], values).fetchall()

    def row(self, query: str, **values: Any) -> Mapping[str, Any] | None:
        """Run a named query; returns its first row, or None."""
        rows = self.rows(query, **values)
        return rows[0] if rows else None

    def move(self, query: str, noun: str, noun_id: str | int, step: str, *, reason: str = "", **values: Any) -> None:
        """Change a state by a named query that must hit one row, and write the step ("from -> to") down.

        Raises `StaleStateError` when the row was in another state.
        """
        with self.transaction():
            if self.execute(query, **values) != 1:
                raise StaleStateError(f"{noun} {noun_id} could not go {step}: it is in another state")
            self.tell_step(values["now"], noun, noun_id, step, reason)

    def tell_step(self, now: float, noun: str, noun_id: str | int, step: str, reason: str = "") -> None:
        """Write a step ("from -> to", or "-> to" for the first) into the story of a thing."""
        from_state, _, to_state = step.rpartition("-> ")
        self.execute(
            "add_transition", at=now, noun=noun, noun_id=str(noun_id), from_state=from_state.strip(), to_state=to_state,
            reason=reason,
        )  # fmt: skip

    def data_version(self) -> int:
        """A number that changes when another connection (also another process) has committed."""
        with _errors_in_one_line(self.path):
            return int(self._connection().execute("pragma data_version").fetchone()[0])

    def shrink_log(self) -> None:
        """Bring the write-ahead log into the database and cut it back when it is large; holds nobody up."""
        with _errors_in_one_line(self.path):
            connection = self._connection()
            connection.execute("pragma wal_checkpoint(passive)")
            log = self.path.with_name(f"{self.path.name}-wal")
            if not log.exists() or log.stat().st_size <= LOG_LIMIT_BYTES:
                return
            connection.execute(f"pragma busy_timeout = {SHRINK_TIMEOUT_MILLISECONDS}")
            try:
                connection.execute("pragma wal_checkpoint(truncate)")
            finally:
                connection.execute(f"pragma busy_timeout = {int(BUSY_TIMEOUT_SECONDS * 1000)}")

    def close(self) -> None:
        """Close this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None


@contextmanager
def _errors_in_one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "disk is full" in str(error):
            raise DiskFull(f"{path}: {error}: make room in the state folder") from error
        if "disk I/O" in str(error):
            raise DiskFull(f"{path}: {error}: see whether the disk is full, read-only or failing") from error
        if "locked" in str(error) or "unable to open" in str(error):
            raise Unavailable(f"{path}: {error}") from error
        if "readonly" in str(error):
            raise CIError(f"{path}: {error}: be the account that the service has") from error
        if _OTHER_SCHEMA.search(str(error)):
            raise CIError(f"{path}: {error}: not a database of this CI, or damaged") from error
        raise
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise CIError(f"{path}: {error}: not a database of this CI, or damaged") from error


def load_queries() -> dict[str, str]:
    """Read `sql/*.sql`: each query stands below a line `-- name: QUERY`."""
    queries: dict[str, str] = {}
    named = re.compile(r"^-- name: (\w+)$(.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)
    for file in sorted(resources.files("ci.store").joinpath("sql").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            for name, text in named.findall(file.read_text()):
                queries[name] = text.strip()
    return queries


def newest_schema() -> int:
    """The number of the newest migration."""
    return _migrations()[-1][0]


def _migrations() -> list[tuple[int, Traversable]]:
    folder = resources.files("ci.store").joinpath("sql", "migrations")
    return sorted(
        ((int(file.name[:4]), file) for file in folder.iterdir() if file.name.endswith(".sql")),
        key=lambda pair: pair[0],
    )


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest schema: `sql/migrations/NNNN_*.sql`, numbered; `user_version` is the last one."""
    migrations = _migrations()
    if connection.execute("pragma user_version").fetchone()[0] == migrations[-1][0]:
        return
    connection.execute("begin immediate")  # of two services that start at once, one waits here
    try:
        version = connection.execute("pragma user_version").fetchone()[0]
        if version > migrations[-1][0]:
            raise CIError(f"the database has schema {version}, newer than this version knows ({migrations[-1][0]})")
        for number, file in migrations:
            if number > version:
                for statement in _statements(file.read_text()):
                    connection.execute(statement)
                connection.execute(f"pragma user_version = {number}")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def _statements(script: str) -> Iterator[str]:
    """Split a script into statements (`executescript` would commit the transaction that protects us)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
