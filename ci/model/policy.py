"""What the site wants done with a build that the hardware or the CI failed, and not the patch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class InfraFailure(StrEnum):
    """Run it again later, say so in a comment without a vote, or vote as for a failure."""

    RETRY = "retry"
    COMMENT = "comment"
    VOTE = "vote"


@dataclass(frozen=True, slots=True)
class InfraPolicy:
    """What a build that would end RETRY_LIMIT, NODE_FAILURE or ERROR leads to.

    RETRY begins all its attempts again up to `retries` times, the first time after `retry_delay_seconds`, each time
    after four times as long; after the last one it is as with COMMENT.
    """

    on_failure: InfraFailure = InfraFailure.RETRY
    retry_delay_seconds: float = 300.0
    retries: int = 3

    @property
    def votes(self) -> bool:
        """Whether such a failure gets the pipeline's vote for failures."""
        return self.on_failure is InfraFailure.VOTE


SHIPPED_INFRA_POLICY = InfraPolicy()
