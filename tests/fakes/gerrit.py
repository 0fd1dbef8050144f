"""A fake Gerrit that speaks real ssh on loopback, in this process, with switches for what goes wrong in the field."""

from __future__ import annotations

import calendar
import contextlib
import json
import queue
import re
import shlex
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.fakes.gerrit_changes import FakeAccount, FakeChange, FakeChanges, GerritRefuses
from tests.fakes.gerrit_rest import FakeRest

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

ADDRESS = "127.0.0.1"
_HANDSHAKE_SECONDS = 20.0


class FakeGerrit:
    """A context manager: accounts `ci` (third-party CI) and `dev` (a developer), each with a key in `folder`.

    Switches: `refuse_auth` for new connections, `answer_delay_seconds` for every command, `send_line` for garbage on
    the streams, `close_streams`, `query_lines` in place of the rows of every query; `rest` has its own. For links that
    break or freeze put a `TcpProxy` in between.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refuse_auth = False
        self.answer_delay_seconds = 0.0
        self.error_on_review: str | None = None
        self.query_lines: list[bytes] | None = None
        self.commands: list[str] = []
        self.host_key = make_key(folder / "host_key")
        self._keys: dict[str, paramiko.PKey] = {}
        self._listener = socket.create_server((ADDRESS, 0))
        self.port = int(self._listener.getsockname()[1])
        self.state = FakeChanges(f"http://{ADDRESS}:{self.port}/")
        self.rest = FakeRest(self.state)
        self.add_account(
            FakeAccount("ci", "IBM PowerVM CI", "ci@example.com", {"Verified": (-1, 1), "Code-Review": (-1, 1)})
        )
        self.add_account(FakeAccount("dev", "Dev Eloper", "dev@example.com", {"Code-Review": (-2, 2)}))
        self._transports: list[paramiko.Transport] = []
        self._streams: list[queue.Queue[bytes | None]] = []
        self._stop = threading.Event()

    def add_account(self, account: FakeAccount) -> Path:
        """Add an account; returns the path of its private key."""
        self.state.accounts[account.username] = account
        self._keys[account.username] = make_key(self.key_path(account.username))
        return self.key_path(account.username)

    def key_path(self, username: str) -> Path:
        return self.folder / f"{username}_key"

    def known_hosts_line(self, port: int | None = None) -> str:
        """Return the line for a known_hosts file, for another port when a proxy is in between."""
        return f"[{ADDRESS}]:{port or self.port} {self.host_key.get_name()} {self.host_key.get_base64()}\n"

    def send_line(self, line: bytes) -> None:
        """Send these bytes and a line end on every open stream."""
        for stream in list(self._streams):
            stream.put(line + b"\n")

    def close_streams(self) -> None:
        """End every open stream cleanly, as an administrator can."""
        for stream in list(self._streams):
            stream.put(None)

    def drop_connections(self) -> None:
        """Cut every open connection."""
        for transport in self._transports:
            transport.close()
        self._transports.clear()

    def __enter__(self) -> Self:
        self.rest.__enter__()
        threading.Thread(target=self._accept, name="fake gerrit", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self.rest.__exit__()
        self.close_streams()
        self.drop_connections()
        # A blocked accept() only returns when the listening socket is shut down.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(connection)
        transport.add_server_key(self.host_key)
        self._transports.append(transport)
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(server=_Session(self))

    def allows(self, username: str, key: paramiko.PKey) -> bool:
        return not self.refuse_auth and self._keys.get(username) == key

    def start(self, username: str, command: str, channel: paramiko.Channel) -> None:
        """Begin one command of a client; it goes on in a thread, to its end or until the client is gone.

        As mostly with the real one, a stream has all events from before the next command of its client is begun.
        """
        stream = None
        if command == "gerrit stream-events":
            stream = _Stream(self.state, username)
            self._streams.append(stream.lines)
        threading.Thread(target=self._run_to_end, args=(username, command, channel, stream), daemon=True).start()

    def _run_to_end(self, username: str, command: str, channel: paramiko.Channel, stream: _Stream | None) -> None:
        try:
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                self._run(username, command, channel, stream)
        finally:
            if stream:
                stream.close()
                self._streams.remove(stream.lines)

    def _run(self, username: str, command: str, channel: paramiko.Channel, stream: _Stream | None) -> None:
        # The client must know that its command is accepted before an answer to it comes. The thread that says so is
        # the one that handles the answer to this question.
        channel.get_transport().global_request("keepalive@fake", wait=True)
        self.commands.append(command)
        # On purpose: the switch is a slow server.
        self._stop.wait(self.answer_delay_seconds)
        words = command.split()
        try:
            status = self._dispatch(username, words, channel, stream)
        except GerritRefuses as error:
            channel.sendall_stderr(f"{error}\n".encode())
            status = 1
        channel.send_exit_status(status)
        channel.close()

    def _dispatch(self, username: str, words: list[str], channel: paramiko.Channel, stream: _Stream | None) -> int:
        match words:
            case ["gerrit", "version"]:
                channel.sendall(b"gerrit version 3.10.0\n")
            case ["gerrit", "stream-events"] if stream:
                self._stream(username, channel, stream)
            case ["gerrit", "query", "--format=JSON", *rest]:
                channel.sendall(self._query(username, rest))
            case ["gerrit", "review", "--json", target]:
                self._review(username, target, channel)
            case _:
                raise GerritRefuses(f"fatal: {words}: not understood")
        return 0

    def _stream(self, username: str, channel: paramiko.Channel, stream: _Stream) -> None:
        if not self.state.accounts[username].stream_events:
            raise GerritRefuses("fatal: stream events not permitted")
        while (line := stream.lines.get()) is not None:
            channel.sendall(line)

    def _query(self, username: str, arguments: list[str]) -> bytes:
        words = iter(shlex.split(" ".join(arguments)))
        flags: set[str] = set()
        query = _Query()
        for word in words:
            if word == "--start":
                query.start = int(next(words))
            elif word.startswith("--"):
                flags.add(word)
            elif not query.takes(word):
                return _lines([{"type": "error", "message": f"unsupported query: {word}"}])
        with self.state.lock:
            rows = [self.state.row(c, flags) for c in self.state.changes.values() if self.state.sees(username, c)]
        found = [row for row in reversed(rows) if query.fits(row)]
        found.sort(key=lambda row: -row["lastUpdated"])
        lines = found[query.start : query.start + query.limit]
        more = len(found) > query.start + query.limit
        stats = {"type": "stats", "rowCount": len(lines), "runTimeMilliseconds": 1, "moreChanges": more}
        if self.query_lines is not None:
            return b"".join(line + b"\n" for line in self.query_lines) + _lines([stats])
        return _lines([*lines, stats])

    def _review(self, username: str, target: str, channel: paramiko.Channel) -> None:
        content = channel.makefile("rb").read()
        if self.error_on_review is not None:
            raise GerritRefuses(self.error_on_review)
        number, _, patchset = target.partition(",")
        self.state.review(username, int(number), int(patchset), json.loads(content))


class _Stream:
    """The events that an account may see, from the moment on that this is made."""

    def __init__(self, state: FakeChanges, username: str) -> None:
        self.lines: queue.Queue[bytes | None] = queue.Queue()
        self._state = state
        self._username = username
        state.listeners.append(self._listen)

    def close(self) -> None:
        self._state.listeners.remove(self._listen)

    def _listen(self, event: dict[str, Any], change: FakeChange) -> None:
        if self._state.sees(self._username, change):
            self.lines.put(json.dumps(event, ensure_ascii=False).encode() + b"\n")


@dataclass
class _Query:
    """The part of the query language that is needed here."""

    projects: frozenset[str] | None = None
    number: int | None = None
    change_id: str | None = None
    commit: str | None = None
    after: int = 0
    limit: int = 500
    start: int = 0

    def takes(self, term: str) -> bool:
        """Read one term; False when it is none that is known here."""
        if found := re.fullmatch(r"change:(\d+)", term):
            self.number = int(found[1])
        elif found := re.fullmatch(r"change:(I[0-9a-f]{40})", term):
            self.change_id = found[1]
        elif found := re.fullmatch(r"commit:([0-9a-f]{40})", term):
            self.commit = found[1]
        elif found := re.fullmatch(r"limit:(\d+)", term):
            self.limit = int(found[1])
        elif found := re.fullmatch(r'after:"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \+0000"', term):
            self.after = calendar.timegm(time.strptime(found[1], "%Y-%m-%d %H:%M:%S"))
        elif re.fullmatch(r"\(project:\{[^{}]+\}( OR project:\{[^{}]+\})*\)", term):
            self.projects = frozenset(re.findall(r"\{([^{}]+)\}", term))
        else:
            return False
        return True

    def fits(self, row: dict[str, Any]) -> bool:
        return (
            (self.projects is None or row["project"] in self.projects)
            and (self.number is None or row["number"] == self.number)
            and (self.change_id is None or row["id"] == self.change_id)
            and (self.commit is None or self.commit in {one["revision"] for one in row["patchSets"]})
            and row["lastUpdated"] >= self.after
        )


def _lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


class _Session(paramiko.ServerInterface):
    """One client's connection."""

    def __init__(self, gerrit: FakeGerrit) -> None:
        self._gerrit = gerrit
        self._username = ""

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._username = username
        allowed = self._gerrit.allows(username, key)
        return paramiko.common.AUTH_SUCCESSFUL if allowed else paramiko.common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._gerrit.start(self._username, command.decode(), channel)
        return True


def make_key(path: Path) -> paramiko.PKey:
    """Make an ssh key in a file that only its owner reads."""
    private = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    return paramiko.PKey.from_path(path)
