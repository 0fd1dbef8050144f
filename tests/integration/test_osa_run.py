"""Whole builds of `deployment: osa`: shipped job and playbooks, real Ansible, a stand-in OpenStack-Ansible."""

from __future__ import annotations

import pytest
import yaml

from ci.model.build import Result, ResultCounts
from tests.fakes import devstack, osa
from tests.fakes.devstack_build import BUILD, Lab

PLAYBOOKS = [f"openstack-ansible setup-{name}.yml" for name in ("hosts", "infrastructure", "openstack")]
STEPS = ["bootstrap-ansible.sh", "bootstrap-aio.sh", *PLAYBOOKS]
STEP_WORDS = tuple(step.split()[0] for step in STEPS)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    return osa.make_upstream(tmp_path_factory.mktemp("upstream"))


class OsaLab(Lab):
    """The shipped site, a node with a stand-in OpenStack-Ansible, and one change of nova's."""

    of_node = osa.Node

    def build(self, **variables):
        return super().build("nova-osa", **variables)


@pytest.fixture
def lab(tmp_path, upstream):
    return OsaLab(tmp_path, upstream)


def steps(node):
    return [line.strip() for line in node.calls() if line.startswith(STEP_WORDS)]


def test_a_whole_build(lab):
    passed = lab.build()
    assert (passed.result, passed.error, passed.counts) == (Result.SUCCESS, "", ResultCounts(passed=4))
    assert steps(lab.node) == [f"{step} aio_metal_ovs" for step in STEPS[:2]] + PLAYBOOKS
    assert {"nova patched", "beside nova: nova-powervm"} <= set(lab.node.calls())
    assert_configured(lab)
    assert_published(lab)
    assert not (lab.folder / BUILD).exists()


def assert_configured(lab):
    node = lab.node
    nova = (node.folder / "etc/nova/nova.conf").read_text()
    assert "compute_driver = powervm_ext.driver.PowerVMDriver\n" in nova
    assert "instance_name_template = pvm12-%(display_name).11s-%(uuid).8s\n" in nova
    assert "disk_driver = ssp\n" in nova
    assert (
        "bridge_mappings = default:br-default\n" in (node.folder / "etc/neutron/plugins/ml2/ml2_conf.ini").read_text()
    )
    created = node.calls("openstack --os-cloud default network create")
    assert [line.split("--provider-segment ")[1].split()[:2] for line in created] == [
        ["1012", "public"],
        ["2012", "private"],
    ]
    user = yaml.safe_load((node.folder / "etc/openstack_deploy/user_zz_ci.yml").read_text())
    assert user["nova_git_install_branch"] == devstack.git(lab.change, "rev-parse", "HEAD")
    head = devstack.git(lab.upstream / "openstack/nova-powervm", "rev-parse", "HEAD")
    assert user["nova_user_pip_packages"] == [f"git+file://{node.base_dir}/nova-powervm@{head}#egg=nova-powervm"]
    theirs = node.folder / "ansible/roles/os_nova/tasks/drivers"
    assert yaml.safe_load((theirs / "powervm/nova_compute_powervm.yml").read_text())


def assert_published(lab):
    logs = lab.folder / "build/logs"
    files = {str(path.relative_to(logs)) for path in logs.rglob("*") if path.is_file()}
    names = ("bootstrap-ansible", "bootstrap-aio", "setup-hosts", "setup-infrastructure", "setup-openstack")
    assert files >= {
        *(f"logs/osa-{name}.txt" for name in names), "tempest.conf", "testrepository.subunit", "logs/repositories.txt",
        "logs/screen-nova-compute.txt", "logs/screen-neutron-openvswitch-agent.txt", "logs/etc/nova/nova.conf.txt",
        "logs/etc/openstack_deploy/user_zz_ci.yml.txt", "logs/etc/openstack_deploy/conf.d/nova.yml.txt",
    }  # fmt: skip
    tempest = lab.log("tempest.conf")
    for line in ("image_ref = image-1", "flavor_ref = flavor-1", "fixed_network_name = public"):
        assert line in tempest
    text = "".join((logs / name).read_text(errors="replace") for name in files if name != "job-output.txt")
    for hidden in ("secretkeystone", "secretdatabase", "secretencryption", "10.7.7.7"):
        assert hidden not in text, hidden


def test_what_the_patch_breaks_is_its_failure_and_says_which_task(lab):
    lab.node.behave("fail os_nova")
    outcome = lab.build()
    says = "setup-openstack.yml failed (exit status 2): os_nova : Do all of it failed on aio1: "
    assert outcome.result == Result.FAILURE
    assert outcome.error.startswith(says)
    assert "(task 'osa_steps : Run setup-openstack' failed on controller, run playbooks/" in outcome.error
    assert "fatal: [aio1]" in lab.log("logs/osa-setup-openstack.txt")
    assert lab.node.calls("nova ") == []
