"""The user variables that nova-osa gives to OpenStack-Ansible: as recorded, and with other variables of the job."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from powervm import osa_variables
from powervm.local_conf import Wanted, render, variables

from ci.config.freeze import deep_update
from tests.unit.site.conftest import ROOT

GOLDEN = Path(__file__).parents[2] / "data" / "osa_variables"
BRANCHES = ("master", "stable/2026.2")
COMMITS = {"nova": "1" * 40, "nova-powervm": "2" * 40, "other": "3" * 40, "neutron": "4" * 40}


@pytest.fixture(scope="module")
def written(layout):
    """Return the texts by branch, and for jobs with other variables by name: all from one run of Ansible."""

    def job(branch="master", **more):
        found = variables(layout, Wanted("nova-osa", branch), "osa", "user variables")
        return branch, deep_update(found, more)

    mappings = {"default": "br-default", "speedy": "br-speedy"}
    wanted = {branch: job(branch) for branch in BRANCHES} | {
        "commits": job(osa_variables_commits=COMMITS, osa_driver_projects=["openstack/nova-powervm", "x/other"]),
        "another driver": job(compute_driver="libvirt.LibvirtDriver", disk_driver=None),
        "a network": job(network={"physical_network": "default", "bridge_mappings": mappings, "vlan_range": "5:6"}),
        "more": job(osa_user_variables={"debug": True, "nova_nova_conf_overrides": {"vnc": {"enabled": False}}}),
    }
    return dict(zip(wanted, render(ROOT, list(wanted.values()), "LPAR", "osa_variables"), strict=True))


@pytest.mark.parametrize("branch", BRANCHES)
def test_the_user_variables_are_the_recorded_ones(written, branch):
    """Renew, and read the difference: `scripts/osa-variables nova-osa --branch master > ...`."""
    assert written[branch] == (GOLDEN / f"nova-osa-{branch.replace('/', '-')}.yml").read_text()


def test_what_is_installed_are_the_commits_that_the_node_has(written):
    found = yaml.safe_load(written["commits"])
    assert found["nova_git_repo"] == "file:///opt/osa/nova"
    assert found["nova_git_install_branch"] == "1" * 40
    assert found["neutron_git_repo"] == "file:///opt/osa/neutron"
    assert found["neutron_git_install_branch"] == "4" * 40
    assert "glance_git_repo" not in found
    assert found["nova_user_pip_packages"] == [
        f"git+file:///opt/osa/nova-powervm@{'2' * 40}#egg=nova-powervm",
        f"git+file:///opt/osa/other@{'3' * 40}#egg=other",
    ]


def test_another_driver_is_left_to_os_nova(written):
    found = yaml.safe_load(written["another driver"])
    assert found["nova_compute_driver"] == "libvirt.LibvirtDriver"
    assert found["nova_user_pip_packages"] == []
    assert found.keys().isdisjoint({"nova_virt_type", "nova_virt_types", "nova_supported_virt_types"})
    assert found["nova_nova_conf_overrides"]["powervm"] == {}


def test_the_network_is_open_vswitch_with_the_mappings_of_the_job(written):
    found = yaml.safe_load(written["a network"])
    assert found["neutron_plugin_type"] == "ml2.ovs"
    networks = found["neutron_provider_networks"]
    assert networks["network_mappings"] == "default:br-default,speedy:br-speedy"
    assert networks["network_interface_mappings"] == "br-default:eth2"
    assert networks["network_vlan_ranges"] == "default:5:6"
    assert networks["network_vxlan_ranges"] == "1:1000"


def test_options_of_the_job_come_beside_those_of_the_ci(written):
    found = yaml.safe_load(written["more"])
    assert found["debug"] is True
    nova = found["nova_nova_conf_overrides"]
    assert nova["vnc"] == {"enabled": False}
    assert nova["powervm"] == {"disk_driver": "ssp"}
    assert nova["DEFAULT"]["force_config_drive"] is True


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["nova-osa"], 2, "Error: Missing option '--branch'."),
        (["nova-in-tree", "--branch", "master"], 1,
         "error: nova-in-tree has no user variables of OpenStack-Ansible: its deployment is devstack, not osa"),
    ],
)  # fmt: skip
def test_what_has_no_user_variables_is_said(monkeypatch, capsys, words, status, said):
    monkeypatch.setattr("sys.argv", ["osa-variables", *words])
    assert osa_variables.main() == status
    assert said in capsys.readouterr().err.splitlines()
