"""The same doings on a fake and on a real Gerrit, so that one set of tests holds both to the same answers."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol, Self

from lab.gerrit import Gerrit as LabGerrit
from lab.tcp_proxy import TcpProxy

from ci.gerrit.adapter import SshGerrit
from tests.fakes.gerrit import FakeGerrit
from tests.fakes.gerrit_changes import FakeAccount

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = "openstack/nova"


class Side(Protocol):
    """A Gerrit with the accounts `ci`, `dev` and `deaf` (without the right to the stream), behind a proxy."""

    proxy: TcpProxy
    folder: Path

    def adapter(self, user: str = "ci", **settings: Any) -> SshGerrit: ...
    def known_hosts_line(self) -> str: ...
    def push(self, files: dict[str, str], subject: str = "A change", **options: Any) -> tuple[int, str]: ...
    def amend(self, number: int, files: dict[str, str]) -> str: ...
    def comment(self, number: int, text: str, *, as_web_page: bool = False) -> None: ...
    def vote(self, number: int, label: str, value: int) -> None: ...
    def set_status(self, number: int, status: str) -> None: ...
    def set_wip(self, number: int, *, wip: bool) -> None: ...
    def start_review(self, number: int) -> None: ...
    def set_private(self, number: int, *, private: bool) -> None: ...
    def draft(self, number: int, text: str) -> None: ...
    def publish_drafts(self, number: int) -> None: ...
    def amend_and_publish(self, number: int, files: dict[str, str]) -> None: ...
    def web_url(self) -> str: ...
    def messages(self, number: int) -> list[str]: ...
    def ci_vote(self, number: int, label: str, patchset: int = 1) -> int: ...


class _Base:
    proxy: TcpProxy
    folder: Path

    def key_path(self, user: str) -> Path:
        raise NotImplementedError

    def known_hosts_line(self) -> str:
        raise NotImplementedError

    def web_url(self) -> str:
        raise NotImplementedError

    def adapter(self, user: str = "ci", **settings: Any) -> SshGerrit:
        known_hosts = self.folder / "proxy_known_hosts"
        known_hosts.write_text(self.known_hosts_line())
        given = {
            "name": "lab",
            "server": "127.0.0.1",
            "port": self.proxy.port,
            "user": user,
            "sshkey": self.key_path(user),
            "known_hosts": known_hosts,
            "keepalive": 1,
            "baseurl": self.web_url(),
        }
        return SshGerrit(**(given | settings))


class FakeSide(_Base):
    """The fake."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.gerrit = self._stack.enter_context(FakeGerrit(self.folder))
        self.gerrit.add_account(FakeAccount("deaf", "Deaf", "deaf@example.com", stream_events=False))
        self.proxy = self._stack.enter_context(TcpProxy(self.gerrit.port))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def key_path(self, user: str) -> Path:
        return self.gerrit.key_path(user)

    def known_hosts_line(self) -> str:
        return self.gerrit.known_hosts_line(self.proxy.port)

    def push(self, files: dict[str, str], subject: str = "A change", **options: Any) -> tuple[int, str]:
        onto = options.pop("onto", None)
        change = self.gerrit.state.push(PROJECT, "dev", subject, files, options)
        if onto is not None:
            change.parent = self.gerrit.state.changes[onto].patchsets[-1].revision
        return change.number, change.patchsets[-1].revision

    def amend(self, number: int, files: dict[str, str]) -> str:
        return self.gerrit.state.amend(number, files).patchsets[-1].revision

    def comment(self, number: int, text: str, *, as_web_page: bool = False) -> None:
        state = self.gerrit.state
        if as_web_page:
            state.comment_at_patchset_level(number, "dev", text)
        else:
            state.review("dev", number, len(state.changes[number].patchsets), {"message": text})

    def vote(self, number: int, label: str, value: int) -> None:
        state = self.gerrit.state
        state.review("dev", number, len(state.changes[number].patchsets), {"labels": {label: value}})

    def set_status(self, number: int, status: str) -> None:
        self.gerrit.state.set_status(number, "dev", status)

    def set_wip(self, number: int, *, wip: bool) -> None:
        self.gerrit.state.set_wip(number, "dev", wip=wip)

    def start_review(self, number: int) -> None:
        self.gerrit.state.start_review(number, "dev")

    def set_private(self, number: int, *, private: bool) -> None:
        self.gerrit.state.set_private(number, "dev", private=private)

    def draft(self, number: int, text: str) -> None:
        self.gerrit.state.draft(number, "dev", text)

    def publish_drafts(self, number: int) -> None:
        self.gerrit.state.publish_drafts(number, "dev")

    def amend_and_publish(self, number: int, files: dict[str, str]) -> None:
        self.gerrit.state.amend(number, files, publish=True)

    def web_url(self) -> str:
        return self.gerrit.rest.url

    def messages(self, number: int) -> list[str]:
        return [text for _, _, text in self.gerrit.state.changes[number].messages]

    def ci_vote(self, number: int, label: str, patchset: int = 1) -> int:
        return self.gerrit.state.changes[number].patchsets[patchset - 1].votes.get(("ci", label), (0, 0))[0]


