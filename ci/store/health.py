"""Is the database whole? SQLite's own checks, and what must hold of ours."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from ci.errors import CIError, printable
from ci.store.database import load_queries, newest_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_SHOWN = 20
# What each question of `sql/check.sql` finds, and what to do.
FINDINGS = {
    "check_leases_of_ended_builds": "node {node_id} is leased to the build {holder}, which has ended",
    "check_leases_of_nobody": "node {node_id} is leased to {holder}, which there is not",
    "check_leases_of_ended_holds": "node {node_id} is kept for {holder}, which there is not",
    "check_builds_without_nodes": "build {id} is {state} and has no nodes",
    "check_buildsets_without_end": "buildset {id} runs although all of its builds have ended: it never ends",
    "check_buildsets_ended_too_early": "buildset {id} has ended although one of its builds has not",
    "check_ends_without_result": "{noun} {id} has ended without a result",
    "check_results_without_end": "{noun} {id} has a result or an end, and has not ended",
    "check_running_without_process": "build {id} runs and has no process",
    "check_reviews_without_end": "review {id}: {what}",
    "check_steps_that_differ": "build {id} is {state}, its story ends with {told}",
}


def check(path: Path) -> list[str]:
    """Return one line for each thing that is wrong with a database; it is only read, and may be in use.

    Raises `CIError` when it cannot be opened at all.
    """
    try:
        # One read transaction: a service that goes on meanwhile does not make two answers disagree.
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("begin")
            return [printable(finding) for finding in _findings(connection)]
    except sqlite3.OperationalError as error:
        if "no such" in str(error):
            return [printable(f"damaged: {error}: restore a backup")]
        # otherwise it says nothing about what is in it
        raise CIError(f"{path}: {error}: be the account that the service has") from error
    except sqlite3.DatabaseError as error:
        raise CIError(f"{path}: {error}: not a database of this CI, or damaged") from error


def _findings(connection: sqlite3.Connection) -> Iterator[str]:
    damage = [row[0] for row in connection.execute(f"pragma integrity_check({MOST_SHOWN})")]
    if damage != ["ok"]:
        yield from (f"damaged: {line}: restore a backup" for line in damage)
        return
    schema = connection.execute("pragma user_version").fetchone()[0]
    if schema != newest_schema():
        known = newest_schema()
        advice = (
            "the next start brings it up" if 0 < schema < known else "no version of this CI made it, or a newer one"
        )
        yield f"schema {schema}, this version has {known}: {advice}"
        return
    for row in connection.execute("pragma foreign_key_check"):
        yield f"a row of {row['table']} ({row['rowid']}) refers to one of {row['parent']} that is not there"
    queries = load_queries()
    for name, text in FINDINGS.items():
        found = connection.execute(queries[name]).fetchmany(MOST_SHOWN + 1)
        for row in found[:MOST_SHOWN]:
            yield text.format(**{key: row[key] for key in row.keys()})  # noqa: SIM118 - a Row iterates over values
        if len(found) > MOST_SHOWN:
            yield f"... and more of these: {text}"
