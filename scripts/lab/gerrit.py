"""A real Gerrit on loopback for the demo, the benchmarks and the tests: a private site on free ports."""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from .gerrit_install import GerritError, Say, default_cache, install, java, run, tail
from .gerrit_repository import Repository
from .gerrit_rest import Rest

__all__ = ["Gerrit", "GerritError", "Repository", "Rest"]

ADDRESS = "127.0.0.1"
READY_SECONDS = 180.0
STOP_SECONDS = 20.0


def _print_line(text: str) -> None:
    print(text, flush=True)


class Gerrit:
    """A context manager: a Gerrit of its own, copied from a template, with the account `admin` ready to use."""

    def __init__(
        self, folder: Path, *, cache: Path | None = None, say: Say = _print_line,
        settings: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Keep site, keys and log below `folder`; `say` is given one line for each step.

        `settings` go into gerrit.config, by names as `git config` has them.
        """
        self.folder = folder.absolute()
        self.site = self.folder / "site"
        self.log = self.folder / "gerrit.log"
        self.admin_key = self.folder / "admin_key"
        self.known_hosts = self.folder / "known_hosts"
        self.http_port, self.ssh_port = _free_ports(2)
        self._cache = cache or default_cache()
        self._say = say
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's address, with a slash at its end."""
        return f"http://{ADDRESS}:{self.http_port}/"

    @property
    def address(self) -> str:
        """The host part of its ssh address."""
        return ADDRESS

    @property
    def pid(self) -> int | None:
        """Process id of the server while it runs."""
        return self._process.pid if self._process is not None else None

    @property
    def rest(self) -> Rest:
        """The REST API as the account `admin`."""
        return Rest(self.url)

    def rest_as(self, user: str, password: str = "secret") -> Rest:  # noqa: S107
        """Return the REST API as another account."""
        return Rest(self.url, user, password)

    # --- life

    def start(self) -> Self:
        """Make the site if there is none, start the server and wait until it answers over HTTP and ssh."""
        new = not self.site.is_dir()
        if new:
            self._make_site()
        self._launch()
        if new:
            self.rest.call("POST", "accounts/self/sshkeys", self.admin_key.with_suffix(".pub").read_text("ascii"))
            self.known_hosts.write_text(self.known_hosts_line(), encoding="ascii")
        return self

    def stop(self) -> None:
        """End the server; harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Stop the server and start it again on the same site and ports."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the server: connections stay open and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def cont(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- keys, accounts, repositories

    def host_key(self) -> str:
        """Return the ssh host key that the server offers first, as `type base64`."""
        public = self.site / "etc" / "ssh_host_ed25519_key.pub"
        return " ".join(public.read_text(encoding="ascii").split()[:2])

    def known_hosts_line(self) -> str:
        """Return the line for a known_hosts file, from the site's own key files."""
        return f"[{ADDRESS}]:{self.ssh_port} {self.host_key()}\n"

    def key(self, name: str) -> Path:
        """Return a private key of this name, made when there is none; the public one is beside it (.pub)."""
        path = self.folder / f"{name}_key"
        if not path.exists():
            run("making a key", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], 30.0)
        return path

    def create_account(self, username: str, name: str, email: str) -> Path:
        """Create an account (HTTP password: secret) with an ssh key of its own; returns the private key's path."""
        key = self.key(username)
        self.rest.create_account(username, name, email, key.with_suffix(".pub").read_text("ascii").strip())
        return key

    def create_ci_account(self, username: str, name: str, email: str) -> Path:
        """Create the account of a third-party CI: may read the stream and vote Verified -1..+1 in every project."""
        key = self.create_account(username, name, email)
        group = self.rest.create_group(f"{username}-group", (username,))
        self.rest.grant_stream_events(group)
        if "Verified" not in {label["name"] for label in self.rest.call("GET", "projects/All-Projects/labels/")}:
            self.rest.create_label("Verified")
        self.rest.grant_label("Verified", group)
        self._say(f"gerrit: account {username} ({name}) may vote Verified -1..+1")
        return key

    def repository(
        self, project: str, folder: Path, username: str = "admin", name: str = "", email: str = "admin@example.com"
    ) -> Repository:
        """Return a work tree of a project in `folder`, yet to be cloned or initialised."""
        remote = f"ssh://{username}@{ADDRESS}:{self.ssh_port}/{project}"
        return Repository(folder, remote, self.key(username), self.known_hosts, name or username, email)

    # --- inside

    def _make_site(self) -> None:
        template = install(self._cache, self._say)
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(template, self.site)
        self.key("admin")
        settings = {
            "sshd.listenAddress": f"{ADDRESS}:{self.ssh_port}",
            "httpd.listenUrl": self.url,
            "gerrit.canonicalWebUrl": self.url,
            "sendemail.enable": "false",
            **self._settings,
        }
        for name, value in settings.items():
            run("configuring Gerrit", ["git", "config", "-f", str(self.site / "etc/gerrit.config"), name, value], 30.0)

    def _launch(self) -> None:
        self._say(f"gerrit: starting on {self.url} (ssh port {self.ssh_port})")
        started = time.monotonic()
        with self.log.open("ab") as log:
            argv = java(self._cache, "daemon", "-d", str(self.site), "--console-log")
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        while not (_answers_http(self.url) and _answers_ssh(self.ssh_port)):
            why = None
            if self._process.poll() is not None:
                why = f"ended with status {self._process.returncode}"
            elif time.monotonic() - started > READY_SECONDS:
                why = f"does not answer after {READY_SECONDS:.0f} s"
            if why:
                self.stop()
                raise GerritError(f"Gerrit {why}\n{tail(self.log.read_text(errors='replace'))}")
            time.sleep(0.1)
        self._say(f"gerrit: ready after {time.monotonic() - started:.1f} s")

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is None:
            raise GerritError("Gerrit does not run")
        os.kill(self.pid, number)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            listener = stack.enter_context(socket.socket())
            listener.bind((ADDRESS, 0))
            found.append(int(listener.getsockname()[1]))
        return found


def _answers_http(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}config/server/version", timeout=5):
            return True
    except (OSError, urllib.error.URLError):
        return False


def _answers_ssh(port: int) -> bool:
    try:
        with socket.create_connection((ADDRESS, port), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
