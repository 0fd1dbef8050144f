"""A block of a skip list goes with the change that it waited for: by a change on the site's own Gerrit, once."""

import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.crash_points import Plan
from lab.gerrit_repository import Repository
from lab.service import Service
from lab.site import CI_USER
from lab.sshd_node import free_port
from lab.trivial_site import write_trivial_site

from tests.acceptance.conftest import Stage, ask, until

pytestmark = pytest.mark.gerrit

LIST = "skip_lists/a.txt"
SCRIPTS = Path(__file__).parents[2] / "scripts"
TOPIC = "skip-list-lockstep"
KEPT = f"# About this list.\n\n# reason: never\n{uuid.UUID(int=99)}  # a.b.C.test_never\n"


def block(n, change_id):
    return f"\n# reason: number {n}\n# until: {change_id}\n{uuid.UUID(int=n)}  # a.b.C.test_{n}\n"


@dataclass
class Town(Stage):
    """A stage with a project and a site of its own, and the repository that the site's files come from."""

    project: str
    config: str
    site: Path
    files: Repository

    def write(self, *blocks):
        """Have these blocks in the site's folder and in its repository."""
        text = KEPT + "".join(blocks)
        (self.site / LIST).write_text(text)
        self.files.git("fetch", "-q", self.files.remote, "master")
        self.files.git("reset", "-q", "--hard", "FETCH_HEAD")
        self.files.commit({LIST: text}, "Lists")
        self.files.push("HEAD:refs/heads/master")

    def propose(self, branch="master", change_id=None):
        """Push a change for review; returns its number and Change-Id."""
        self.repository.git("fetch", "-q", self.repository.remote, branch)
        self.repository.reset("FETCH_HEAD")
        self.repository.commit({f"{branch}-{uuid.uuid4()}": "x\n"}, 'Add "snapshots" <b>')
        if change_id:
            message = self.repository.git("log", "-1", "--format=%s%n%nChange-Id: ").rstrip() + f" {change_id}"
            self.repository.git("commit", "-q", "--amend", "-m", message)
        number = self.repository.push_change(branch)[0]
        return number, self.repository.git("log", "-1", "--format=%(trailers:key=Change-Id,valueonly)").strip()

    def merge(self, number):
        self.gerrit.rest.review(number, {"labels": {"Code-Review": 2}})
        self.gerrit.rest.call("POST", f"changes/{number}/submit", {})

    def removals(self):
        """The changes on the site's own repository, oldest first."""
        options = ("CURRENT_REVISION", "CURRENT_COMMIT", "CURRENT_FILES", "DETAILED_ACCOUNTS")
        query = f"changes/?q=project:{self.config}" + "".join(f"&o={option}" for option in options)
        return sorted(self.gerrit.rest.call("GET", query), key=lambda change: change["_number"])

    def removal(self, count=1):
        return until(f"removal {count}: {self.attention()}", lambda: len(r := self.removals()) >= count and r[-1])

    def attention(self):
        return ask(self.service, "status")["attention"]

    def warnings(self):
        told = ask(self.service, "check")
        return [one["message"] for one in told["warnings"] if one["path"] == LIST]

    def diff(self, change):
        self.files.git("fetch", "-q", self.files.remote, change["revisions"][change["current_revision"]]["ref"])
        return self.files.git("diff", "--unified=0", "FETCH_HEAD^", "FETCH_HEAD").splitlines()


def make_town(real_gerrit, nodes, folder):
    """A site on the shared Gerrit whose projects nobody else uses."""
    name = uuid.uuid4().hex[:8]
    project, config = f"nova-{name}", f"config-{name}"
    real_gerrit.rest.create_project(project)
    real_gerrit.rest.create_project(config)
    site = write_trivial_site(
        folder / "site",
        real_gerrit,
        real_gerrit.key(CI_USER),
        nodes,
        port=free_port(("127.0.0.1",)),
        jobs=("quick-one",),
    )
    tenant = site.folder / "jobs/tenant.yaml"
    tenant.write_text(tenant.read_text().replace("lab/config", config).replace("openstack/nova", project))
    language = site.folder / "jobs/zuul.d/lab.yaml"
    text = language.read_text().replace("openstack/nova", project)
    language.write_text(text.replace("variant: one\n", f"variant: one\n      tempest_exclude_lists: [{LIST}]\n"))
    (site.folder / "skip_lists").mkdir()
    repository = real_gerrit.repository(project, folder / "developer").clone()
    files = real_gerrit.repository(config, folder / "files").clone()
    service = Service(site.folder, folder / "state", port=site.port)
    return Town(real_gerrit, nodes, service, repository, repository.head, project, config, site.folder, files)


@pytest.fixture
def removal(town):
    """The removal of a block whose change has merged, while the service runs."""
    number, change_id = town.propose()
    town.write(block(1, change_id))
    with town.service:
        town.connected()
        town.merge(number)
        yield town.removal()


@pytest.fixture
def town(real_gerrit, nodes, tmp_path):
    town = make_town(real_gerrit, nodes, tmp_path)
    yield town
    town.service.stop()


