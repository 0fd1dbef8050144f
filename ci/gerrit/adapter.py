"""A Gerrit over ssh: the port `Gerrit` kept by the real thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.gerrit.catch_up import Catcher
from ci.gerrit.connection import Address, CommandLine
from ci.gerrit.query import has_message, read_change, read_changes_at, read_changes_with_id
from ci.gerrit.rest import RestReader
from ci.gerrit.review import post
from ci.gerrit.stream import read_events

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ci.model.change import Change
    from ci.model.event import Event, Missed
    from ci.model.vote import Review, ReviewReceipt

# Twice this passes, at most, until a frozen link is noticed: once until the probe, once until its answer is overdue.
KEEPALIVE_SECONDS = 5.0


class SshGerrit:
    """One Gerrit: a connection for each open stream, and one that is kept for all commands."""

    def __init__(
        self,
        *,
        name: str,
        server: str,
        user: str,
        sshkey: Path,
        known_hosts: Path,
        port: int = 29418,
        keepalive: float = KEEPALIVE_SECONDS,
        baseurl: str = "",
        password: str | None = None,
        verify_ssl: bool = True,
    ) -> None:
        """Take the settings of one `[connection]`; nothing is connected yet. Without `baseurl` HTTP is not used.

        `keepalive` in seconds: a smaller one is kept to, a larger one (Zuul's is 60, and expects no answer) or 0 means
        KEEPALIVE_SECONDS, because a CI that listens to a frozen link misses patch sets.
        """
        keepalive = min(keepalive or KEEPALIVE_SECONDS, KEEPALIVE_SECONDS)
        self._name = name
        self._address = Address(server, port, user, sshkey, known_hosts, keepalive)
        self._commands = CommandLine(self._address)
        rest = RestReader(baseurl, user, password, verify_ssl=verify_ssl) if baseurl else None
        self._catcher = Catcher(self._commands, name, rest)

    @property
    def name(self) -> str:
        return self._name

    @property
    def user(self) -> str:
        return self._address.user

    def events(self, stop: threading.Event) -> Iterator[Sequence[Event]]:
        return read_events(self._address, self._name, stop)

    def change(self, number: int, patchset: int | None = None) -> Change:
        return read_change(self._commands, self._name, number, patchset)

    def changes_with_id(self, change_id: str) -> tuple[Change, ...]:
        return read_changes_with_id(self._commands, self._name, change_id)

    def changes_at(self, project: str, commit: str) -> tuple[Change, ...]:
        return read_changes_at(self._commands, self._name, project, commit)

    def newest_update(self, projects: Sequence[str]) -> int:
        return self._catcher.newest_update(projects)

    def missed(self, since: int, projects: Sequence[str]) -> Missed:
        return self._catcher.missed(since, projects)

    def post_review(self, review: Review) -> ReviewReceipt:
        return post(self._commands, self.user, review)

    def has_review(self, number: int, patchset: int, marker: str) -> bool:
        return has_message(self._commands, self.user, number, patchset, marker)

    def close(self) -> None:
        """Close the connection for commands; the next command opens it again."""
        self._commands.close()
