"""A whole build of `deployment: devstack` with a stand-in devstack: the shipped site, real Ansible, a real sshd."""

from __future__ import annotations

import shutil
import sys
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path

from lab.sshd_node import SshdNode

from ci.ansible.process import AnsibleRunner
from ci.config.freeze import deep_update
from ci.config.site import load_site
from ci.git.checkout import lay_out
from ci.model.build import BuildSpec, PreparedProject
from ci.model.node import Node
from tests.fakes import devstack

ROOT = Path(__file__).resolve().parents[2]
# Of its own: what clean-up ends by this name may be other tests' on the same machine.
BUILD = f"devstack-build-{uuid.uuid4().hex}"


class Lab:
    """The shipped site, a node with a stand-in devstack, and one change of nova's."""

    of_node = devstack.Node

    def __init__(self, folder, upstream):
        self.folder, self.upstream = folder, upstream
        self.node = self.of_node(folder / "node")
        self.site = folder / "site"
        for name in ("playbooks", "skip_lists"):
            shutil.copytree(ROOT / name, self.site / name)
        shared = self.site / "playbooks/group_vars/all.yaml"
        shared.write_text(
            shared.read_text().replace("~/builds", str(folder)).replace("domains: []", "domains: [vendor.example]")
        )
        self.change = folder / "change"
        devstack.git(folder, "clone", "--quiet", str(upstream / "openstack/nova"), str(self.change))
        (self.change / "patched.py").write_text("patched = True\n")
        devstack.git(self.change, "add", "--all")
        devstack.git(self.change, "commit", "--quiet", "--message", "Patch it\n\nChange-Id: I" + "d" * 40)

    def build(self, job="nova-in-tree", **variables):
        with SshdNode(self.folder / "sshd", environment=self.node.environment) as sshd:
            spec = self.spec(sshd, job, variables)
            runner = AnsibleRunner(test_reader="ci.results.outcome:read_tests")
            return runner.wait(spec, runner.start(spec), threading.Event())

    def cancel_in(self, line):
        """Build until the stand-in has called this, then cancel."""
        with SshdNode(self.folder / "sshd", environment=self.node.environment) as sshd:
            spec = self.spec(sshd, "nova-in-tree", {})
            runner = AnsibleRunner(test_reader="ci.results.outcome:read_tests")
            process = runner.start(spec)
            deadline = time.monotonic() + 60
            while line not in self.node.calls():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            runner.cancel(spec, process)
            return runner.wait(spec, process, threading.Event())

    def spec(self, sshd, job, variables):
        folder, commit = self.folder / "build", devstack.git(self.change, "rev-parse", "HEAD")
        project = PreparedProject("openstack/nova", "review.opendev.org", "master", commit)
        lay_out(folder / "work/src" / project.canonical_name, self.change / ".git", {"master": commit}, "master")
        node = Node("127.0.0.2", "static", ("powervm",), sshd.username, sshd.port, (sshd.host_key,), sys.executable)
        frozen = load_site(ROOT).layout.job_alone(job, "master")
        url = f"file://{self.upstream}"
        own = {
            "deployment_sources_base_url": url,
            "networking_powervm_url": f"{url}/openstack/networking-powervm",
        }
        changed = {**self.node.variables, **own, **variables}
        frozen = replace(frozen, variables=deep_update(frozen.variables, changed))
        told = {
            "name": project.name, "short_name": "nova", "canonical_name": project.canonical_name, "checkout": "master",
            "src_dir": f"src/{project.canonical_name}", "commit": commit,
        }  # fmt: skip
        return BuildSpec(
            BUILD, 1, str(folder), str(folder / "logs"), str(self.site), frozen, (node,), str(sshd.private_key),
            {"build": BUILD, "branch": "master", "project": told, "projects": {project.canonical_name: told}},
        )  # fmt: skip

    def plugins(self):
        names = ("ceilometer", "ceilometer-powervm", "nova-powervm")
        return {name: f"file://{self.upstream}/openstack/{name}" for name in names}

    def log(self, name):
        return (self.folder / "build/logs" / name).read_text()
