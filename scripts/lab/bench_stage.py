"""What a benchmark runs on: a real Gerrit, two nodes, an onlooker, and the service on a site with one trivial job."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .bench_observer import Observer
from .gerrit import Gerrit
from .gerrit_repository import Repository
from .service import Service
from .site import CI_NAME, CI_USER, write_connections
from .sshd_node import SshdNode, free_port
from .trivial_site import write_trivial_site

PROJECT = "openstack/nova"
FLOOR_PROJECT = "lab/floor"
ADDRESSES = ("127.0.0.2", "127.0.0.3")
DRAIN_SECONDS = 60.0

Say = Callable[[str], None]


class BenchError(RuntimeError):
    """Something could not be measured; the message says what in one line."""


@dataclass
class Stage:
    """All that runs; `repository` and `floor_repository` are a developer's, at the projects' first commits."""

    folder: Path
    gerrit: Gerrit
    nodes: SshdNode
    observer: Observer
    service: Service
    repository: Repository
    floor_repository: Repository

    def __post_init__(self) -> None:
        self.base = self.repository.head

    @property
    def service_pid(self) -> int:
        """Process id of the service; raises BenchError when it does not run."""
        if self.service.process is None:
            raise BenchError("the service does not run")
        return self.service.process.pid

    def start_service(self) -> tuple[float, float]:
        """Start the service; returns after how many seconds its pages answered, and it listened to Gerrit."""
        started = time.monotonic()
        self.service.start()
        answered = time.monotonic()
        until("the service listens to Gerrit", self.service.listens)
        return answered - started, time.monotonic() - started

    def builds(self, number: int | None = None, limit: int = 20) -> list[dict[str, Any]]:
        """Return the builds of a change, or of all, as `powervm-ci builds --json` tells them."""
        only = ["--limit", str(limit), *([] if number is None else ["--change", str(number)])]
        builds: list[dict[str, Any]] = json.loads(self.service.call("builds", "--json", *only))
        return builds

    def open_builds(self) -> list[dict[str, Any]]:
        return [build for build in self.builds() if build["state"] != "ended"]

    def set_slots(self, slots: int) -> None:
        """Say in the site how many builds each node takes at once; the service's next start reads it."""
        key, port = self.gerrit.key(CI_USER), int(self.service.url.rpartition(":")[2])
        write_connections(self.service.site, self.gerrit, key, self.nodes, port=port, slots=slots)

    def drain(self) -> None:
        """End what still runs by abandoning its change: a build outlives the service that has started it."""
        if self.service.process is None:
            return
        for number in {build["change"] for build in self.open_builds()}:
            self.gerrit.rest.abandon(number)
        until("the builds end", lambda: not self.open_builds(), DRAIN_SECONDS)


@contextmanager
def stage(say: Say, *, jobs: tuple[str, ...] = ("quick-one",)) -> Iterator[Stage]:
    """Bring everything up below a fresh folder, and in the end stop and remove it; each change gets these jobs."""
    folder = Path(tempfile.mkdtemp(prefix="powervm-ci-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        nodes = stack.enter_context(SshdNode(folder / "nodes", ADDRESSES))
        gerrit = stack.enter_context(Gerrit(folder / "gerrit", say=say))
        key = gerrit.create_ci_account(CI_USER, CI_NAME, "powervm-ci@example.org")
        observer = stack.enter_context(Observer(gerrit))
        repositories = [_project(gerrit, name, folder / "developer" / name) for name in (PROJECT, FLOOR_PROJECT)]
        _hide_from_the_ci(gerrit, FLOOR_PROJECT)
        site = write_trivial_site(folder / "site", gerrit, key, nodes, port=free_port(("127.0.0.1",)), jobs=jobs)
        service = Service(site.folder, folder / "state", port=site.port)
        running = Stage(folder, gerrit, nodes, observer, service, *repositories)
        stack.callback(service.stop)
        stack.callback(running.drain)
        yield running


def until(what: str, condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until the condition holds; raises BenchError at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.01)


def _project(gerrit: Gerrit, name: str, folder: Path) -> Repository:
    gerrit.rest.create_project(name)
    return gerrit.repository(name, folder).clone()


def _hide_from_the_ci(gerrit: Gerrit, project: str) -> None:
    """See to it that the CI does not even hear of a project: what is measured there must not set it to work."""
    # Its usual group will not do: Gerrit also puts who creates a group into it.
    group = gerrit.rest.call("PUT", "groups/not-the-floor", {"members": [CI_USER]})["id"]
    block = {"refs/*": {"permissions": {"read": {"rules": {group: {"action": "BLOCK"}}}}}}
    gerrit.rest.call("POST", f"projects/{quote(project, safe='')}/access", {"add": block})
