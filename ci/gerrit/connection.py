"""One ssh connection to a Gerrit, with checked host keys and an answer expected to every keepalive.

gerritlib is not used here, though it is the field's own: its `GerritConnection.connect` accepts every host key
(WarningPolicy), has no timeout, tries a wrong key for ever and offers no place to change that; its keepalive expects
no answer, so that a frozen link stays unnoticed; `review` and `query` paste text into a command line. What would be
left of it is the name of two commands. Both libraries stand on paramiko, and so does this.
"""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import paramiko
from paramiko.pkey import UnknownKeyType

from ci.errors import AuthenticationFailed, HostKeyMismatch, Unavailable
from ci.gerrit.host_keys import fingerprint, trusted_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 65536
# What paramiko reports as failed authentication although nobody refused the key.
_LINK_TROUBLE = ("timeout", "transport shut down", "EOF")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Gerrit is, who we are there, and which of its host keys we trust.

    A link that is silent for `keepalive_seconds` is probed; it is given up when the answer takes longer than that.
    """

    server: str
    port: int
    user: str
    sshkey: Path
    known_hosts: Path
    keepalive_seconds: float = 5.0

    def __str__(self) -> str:
        return f"{self.server}:{self.port}"

    @property
    def known_hosts_name(self) -> str:
        """The server's name as ssh writes it into known_hosts."""
        return self.server if self.port == paramiko.config.SSH_PORT else f"[{self.server}]:{self.port}"


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command on the server gave back."""

    status: int
    stdout: str
    stderr: str


class Link:
    """An authenticated connection; a thread of its own watches that the other end still answers."""

    def __init__(self, address: Address) -> None:
        """Connect; raises HostKeyMismatch, AuthenticationFailed or Unavailable within about three times 10 s."""
        self._address = address
        self._lost: str | None = None
        self._closed = threading.Event()
        self._transport = _connect(address)
        self._probe = threading.Thread(target=self._keep_alive, name=f"keepalive {address}", daemon=True)
        self._probe.start()

    @property
    def usable(self) -> bool:
        return not self._closed.is_set() and self._transport.is_active()

    def close(self) -> None:
        self._closed.set()
        self._transport.close()

    def open_command(self, command: str) -> paramiko.Channel:
        """Start a command; nothing that others wrote may be part of `command`. Raises Unavailable."""
        try:
            channel = self._transport.open_session(timeout=CONNECT_SECONDS)
            channel.exec_command(command)
        except (paramiko.SSHException, OSError, EOFError) as error:
            self.fail(f"cannot start a command: {_reason(error)}")
        return channel

    def run(self, command: str, stdin: bytes = b"", timeout_seconds: float = ANSWER_SECONDS) -> CommandResult:
        """Run a command to its end and return what it wrote; raises Unavailable when that takes too long."""
        deadline = time.monotonic() + timeout_seconds
        channel = self.open_command(command)
        try:
            _send(channel, stdin, deadline)
            stdout = b"".join(_chunks(channel, deadline))
            stderr = channel.makefile_stderr("rb").read()
            # A server that ends the channel without a status has not carried out the command.
            channel.status_event.wait(max(deadline - time.monotonic(), 0.0))
            status = channel.exit_status
        except TimeoutError:
            self.fail(f"no answer to a command within {timeout_seconds:.0f} s")
        except (paramiko.SSHException, OSError, EOFError) as error:
            self.fail(f"connection lost while a command ran: {_reason(error)}")
        finally:
            channel.close()
        if status < 0:
            self.fail("connection lost while a command ran")
        return CommandResult(status, stdout.decode(errors="replace"), stderr.decode(errors="replace"))

    def fail(self, what: str) -> NoReturn:
        """Close, and raise Unavailable with what the watching thread found out, or else `what`."""
        reason = self._lost or what
        self.close()
        raise Unavailable(f"Gerrit {self._address}: {reason}")

    def _keep_alive(self) -> None:
        """Ask for a channel again and again: a frozen link looks like a silent one until an answer is due."""
        seconds = self._address.keepalive_seconds
        while not self._closed.wait(seconds):
            try:
                self._transport.open_session(timeout=seconds).close()
            except (paramiko.SSHException, OSError, EOFError):
                if not self._closed.is_set():
                    active = self._transport.is_active()
                    self._lost = f"no answer to a keepalive within {seconds:g} s" if active else "connection lost"
                self._transport.close()
                return


class CommandLine:
    """A connection for commands that is kept open, and opened again when it broke; safe from several threads."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._link: Link | None = None

    def run(self, command: str, stdin: bytes = b"", timeout_seconds: float = ANSWER_SECONDS) -> CommandResult:
        """Run one command to its end; raises Unavailable, and then it may or may not have been carried out."""
        return self._connected().run(command, stdin, timeout_seconds)

    def close(self) -> None:
        with self._lock:
            if self._link is not None:
                self._link.close()
                self._link = None

    def _connected(self) -> Link:
        with self._lock:
            if self._link is None or not self._link.usable:
                if self._link is not None:
                    self._link.close()
                self._link = None
                self._link = Link(self._address)
            return self._link


