"""What happens in Gerrit while nobody listens is done afterwards: all of it, once, and nothing older."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.gerrit import Gerrit
from lab.service import Service
from lab.site import CI_USER
from lab.sshd_node import free_port
from lab.tcp_proxy import TcpProxy
from lab.trivial_site import write_trivial_site

from tests.acceptance.conftest import PROJECT, Stage, until

pytestmark = pytest.mark.gerrit


@dataclass
class BehindProxy:
    """Where the service believes Gerrit to be."""

    gerrit: Gerrit
    proxy: TcpProxy
    known_hosts: Path
    address: str = "127.0.0.1"

    @property
    def ssh_port(self):
        return self.proxy.port

    @property
    def url(self):
        return self.gerrit.url


@pytest.fixture(scope="module")
def proxy(real_gerrit):
    with TcpProxy(real_gerrit.ssh_port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def stage(real_gerrit, nodes, proxy, tmp_path_factory):
    """A service that has never run before, with one job; a change is there already."""
    folder = Path(tmp_path_factory.mktemp("stage"))
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{proxy.port} {real_gerrit.host_key()}\n")
    place = BehindProxy(real_gerrit, proxy, known_hosts)
    site = write_trivial_site(
        folder / "site", place, real_gerrit.key(CI_USER), nodes, port=free_port(("127.0.0.1",)), jobs=("quick-one",)
    )
    repository = real_gerrit.repository(PROJECT, folder / "developer").clone()
    service = Service(site.folder, folder / "state", port=site.port)
    stage = Stage(real_gerrit, nodes, service, repository, repository.head)
    stage.old = stage.push("pass")
    real_gerrit.rest.comment(stage.old, "recheck")
    with service:
        stage.connected()
        yield stage


def test_a_first_start_runs_nothing_old(stage):
    number = stage.push("pass")
    stage.review(number)
    assert stage.builds(stage.old) == []
    assert stage.reviews(stage.old) == []


@pytest.mark.parametrize("outage", ["killed", "cut"])
def test_what_happens_in_an_outage_is_done_once_afterwards(stage, proxy, outage):
    rest = stage.gerrit.rest
    plain, web, kept = (stage.push("pass") for _ in range(3))
    for number in (plain, web, kept):
        stage.review(number)
    abandoned = stage.push("hang")
    stage.wait_for_builds(abandoned, "running", 1)

    begin(stage, proxy, outage)
    new = stage.push("pass")
    amended = stage.push("fail")
    assert stage.push_next("pass") == amended
    rest.comment(plain, "recheck")
    rest.comment(web, "recheck", as_web_page=True)
    rest.comment(kept, "what a nice change", as_web_page=True)
    rest.abandon(abandoned)
    end(stage, proxy, outage)

    for number, count in {new: 1, amended: 1, plain: 2, web: 2}.items():
        stage.review(number, count)
        assert stage.vote(number) == 1
    stage.wait_for_builds(abandoned, "CANCELED", 1)
    until("all is done", lambda: is_idle(stage.service.status()))
    found = {number: len(stage.reviews(number)) for number in (new, amended, plain, web, kept, abandoned, stage.old)}
    assert found == {new: 1, amended: 1, plain: 2, web: 2, kept: 1, abandoned: 0, stage.old: 0}
    assert "Traceback" not in stage.service.log.read_text()


def is_idle(status):
    return status["events_waiting"] == 0 and status["buildsets"] == []


def begin(stage, proxy, outage):
    if outage == "killed":
        stage.service.kill()
        return
    proxy.target_port = free_port(("127.0.0.1",))
    proxy.drop()
    until("the loss is noticed", lambda: stage.service.status()["connections"][0]["state"] == "down")


def end(stage, proxy, outage):
    if outage == "killed":
        stage.service.start()
    proxy.target_port = stage.gerrit.ssh_port
    stage.connected()
