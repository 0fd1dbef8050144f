"""Small stand-ins for ports, for tests of what a service does when the other side fails."""

from __future__ import annotations

from ci.errors import CIError
from ci.model.vote import ReviewReceipt


class StillClock:
    """A clock that a test sets."""

    def __init__(self, now=1000.0):
        self.time = now

    def now(self):
        return self.time


class ScriptedGerrit:
    """A Gerrit of one change; `answers` are what the next posts do: an error to raise, or a receipt to return."""

    name = "opendev"
    user = "powervm-ci"

    def __init__(self, change):
        self.current = change
        self.answers: list[CIError | ReviewReceipt] = []
        self.posted = []
        self.failure: CIError | None = None

    def change(self, number, patchset=None):
        if self.failure:
            raise self.failure
        return self.current

    def has_review(self, number, patchset, marker):
        return any((r.number, r.patchset) == (number, patchset) and marker in r.message for r in self.posted)

    def post_review(self, review):
        answer = self.answers.pop(0) if self.answers else ReviewReceipt()
        if isinstance(answer, CIError):
            raise answer
        self.posted.append(review)
        return answer
