"""How machines have done, in the database."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ci.model.node import Condition, NodeState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.store.database import Database

FAILURES_TO_SET_ASIDE = 3
FIRST_PAUSE_SECONDS = 30.0
PAUSE_GROWTH = 2.0
LOOK_AGAIN_SECONDS = 15 * 60.0


class NodeTable:
    """Keeps `ci.ports.NodeConditions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, Condition]:
        return {row["machine"]: condition_from_row(row) for row in self._database.rows("conditions")}

    def failed(self, machine: str, reason: str, now: float, *, is_ill: bool, build_id: str = "") -> Condition:
        with self._database.transaction():
            before = self._get(machine, now)
            if before.failures and now < before.retry_at:
                return before  # its other places tell of the same trouble
            again = bool(build_id) and build_id == before.last_build and before.failures > 0
            failures = before.failures + (0 if again and not is_ill else 1)
            state = before.state
            if state is NodeState.READY and failures >= FAILURES_TO_SET_ASIDE:
                state = NodeState.SET_ASIDE
            pause = FIRST_PAUSE_SECONDS * PAUSE_GROWTH ** (min(failures, FAILURES_TO_SET_ASIDE) - 1)
            after = replace(
                before, state=state, failures=failures, is_ill=is_ill, last_build=build_id or before.last_build,
                reason=before.reason if state is NodeState.DRAINING else reason,
                retry_at=now + (LOOK_AGAIN_SECONDS if state is NodeState.SET_ASIDE else pause),
            )  # fmt: skip
            return self._put(before, after, now)

    def worked(self, machine: str, now: float) -> None:
        with self._database.transaction():
            before = self._get(machine, now)
            if before.state is NodeState.SET_ASIDE or not before.failures:
                return  # what ran there when it was set aside says nothing about what comes next
            reason = before.reason if before.state is NodeState.DRAINING else ""
            self._put(before, _well(before, reason), now)

    def recovered(self, machine: str, now: float) -> None:
        with self._database.transaction():
            before = self._get(machine, now)
            if before.state is not NodeState.SET_ASIDE or not before.is_ill:
                return
            on_probation = replace(
                before, state=NodeState.READY, failures=FAILURES_TO_SET_ASIDE - 1, retry_at=0.0, is_ill=False,
                reason=f"well again after: {before.reason}",
            )  # fmt: skip
            self._put(before, on_probation, now)

    def drain(self, machine: str, reason: str, now: float) -> None:
        with self._database.transaction():
            before = self._get(machine, now)
            self._put(before, replace(before, state=NodeState.DRAINING, reason=reason), now)

    def enable(self, machine: str, now: float) -> None:
        with self._database.transaction():
            before = self._get(machine, now)
            self._put(before, replace(_well(before, ""), state=NodeState.READY), now)

    def _get(self, machine: str, now: float) -> Condition:
        row = self._database.row("condition", machine=machine)
        return condition_from_row(row) if row else Condition(machine, since=now)

    def _put(self, before: Condition, after: Condition, now: float) -> Condition:
        """Write a condition, and what led to it into the machine's story."""
        if after.state is not before.state:
            after = replace(after, since=now)
        self._database.execute("set_condition", **asdict(after))
        # that it merely stays as ill as it was is no step
        if after.state is not before.state or after.reason != before.reason:
            failed = f" ({after.failures} failures in a row)" if after.failures else ""
            step = f"{before.state} -> {after.state}"
            self._database.tell_step(now, "node", after.machine, step, f"{after.reason}{failed}".strip())
        return after


def condition_from_row(row: Mapping[str, Any]) -> Condition:
    """Turn a row of `nodes` into the model's record."""
    values = dict(row)
    return Condition(**values | {"state": NodeState(values["state"]), "is_ill": bool(values["is_ill"])})


def _well(condition: Condition, reason: str) -> Condition:
    return replace(condition, failures=0, reason=reason, retry_at=0.0, is_ill=False, last_build="")
