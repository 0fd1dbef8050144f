"""A change as Gerrit tells it: one patch set of it, and what is known of its state."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """A Gerrit account; any of the three may be missing."""

    username: str | None = None
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """A vote somebody gave on the current patch set; `granted_at` in seconds since the epoch (0: not known)."""

    label: str
    value: int
    by: Account
    granted_at: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One patch set of a change, with the state that its change had when this was read.

    `connection` is the name of the site's connection, `canonical_hostname` the host of Zuul's canonical names.
    `files` are paths that the patch set touches, None while not known. `parents` are the commits that it stands on;
    of the current patch set those only that are patch sets of changes.
    `dependencies` are the open changes that it is tested with, in the order in which they are merged; nothing is said
    of them but what tells them from others.
    """

    connection: str
    project: str
    branch: str
    number: int
    patchset: int
    revision: str
    ref: str
    subject: str = ""
    url: str = ""
    topic: str | None = None
    message: str = ""
    owner: Account = Account()
    status: str = "NEW"
    is_current: bool = True
    wip: bool = False
    private: bool = False
    files: tuple[str, ...] | None = None
    approvals: tuple[Approval, ...] = ()
    parents: tuple[str, ...] = ()
    dependencies: tuple[Change, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.status in {"NEW", "SUBMITTED", "DRAFT"}

    @property
    def name(self) -> str:
        """The change as people write it: `number,patchset`."""
        return f"{self.number},{self.patchset}"


@dataclass(frozen=True, slots=True)
class Branch:
    """The tip of a branch: what a timer runs jobs for. There is no change, and nobody to vote for."""

    connection: str
    project: str
    branch: str

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.branch}"

    @property
    def name(self) -> str:
        return self.branch

    @property
    def subject(self) -> str:
        return f"the tip of {self.branch}"

    @property
    def url(self) -> str:
        """Gerrit has no page for it that is the same everywhere."""
        return ""

    @property
    def files(self) -> None:
        """Nothing was changed: `files` and `irrelevant-files` have no say."""
        return

    @property
    def dependencies(self) -> tuple[Change, ...]:
        """Nothing: a branch is tested as it is."""
        return ()


# What jobs run for.
Ref = Change | Branch