def test_a_block_goes_with_the_change_that_it_waited_for(town):
    number, change_id = town.propose()
    town.write(block(1, change_id), block(2, f"I{'2' * 40}"))
    with town.service:
        town.connected()
        assert town.removals() == []
        town.merge(number)
        removal = town.removal()
        commit = removal["revisions"][removal["current_revision"]]
        assert (removal["topic"], removal["owner"]["username"], removal["status"]) == (TOPIC, CI_USER, "NEW")
        assert list(commit["files"]) == [LIST]
        gone = [*block(1, change_id).strip().splitlines(), ""]
        assert town.diff(removal)[4:] == ["@@ -6,4 +5,0 @@", *(f"-{line}" for line in gone)]
        assert commit["commit"]["message"].startswith(f"Skip list: run 1 test that waited for {change_id[:11]}\n")
        assert f"- {town.project} master: " in commit["commit"]["message"]
        assert '"Add "snapshots" <b>"' in commit["commit"]["message"]
        url = f"{town.gerrit.url}c/{town.config}/+/{removal['_number']}"
        until("it is shown", lambda: any(url in line for line in town.attention()))
        assert any(f"under review at {url}" in line for line in town.warnings())

        town.merge(removal["_number"])
        until("it is noticed", lambda: any("update the site's folder" in line for line in town.attention()))
        assert any("and so has the removal" in line for line in town.warnings())
        town.files.git("fetch", "-q", town.files.remote, "master")
        (town.site / LIST).write_text(town.files.git("show", f"FETCH_HEAD:{LIST}"))
        assert town.warnings() == [
            f"the block waits for I{'2' * 40}: opendev shows no such change: correct its `until:`"
        ]
        assert len(town.removals()) == 1
    assert "Traceback" not in town.service.log.read_text()


def test_what_merged_while_nobody_listened_is_seen_at_the_start(town):
    number, change_id = town.propose()
    town.write(block(1, change_id))
    town.merge(number)
    with town.service:
        town.removal()
    with town.service:
        until("it is known", lambda: any("under review" in line for line in town.attention()))
    assert len(town.removals()) == 1


def test_each_branch_that_uses_the_list_must_have_the_change(town):
    town.gerrit.rest.call("PUT", f"projects/{town.project}/branches/stable%2Fpike", {"revision": town.base})
    number, change_id = town.propose()
    town.write(block(1, change_id))
    with town.service:
        town.connected()
        town.merge(number)
        until("the branch is named", lambda: any(f"not in {town.project} stable/pike" in w for w in town.warnings()))
        assert town.removals() == []
        other, same_id = town.propose("stable/pike", change_id)
        assert same_id == change_id
        town.merge(other)
        removal = town.removal()
        message = removal["revisions"][removal["current_revision"]]["commit"]["message"]
        assert all(f"- {town.project} {branch}: " in message for branch in ("master", "stable/pike"))


def test_an_abandoned_removal_is_a_no(town, removal):
    town.gerrit.rest.abandon(removal["_number"])
    town.merge(town.propose()[0])
    until("the no is known", lambda: any("was abandoned" in line for line in town.attention()))
    town.service.stop()
    for file in town.service.state.glob("ci.db*"):
        file.unlink()  # Gerrit itself is asked, whatever we have forgotten
    town.service.start()
    until("the no is known again", lambda: any("was abandoned" in line for line in town.warnings()))
    assert [change["status"] for change in town.removals()] == ["ABANDONED"]


@pytest.mark.parametrize("point", ["site.propose:before", "site.propose:after", "lockstep.put:before"])
def test_a_service_that_is_killed_around_the_push_makes_one_removal(town, tmp_path, point):
    number, change_id = town.propose()
    town.write(block(1, change_id))
    town.merge(number)
    argv = [sys.executable, "-m", "lab.crash_service", *town.service.command("serve")[3:]]
    environment = {**os.environ, "PYTHONPATH": f"{SCRIPTS}{os.pathsep}{SCRIPTS.parent}"}
    plan = Plan(str(tmp_path / "hits"), point).to_environment()
    killed = subprocess.run(argv, env={**environment, **plan}, check=False, timeout=120, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert (len(town.removals()) == 1) is (point != "site.propose:before")
    with town.service:
        town.removal()
        until("it is known", lambda: any("under review" in line for line in town.attention()))
    (removal,) = town.removals()
    assert removal["revisions"][removal["current_revision"]]["_number"] == 1


def test_an_account_that_may_not_push_is_told_of_once_and_asked_for_no_more(town):
    group = town.gerrit.rest.call("GET", f"groups/?m={CI_USER}-group")
    (uuid_of_group,) = (
        [one["id"] for one in group.values()] if isinstance(group, dict) else [one["id"] for one in group]
    )
    deny = {"refs/for/refs/heads/*": {"permissions": {"push": {"rules": {uuid_of_group: {"action": "BLOCK"}}}}}}
    town.gerrit.rest.call("POST", f"projects/{town.config}/access", {"add": deny})
    number, change_id = town.propose()
    town.write(block(1, change_id))
    with town.service:
        town.connected()
        town.merge(number)
        until("the refusal is shown", lambda: any("cannot be pushed" in line for line in town.attention()))
        town.merge(town.propose()[0])
        until("all is done", lambda: town.service.status()["events_waiting"] == 0)
    (line,) = [line for line in town.service.log.read_text().splitlines() if "lockstep.refused" in line]
    assert "not permitted" in line or "prohibited" in line
    assert town.removals() == []


def test_an_open_removal_that_conflicts_is_left_to_people(town, removal):
    text = (town.site / LIST).read_text().removeprefix(KEPT)
    town.write(text.replace("number 1", "another reason"))
    town.merge(town.propose()[0])
    until("the conflict is shown", lambda: any(f"conflicts in {LIST}" in line for line in town.attention()))
    (found,) = town.removals()
    assert found["current_revision"] == removal["current_revision"]