class RealSide(_Base):
    """A real Gerrit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self._heads: dict[int, str] = {}

    def __enter__(self) -> Self:
        self.gerrit = self._stack.enter_context(LabGerrit(self.folder / "gerrit"))
        self.gerrit.create_ci_account("ci", "IBM PowerVM CI", "ci@example.com")
        self.gerrit.create_account("dev", "Dev Eloper", "dev@example.com")
        self.gerrit.create_account("deaf", "Deaf", "deaf@example.com")
        self.gerrit.rest.create_project(PROJECT)
        self.proxy = self._stack.enter_context(TcpProxy(self.gerrit.ssh_port))
        self._dev = self.gerrit.rest_as("dev")
        tree = self.gerrit.repository(PROJECT, self.folder / "nova", "dev", "Dev Eloper", "dev@example.com")
        self._dev_tree = tree.clone()
        self._base = tree.head
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def key_path(self, user: str) -> Path:
        return self.gerrit.key(user)

    def known_hosts_line(self) -> str:
        return f"[127.0.0.1]:{self.proxy.port} {self.gerrit.host_key()}\n"

    def push(self, files: dict[str, str], subject: str = "A change", **options: Any) -> tuple[int, str]:
        onto = options.pop("onto", None)
        self._dev_tree.reset(self._heads[onto] if onto else self._base)
        self._dev_tree.commit(files, subject)
        wanted = [name if value is True else f"{name}={value}" for name, value in options.items()]
        number, _, revision = self._dev_tree.push_change(options="%" + ",".join(wanted) if wanted else "")
        self._heads[number] = revision
        return number, revision

    def amend(self, number: int, files: dict[str, str]) -> str:
        self._dev_tree.reset(self._heads[number])
        self._dev_tree.amend(files)
        self._heads[number] = self._dev_tree.push_change()[2]
        return self._heads[number]

    def comment(self, number: int, text: str, *, as_web_page: bool = False) -> None:
        self._dev.comment(number, text, as_web_page=as_web_page)

    def vote(self, number: int, label: str, value: int) -> None:
        self._dev.review(number, {"labels": {label: value}})

    def set_status(self, number: int, status: str) -> None:
        if status == "MERGED":
            self.gerrit.rest.review(number, {"labels": {"Code-Review": 2}})
            self.gerrit.rest.call("POST", f"changes/{number}/submit", {})
        elif status == "ABANDONED":
            self._dev.abandon(number)
        else:
            self._dev.restore(number)

    def set_wip(self, number: int, *, wip: bool) -> None:
        self._dev.call("POST", f"changes/{number}/{'wip' if wip else 'ready'}", {})

    def start_review(self, number: int) -> None:
        self._dev.review(number, {"ready": True})

    def set_private(self, number: int, *, private: bool) -> None:
        self._dev.call("POST", f"changes/{number}/{'private' if private else 'private.delete'}", {})

    def draft(self, number: int, text: str) -> None:
        body = {"path": "/PATCHSET_LEVEL", "message": text, "unresolved": False}
        self._dev.call("PUT", f"changes/{number}/revisions/current/drafts", body)

    def publish_drafts(self, number: int) -> None:
        self._dev.review(number, {"drafts": "PUBLISH_ALL_REVISIONS"})

    def amend_and_publish(self, number: int, files: dict[str, str]) -> None:
        self._dev_tree.reset(self._heads[number])
        self._dev_tree.amend(files)
        self._heads[number] = self._dev_tree.push_change(options="%publish-comments")[2]

    def web_url(self) -> str:
        return self.gerrit.url

    def messages(self, number: int) -> list[str]:
        return self._dev.messages(number)

    def ci_vote(self, number: int, label: str, patchset: int = 1) -> int:
        # Only ssh tells of votes on patch sets that are no longer the current one.
        key, known_hosts = str(self.key_path("ci")), f"UserKnownHostsFile={self.gerrit.known_hosts}"
        argv = ["ssh", "-F", "none", "-i", key, "-o", known_hosts, "-p", str(self.gerrit.ssh_port), "ci@127.0.0.1"]
        query = ["gerrit", "query", "--format=JSON", "--patch-sets", "--all-approvals", f"change:{number}"]
        answer = subprocess.run([*argv, *query], check=True, capture_output=True).stdout
        approvals = json.loads(answer.splitlines()[0])["patchSets"][patchset - 1].get("approvals", [])
        votes = [vote["value"] for vote in approvals if vote["type"] == label and vote["by"]["username"] == "ci"]
        return int(votes[0]) if votes else 0


class Listening:
    """Reads a stream in a thread of its own; `wait_for` gives the first event that fits."""

    def __init__(self, adapter: SshGerrit) -> None:
        self.adapter = adapter
        self.stop = threading.Event()
        self.opened = threading.Event()
        self.error: Exception | None = None
        self._events: list[Any] = []
        self._changed = threading.Condition()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            for events in self.adapter.events(self.stop):
                if not events:
                    self.opened.set()
                with self._changed:
                    self._events += events
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001 - handed over to the test
            self.error = error
        finally:
            self.opened.set()
            with self._changed:
                self._changed.notify_all()

    @property
    def events(self) -> list[Any]:
        """All that has come so far."""
        with self._changed:
            return list(self._events)

    def wait_for(self, kind: str, number: int, timeout_seconds: float = 30.0, skip: int = 0) -> Any:
        """Return the event of that type on that change, after `skip` of them; fails at the deadline."""

        def fitting() -> list[Any]:
            return [e for e in self._events if e.type == kind and e.change and e.change.number == number]

        with self._changed:
            self._changed.wait_for(
                lambda: len(fitting()) > skip or not self.thread.is_alive() or self.error, timeout_seconds
            )
            assert len(fitting()) > skip, f"no {kind} on {number}: {self.error}"
            return fitting()[skip]

    def __enter__(self) -> Self:
        self.thread.start()
        assert self.opened.wait(60), "the stream did not open"
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        self.thread.join(30)
        assert not self.thread.is_alive()
