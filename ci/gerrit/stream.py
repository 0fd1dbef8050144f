"""The stream of a Gerrit's events, line by line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import paramiko
from prometheus_client import Counter

from ci.errors import Refused
from ci.gerrit.connection import Link
from ci.gerrit.fields import LINE_LIMIT_BYTES, MalformedJSON, shortened
from ci.gerrit.parsing import parse_event
from ci.observability import get_logger

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from ci.gerrit.connection import Address
    from ci.model.event import Event

# While one batch is committed the next one comes in: what has come is taken as a whole.
_CHUNK_BYTES = 1024 * 1024
# How long a silent stream is waited for before `stop` is looked at again.
_STOP_POLL_SECONDS = 0.2
_garbage_lines = Counter(
    "powervm_ci_gerrit_garbage_lines", "Lines of an event stream that are no event", ["connection"]
)
_logger = get_logger("gerrit")


def read_events(address: Address, connection: str, stop: threading.Event) -> Iterator[Sequence[Event]]:
    """Yield () when the stream is open, then events until `stop` is set; see the port for what is raised."""
    link = Link(address)
    try:
        channel = link.open_command("gerrit stream-events")
        _confirm_subscription(link, channel)
        yield ()
        for lines in _lines(link, channel, stop, connection):
            if events := [event for line in lines if (event := _event(connection, line)) is not None]:
                yield events
    finally:
        link.close()


def _event(connection: str, line: bytes) -> Event | None:
    try:
        return parse_event(connection, line.decode(errors="replace"), time.time())
    except MalformedJSON as error:
        _pass_over(connection, str(error), line)
        return None


def _confirm_subscription(link: Link, channel: paramiko.Channel) -> None:
    """Return once the server passes events on to us.

    It confirms the command before it carries it out. A second command on the same connection is taken up after the
    first, and its answer says that this has happened: what is asked by query from now on leaves no gap. (Two threads
    begin commands, `sshd.commandStartThreads`: what is told while one overtakes the other is found by the catch-up
    a minute later.)
    """
    link.run("gerrit version")
    if channel.exit_status_ready():
        _ended(link, channel)


def _lines(link: Link, channel: paramiko.Channel, stop: threading.Event, connection: str) -> Iterator[list[bytes]]:
    """Yield the lines that came at once, of each chunk those that are complete."""
    channel.settimeout(_STOP_POLL_SECONDS)
    rest = bytearray()
    skipping = False
    while not stop.is_set():
        try:
            chunk = channel.recv(_CHUNK_BYTES)
        except TimeoutError:
            continue
        except (paramiko.SSHException, OSError, EOFError):
            chunk = b""
        if not chunk:
            _ended(link, channel)
        *whole, last = chunk.split(b"\n")
        lines = []
        for part in whole:
            line, rest = bytes(rest + part), bytearray()
            if line.strip() and not skipping:
                lines.append(line)
            skipping = False
        if lines:
            yield lines
        rest += last
        if len(rest) > LINE_LIMIT_BYTES:
            if not skipping:
                _pass_over(connection, f"longer than {LINE_LIMIT_BYTES} bytes", bytes(rest[:200]))
            rest, skipping = bytearray(), True


def _ended(link: Link, channel: paramiko.Channel) -> None:
    """Raise what the end of the stream means."""
    said = ""
    if channel.recv_stderr_ready():
        said = channel.recv_stderr(_CHUNK_BYTES).decode(errors="replace").strip()
    if "not permitted" in said:
        raise Refused(
            "the account may not read the stream of events"
            f" (ask the server's administrators for the Stream Events capability); Gerrit says {shortened(said, 200)}"
        )
    link.fail("the stream ended" + (f": {shortened(said, 200)}" if said else ""))


def _pass_over(connection: str, reason: str, line: bytes) -> None:
    _garbage_lines.labels(connection).inc()
    text = shortened(line[:200].decode(errors="replace"))
    _logger.warning("line of the stream is no event", action="garbage_line", reason=reason, text=text)
