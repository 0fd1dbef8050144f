"""Posts the reviews of the outbox, each exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.errors import CIError, Refused
from ci.observability import REVIEWS, get_logger
from ci.services.loop import for_each

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.model.vote import DueReview
    from ci.ports import Clock, Gerrit, Store
    from ci.services.pulse import Pulse

LONGEST_RETRY_SECONDS = 300.0


class Reporter:
    """A review is claimed before it is posted; one that a crash interrupted is looked for in Gerrit first."""

    def __init__(self, gerrits: Mapping[str, Gerrit], store: Store, pulse: Pulse, clock: Clock) -> None:
        self._gerrits = gerrits
        self._store = store
        self._pulse = pulse
        self._clock = clock
        self._log = get_logger("reporter")

    def step(self, connection: str) -> float | None:
        """Post what is due on a connection; returns after how many seconds the next one is, None for none."""
        for_each(self._post, self._store.outbox.due(connection, self._clock.now()))
        retry_at = self._store.outbox.next_retry_at(connection)
        return None if retry_at is None else max(0.05, retry_at - self._clock.now())

    def _post(self, due: DueReview) -> None:
        log = self._log.bind(buildset=due.buildset_id, change=f"{due.review.number},{due.review.patchset}")
        gerrit = self._gerrits.get(due.review.connection)
        if not due.interrupted:
            self._store.outbox.claim(due, self._clock.now())
        try:
            if gerrit is None:
                raise Refused(f"connection {due.review.connection} is no longer in zuul.conf")
            note = self._post_once(gerrit, due)
        except Refused as error:
            self._store.outbox.drop(due, str(error), self._clock.now())
            REVIEWS.labels(due.review.connection, "dropped").inc()
            log.error("review refused", action="review.dropped", error=str(error))  # noqa: TRY400 - one line
        except CIError as error:
            delay_seconds = min(2.0**due.attempts, LONGEST_RETRY_SECONDS)
            now = self._clock.now()
            self._store.outbox.postpone(due, now + delay_seconds, str(error), now)
            log.warning("review postponed", action="review.postponed", error=str(error), delay_seconds=delay_seconds)
        else:
            self._store.outbox.sent(due, note, self._clock.now())
            REVIEWS.labels(due.review.connection, "sent").inc()
            report = log.warning if note else log.info
            report("review posted", action="review.sent", labels=due.review.labels, note=note)
        self._pulse.beat()

    def _post_once(self, gerrit: Gerrit, due: DueReview) -> str:
        """Post the review unless it is there already; returns what there is to say of it."""
        review = due.review
        # Also after a failed try: it may have arrived although its answer did not.
        if (due.interrupted or due.attempts) and gerrit.has_review(review.number, review.patchset, review.marker):
            return "found in Gerrit after an interruption"
        if due.kind == "result" and gerrit.change(review.number).patchset != review.patchset:
            raise Refused("a newer patch set is current")
        receipt = gerrit.post_review(review)
        if receipt.dropped_labels:
            labels = ", ".join(receipt.dropped_labels)
            return f"{review.project} has no label {labels}: Gerrit dropped it and kept the message"
        return ""
