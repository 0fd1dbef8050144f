"""The outbox: reviews on their way to a Gerrit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.model.codec import from_json, to_json
from ci.model.vote import DueReview, Review

if TYPE_CHECKING:
    from ci.store.database import Database


class ReviewTable:
    """Keeps `ci.ports.Outbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, buildset_id: str, kind: str, review: Review, now: float) -> None:
        self._database.execute(
            "add_review", buildset_id=buildset_id, kind=kind, connection=review.connection, record=to_json(review),
            now=now,
        )  # fmt: skip

    def due(self, connection: str, now: float) -> tuple[DueReview, ...]:
        return tuple(
            DueReview(
                id=row["id"],
                buildset_id=row["buildset_id"],
                kind=row["kind"],
                review=from_json(Review, row["record"]),
                interrupted=row["state"] == "sending",
                attempts=row["attempts"],
            )
            for row in self._database.rows("due_reviews", connection=connection, now=now)
        )

    def next_retry_at(self, connection: str) -> float | None:
        row = self._database.row("next_retry_of_reviews", connection=connection)
        return row["at"] if row else None

    def hurry(self, connection: str, now: float) -> None:
        self._database.execute("hurry_reviews", connection=connection, now=now)

    def claim(self, due: DueReview, now: float) -> None:
        self._database.move("claim_review", "review", due.id, "pending -> sending", id=due.id, now=now)

    def sent(self, due: DueReview, note: str, now: float) -> None:
        self._end("sent_review", due, "sent", note, now=now)

    def drop(self, due: DueReview, note: str, now: float) -> None:
        self._end("drop_review", due, "dropped", note, now=now)

    def postpone(self, due: DueReview, retry_at: float, note: str, now: float) -> None:
        self._end("postpone_review", due, "pending", note, now=now, retry_at=retry_at)

    def _end(self, query: str, due: DueReview, to_state: str, note: str, **values: float) -> None:
        """Let go of a review that was claimed or, so far, only looked at."""
        with self._database.transaction():
            row = self._database.row("open_review", id=due.id)
            from_state = row["state"] if row else "ended"
            self._database.move(
                query, "review", due.id, f"{from_state} -> {to_state}", reason=note, id=due.id,
                from_state=from_state, note=note, **values,
            )  # fmt: skip
