"""What becomes of blocks that wait for a change: pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ci.errors import printable
from ci.model.lockstep import LockstepMode, MergedChange, Place, Removal, Wait, WaitState, WaitStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_NAMED = 3
MOST_LISTED = 20
LONGEST_SUBJECT = 100
SHORT_ID = 11
_STATES = {"ABANDONED": WaitState.ABANDONED, "MERGED": WaitState.MERGED}


@dataclass(frozen=True, slots=True)
class Sight:
    """Where a list is used, and which of these places have the change that its blocks wait for."""

    places: tuple[Place, ...]
    merged: dict[Place, MergedChange] = field(default_factory=dict)

    @property
    def lacking(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(str(place) for place in self.places if place not in self.merged))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state that a wait is in from now on."""

    state: WaitState
    note: str = ""
    url: str = ""
    retry_at: float = 0.0


def before_merge(sight: Sight, fate: str = "") -> Outcome | None:
    """Return what is to be said while a branch lacks the change; None when all that use the list have it.

    `fate` says what will never merge by itself.
    """
    if not sight.lacking:
        return None
    note = fate
    if sight.merged:
        where = f"{named(str(place) for place in sight.merged)}, but not in {named(sight.lacking)}"
        note = f"it has merged in {where}: put the block into a list that is only used where it has"
    return Outcome(WaitState.WAITING, note)


def after_merge(removal: Removal | None, known: WaitStatus | None, mode: LockstepMode, now: float) -> Outcome | None:
    """Return what is to be said of the removal; None when it is to be pushed now.

    What Gerrit has seen once, or what we know that it has seen, is never pushed again: an abandoned removal is a
    person's no.
    """
    if removal is not None:
        state = _STATES.get(removal.change.status, WaitState.OPEN)
        return Outcome(state, removal.conflict if state is WaitState.OPEN else "", removal.change.url)
    if known and known.state in {WaitState.OPEN, WaitState.MERGED, WaitState.ABANDONED}:
        return Outcome(known.state, "Gerrit does not show it any more", known.url)
    if mode is not LockstepMode.PUSH:
        return Outcome(WaitState.DUE, f"lockstep={mode} in zuul.conf")
    if known and known.state is WaitState.REFUSED and now < known.retry_at:
        return Outcome(known.state, known.note, known.url, known.retry_at)
    return None


def named(places: Iterable[str]) -> str:
    """Return places as part of a sentence: some of them, and how many more there are."""
    names = list(dict.fromkeys(places))
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return printable(", ".join(names[:MOST_NAMED]) + more)


def removal_message(wait: Wait, sight: Sight) -> str:
    """Return the message of the commit that removes a wait's blocks; what others wrote stands in it as quoted lines."""
    tests = "1 test" if len(wait.ids) == 1 else f"{len(wait.ids)} tests"
    lines = [f"- {place}: {change.commit[:SHORT_ID]} {_quoted(change)}" for place, change in sight.merged.items()]
    more = [f"- and {len(lines) - MOST_LISTED} more"] if len(lines) > MOST_LISTED else []
    return "\n".join(
        (
            f"Skip list: run {tests} that waited for {wait.until[:SHORT_ID]}",
            "",
            f"{wait.path} left them out",
            f"until {wait.until}.",
            "It has merged wherever the list is used:",
            "",
            *(printable(line) for line in dict.fromkeys(lines[:MOST_LISTED])),
            *more,
            "",
            f"Change-Id: {wait.removal_id}",
            "",
        )
    )


def _quoted(change: MergedChange) -> str:
    subject = change.subject
    return f'"{subject if len(subject) <= LONGEST_SUBJECT else f"{subject[: LONGEST_SUBJECT - 3]}..."}"'
