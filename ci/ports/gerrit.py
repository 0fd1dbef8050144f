"""What the services ask of a Gerrit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from ci.model.change import Change
    from ci.model.event import Event, Missed
    from ci.model.vote import Review, ReviewReceipt


class Gerrit(Protocol):
    """One Gerrit, under the name of its connection.

    Every call but `events` is safe from several threads. All raise `Unavailable` when trying again later makes
    sense, and `Refused` (or `HostKeyMismatch`, `AuthenticationFailed`) when it does not.
    """

    @property
    def name(self) -> str: ...

    @property
    def user(self) -> str:
        """The account that we act as: events of its making are our own echo."""
        ...

    def events(self, stop: threading.Event) -> Iterator[Sequence[Event]]:
        """Yield the stream's events as they come, as many as came at once; first of all () when the stream is open.

        Lines that are no event are logged, counted and passed over. Raises `Unavailable` when the link is lost, also
        when it is frozen: a keepalive that expects an answer finds that out.
        """
        ...

    def change(self, number: int, patchset: int | None = None) -> Change:
        """Read a change as it is now, with the files of the asked-for patch set (the current one when None)."""
        ...

    def changes_with_id(self, change_id: str) -> tuple[Change, ...]:
        """The changes with that Change-Id, one for each project and branch, as far as we may see them."""
        ...

    def changes_at(self, project: str, commit: str) -> tuple[Change, ...]:
        """The changes of a project that have this commit as a patch set, current or not; () when we see none."""
        ...

    def newest_update(self, projects: Sequence[str]) -> int:
        """Gerrit's own time in seconds of the last update of any change of the projects, 0 for none."""
        ...

    def missed(self, since: int, projects: Sequence[str]) -> Missed:
        """What has happened in the projects since that second of Gerrit's own time (that second included)."""
        ...

    def post_review(self, review: Review) -> ReviewReceipt:
        """Post a review; see `ReviewReceipt` for labels that Gerrit drops without a word."""
        ...

    def has_review(self, number: int, patchset: int, marker: str) -> bool:
        """Whether a message of our own account on that patch set contains `marker` (a buildset's id)."""
        ...
