"""Autoholds and the nodes that they keep, in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ci.model.codec import from_json
from ci.model.hold import Autohold, Hold
from ci.model.node import Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.model.build import Build
    from ci.store.database import Database


class HoldTable:
    """Keeps `ci.ports.Holds`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(self, autohold: Autohold, now: float) -> int:
        with self._database.transaction():
            row = self._database.row(
                "add_autohold", connection=autohold.connection, project=autohold.project, job=autohold.job,
                change_number=autohold.change_number, reason=autohold.reason, max_count=autohold.max_count,
                node_hold_expiration=autohold.node_hold_expiration, now=now,
            )  # fmt: skip
            assert row is not None  # noqa: S101 - what was put in comes back
            self._database.tell_step(now, "autohold", f"autohold-{row['id']}", "-> waiting", autohold.reason)
            return int(row["id"])

    def requests(self) -> tuple[Autohold, ...]:
        return tuple(_autohold(row) for row in self._database.rows("autoholds"))

    def withdraw(self, autohold_id: int, now: float) -> bool:
        with self._database.transaction():
            self._database.execute("expire_holds", autohold_id=autohold_id, now=now)
            is_there = self._database.execute("delete_autohold", id=autohold_id) == 1
            if is_there:
                self._database.tell_step(now, "autohold", f"autohold-{autohold_id}", "waiting -> gone", "withdrawn")
            return is_there

    def matching(self, build: Build) -> Autohold | None:
        row = self._database.row("matching_autohold", buildset_id=build.buildset_id, job=build.job.name)
        return _autohold(row) if row else None

    def keep(self, build: Build, now: float) -> Hold:
        with self._database.transaction():
            autohold = self.matching(build)
            expires_at: float | None = now
            if autohold:
                self._database.execute("use_autohold", id=autohold.id)
                seconds = autohold.node_hold_expiration
                expires_at = now + seconds if seconds else None
            reason = autohold.reason if autohold else "nobody asks for it any more"
            row = self._database.row(
                "add_hold", autohold_id=autohold.id if autohold else None, build_id=build.id, attempt=build.attempt,
                job=build.job.name, reason=reason, now=now, expires_at=expires_at,
            )  # fmt: skip
            assert row is not None  # noqa: S101 - what was put in comes back
            hold = Hold(
                row["id"], autohold.id if autohold else None, build.id, build.attempt, build.job.name, reason,
                "held", now, expires_at,
            )  # fmt: skip
            self._database.execute("pass_leases_on", holder=build.id, new_holder=hold.holder)
            self._database.tell_step(now, "hold", hold.holder, "-> held", f"build {build.id}: {reason}")
            return hold

    def held(self) -> tuple[Hold, ...]:
        return tuple(Hold(**row) for row in self._database.rows("holds"))

    def ending(self, now: float) -> tuple[Hold, ...]:
        return tuple(Hold(**row) for row in self._database.rows("ending_holds", now=now))

    def next_expiry_at(self) -> float | None:
        row = self._database.row("next_expiry_of_holds")
        return row["at"] if row else None

    def nodes(self, hold: Hold) -> tuple[Node, ...]:
        rows = self._database.rows("leases_of_build", holder=hold.holder)
        return tuple(from_json(Node, row["node"]) for row in rows)

    def release(self, hold: Hold, now: float) -> None:
        with self._database.transaction():
            if self._database.execute("release_hold", id=hold.id):
                self._database.tell_step(now, "hold", hold.holder, "held -> releasing")

    def free(self, hold: Hold, note: str, now: float) -> None:
        with self._database.transaction():
            self._database.move(
                "delete_hold", "hold", hold.holder, "releasing -> gone", reason=note, id=hold.id, now=now
            )
            self._database.execute("end_leases", holder=hold.holder)
            self._database.execute("end_used_autoholds")


def _autohold(row: Mapping[str, Any]) -> Autohold:
    return Autohold(**row)