class _PromptSocket(socket.socket):
    """Acknowledges at once what it receives.

    The server holds a small packet back until the one before is acknowledged, which the kernel would delay: an answer's
    end came 40 ms after its text.
    """

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        chunk = super().recv(size, flags)
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return chunk


def _connect(address: Address) -> paramiko.Transport:
    key = _private_key(address)
    trusted = _trusted_keys(address)
    connection = _socket(address)
    transport = paramiko.Transport(connection)
    transport.banner_timeout = transport.auth_timeout = transport.channel_timeout = CONNECT_SECONDS
    try:
        _prefer(transport, trusted)
        transport.start_client(timeout=CONNECT_SECONDS)
        shown = transport.get_remote_server_key()
        if shown not in trusted:
            _refuse_host_key(address, shown, "changed host key" if trusted else "unknown host key")
        if transport.auth_publickey(address.user, key):
            raise paramiko.AuthenticationException("the server asks for more than a key")
    except BaseException as error:
        transport.close()
        connection.close()
        _explain(address, error)
        raise
    return transport


def _prefer(transport: paramiko.Transport, trusted: list[paramiko.PKey]) -> None:
    """Ask the server, which may have several, for a host key of a type that we have on file."""
    known = {key.get_name() for key in trusted}
    options = transport.get_security_options()
    # An RSA key is called ssh-rsa, and signs as rsa-sha2-512 or rsa-sha2-256.
    options.key_types = sorted(
        options.key_types,
        key=lambda kind: not (kind in known or ("ssh-rsa" in known and kind.startswith("rsa-sha2-"))),
    )


def _explain(address: Address, error: BaseException) -> None:
    """Raise what a failure to connect means to us, if it is one."""
    refused = isinstance(error, paramiko.AuthenticationException)
    if refused and not any(words in str(error) for words in _LINK_TROUBLE):
        raise AuthenticationFailed(
            f"Gerrit {address}: the server refuses user {address.user!r} with the key {address.sshkey}"
            " (check the user name, and that the public key is in the account's settings)"
        ) from error
    if isinstance(error, paramiko.SSHException | OSError | EOFError):
        raise Unavailable(f"Gerrit {address}: cannot connect: {_reason(error)}") from error


def _socket(address: Address) -> socket.socket:
    try:
        connection = socket.create_connection((address.server, address.port), timeout=CONNECT_SECONDS)
    except OSError as error:
        raise Unavailable(f"Gerrit {address}: cannot connect: {_reason(error)}") from error
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    prompt = _PromptSocket(connection.family, connection.type, connection.proto, connection.detach())
    prompt.settimeout(CONNECT_SECONDS)
    return prompt


def _private_key(address: Address) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(address.sshkey)
    except OSError as error:
        reason = _reason(error)
        raise AuthenticationFailed(f"Gerrit {address}: cannot read ssh key {address.sshkey}: {reason}") from error
    except (paramiko.SSHException, UnknownKeyType, ValueError, TypeError, IndexError) as error:
        locked = "password" in str(error).lower()
        reason = "it is protected by a passphrase" if locked else "not a private key that ssh knows"
        raise AuthenticationFailed(f"Gerrit {address}: cannot use ssh key {address.sshkey}: {reason}") from error


def _trusted_keys(address: Address) -> list[paramiko.PKey]:
    try:
        return trusted_keys(address.known_hosts, address.known_hosts_name)
    except OSError as error:
        raise HostKeyMismatch(
            f"Gerrit {address}: cannot read known_hosts file {address.known_hosts}: {_reason(error)}"
            f" (make one with a line for {address.known_hosts_name})"
        ) from error


def _refuse_host_key(address: Address, shown: paramiko.PKey, what: str) -> NoReturn:
    raise HostKeyMismatch(
        f"Gerrit {address}: {what}: the server shows {fingerprint(shown)}, which is not in"
        f" {address.known_hosts} (ask the server's administrators; if it is theirs, put the line for"
        f" {address.known_hosts_name} there)"
    )


def _send(channel: paramiko.Channel, stdin: bytes, deadline: float) -> None:
    channel.settimeout(max(deadline - time.monotonic(), 0.001))
    channel.sendall(stdin)
    channel.shutdown_write()


def _chunks(channel: paramiko.Channel, deadline: float) -> Iterator[bytes]:
    total = 0
    while True:
        channel.settimeout(max(deadline - time.monotonic(), 0.001))
        chunk = channel.recv(_CHUNK_BYTES)
        if not chunk:
            return
        total += len(chunk)
        if total > OUTPUT_LIMIT_BYTES:
            raise OSError(f"the answer is longer than {OUTPUT_LIMIT_BYTES} bytes")
        yield chunk


def _reason(error: BaseException) -> str:
    """Return a library's complaint as part of one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
