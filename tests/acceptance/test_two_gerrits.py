"""Two Gerrits with the same change numbers: each gets its own votes, and neither suffers when the other is away."""

import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.gerrit import Gerrit
from lab.service import Service
from lab.site import CI_NAME, CI_USER, connection
from lab.sshd_node import free_port
from lab.trivial_site import write_trivial_site

from tests.acceptance.conftest import PROJECT, Stage, ask

pytestmark = pytest.mark.gerrit

HANG_SECONDS = 12
# What the build has of the vendor's project, as a file among its logs.
NOTE = """\
    - name: Note what the vendor's project holds
      ansible.builtin.command:
        argv: [sh, -c, 'git -C "$0" show HEAD:needed >"$1/needed"',
               "{{ zuul.executor.src_root }}/gerrit.vendor.example/openstack/nova", "{{ zuul.executor.log_root }}"]
      delegate_to: localhost
      failed_when: false
"""
# What a vote may take while the other Gerrit is away; a trivial one takes some seconds.
USUAL_SECONDS = 45.0


@dataclass
class Side(Stage):
    """One of the two Gerrits, a developer who works there, and the service that listens to both."""

    connection: str

    def builds(self, number):
        return ask(self.service, "builds", "--change", str(number), "--connection", self.connection)

    def address(self, number):
        return f"{self.gerrit.url.rstrip('/')}/c/{PROJECT}/+/{number}"

    def push_needing(self, address, files):
        """Push a change that depends on the one at an address; returns its number."""
        self.repository.reset(self.base)
        self.repository.commit(
            {"verdict": "pass\n"} | files, "A change that needs another", (f"Depends-On: {address}",)
        )
        return self.repository.push_change()[0]

    def next_number(self):
        """The number of the next change: what was pushed last is somebody else's and not for this test."""
        return self.push("nothing") + 1


def write_site(folder, opendev, vendor, nodes):
    """A site with both Gerrits in it; one pipeline that is started from both and votes in both."""
    key = opendev.key(CI_USER)
    site = write_trivial_site(folder, opendev, key, nodes, port=free_port(("127.0.0.1",)), slots=4)
    hosts = folder / "known_hosts"
    hosts.write_text(opendev.known_hosts_line() + vendor.known_hosts_line())
    conf = folder / "zuul.conf"
    own = conf.read_text().replace(f"known_hosts={opendev.known_hosts}", f"known_hosts={hosts}")
    conf.write_text(connection("vendor", "gerrit.vendor.example", vendor, CI_USER, vendor.key(CI_USER)) + own)
    tenant = folder / "jobs" / "tenant.yaml"
    tenant.write_text(
        tenant.read_text() + "      vendor:\n        untrusted-projects:\n"
        "          - openstack/nova:\n              include: []\n"
    )
    language = folder / "jobs" / "zuul.d" / "lab.yaml"
    pipeline, _, rest = language.read_text().partition("- job:")
    lines = []
    for block in pipeline.split("      opendev:\n"):
        body = "".join(f"{line}\n" for line in block.splitlines() if line.startswith("        "))
        lines.append(block if not lines else f"      opendev:\n{block}".replace(body, f"{body}      vendor:\n{body}"))
    jobs, _, _ = rest.rpartition("- project:")
    projects = "".join(
        f"- project:\n    name: {host}/openstack/nova\n    check:\n      jobs: [quick-one, quick-two]\n"
        for host in ("review.opendev.org", "gerrit.vendor.example")
    )
    language.write_text("".join(lines) + "- job:" + jobs + projects)
    run = folder / "playbooks" / "run.yaml"
    run.write_text(run.read_text().replace('[sleep, "600"]', f'[sleep, "{HANG_SECONDS}"]') + NOTE)
    return site


@pytest.fixture(scope="module")
def vendor_gerrit(tmp_path_factory):
    with Gerrit(tmp_path_factory.mktemp("vendor"), say=lambda _: None) as gerrit:
        gerrit.rest.create_project(PROJECT)
        gerrit.create_ci_account(CI_USER, CI_NAME, "powervm-ci@example.org")
        yield gerrit


