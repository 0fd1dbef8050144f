"""Posts the reviews of the outbox, each exactly once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from ci.errors import LINK_FAILURES, CIError, Refused, printable
from ci.observability import LOOP_FAILURES, REVIEWS, get_logger
from ci.services.loop import for_each

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.model.vote import DueReview
    from ci.ports import Clock, Gerrit, Store
    from ci.services.pulse import Pulse

LONGEST_RETRY_SECONDS = 300.0
# A command whose sender died may still be under way in Gerrit: for so long a review has to be missing, and for so many
# times as long as Gerrit took to say so.
SETTLE_SECONDS = 3.0
SETTLE_ANSWERS = 4.0
ABANDONED = "ABANDONED"  # a status of a change, as Gerrit has it
FOUND = "found in Gerrit after an interruption"


class Reporter:
    """A review is claimed before it is posted; one that may have arrived already is looked for in Gerrit first.

    What is remembered here alone only makes a later service wait as if it had seen nothing yet.
    """

    def __init__(self, gerrits: Mapping[str, Gerrit], store: Store, pulse: Pulse, clock: Clock) -> None:
        self._gerrits = gerrits
        self._store = store
        self._pulse = pulse
        self._clock = clock
        self._failures: dict[int, int] = {}  # tries in a row that failed, by review
        self._missing_until: dict[int, float] = {}  # from then on a review that is still missing was never taken
        self._log = get_logger("reporter")

    def step(self, connection: str) -> float | None:
        """Post what is due on a connection; returns after how many seconds the next one is, None for none."""
        for_each(self._post, self._store.outbox.due(connection, self._clock.now()))
        retry_at = self._store.outbox.next_retry_at(connection)
        return None if retry_at is None else max(0.05, retry_at - self._clock.now())

    def _post(self, due: DueReview) -> None:
        try:
            note = self._post_once(self._gerrits[due.review.connection], due)
        except CIError as error:
            for_good = isinstance(error, Refused) and not isinstance(error, LINK_FAILURES)
            (self._drop if for_good else self._postpone)(due, str(error))
        except Exception as error:  # noqa: BLE001 - it holds up no others, nor is it tried without a pause
            self._log.error("unexpected failure", action="review.bug", exc_info=error, **_ids(due))
            LOOP_FAILURES.labels(f"reporter {due.review.connection}").inc()
            self._postpone(due, printable(f"{type(error).__name__}: {error}"))
        else:
            if note is not None:
                self._sent(due, note)
        self._pulse.beat()

    def _post_once(self, gerrit: Gerrit, due: DueReview) -> str | None:
        """Post the review unless it is there; returns what there is to say of it, None when it must be seen later."""
        review = due.review
        if due.interrupted or due.attempts:
            asked_at = self._clock.now()
            if gerrit.has_review(review.number, review.patchset, review.marker):
                return FOUND
            if self._may_come(due, asked_at):
                return None
        about = gerrit.change(review.number)
        if about.patchset != review.patchset:
            raise Refused("a newer patch set is current")
        if about.status == ABANDONED:  # Gerrit itself refuses only a vote that is another than the one before
            raise Refused("the change was abandoned")
        self._store.outbox.claim(due, self._clock.now())
        self._missing_until.pop(due.id, None)
        receipt = gerrit.post_review(review)
        if receipt.dropped_labels:
            labels = ", ".join(receipt.dropped_labels)
            return f"{review.project} has no label {labels}: Gerrit dropped it and kept the message"
        return ""

    def _may_come(self, due: DueReview, asked_at: float) -> bool:
        """Whether a review that is not in Gerrit may still be on its way there: then it is looked for again later."""
        now = self._clock.now()
        settled_at = self._missing_until.get(due.id)
        if settled_at is not None and settled_at <= now:
            return False
        if settled_at is None:
            settled_at = now + max(SETTLE_SECONDS, SETTLE_ANSWERS * (now - asked_at))
            self._missing_until[due.id] = settled_at
        self._store.outbox.postpone(due, settled_at, "not in Gerrit yet: looking once more before it is sent", now)
        return True

    def _sent(self, due: DueReview, note: str) -> None:
        self._store.outbox.sent(due, note, self._clock.now())
        self._forget(due)
        REVIEWS.labels(due.review.connection, "sent").inc()
        report = self._log.warning if note else self._log.info
        report("review posted", action="review.sent", labels=due.review.labels, note=note, **_ids(due))

    def _drop(self, due: DueReview, reason: str) -> None:
        self._store.outbox.drop(due, reason, self._clock.now())
        self._forget(due)
        REVIEWS.labels(due.review.connection, "dropped").inc()
        self._log.error("review dropped", action="review.dropped", error=reason, **_ids(due))

    def _postpone(self, due: DueReview, reason: str) -> None:
        self._missing_until.pop(due.id, None)  # a Gerrit that does not answer may not have done what it was told
        failures = self._failures[due.id] = self._failures.get(due.id, 0) + 1
        # Half of it is left to chance, so that many reviews do not come back at once.
        delay_seconds = min(2.0 ** min(failures, 30), LONGEST_RETRY_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311
        now = self._clock.now()
        self._store.outbox.postpone(due, now + delay_seconds, reason, now)
        self._log.warning(
            "review postponed", action="review.postponed", error=reason, delay_seconds=round(delay_seconds, 1),
            **_ids(due),
        )  # fmt: skip

    def _forget(self, due: DueReview) -> None:
        self._failures.pop(due.id, None)
        self._missing_until.pop(due.id, None)


def _ids(due: DueReview) -> dict[str, str]:
    review = due.review
    return {
        "buildset": due.buildset_id,
        "connection": review.connection,
        "change": f"{review.number},{review.patchset}",
    }
