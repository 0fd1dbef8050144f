"""Buildsets, their builds and the nodes they hold, in the database."""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from ci.errors import StaleStateError
from ci.model.build import (
    CONCLUSIVE_RESULTS,
    Build,
    BuildOutcome,
    Buildset,
    BuildsetState,
    BuildState,
    FailedTest,
    Fault,
    ProcessIdentity,
    Result,
    ResultCounts,
)
from ci.model.change import Change
from ci.model.codec import from_json, ref_from_json, to_json
from ci.model.job import FrozenJob
from ci.model.node import Node
from ci.model.pipeline import Precedence
from ci.model.views import BuildView

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ci.model.change import Ref
    from ci.model.job import NodeRequest
    from ci.store.database import Database


TASK_EVENTS_AT_ONCE = 1000


class BuildsetTable:
    """Keeps `ci.ports.Buildsets`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, buildset: Buildset, event_id: int | None, now: float) -> None:
        change = buildset.change
        with self._database.transaction():
            self._database.execute(
                "add_buildset",
                id=buildset.id,
                event_id=event_id,
                pipeline=buildset.pipeline,
                connection=change.connection,
                project=change.project,
                branch=change.branch,
                change_number=change.number if isinstance(change, Change) else None,
                patchset=change.patchset if isinstance(change, Change) else None,
                change=to_json(change),
                now=now,
            )
            self._database.tell_step(now, "buildset", buildset.id, "-> running")
            for build in buildset.builds:
                self._database.execute(
                    "add_build",
                    id=build.id,
                    buildset_id=buildset.id,
                    job_name=build.job.name,
                    job=to_json(build.job),
                    precedence=build.precedence,
                    site=build.site,
                    now=now,
                )
                self._database.tell_step(now, "build", build.id, "-> waiting")

    def get(self, buildset_id: str) -> Buildset | None:
        row = self._database.row("buildset", id=buildset_id)
        return self._buildset(row) if row else None

    def running(self) -> tuple[Buildset, ...]:
        return tuple(self._buildset(row) for row in self._database.rows("running_buildsets"))

    def running_of(self, about: Ref) -> tuple[Buildset, ...]:
        if isinstance(about, Change):
            rows = self._database.rows(
                "running_buildsets_of_change", connection=about.connection, change_number=about.number
            )
        else:
            rows = self._database.rows(
                "running_buildsets_of_branch", connection=about.connection, project=about.project, branch=about.branch
            )
        return tuple(self._buildset(row) for row in rows)

    def end(self, buildset_id: str, result: Result, reason: str, now: float) -> None:
        self._database.move(
            "end_buildset", "buildset", buildset_id, "running -> ended", reason=reason, id=buildset_id,
            result=result, now=now,
        )  # fmt: skip

    def open_builds(self) -> tuple[Build, ...]:
        return tuple(build_from_row(row) for row in self._database.rows("open_builds"))

    def waiting_builds(self) -> tuple[Build, ...]:
        return tuple(build_from_row(row) for row in self._database.rows("waiting_builds"))

    def builds_with_nodes(self) -> tuple[Build, ...]:
        return tuple(build_from_row(row) for row in self._database.rows("builds_with_nodes"))

    def build(self, build_id: str) -> Build | None:
        row = self._database.row("build", id=build_id)
        return build_from_row(row) if row else None

    def lease(self, build: Build, nodes: Sequence[tuple[NodeRequest, Node]], now: float) -> None:
        with self._database.transaction():
            machines = json.dumps(sorted({node.machine for _, node in nodes}))
            self._database.move(
                "lease_build", "build", build.id, "waiting -> starting", id=build.id, machines=machines, now=now
            )
            self.hold_nodes(build.id, nodes, now)

    def hold_nodes(self, holder: str, nodes: Sequence[tuple[NodeRequest, Node]], now: float) -> None:
        with self._database.transaction():
            for position, (request, node) in enumerate(nodes):
                taken = self._database.execute(
                    "add_lease",
                    node_id=node.id,
                    node=to_json(node),
                    holder=holder,
                    request_name=request.name,
                    position=position,
                    now=now,
                )
                if not taken:
                    raise StaleStateError(f"node {node.id} was taken by somebody else just now: try again")

    def give_back_nodes(self, holder: str) -> None:
        self._database.execute("end_leases", holder=holder)

    def leased_node_ids(self) -> frozenset[str]:
        return frozenset(row["node_id"] for row in self._database.rows("leases"))

    def lost_holders(self) -> tuple[str, ...]:
        return tuple(row["holder"] for row in self._database.rows("lost_holders"))

    def tell_wait(self, build: Build, reason: str) -> bool:
        told = f"waits: {reason}" if reason else ""
        return self._database.execute("tell_wait", id=build.id, reason=told) == 1

    def nodes_of_build(self, build_id: str) -> tuple[Node, ...]:
        rows = self._database.rows("leases_of_build", holder=build_id)
        return tuple(from_json(Node, row["node"]) for row in rows)

    def run(self, build: Build, process: ProcessIdentity, now: float) -> None:
        self._database.move(
            "run_build", "build", build.id, "starting -> running", reason=f"pid {process.pid}", id=build.id,
            pid=process.pid, pid_start_time=process.start_time, now=now,
        )  # fmt: skip

    def retry(
        self, build: Build, reason: str, now: float, *, fault: Fault | None = None, retry_at: float = 0.0,
        charged: bool = True, new_round: bool = False,
    ) -> None:  # fmt: skip
        with self._database.transaction():
            self._database.move(
                "retry_build", "build", build.id, f"{build.state} -> waiting", reason=reason, id=build.id,
                from_state=build.state, error=reason, retry_at=retry_at, charged=charged, new_round=new_round,
                lost=fault is Fault.LOST, now=now,
            )  # fmt: skip
            self._database.execute("end_leases", holder=build.id)

    def end_build(self, build: Build, result: Result, outcome: BuildOutcome | None, reason: str, now: float) -> None:
        tests = outcome.failed_tests if outcome else ()
        counts = outcome.counts if outcome else None
        tells_of_tests = counts is not None and result in CONCLUSIVE_RESULTS
        with self._database.transaction():
            self._database.move(
                "end_build", "build", build.id, f"{build.state} -> ended", reason=f"{result} {reason}".strip(),
                id=build.id, from_state=build.state, result=result, error=reason,
                failed_tests=f"[{','.join(to_json(test) for test in tests)}]",
                counts=to_json(counts) if counts else None, tests_taken_at=None if tells_of_tests else now, now=now,
            )  # fmt: skip
            self._database.execute("end_leases", holder=build.id)

    def ask_to_cancel(self, build: Build, reason: str) -> None:
        self._database.execute("cancel_build", id=build.id, reason=reason)

    def add_task_events(self, build: Build, records: Iterable[str]) -> None:
        with self._database.transaction():
            position = 0
            rest = iter(records)
            while batch := list(islice(rest, TASK_EVENTS_AT_ONCE)):
                self._database.execute(
                    "add_task_events", build_id=build.id, attempt=build.attempt, position=position,
                    records=json.dumps(batch),
                )  # fmt: skip
                position += len(batch)

    def _buildset(self, row: Mapping[str, Any]) -> Buildset:
        builds = self._database.rows("builds_of_buildset", buildset_id=row["id"])
        return Buildset(
            id=row["id"],
            pipeline=row["pipeline"],
            change=ref_from_json(row["change"]),
            state=BuildsetState(row["state"]),
            builds=tuple(build_from_row(build) for build in builds),
            result=Result(row["result"]) if row["result"] else None,
            created_at=row["created_at"],
            ended_at=row["ended_at"],
        )


def build_from_row(row: Mapping[str, Any]) -> Build:
    """Turn a row of `builds` into the model's record."""
    return Build(
        id=row["id"],
        buildset_id=row["buildset_id"],
        job=_frozen_job(row["job"]),
        state=BuildState(row["state"]),
        attempt=row["attempt"],
        result=Result(row["result"]) if row["result"] else None,
        error=row["error"],
        failed_tests=tuple(FailedTest(**test) for test in _listed(row["failed_tests"])),
        counts=from_json(ResultCounts, row["counts"]) if row["counts"] else None,
        process=ProcessIdentity(row["pid"], row["pid_start_time"]) if row["pid"] else None,
        cancel_reason=row["cancel_reason"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        uncharged=row["uncharged"],
        losses=row["losses"],
        rounds=row["rounds"],
        retry_at=row["retry_at"],
        machines=tuple(_listed(row["machines"])),
        logs_removed_at=row["logs_removed_at"],
        precedence=Precedence(row["precedence"]),
        site=row["site"],
    )


def view_from_row(row: Mapping[str, Any]) -> BuildView:
    """Turn a row of `builds`, with `change` and `pipeline` of its buildset, into the view."""
    return BuildView(build_from_row(row), ref_from_json(row["change"]), row["pipeline"])


@lru_cache(maxsize=128)
def _frozen_job(text: str) -> FrozenJob:
    """Read a job once for all builds that have the same: nobody changes it."""
    return from_json(FrozenJob, text)


def _listed(text: str) -> list[Any]:
    return [] if text == "[]" else json.loads(text)
