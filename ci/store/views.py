"""Read-only views of the database, for the command line and the pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ci.model.build import CONCLUSIVE_RESULTS
from ci.model.change import Change
from ci.model.codec import from_json, ref_from_json
from ci.model.hold import HOLDER
from ci.model.node import Condition
from ci.model.views import (
    BuildView,
    ConnectionView,
    DroppedReviewView,
    FailureElsewhere,
    NodeView,
    ReviewView,
    StepView,
    WaitingView,
)
from ci.model.vote import Review
from ci.store.buildsets import build_from_row, view_from_row
from ci.store.lockstep import LockstepTable
from ci.store.nodes import condition_from_row
from ci.store.site import SiteTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.model.build import Build
    from ci.model.lockstep import WaitStatus
    from ci.model.node import Node
    from ci.model.site import SiteState
    from ci.store.database import Database

SEARCHED_BUILDS = 200


class Views:
    """Keeps `ci.ports.Views`: read-only questions, none of which scans history."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def connections(self) -> tuple[ConnectionView, ...]:
        return tuple(ConnectionView(**row) for row in self._database.rows("connections"))

    def events_waiting(self) -> int:
        row = self._database.row("count_new_events")
        return row["n"] if row else 0

    def leases(self) -> dict[str, str]:
        """Who has nodes (a build, `run-...`, `hold-...`), by node id."""
        return {row["node_id"]: row["holder"] for row in self._database.rows("leases")}

    def nodes(self, places: Sequence[Node]) -> tuple[NodeView, ...]:
        """How these places are doing and who has them."""
        conditions = {row["machine"]: condition_from_row(row) for row in self._database.rows("conditions")}
        holders = self.leases()
        holds = {f"{HOLDER}{row['id']}": row for row in self._database.rows("holds")}
        found = []
        for node in places:
            known = conditions.get(node.machine)
            one = known or Condition(node.machine)
            holder = holders.get(node.id, "")
            hold = holds.get(holder)
            found.append(
                NodeView(
                    node=node, state=one.state, failures=one.failures, reason=one.reason,
                    since=known.since if known else None, retry_at=one.retry_at, holder=holder,
                    held_build=hold["build_id"] if hold else "", held_reason=hold["reason"] if hold else "",
                    expires_at=hold["expires_at"] if hold else None,
                )
            )  # fmt: skip
        return tuple(found)

    def lockstep(self) -> tuple[WaitStatus, ...]:
        return tuple(LockstepTable(self._database).all().values())

    def site(self) -> SiteState:
        return SiteTable(self._database).get()

    def builds(
        self, *, limit: int = 20, job: str | None = None, change_number: int | None = None,
        connection: str | None = None,
    ) -> tuple[BuildView, ...]:  # fmt: skip
        if change_number is not None:
            rows = self._database.rows(
                "latest_builds_of_change", limit=limit, job=job, change_number=change_number, connection=connection
            )
        elif job is not None:
            rows = self._database.rows("latest_builds_of_job", limit=limit, job=job)
        else:
            rows = self._database.rows("latest_builds", limit=limit)
        return tuple(view_from_row(row) for row in rows)

    def build(self, prefix: str) -> BuildView | None:
        """A build by its id or the beginning of it; None when there is none or more than one."""
        rows = self._database.rows("builds_like", prefix=prefix) if prefix else []
        if len(rows) != 1:
            return None
        buildset = self._database.row("buildset", id=rows[0]["buildset_id"])
        assert buildset is not None  # noqa: S101 - held by the foreign key
        return BuildView(build_from_row(rows[0]), ref_from_json(buildset["change"]), buildset["pipeline"])

    def steps(self, noun_id: str) -> tuple[StepView, ...]:
        return tuple(StepView(**row) for row in self._database.rows("transitions_of", noun_id=noun_id))

    def ended_buildset_ids(self, limit: int = 20) -> tuple[str, ...]:
        return tuple(row["id"] for row in self._database.rows("latest_ended_buildsets", limit=limit))

    def reviews(self, buildset_id: str) -> tuple[ReviewView, ...]:
        rows = self._database.rows("reviews_of_buildset", buildset_id=buildset_id)
        return tuple(_review_view(row) for row in rows)

    def waiting(self) -> tuple[WaitingView, ...]:
        events = {row["connection"]: row["n"] for row in self._database.rows("waiting_events")}
        reviews = {row["connection"]: row for row in self._database.rows("open_reviews")}
        found = []
        for connection in sorted(events.keys() | reviews.keys()):
            one = reviews.get(connection)
            count, since, note = (one["count"], one["since"], one["note"]) if one else (0, None, "")
            found.append(WaitingView(connection, events.get(connection, 0), count, since, note))
        return tuple(found)

    def reviews_open(self) -> tuple[WaitingView, ...]:
        return tuple(one for one in self.waiting() if one.reviews)

    def reviews_dropped(self, limit: int = 20) -> tuple[DroppedReviewView, ...]:
        return tuple(_dropped_view(row) for row in self._database.rows("dropped_reviews", limit=limit))

    def failures_elsewhere(
        self, view: BuildView, tests: Sequence[str], limit: int = 20
    ) -> tuple[FailureElsewhere, ...]:
        rows = self._database.rows(
            "failures_of_tests",
            tests=json.dumps(tests),
            conclusive=json.dumps(sorted(CONCLUSIVE_RESULTS)),
            connection=view.change.connection,
            change_number=view.change.number if isinstance(view.change, Change) else None,
            searched=SEARCHED_BUILDS,
            limit=limit,
        )
        return tuple(
            FailureElsewhere(
                row["test"], row["build_id"], row["job_name"], ref_from_json(row["change"]), row["ended_at"]
            )
            for row in rows
        )

    def task_events(self, build: Build) -> tuple[str, ...]:
        rows = self._database.rows("task_events", build_id=build.id, attempt=build.attempt)
        return tuple(row["record"] for row in rows)


def _dropped_view(row: Mapping[str, Any]) -> DroppedReviewView:
    review = from_json(Review, row["record"])
    return DroppedReviewView(
        row["buildset_id"], row["kind"], row["connection"], review.number, review.patchset, row["note"], row["at"],
        review.labels,
    )  # fmt: skip


def _review_view(row: Mapping[str, Any]) -> ReviewView:
    labels = from_json(Review, row["record"]).labels
    return ReviewView(row["kind"], row["state"], row["attempts"], row["note"], row["sent_at"], labels)
