"""What must hold, seen from Gerrit's side alone: each trigger is answered once, rightly, on the right patch set."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

# Gerrit tells times in whole seconds; and a patch set that comes between the last look and the vote is nobody's fault.
RACE_SECONDS = 2.0
_BUILDSET = re.compile(r"/buildset/([0-9a-f]{32})")
_WORDS = {1: "Build succeeded", -1: "Build failed"}


@dataclass(frozen=True)
class Problem:
    """One thing that must not be, and the buildset whose story may tell why ("" when there is none)."""

    change: int
    what: str
    buildset: str = ""
    may_heal: bool = False  # something is missing that may still come

    def __str__(self) -> str:
        return f"change {self.change}: {self.what}" + (f" (buildset {self.buildset})" if self.buildset else "")


@dataclass
class _Patchset:
    triggers: int = 0
    excused: int = 0  # triggers whose builds were ended by an abandon
    answered: bool = True  # the latest trigger
    reviews: list[str] = field(default_factory=list)


@dataclass
class Judge:
    """Reads the messages of one change in their order; `verdicts` are the right values by patch set."""

    number: int
    user: str
    verdicts: Mapping[int, int]
    race_seconds: float = RACE_SECONDS
    problems: list[Problem] = field(default_factory=list)
    _patchsets: dict[int, _Patchset] = field(default_factory=dict)
    _current: int = 0
    _since: float = 0.0
    _is_open: bool = True
    _seen: set[str] = field(default_factory=set)

    def judge(self, detail: Mapping[str, Any]) -> list[Problem]:
        """Return what is wrong with a change, as `Rest.detail` tells it; nothing when all is answered."""
        # Of one second, as Gerrit tells the time, what was asked comes before what was answered.
        messages = detail["messages"]
        for message in sorted(messages, key=lambda one: (one["date"], self._is_ours(one))):
            self._read(message)
        if not self._is_open:
            return self.problems
        last = self._patchsets[self._current]
        if not last.answered:
            self._miss(f"the last trigger on patch set {self._current} has no review")
        least = last.triggers - last.excused
        if len(last.reviews) < least:
            self._miss(f"{last.triggers} triggers and {len(last.reviews)} reviews on patch set {self._current}")
        if last.reviews and (vote := _vote(detail, self.user)) != self.verdicts[self._current]:
            self._complain(f"the vote is {vote} instead of {self.verdicts[self._current]:+d}")
        return self.problems

    def _read(self, message: Mapping[str, Any]) -> None:
        text, patchset, at = message["message"], message.get("_revision_number", self._current), _seconds(message)
        if self._is_ours(message):
            self._review(text, patchset, at)
        elif text.startswith("Uploaded patch set"):
            self._current, self._since = patchset, at
            self._trigger(patchset)
        elif text.startswith("Abandoned"):
            self._is_open, self._since = False, at
            last = self._patchsets[self._current]
            last.excused += not last.answered
            last.answered = True
        elif text.startswith("Restored"):
            self._is_open = True
            self._trigger(self._current)
        elif text.rstrip().endswith(("recheck", "(1 comment)")):
            self._trigger(patchset)

    def _is_ours(self, message: Mapping[str, Any]) -> bool:
        return bool(message.get("author", {}).get("username") == self.user)

    def _trigger(self, patchset: int) -> None:
        one = self._patchsets.setdefault(patchset, _Patchset())
        one.triggers += 1
        one.answered = False

    def _review(self, text: str, patchset: int, at: float) -> None:
        found = _BUILDSET.search(text)
        buildset = found[1] if found else ""
        one = self._patchsets.setdefault(patchset, _Patchset())
        one.reviews.append(buildset)
        one.answered = True
        if not found:
            self._complain(f"a message of ours without a buildset: {text[:200]!r}")
        elif buildset in self._seen:
            self._complain("told twice", buildset)
        self._seen.add(buildset)
        if len(one.reviews) > one.triggers:
            self._complain(f"{len(one.reviews)} reviews for {one.triggers} triggers on patch set {patchset}", buildset)
        late = at - self._since > self.race_seconds
        if patchset != self._current and late:
            self._complain(f"a review on patch set {patchset} when {self._current} was there", buildset)
        if not self._is_open and late:
            self._complain("a review on an abandoned change", buildset)
        if _WORDS[self.verdicts[patchset]] not in text:
            self._complain(f"patch set {patchset} deserves {self.verdicts[patchset]:+d}, but: {text[:300]!r}", buildset)

    def _miss(self, what: str) -> None:
        self.problems.append(Problem(self.number, what, may_heal=True))

    def _complain(self, what: str, buildset: str = "") -> None:
        self.problems.append(Problem(self.number, what, buildset))


def reviewed_buildsets(detail: Mapping[str, Any], user: str) -> Iterable[str]:
    """Yield the ids of the buildsets that a change's messages of the user tell of."""
    for message in detail["messages"]:
        if message.get("author", {}).get("username") == user:
            yield from _BUILDSET.findall(message["message"])


def _vote(detail: Mapping[str, Any], user: str) -> int:
    votes = detail.get("labels", {}).get("Verified", {}).get("all", [])
    return next((vote.get("value", 0) for vote in votes if vote.get("username") == user), 0)


def _seconds(message: Mapping[str, Any]) -> float:
    return datetime.strptime(message["date"][:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