@pytest.fixture(scope="module")
def sides(real_gerrit, vendor_gerrit, nodes, tmp_path_factory):
    folder = Path(tmp_path_factory.mktemp("two"))
    site = write_site(folder / "site", real_gerrit, vendor_gerrit, nodes)
    service = Service(site.folder, folder / "state", port=site.port)
    made = []
    for name, gerrit in (("opendev", real_gerrit), ("vendor", vendor_gerrit)):
        repository = gerrit.repository(PROJECT, folder / name).clone()
        made.append(Side(gerrit, nodes, service, repository, repository.head, name))
    opendev, vendor = made
    level_numbers(opendev, vendor)
    with service:
        opendev.connected()
        yield opendev, vendor


def level_numbers(one, other):
    """Push until both Gerrits will give the next change the same number."""
    behind, ahead = sorted((one, other), key=lambda side: side.next_number())
    target = ahead.next_number()
    missing = target - behind.next_number()
    if missing:
        for n in range(missing):
            behind.repository.commit({"filler": f"{n}\n"}, f"Filler {n}")
        behind.repository.push_change()


def test_each_gerrit_gets_its_own_votes_although_the_numbers_are_the_same(sides):
    opendev, vendor = sides
    number = opendev.push("pass")
    assert vendor.push("fail-two") == number
    assert "Build succeeded" in opendev.review(number)
    assert "Build failed" in vendor.review(number)
    assert (opendev.vote(number), vendor.vote(number)) == (1, -1)
    for side in sides:
        assert len(side.reviews(number)) == 1
        assert {build["connection"] for build in side.builds(number)} == {side.connection}
        assert len(side.builds(number)) == 2
    vendor.gerrit.rest.abandon(number)
    again = opendev.push("pass")  # what happens to the other's change of the same number ends nothing here
    opendev.review(again)
    assert len(opendev.reviews(number)) == 1


@pytest.mark.parametrize("away", ["frozen", "stopped"])
def test_while_one_is_away_the_other_s_votes_come_and_its_own_comes_once_when_it_is_back(sides, away):
    opendev, vendor = sides
    late = vendor.push("hang")
    vendor.wait_for_builds(late, "running", 2)
    (vendor.gerrit.pause if away == "frozen" else vendor.gerrit.stop)()
    try:
        vendor.wait_for_builds(late, "SUCCESS", 2)
        began = time.monotonic()
        number = opendev.push("pass")
        opendev.review(number)
        assert time.monotonic() - began < USUAL_SECONDS
        assert opendev.vote(number) == 1
        state = {one["name"]: one["state"] for one in opendev.service.status()["connections"]}
        assert state["opendev"] == "connected"
    finally:
        (vendor.gerrit.cont if away == "frozen" else vendor.gerrit.start)()
    vendor.review(late)
    assert vendor.vote(late) == 1
    vendor.connected()
    after = vendor.push("pass")
    vendor.review(after)
    assert len(vendor.reviews(late)) == 1


def test_a_change_is_tested_with_the_one_in_the_other_gerrit_that_it_depends_on(sides):
    opendev, vendor = sides
    needed = vendor.push("the vendor has it", name="needed")
    number = opendev.push_needing(vendor.address(needed), {"own": "1\n"})
    assert "Build succeeded" in opendev.review(number)
    assert opendev.vote(number) == 1
    for build in opendev.builds(number):
        assert (Path(build["log_folder"]) / "needed").read_text() == "the vendor has it\n"
    printed = opendev.service.call("run", "quick-one", "--change", str(number), "--connection", "opendev")
    folder = next(line.partition("logs: ")[2] for line in printed.splitlines() if "logs: " in line)
    assert (Path(folder) / "needed").read_text() == "the vendor has it\n"


def test_a_cycle_over_both_gerrits_is_told_without_a_vote_and_nothing_runs(sides):
    opendev, vendor = sides
    number = opendev.next_number()
    other = vendor.push_needing(opendev.address(number), {"own": "1\n"})
    assert opendev.push_needing(vendor.address(other), {"own": "2\n"}) == number
    text = opendev.review(number)
    cycle = f"{number},1 of {PROJECT} -> {other},1 of {PROJECT} -> {number},1 of {PROJECT}"
    assert f"Dependency cycle detected: {cycle}" in text.splitlines()
    assert not opendev.vote(number)
    assert {build["result"] for build in opendev.builds(number)} == {"SKIPPED"}
