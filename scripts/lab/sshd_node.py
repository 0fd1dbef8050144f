"""A private, real sshd on loopback addresses that stands in for the nodes of a static pool."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

START_DEADLINE_SECONDS = 10.0
STOP_DEADLINE_SECONDS = 5.0
# A session started by sshd does not inherit the caller's environment: without these the node could not
# reach the package index that the caller reaches.
PASSED_ON = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE")


class SshdError(RuntimeError):
    """The sshd could not be started; the message says why in one line."""


class SshdNode:
    """A context manager: sshd listens on every address at one port and lets in one key for the current user."""

    def __init__(
        self,
        folder: Path,
        addresses: Sequence[str] = ("127.0.0.2",),
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Keep keys, configuration and log in `folder`; `port` None picks one that is free on all addresses."""
        self.folder = folder.absolute()
        self.addresses = tuple(addresses)
        self.port = port if port is not None else free_port(self.addresses)
        self.username = getpass.getuser()
        self.private_key = self.folder / "id_ed25519"
        self.log = self.folder / "sshd.log"
        self._environment = environment if environment is not None else passed_on_environment()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host_key(self) -> str:
        """The public host key as `type base64`, the form of `host-key` in nodepool.yaml."""
        return " ".join((self.folder / "host_key.pub").read_text(encoding="ascii").split()[:2])

    @property
    def pid(self) -> int | None:
        """Process id of the listening sshd while it runs."""
        return self._process.pid if self._process is not None else None

    def known_hosts(self) -> str:
        """Lines for a known_hosts file, one for each address."""
        return "".join(f"[{address}]:{self.port} {self.host_key}\n" for address in self.addresses)

    def start(self) -> Self:
        """Start sshd and wait until each address answers; raises SshdError in at most 10 s."""
        program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            raise SshdError("no sshd on this machine: apt-get install openssh-server")
        self._write_files()
        argv = [program, "-D", "-f", str(self.folder / "sshd_config"), "-E", str(self.log)]
        self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + START_DEADLINE_SECONDS
        waiting = list(self.addresses)
        while waiting:
            if self._process.poll() is not None:
                self._process = None
                raise SshdError(f"sshd did not start on port {self.port}: {self._last_log_line()}")
            if time.monotonic() > deadline:
                self.stop()
                raise SshdError(f"sshd does not answer on {waiting[0]}:{self.port}: {self._last_log_line()}")
            waiting = [address for address in waiting if not _answers(address, self.port)]
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        """End the listener and the sessions it still serves; harmless when nothing runs."""
        process, self._process = self._process, None
        if process is None:
            return
        sessions = _children(process.pid)
        process.terminate()
        try:
            process.wait(STOP_DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in sessions:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _write_files(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("host_key", "id_ed25519"):
            if not (self.folder / name).exists():
                _generate_key(self.folder / name)
        authorized = self.folder / "authorized_keys"
        if not authorized.exists():  # one that is started again lets the same keys in
            authorized.write_bytes((self.folder / "id_ed25519.pub").read_bytes())
        (self.folder / "sshd_config").write_text(self._configuration(), encoding="utf-8")
        if os.geteuid() == 0:
            # sshd started by root refuses to run without its privilege separation folder.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)

    def _configuration(self) -> str:
        lines = [f"ListenAddress {address}:{self.port}" for address in self.addresses]
        lines += [
            f"HostKey {self.folder / 'host_key'}",
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
            f"PidFile {self.folder / 'sshd.pid'}",
            f"AllowUsers {self.username}",
            "PermitRootLogin prohibit-password",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UsePAM no",
            "StrictModes no",
            "UseDNS no",
            "PrintMotd no",
            "MaxStartups 500",
            "MaxSessions 500",
            "Subsystem sftp internal-sftp",
        ]
        pairs = [f'{name}="{value}"' for name, value in sorted(self._environment.items()) if '"' not in value]
        if pairs:
            lines.append("SetEnv " + " ".join(pairs))
        return "\n".join(lines) + "\n"

    def _last_log_line(self) -> str:
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        return lines[-1] if lines else "no log"


def passed_on_environment() -> dict[str, str]:
    """Return the caller's variables that a session on the node gets too: package index and proxy settings."""
    return {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON) and "\n" not in value}


def free_port(addresses: Sequence[str]) -> int:
    """Return a TCP port that is free on every address now; raises SshdError when an address is not of this machine."""
    for _ in range(100):
        with closing(socket.socket()) as first:
            try:
                first.bind((addresses[0], 0))
            except OSError as error:
                raise SshdError(f"cannot listen on {addresses[0]}: {error.strerror}") from error
            port = int(first.getsockname()[1])
            if all(_is_free(address, port) for address in addresses[1:]):
                return port
    raise SshdError(f"no port is free on all of {', '.join(addresses)}")


def _is_free(address: str, port: int) -> bool:
    with closing(socket.socket()) as candidate:
        try:
            candidate.bind((address, port))
        except OSError:
            return False
    return True


def _answers(address: str, port: int) -> bool:
    try:
        with closing(socket.create_connection((address, port), timeout=1)) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _generate_key(path: Path) -> None:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SshdError(f"ssh-keygen failed for {path}: {done.stderr.strip()}")


def _children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except FileNotFoundError:
        return []
    return [int(child) for child in listed.split()]
