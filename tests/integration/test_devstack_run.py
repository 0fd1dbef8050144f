"""Whole builds of `deployment: devstack`: shipped job and playbooks, real Ansible and stestr, a stand-in devstack."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from lab.sshd_node import SshdNode

from ci.ansible.process import AnsibleRunner
from ci.config.freeze import deep_update
from ci.config.site import load_site
from ci.git.checkout import lay_out
from ci.model.build import BuildSpec, PreparedProject, Result, ResultCounts
from ci.model.node import Node
from tests.fakes import devstack

ROOT = Path(__file__).resolve().parents[2]
BUILD = "devstack-build"
STEPS = ["keystone", "glance", "neutron", "nova", "n-cpu", "tempest", "end"]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    return devstack.make_upstream(tmp_path_factory.mktemp("upstream"))


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
            "devstack_base_url": url,
            "networking_powervm_url": f"{url}/openstack/networking-powervm",
            "push_sources_cache": str(self.folder / "pushed"),
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


@pytest.fixture
def lab(tmp_path, upstream):
    return Lab(tmp_path, upstream)


def test_a_whole_build_whose_connection_breaks_in_stack_sh_and_the_next_one_with_another_driver(lab):
    lab.node.behave("drop neutron")
    passed = lab.build()
    assert (passed.result, passed.error, passed.counts) == (Result.SUCCESS, "", ResultCounts(passed=4))
    assert_run_as_it_is_to_be(lab.node)
    assert_published_as_openstack_asks(lab)
    assert not (lab.folder / BUILD).exists()

    # a node that nobody has cleaned up, and a plugin whose driver is not the one that the job means
    (lab.node.base_dir / "devstack/.ci-begun").write_text("lost-build\n")
    lost = subprocess.Popen(["sleep", "300"], env={**os.environ, "CI_BUILD": "lost-build"})
    (lab.folder / "build").rename(lab.folder / "first")
    (lab.node.folder / "calls").write_text("")
    lab.node.behave("driver powervm.driver.PowerVMDriver")
    outcome = lab.build("nova-out-of-tree", devstack_plugins=lab.plugins())
    assert outcome.result == Result.ERROR
    assert outcome.error.startswith(
        "nova-compute did not load the driver powervm_ext.driver.PowerVMDriver: its log says INFO nova.virt.driver"
    )
    called = lab.node.calls()
    assert called.index("unstack.sh") < called.index("stack.sh")
    assert lost.wait(0) == -signal.SIGKILL
    assert "hypervisor powervm_ext " in called  # whose plugin has no file for devstack
    assert lab.log("logs/screen-pvm-q-sriov-agt.txt")


def test_nothing_of_a_canceled_build_goes_on_when_it_has_ended(lab):
    lab.node.behave("escape glance", "hang neutron")
    assert lab.cancel_in("step neutron").result == Result.CANCELED
    called = lab.node.calls()
    assert called[called.index("unstack.sh") :] == ["unstack.sh", "networking-powervm unstack "]
    for name in ("stack.pid", "escaped"):
        assert not Path("/proc", (lab.node.folder / name).read_text().strip()).exists(), name


def assert_run_as_it_is_to_be(node):
    called = node.calls()
    assert [line for line in called if line in {"smt off", "stack.sh", "smt on", "unstack.sh"}] == [
        "smt off", "stack.sh", "smt on", "unstack.sh",
    ]  # fmt: skip
    assert called.index("smt on") < called.index("nova-manage cell_v2 discover_hosts --verbose")
    assert "hypervisor powervm function" in called
    created = node.calls("openstack --os-cloud devstack-admin network create")
    assert [line.split("--provider-segment ")[1].split()[:2] for line in created] == [
        ["1012", "public"],
        ["2012", "private"],
    ]
    nova = (node.folder / "etc/nova/nova.conf").read_text()
    assert "compute_driver = powervm.driver.PowerVMDriver\n" in nova
    assert "instance_name_template = pvm12-%(display_name).11s-%(uuid).8s\n" in nova
    assert (node.base_dir / "nova/patched.py").exists()


def assert_published_as_openstack_asks(lab):
    logs = lab.folder / "build/logs"
    files = {str(path.relative_to(logs)) for path in logs.rglob("*") if path.is_file()}
    assert files >= {
        "job-output.txt", "local.conf", "tempest.conf", "testr_results.html", "testrepository.subunit",
        "tests-run.txt", "tests-skipped.txt", "logs/screen-n-cpu.txt", "logs/screen-q-svc.txt", "logs/stack.sh.txt",
        "logs/etc/nova/nova.conf.txt", "logs/etc/neutron/plugins/ml2/ml2_conf.ini.txt", "logs/repositories.txt",
    }  # fmt: skip
    tempest = lab.log("tempest.conf")
    for line in (
        "image_ref = image-1",
        "flavor_ref = flavor-1",
        "flavor_ref_alt = flavor-2",
        "fixed_network_name = public",
    ):
        assert line in tempest
    text = "".join((logs / name).read_text(errors="replace") for name in files if name != "job-output.txt")
    for hidden in ("secretadmin", "secretdatabase", "gAAAAAB", "10.7.7.7", "ci-node-7"):
        assert hidden not in text, hidden
