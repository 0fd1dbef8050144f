"""Whole builds of ci-config-check: shipped job and playbooks, a real sshd node, changes of the site's own files."""

from __future__ import annotations

import hashlib
import shutil
import sys
import sysconfig
import threading
import uuid
import venv
from dataclasses import replace
from pathlib import Path

import pytest
from lab.sshd_node import SshdNode

from ci.ansible.process import AnsibleRunner
from ci.config.freeze import deep_update
from ci.config.site import load_site
from ci.git.checkout import lay_out
from ci.model.build import BuildSpec, Fault, PreparedProject, Result
from ci.model.node import Node
from tests.site_repository import SiteRepository

ROOT = Path(__file__).resolve().parents[2]
SITE = ("jobs", "nodepool", "playbooks", "skip_lists", "zuul.conf")
ENGINE = ("ci", "scripts/powervm", "pyproject.toml", "constraints.txt")
JOBS = "jobs/zuul.d/jobs.yaml"


def installed(cache):
    """Make what the role would install for these requirements: an environment that has this one's libraries."""
    names = [hashlib.sha256((ROOT / name).read_bytes()).hexdigest()[:16] for name in ENGINE[2:]]
    folder = cache / "-".join(names)
    venv.create(folder, symlinks=True)
    inside = folder / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    (inside / "these.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (folder / "bin/ansible-playbook").symlink_to(Path(sys.executable).with_name("ansible-playbook"))
    (folder / "ready").touch()


class Lab:
    """A repository of the site with a change merged last, and a node."""

    def __init__(self, folder, server):
        self.folder, self.server, self.name = folder, server, uuid.uuid4().hex
        self.site = folder / "site"
        shutil.copytree(ROOT / "playbooks", self.site / "playbooks")
        shared = self.site / "playbooks/group_vars/all.yaml"
        shared.write_text(shared.read_text().replace("~/builds", str(folder / "node")))
        self.cache = folder / "cache"
        self.cache.mkdir()

    def repository(self, project, *names):
        made = SiteRepository(self.folder / project)
        for name in names:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            target = made.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy(ROOT / name, target)
        made.commit({}, "Its files")
        return made

    def change(self, name, old, new):
        """Merge a change of a file, as the service merges it."""
        files = SiteRepository(self.folder / "config")
        text = (files.folder / name).read_text()
        assert old in text
        files.git("checkout", "-q", "-b", "change")
        files.commit({name: text.replace(old, new, 1)})
        files.git("checkout", "-q", "master")
        files.git("merge", "-q", "--no-ff", "-m", "Merge", "change")

    def prepared(self, project):
        """Lay a project out as the service does; returns what playbooks are told of it."""
        folder = self.folder / project
        commit = SiteRepository(folder).git("rev-parse", "HEAD")
        made = PreparedProject(f"x/{project}", "review.opendev.org", "master", commit)
        source = self.folder / "build/work/src" / made.canonical_name
        lay_out(source, folder / ".git", {"master": commit}, "master")
        return {"name": made.name, "short_name": project, "canonical_name": made.canonical_name,
                "checkout": "master", "src_dir": f"src/{made.canonical_name}", "commit": commit}  # fmt: skip

    def build(self, *projects, **variables):
        folder, told = self.folder / "build", [self.prepared(project) for project in projects]
        zuul = {"build": self.name, "change": "1", "branch": "master", "project": told[0],
                "projects": {one["canonical_name"]: one for one in told}}  # fmt: skip
        node = Node("127.0.0.2", "static", ("powervm",), self.server.username, self.server.port,
                    (self.server.host_key,), sys.executable)  # fmt: skip
        frozen = load_site(ROOT).layout.job_alone("ci-config-check", "master")
        own = {"config_check_cache": str(self.cache), "config_check_python": sys.executable,
               "deployment_sources_cache": str(self.folder / "pushed")}  # fmt: skip
        frozen = replace(frozen, variables=deep_update(frozen.variables, own | variables))
        spec = BuildSpec(self.name, 1, str(folder), str(folder / "logs"), str(self.site), frozen, (node,),
                         str(self.server.private_key), zuul)  # fmt: skip
        runner = AnsibleRunner(test_reader="ci.results.outcome:read_tests")
        return runner.wait(spec, runner.start(spec), threading.Event())

    def log(self, name):
        return (self.folder / "build/logs" / name).read_text()


@pytest.fixture
def lab(tmp_path, server):
    return Lab(tmp_path, server)


def test_a_repository_of_site_folders_alone_is_read_by_the_project_that_has_the_ci(lab):
    lab.repository("config", *SITE)
    lab.repository("engine", *ENGINE)
    installed(lab.cache)
    lab.change(JOBS, "l2: sea", "l2: ovs")
    outcome = lab.build("config", "engine", config_check_engine="review.opendev.org/x/engine")
    assert (outcome.result, outcome.error) == (Result.SUCCESS, "")
    lines = lab.log("local-conf.diff").splitlines()
    assert "+++ after/nova-in-tree/master.conf" in lines
    assert {"-NEUTRON_AGENT=pvm_sea", "+NEUTRON_AGENT=openvswitch"} <= set(lines)
    assert not any("nova-out-of-tree" in line for line in lines)
    assert "OK: 1 connection" in lab.log("check.txt")
    assert lab.log("skip-list-check.txt").startswith("OK: 5 lists")
    assert not (lab.folder / "node" / lab.name).exists()


def test_a_state_before_with_errors_does_not_hold_up_what_mends_it(lab):
    files = lab.repository("config", *SITE, *ENGINE)
    installed(lab.cache)
    files.commit({JOBS: (files.folder / JOBS).read_text().replace("l2: sea", "l2: see")})
    lab.change(JOBS, "l2: see", "l2: sea")
    outcome = lab.build("config")
    assert (outcome.result, outcome.error) == (Result.SUCCESS, "")
    assert lab.log("local-conf.diff").startswith(f"The state before cannot be read: error: {JOBS}:")


def test_a_repository_without_the_ci_is_not_held_against_the_change(lab):
    lab.repository("config", *SITE)
    lab.change(JOBS, "l2: sea", "l2: ovs")
    outcome = lab.build("config")
    assert outcome.fault == Fault.PRE_RUN
    assert "review.opendev.org/x/config has no ci/__main__.py: name the project" in outcome.error


def test_an_index_that_is_away_costs_no_change(tmp_path):
    environment = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"}
    with SshdNode(tmp_path / "sshd", environment=environment) as server:
        lab = Lab(tmp_path, server)
        lab.repository("config", *SITE, *ENGINE)
        installed(lab.cache)
        lab.change("pyproject.toml", "dependencies = [\n", 'dependencies = [\n    "no-such-thing-as-this",\n')
        outcome = lab.build("config")
    assert outcome.result == Result.ERROR
    assert outcome.error.startswith("The package index does not answer: ERROR: ")
