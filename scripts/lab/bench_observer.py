"""An independent onlooker: a plain ssh client of an account of its own that reads Gerrit's stream of events."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any, Self

from .gerrit import Gerrit, GerritError

Event = dict[str, Any]

ACCOUNT = "observer"
HELLO_SECONDS = 2.0
HELLO_TRIES = 10
PATCHSET_SECONDS = 20.0
VOTE_SECONDS = 120.0


class Observer:
    """A context manager: notes when each event of the stream came in, to the microsecond."""

    def __init__(self, gerrit: Gerrit) -> None:
        """Create the account; it may read the stream and nothing that others may not."""
        self.username = ACCOUNT
        self._gerrit = gerrit
        self._key = gerrit.create_account(ACCOUNT, "Observer", "observer@example.org")
        gerrit.rest.grant_stream_events(gerrit.rest.create_group(f"{ACCOUNT}-group", (ACCOUNT,)))
        self._seen: list[tuple[float, Event]] = []
        self._news = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        ssh = ["ssh", "-F", "none", "-i", str(self._key), "-p", str(self._gerrit.ssh_port), "-o", "BatchMode=yes"]
        ssh += ["-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"]
        ssh += ["-o", f"UserKnownHostsFile={self._gerrit.known_hosts}", f"{ACCOUNT}@{self._gerrit.address}"]
        self._process = subprocess.Popen(
            [*ssh, "gerrit", "stream-events"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        self._wait_for_hello()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def wait(self, what: str, is_wanted: Callable[[Event], bool], timeout_seconds: float) -> tuple[float, Event]:
        """Return the first event of that kind, and when it came in; raises GerritError at the deadline."""
        deadline = time.monotonic() + timeout_seconds
        looked_at = 0
        with self._news:
            while True:
                for at, event in self._seen[looked_at:]:
                    if is_wanted(event):
                        return at, event
                looked_at = len(self._seen)
                if not self._news.wait(deadline - time.monotonic()):
                    raise GerritError(f"the stream of events does not show {what} within {timeout_seconds:.0f} s")

    def patchset(self, revision: str) -> tuple[float, Event]:
        """Return when the stream told of the patch set with this commit."""
        return self.wait(
            "the patch set that was pushed",
            lambda event: event.get("type") == "patchset-created" and event["patchSet"]["revision"] == revision,
            PATCHSET_SECONDS,
        )

    def vote(self, number: int, username: str, label: str, timeout_seconds: float = VOTE_SECONDS) -> tuple[float, int]:
        """Return when the stream told of the account's vote on a change, and its value."""

        def votes(event: Event) -> list[int]:
            if event.get("type") != "comment-added" or event["change"]["number"] != number:
                return []
            given = event.get("approvals", []) if event["author"].get("username") == username else []
            return [int(one["value"]) for one in given if one["type"] == label and int(one["value"])]

        at, event = self.wait(f"a vote on change {number}", lambda event: bool(votes(event)), timeout_seconds)
        return at, votes(event)[0]

    def _read(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            at = time.time()
            with self._news:
                self._seen.append((at, json.loads(line)))
                self._news.notify_all()

    def _wait_for_hello(self) -> None:
        """Return once events come in: ssh does not say when the server has begun to pass them on."""
        for serial in range(HELLO_TRIES):
            name = f"lab/hello-{serial}"
            self._gerrit.rest.create_project(name)
            try:
                self.wait("a new project", partial(_names, name), HELLO_SECONDS)
            except GerritError:
                continue
            return
        raise GerritError("the stream of events stays silent")


def _names(project: str, event: Event) -> bool:
    return event.get("projectName") == project
