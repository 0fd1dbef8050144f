"""Whole builds of `deployment: devstack`: shipped job and playbooks, real Ansible and stestr, a stand-in devstack."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from ci.model.build import Result, ResultCounts
from tests.fakes import devstack
from tests.fakes.devstack_build import BUILD, Lab

STEPS = ["keystone", "glance", "neutron", "nova", "n-cpu", "tempest", "end"]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    return devstack.make_upstream(tmp_path_factory.mktemp("upstream"))


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
    # what was pushed is in the cache that the job names
    cache = lab.node.folder / "cache/review.opendev.org/openstack/nova.git"
    pushed = devstack.git(cache, "log", "--all", "--format=%s")
    assert "Patch it" in pushed.splitlines()

    # a node that nobody has cleaned up, and a plugin whose driver is not the one that the job means
    (lab.node.base_dir / ".ci-begun").write_text("lost-build\n")
    installed = lab.node.base_dir / "data/venv/bin/stray"
    installed.touch()
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
    assert not installed.exists()
    assert "hypervisor powervm_ext " in called  # whose plugin has no file for devstack
    assert lab.log("logs/screen-pvm-q-sriov-agt.txt")


def test_a_devstack_that_is_not_stopped_is_not_forgotten_and_no_patch_pays_for_it(lab):
    stuck = "stuck devstack@n-cpu.service"
    lab.node.behave("fail unstack", stuck, "fail n-cpu")
    assert lab.build().result == Result.FAILURE
    marker, read = lab.node.base_dir / ".ci-begun", lab.node.base_dir / "devstack/.localrc.auto"
    assert marker.read_text() == f"{BUILD}\n"
    marker.write_text("lost-build\n")
    outcome, called = again(lab)
    assert outcome.result is None
    assert "The devstack of an earlier build was not stopped (stop it, then remove " in outcome.error
    assert "devstack@n-cpu.service still run" in outcome.error
    assert "the deployment did not begin: there is nothing to collect" in lab.log("job-output.txt")
    # in pre-run, and once more in cleanup-run
    assert called == ["unstack.sh"] * 2
    assert marker.read_text() == "lost-build\n"
    assert read.exists()
    # Its status says nothing of that: what does not run any more has been stopped.
    lab.node.behave("fail unstack", "fail keystone")
    outcome, called = again(lab)
    assert outcome.result == Result.FAILURE
    assert called == ["unstack.sh", "stack.sh", "unstack.sh"]
    assert not marker.exists()


def again(lab):
    """Return how a build after others ends, and what of devstack ran."""
    (lab.folder / "build").rename(lab.folder / f"build-{len(list(lab.folder.glob('build-*')))}")
    (lab.node.folder / "calls").write_text("")
    outcome = lab.build()
    return outcome, lab.node.calls(("unstack.sh", "networking-powervm unstack", "stack.sh"))


def test_nothing_of_a_canceled_build_goes_on_when_it_has_ended(lab):
    lab.node.behave("escape glance", "hang neutron")
    assert lab.cancel_in("step neutron").result == Result.CANCELED
    called = lab.node.calls()
    assert called[called.index("unstack.sh") :] == ["unstack.sh", "networking-powervm unstack "]
    for name in ("stack.pid", "escaped"):
        assert not goes_on((lab.node.folder / name).read_text().strip()), name


def goes_on(pid):
    """Whether a process is more than an entry that waits for its parent."""
    try:
        return "State:\tZ" not in Path("/proc", pid, "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


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
