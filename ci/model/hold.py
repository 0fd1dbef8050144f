"""Autoholds: requests to keep the nodes of a failed build for a person, and the nodes that are kept."""

from __future__ import annotations

from dataclasses import dataclass

from ci.model.build import Result

DEFAULT_EXPIRATION_SECONDS = 24 * 3600
HOLDER = "hold-"
# What Zuul holds nodes for.
HELD_RESULTS = frozenset({Result.FAILURE, Result.TIMED_OUT, Result.POST_FAILURE, Result.RETRY_LIMIT})


@dataclass(frozen=True, slots=True)
class Autohold:
    """Keep the nodes of the next `max_count` failed builds of a job; `change_number` None means of any change.

    `node_hold_expiration` is for how many seconds, 0 for as long as nobody deletes the request.
    """

    connection: str
    project: str
    job: str
    reason: str
    change_number: int | None = None
    max_count: int = 1
    node_hold_expiration: int = DEFAULT_EXPIRATION_SECONDS
    current_count: int = 0
    created_at: float = 0.0
    id: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """The nodes of one attempt at a build, kept; times in seconds since the epoch, `expires_at` None for never.

    held -> releasing (its cleanup-run runs) -> gone
    """

    id: int
    autohold_id: int | None
    build_id: str
    attempt: int
    job: str
    reason: str
    state: str
    held_at: float
    expires_at: float | None

    @property
    def holder(self) -> str:
        """The name under which the leases are."""
        return f"{HOLDER}{self.id}"
