"""Services of one cloud: started in order, watched while they start, stopped."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from string import Template
from typing import TYPE_CHECKING, Any

from ansible.module_utils.cloud import processes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future


BARE_PREFIX = re.compile(r"[\d-]+ [\d:.]+ \d+ [A-Z]+ [\w.]+( \[[^]]*\])*\s*|\s*")


class ServiceError(RuntimeError):
    """A service ended or does not answer; the message names it and ends with the last lines of its log."""


@dataclass(frozen=True)
class Service:
    """One program: what to run, after which others, and what tells that it is ready (a TCP port or a URL)."""

    name: str
    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    after: list[str] = field(default_factory=list)
    port: int | None = None
    url: str | None = None

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any], values: Mapping[str, str]) -> Service:
        """Fill the `${...}` of a definition; raises KeyError for a name without a value."""

        def fill(text: Any) -> str:
            return Template(str(text)).substitute(values)

        return cls(
            name=given["name"],
            argv=[fill(word) for word in given["argv"]],
            environment={key: fill(value) for key, value in given.get("environment", {}).items()},
            after=list(given.get("after", [])),
            port=int(fill(given["port"])) if "port" in given else None,
            url=fill(given["url"]) if "url" in given else None,
        )

    def answers(self) -> bool:
        """Whether it is ready; a service without port and URL is ready at once."""
        if self.url is not None:
            return _url_answers(self.url)
        return self.port is None or _port_answers(self.port)


class ServiceGroup:
    """The running services of one workspace; their logs are `logs/NAME.txt` in it."""

    def __init__(self, workspace: str, environment: Mapping[str, str]) -> None:
        """Take the workspace's path and the environment that all services share."""
        self.workspace = workspace
        self._environment = dict(environment)
        self._running: dict[str, tuple[Service, subprocess.Popen[bytes]]] = {}
        self._ready: set[str] = set()

    def log(self, name: str) -> str:
        return os.path.join(self.workspace, "logs", f"{name}.txt")

    def start(
        self, services: list[Service], timeout_seconds: float, steps: Mapping[str, Future[None]] | None = None
    ) -> dict[str, float]:
        """Start each service as soon as what it comes after is ready; return for each the seconds until it was ready.

        `steps` are work under way elsewhere that a service may come after too; what they raise is raised here.
        Raises ServiceError at once when a process ends, and when one does not answer in time.
        """
        begun = time.monotonic()
        waiting = list(services)
        seconds: dict[str, float] = {}
        while waiting or len(seconds) < len(services):
            self._ready.update(name for name, step in (steps or {}).items() if step.done() and step.result() is None)
            for service in [one for one in waiting if self._ready.issuperset(one.after)]:
                waiting.remove(service)
                self._spawn(service)
            self.check_alive()
            for service in services:
                if service.name in self._running and service.name not in self._ready and service.answers():
                    self._ready.add(service.name)
                    seconds[service.name] = round(time.monotonic() - begun, 1)
            if time.monotonic() - begun > timeout_seconds:
                late = next(one.name for one in services if one.name not in self._ready)
                raise ServiceError(self._with_log(late, f"{late} does not answer after {timeout_seconds:.0f} s"))
            time.sleep(0.1)
        return seconds

    def check_alive(self) -> None:
        """Raise ServiceError when a started service has ended."""
        for name, (_, process) in self._running.items():
            status = process.poll()
            if status is not None:
                raise ServiceError(self._with_log(name, f"{name} ended by itself (exit status {status})"))

    def stop(self, names: list[str], timeout_seconds: float = 20.0) -> None:
        """End the named services in this order, politely first."""
        for name in names:
            if name not in self._running:
                continue
            _, process = self._running.pop(name)
            self._ready.discard(name)
            process.terminate()
            try:
                process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _spawn(self, service: Service) -> None:
        environment = {**self._environment, **service.environment}
        process = processes.start(self.workspace, service.name, service.argv, environment, self.log(service.name))
        self._running[service.name] = (service, process)

    def _with_log(self, name: str, message: str) -> str:
        lines = processes.tail(self.log(name)).splitlines()
        # oslo.log ends a traceback with a line that has nothing to say, and people read the last line first
        while lines and BARE_PREFIX.fullmatch(lines[-1]):
            lines.pop()
        return "\n".join([f"{message}; the end of its log:", *lines])


def _port_answers(port: int) -> bool:
    try:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
            return True
    except OSError:
        return False


def _url_answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        # 401 or 300 come from the application; 5xx means that it was not loaded.
        return error.code < HTTPStatus.INTERNAL_SERVER_ERROR
    except OSError:
        return False
