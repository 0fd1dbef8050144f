"""A real Gerrit for all acceptance tests; nodes, a site and the service for each module."""

import io
import json
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.gerrit import Gerrit
from lab.gerrit_repository import Repository
from lab.service import Service
from lab.site import CI_NAME, CI_USER
from lab.sshd_node import SshdNode, free_port
from lab.trivial_site import write_trivial_site

from ci.cli import root

PROJECT = "openstack/nova"
VOTE_SECONDS = 120.0


def until(what, condition, seconds=VOTE_SECONDS):
    """Wait until the condition holds and return its value; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)
    return value


def ask(service, *arguments):
    """Return what a command tells as JSON, in this process: to be asked again and again, Python starts too slowly."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        status = root.run([*service.options, *arguments, "--json"])
    assert status in {0, 1}, printed.getvalue()
    return json.loads(printed.getvalue())


@dataclass
class Stage:
    """Gerrit, the service, and a developer's repository."""

    gerrit: Gerrit
    nodes: SshdNode
    service: Service
    repository: Repository
    base: str

    def push(self, verdict, *, branch="master", onto=None, name="verdict"):
        """Push a new change whose patch says how its builds end; returns its number."""
        self.repository.reset(onto or self.base)
        self.repository.commit({name: f"{verdict}\n"}, f"A patch that says {verdict}")
        return self.repository.push_change(branch)[0]

    def push_next(self, verdict):
        """Push the next patch set of the change that was pushed last."""
        self.repository.amend({"verdict": f"{verdict}\n"})
        return self.repository.push_change()[0]

    def reviews(self, number):
        return self.gerrit.rest.messages(number, CI_USER)

    def review(self, number, count=1):
        """Wait for the `count`th review of the CI and return its text."""
        return until(
            f"review {count} of change {number}: {self.builds(number)}",
            lambda: len(texts := self.reviews(number)) >= count and texts[count - 1],
        )

    def vote(self, number):
        return self.gerrit.rest.votes(number, "Verified").get(CI_USER)

    def builds(self, number):
        return ask(self.service, "builds", "--change", str(number))

    def wait_for_builds(self, number, state, count):
        """Wait until so many builds of a change are in a state (or have that result)."""

        def found():
            return [b for b in self.builds(number) if state in {b["state"], b["result"]}]

        return until(
            f"{count} builds {state}: {self.builds(number)}",
            lambda: len(builds := found()) >= count and builds,
        )

    def connected(self):
        until("the CI listens", self.service.listens)


@pytest.fixture(scope="session")
def real_gerrit(tmp_path_factory):
    with Gerrit(tmp_path_factory.mktemp("gerrit"), say=lambda _: None) as gerrit:
        gerrit.rest.create_project(PROJECT)
        gerrit.create_ci_account(CI_USER, CI_NAME, "powervm-ci@example.org")
        gerrit.create_account("developer", "A Developer", "developer@example.org")
        yield gerrit


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    with SshdNode(tmp_path_factory.mktemp("nodes"), ("127.0.0.2", "127.0.0.3")) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def stage(real_gerrit, nodes, tmp_path_factory):
    folder = Path(tmp_path_factory.mktemp("stage"))
    key = real_gerrit.key(CI_USER)
    site = write_trivial_site(folder / "site", real_gerrit, key, nodes, port=free_port(("127.0.0.1",)))
    repository = real_gerrit.repository(PROJECT, folder / "developer").clone()
    with Service(site.folder, folder / "state", port=site.port) as service:
        stage = Stage(real_gerrit, nodes, service, repository, repository.head)
        stage.connected()
        yield stage
