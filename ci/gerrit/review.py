"""Posting the one review that a buildset ends with, by `gerrit review --json` with the JSON on its standard input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

from ci.errors import Refused, Unavailable
from ci.gerrit.fields import shortened
from ci.gerrit.message import fitted
from ci.gerrit.query import is_visible, read_approvals
from ci.model.vote import ReviewReceipt

if TYPE_CHECKING:
    from ci.gerrit.connection import CommandLine
    from ci.model.vote import Review

# What Gerrit answers (3.10) when the same review will never be taken.
_PERMANENT = {
    "is restricted": "our account may not give this vote",
    "cannot reduce vote": "the change is closed and the vote lower than before",
    "change is closed": "the change is closed",
    "no such change": "there is no such change, or our account may not see it",
    "no such patch set": "there is no such patch set",
    "rejected in validation": "the message is not accepted",
    "exceeding maximum": "the change has too many comments",
    "reading review input": "the review is not understood",
    "not permitted": "our account may not review",
}
_HIDDEN = "internal server error"


def post(commands: CommandLine, user: str, review: Review) -> ReviewReceipt:
    """Post a review and read back which of its labels Gerrit dropped; see the port for what is raised.

    An Unavailable may come after the review was taken: `has_message` tells.
    """
    body: dict[str, object] = {"message": fitted(review.message), "tag": review.tag, "labels": review.labels}
    if review.notify:
        body["notify"] = review.notify
    # ASCII JSON, so that no character set between here and the server matters.
    result = commands.run(
        f"gerrit review --json {int(review.number)},{int(review.patchset)}", json.dumps(body).encode("ascii")
    )
    if result.status:
        _explain(commands, review, result.stderr)
    return ReviewReceipt(_dropped(commands, user, review))


def _explain(commands: CommandLine, review: Review, answer: str) -> NoReturn:
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    said = shortened(lines[0] if lines else "nothing", 300)
    what = f"review of change {review.number},{review.patchset}"
    for words, meaning in _PERMANENT.items():
        if words in answer.lower():
            raise Refused(f"{what}: {meaning}; Gerrit says {said}")
    # So does Gerrit answer for a change that is hidden from us; a server in trouble may answer the same.
    if _HIDDEN in answer.lower() and not is_visible(commands, review.number):
        raise Refused(f"{what}: our account may not see the change; Gerrit says {said}")
    raise Unavailable(f"{what}: Gerrit says {said}")


def _dropped(commands: CommandLine, user: str, review: Review) -> tuple[str, ...]:
    """Return the asked-for votes that are not there: Gerrit takes a label that the project lacks without a word."""
    asked = {label: value for label, value in review.labels.items() if value}
    if not asked:
        return ()
    approvals = read_approvals(commands, review.connection, review.number, review.patchset)
    given = {approval.label: approval.value for approval in approvals if approval.by.username == user}
    return tuple(label for label, value in asked.items() if given.get(label) != value)
