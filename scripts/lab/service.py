"""`powervm-ci serve` as a process of its own, for the demo, the benchmarks and the tests."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_SECONDS = 30.0
STOP_SECONDS = 30.0


class ServiceError(RuntimeError):
    """The service could not be started, or a command failed; the message says why."""


class Service:
    """A context manager: the service of one site, started, watched and stopped by pid."""

    def __init__(self, site: Path, state: Path, *, port: int, module: str = "ci") -> None:
        """Serve the site in `site` with its state in `state`; its pages listen on 127.0.0.1:`port`.

        `module` is what Python runs, where it is not the product itself.
        """
        self._module = module
        self.site = site
        self.state = state
        self.url = f"http://127.0.0.1:{port}"
        self.log = state.parent / "serve.log"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> list[str]:
        """Return the argv of a powervm-ci command for this site."""
        return [sys.executable, "-m", self._module, *self.options, *arguments]

    @property
    def options(self) -> list[str]:
        """The options that lead any command to this site and its state."""
        return ["--site", str(self.site), "--state-dir", str(self.state)]

    def call(self, *arguments: str) -> str:
        """Run a command of powervm-ci to its end and return what it printed; raises ServiceError when it fails."""
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServiceError(f"powervm-ci {' '.join(arguments)}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def start(self) -> Self:
        """Start the service and wait until its pages answer."""
        self.state.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command("serve"), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                last = self.log.read_text(errors="replace").strip()[-2000:]
                raise ServiceError(f"powervm-ci serve did not start: {last}")
            time.sleep(0.01)
        return self

    def stop(self) -> int | None:
        """End the service as an operator does (SIGTERM); returns its exit status."""
        process, self.process = self.process, None
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def kill(self) -> None:
        """End the service as a crash does (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def status(self) -> dict[str, Any]:
        """Return what `powervm-ci status --json` says, from the running service's pages."""
        with urllib.request.urlopen(f"{self.url}/api/status", timeout=10) as answer:
            status: dict[str, Any] = json.load(answer)
            return status

    def listens(self) -> bool:
        """Return whether the service hears each of its Gerrits: what happens there from now on is not old."""
        states = [one["state"] for one in self.status()["connections"]]
        return bool(states) and set(states) == {"connected"}

    def memory_mib(self) -> float:
        """Return the service's own memory as PSS, in MiB (its builds are processes of their own)."""
        if self.process is None:
            raise ServiceError("the service does not run")
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):
                return True
        except (OSError, urllib.error.URLError):
            return False
