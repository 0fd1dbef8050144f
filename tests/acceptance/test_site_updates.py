"""The site's own repository in a real Gerrit: what merges there counts for the next change, without a restart."""

import json
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

from tests.acceptance.conftest import Stage, until

pytestmark = pytest.mark.gerrit

LANGUAGE = "jobs/zuul.d/lab.yaml"
SCRIPTS = Path(__file__).parents[2] / "scripts"
RUN = "playbooks/run.yaml"
SLOW = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Wait for the file that lets go, and say whose state of the site this is
      ansible.builtin.wait_for:
        path: "{gate}"
        timeout: 100
    - name: Fail as the state of the site says
      ansible.builtin.fail:
        msg: "state {state}"
"""


@dataclass
class Town(Stage):
    """A stage whose site follows its repository in the same Gerrit."""

    project: str
    config: str
    site: Path
    files: Repository

    def merge(self, files):
        """Merge a change of the site's files by review, as people do; returns the new tip."""
        self.take()
        self.files.commit(files, "A change of the site")
        number = self.files.push_change()[0]
        self.gerrit.rest.review(number, {"labels": {"Code-Review": 2}})
        self.gerrit.rest.call("POST", f"changes/{number}/submit", {})
        self.take()
        return self.files.git("rev-parse", "HEAD").strip()

    def take(self):
        self.files.git("fetch", "-q", self.files.remote, "master")
        self.files.git("reset", "-q", "--hard", "FETCH_HEAD")

    def language(self, *jobs):
        """The site's language, with these jobs for each change."""
        text = (self.files.folder / LANGUAGE).read_text()
        head, _, _ = text.rpartition("jobs: [")
        return f"{head}jobs: [{', '.join(jobs)}]\n"

    def site_state(self):
        return self.service.status()["site"]

    def in_force(self, commit):
        until(f"{commit} is in force: {self.log()}", lambda: self.site_state()["commit"] == commit)

    def log(self):
        return self.service.log.read_text()[-2000:]


@pytest.fixture
def town(real_gerrit, nodes, tmp_path):
    name = uuid.uuid4().hex[:8]
    project, config = f"nova-{name}", f"config-{name}"
    for one in (project, config):
        real_gerrit.rest.create_project(one)
    key, port = real_gerrit.key(CI_USER), free_port(("127.0.0.1",))
    site = write_trivial_site(tmp_path / "site", real_gerrit, key, nodes, port=port, jobs=("quick-one",))
    for path in (site.folder / "jobs/tenant.yaml", site.folder / LANGUAGE):
        path.write_text(path.read_text().replace("lab/config", config).replace("openstack/nova", project))
    conf = site.folder / "zuul.conf"
    conf.write_text(conf.read_text().replace("[powervm-ci]\n", "[powervm-ci]\nsite_source=gerrit\n"))
    files = real_gerrit.repository(config, tmp_path / "files").clone()
    tree = {str(p.relative_to(site.folder)): p.read_text() for p in site.folder.rglob("*") if p.is_file()}
    files.commit(tree, "The site")
    files.push("HEAD:refs/heads/master")
    repository = real_gerrit.repository(project, tmp_path / "developer").clone()
    service = Service(site.folder, tmp_path / "state", port=port)
    town = Town(real_gerrit, nodes, service, repository, repository.head, project, config, site.folder, files)
    yield town
    town.service.stop()


def test_a_merged_job_runs_for_the_next_change_and_running_builds_keep_their_state(town, tmp_path):
    gate = tmp_path / "gate"
    with town.service:
        town.connected()
        town.merge({RUN: SLOW.format(gate=gate, state="one")})
        first = town.files.git("rev-parse", "HEAD").strip()
        town.in_force(first)
        early = town.push("x")
        town.wait_for_builds(early, "running", 1)

        second = town.merge(
            {RUN: SLOW.format(gate=gate, state="two"), LANGUAGE: town.language("quick-one", "quick-two")}
        )
        town.in_force(second)
        late = town.push("x")
        town.wait_for_builds(late, "waiting", 1)
        gate.touch()
        assert "state one" in town.review(early)
        text = town.review(late)
        assert text.count("state two") == 2
        assert "quick-two" in text

        town.merge({LANGUAGE: town.language("quick-one", "no-such-job")})
        state = until("it is refused", lambda: (found := town.site_state())["refused"] and found)
        assert state["commit"] == second
        (line,) = json.loads(town.service.call("status", "--json"))["attention"]
        assert "is refused, the state before stays: jobs/zuul.d/lab.yaml:" in line
        assert "no-such-job" in line
        last = town.push("x")
        assert "quick-two" in town.review(last)
    assert "Traceback" not in town.service.log.read_text()


@pytest.mark.parametrize("point", ["site.lay_out:before", "site.lay_out:after", "site.put:before", "site.put:after"])
def test_a_service_that_is_killed_while_a_state_comes_into_force_goes_on(town, point, tmp_path):
    argv = [sys.executable, "-m", "lab.crash_service", *town.service.command("serve")[3:]]
    python_path = os.pathsep.join([str(SCRIPTS), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": python_path, **Plan(str(tmp_path / "hits"), point).to_environment()}
    killed = subprocess.run(argv, env=environment, check=False, timeout=120, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    with town.service:
        town.connected()
        town.in_force(town.files.git("rev-parse", "HEAD").strip())
        assert "quick-one" in town.review(town.push("pass"))


def test_sighup_reads_the_folder_again(town):
    conf = town.site / "zuul.conf"
    conf.write_text(conf.read_text().replace("site_source=gerrit\n", ""))
    with town.service:
        town.connected()
        path = town.site / LANGUAGE
        path.write_text(town.language("quick-two"))
        os.kill(town.service.process.pid, signal.SIGHUP)
        until("it is taken over", lambda: "site.taken_over" in town.service.log.read_text())
        assert "quick-two" in town.review(town.push("pass"))
