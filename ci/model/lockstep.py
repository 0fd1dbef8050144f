"""Lockstep: blocks of skip lists that wait for a change, and the changes that remove them once it has merged."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from ci.model.change import Change


class LockstepMode(StrEnum):
    """What is done about a block whose change has merged: its removal is pushed for review, told of, or nothing."""

    PUSH = "push"
    WARN = "warn"
    OFF = "off"


class WaitState(StrEnum):
    """How far a wait is; from `DUE` on its change is contained wherever the list is used."""

    WAITING = "waiting"
    DUE = "due"  # the removal is still to be pushed
    OPEN = "open"  # it is under review
    MERGED = "merged"  # the site's folder is behind
    BEHIND = "behind"  # the repository has lost the block by another change
    ABANDONED = "abandoned"  # a person said no
    REFUSED = "refused"  # Gerrit does not take it, or the repository cannot be read


@dataclass(frozen=True, slots=True)
class Wait:
    """All blocks of one skip list that wait for the same change.

    `path` is that of the list in the site, `until` the change's Change-Id; `ids` of the tests, sorted; `lines` where
    the blocks begin.
    """

    path: str
    until: str
    ids: tuple[str, ...]
    lines: tuple[int, ...] = ()

    @property
    def removal_id(self) -> str:
        """The Change-Id of the removal: whoever makes it for these tests, and however often, makes the same change."""
        text = "\n".join((self.path, self.until, *self.ids))
        return "I" + hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class WaitStatus:
    """What is known of a wait, under its removal's Change-Id; times in seconds since the epoch.

    `note` adds to what the state says, `url` is the removal's; one that was refused is not tried before `retry_at`.
    """

    removal_id: str
    path: str
    until: str
    state: WaitState
    note: str = ""
    url: str = ""
    since: float = 0.0
    retry_at: float = 0.0


@dataclass(frozen=True, slots=True)
class MergedChange:
    """The commit by which a change is in a branch."""

    commit: str
    subject: str


@dataclass(frozen=True, slots=True)
class Place:
    """A branch of a project on which jobs use a list.

    `tips` are those of all the source that such a job tests, as (connection, project, commit): required projects too.
    """

    connection: str
    project: str
    branch: str
    tips: tuple[tuple[str, str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.project} {self.branch}"


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file of the site's own repository, as the tip of its branch has it."""

    path: str
    branch: str
    tip: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Removal:
    """The change that removes a wait, as Gerrit has it; `conflict` says why an open one cannot be merged now."""

    change: Change
    conflict: str = ""
