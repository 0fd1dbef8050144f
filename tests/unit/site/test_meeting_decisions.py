"""The drivers' meeting of 2017-01-03: what was decided, and that the site does it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ci.config.site import load_site
from ci.model.change import Change
from ci.skip_lists.parse import parse_skip_list
from tests.unit.site.conftest import IN_TREE, L2, OUT_OF_TREE, ROOT

MASTER = f"{IN_TREE}@master"
MECHANISM = {"ovs": "openvswitch", "sea": "pvm_sea", "linuxbridge": "linuxbridge"}
OVS_SERVICES = {"neutron-agent", "q-agt", "ovs-vswitchd", "ovsdb-server", "ovn-controller", "ovn-northd"}
SHIPPED = ("jobs", "nodepool", "playbooks", "skip_lists", "zuul.conf")


def jobs_of(layout, project, branch="master"):
    change = Change("opendev", project, branch, 1, 1, "", "", files=("x.py",))
    return {job.name: job for job in layout.select_jobs("check", change).jobs}


def lines_that_differ(one, other):
    before, after = one.splitlines(), other.splitlines()
    return [line for line in before if line not in after], [line for line in after if line not in before]


# "In-tree driver status": the namespaces


def test_the_external_driver_has_the_namespace_powervm_ext(conf):
    assert conf(f"{OUT_OF_TREE}@master").nova("DEFAULT", "compute_driver") == "powervm_ext.driver.PowerVMDriver"


def test_the_driver_inside_nova_has_the_namespace_powervm(conf):
    assert conf(MASTER).nova("DEFAULT", "compute_driver") == "powervm.driver.PowerVMDriver"


# "its really 'one CI', just running two different jobs"


@pytest.mark.parametrize("branch", ["master", "stable/2026.2", "stable/pike"])
def test_one_ci_runs_two_jobs_for_each_nova_patch(layout, branch):
    assert list(jobs_of(layout, "openstack/nova", branch)) == [IN_TREE, OUT_OF_TREE]


def test_both_jobs_go_into_one_vote(layout):
    assert all(job.voting for job in jobs_of(layout, "openstack/nova").values())
    check = layout.pipelines["check"]
    for reporters, vote in ((check.success, 1), (check.failure, -1)):
        (reporter,) = reporters
        assert (reporter.connection, dict(reporter.labels)) == ("opendev", {"Verified": vote})


def test_both_jobs_are_children_of_one_abstract_parent(layout):
    assert all(variant.section.abstract for variant in layout.jobs["nova-tempest"])
    for name in {name for name in layout.jobs if name.startswith("nova-")} - {"nova-tempest"}:
        parents = {name}
        while parents.isdisjoint({"nova-tempest", "base"}):
            parents = {job.section.parent for parent in parents for job in layout.jobs[parent] if job.section.parent}
        assert parents == {"nova-tempest"}, name


def test_different_configs_and_different_test_lists(layout, written):
    in_tree, out_of_tree = jobs_of(layout, "openstack/nova").values()
    assert written[f"{IN_TREE}@master"] != written[f"{OUT_OF_TREE}@master"]
    assert set(in_tree.variables["tempest_exclude_lists"]).isdisjoint(out_of_tree.variables["tempest_exclude_lists"])


def test_a_smaller_in_tree_run_is_a_larger_skip_list_and_no_other_kind_of_list(layout):
    def ids(job):
        names = job.variables["tempest_exclude_lists"]
        return {one for name in names for one in parse_skip_list(name, (ROOT / name).read_bytes()).ids}

    in_tree, out_of_tree = map(ids, jobs_of(layout, "openstack/nova").values())
    assert in_tree > out_of_tree
    assert not any("tempest_include_list" in job.variables for job in jobs_of(layout, "openstack/nova").values())


# "back to VIRT_DRIVER"


def test_virt_driver_is_for_devstack_alone_and_nothing_else_follows_from_it(written):
    assert lines_that_differ(written[MASTER], written["another VIRT_DRIVER"]) == (
        ["VIRT_DRIVER=powervm"], ["VIRT_DRIVER=libvirt"],
    )  # fmt: skip


def test_in_tree_devstack_runs_hypervisor_powervm(conf):
    assert conf(MASTER).localrc["VIRT_DRIVER"] == "powervm"
    assert (ROOT / "playbooks/roles/hypervisor_plugin/files/hypervisor-powervm").is_file()


def test_the_external_driver_leaves_virt_driver_to_its_plugin(conf):
    assert "VIRT_DRIVER" not in conf(f"{OUT_OF_TREE}@master").localrc
    assert "nova-powervm" in conf(f"{OUT_OF_TREE}@master").plugins


# "1) Make it an explicit conf setting": the network


def test_the_network_is_an_explicit_option_and_not_derived_from_virt_driver(conf):
    assert conf("another VIRT_DRIVER").mechanism_drivers == conf(MASTER).mechanism_drivers == ["pvm_sea"]
    assert conf("ovs").localrc["VIRT_DRIVER"] == "powervm"
    assert conf("ovs").mechanism_drivers == ["openvswitch"]


def test_the_default_network_is_ovs(conf):
    found = conf("in-tree, nothing said")
    assert found.mechanism_drivers == ["openvswitch"]
    assert found.localrc["Q_AGENT"] == "openvswitch"
    assert found.localrc["Q_ML2_PLUGIN_TYPE_DRIVERS"] == "vlan,vxlan,flat"
    assert {"neutron-agent", "neutron-l3", "neutron-dhcp", "neutron-metadata-agent"} <= found.on
    assert "networking-powervm" not in found.plugins


def test_an_explicit_sea_disables_ovs(conf):
    found = conf("sea")
    assert found.off >= OVS_SERVICES
    assert found.mechanism_drivers == ["pvm_sea"]
    assert "openvswitch" not in found.text


def test_and_vice_versa(conf):
    found = conf("ovs")
    assert "pvm" not in "\n".join(line for line in found.text.splitlines() if "instance_name_template" not in line)


@pytest.mark.parametrize("l2", L2)
def test_only_one_l2_plugin_runs_at_once(conf, l2):
    found = conf(l2)
    assert found.mechanism_drivers == [MECHANISM[l2]]
    assert found.localrc["Q_AGENT"] == found.localrc["NEUTRON_AGENT"] == MECHANISM[l2]
    assert ("pvm-q-sea-agt" in found.on) == (l2 == "sea")
    assert ("q-agt" in found.on) == (l2 != "sea")
    assert {"ovn-controller", "ovn-northd"} <= found.off


@pytest.mark.parametrize("l2", L2)
def test_macvtap_and_sriov_run_beside_any_of_them(conf, l2):
    found = conf(f"{l2} sriov macvtap")
    assert found.mechanism_drivers == [MECHANISM[l2], "pvm_sriov", "macvtap"]
    assert found.ml2("ml2", "mechanism_drivers") == ",".join(found.mechanism_drivers)
    assert {"pvm-q-sriov-agt", "neutron-macvtap-agent"} <= found.on
    assert found.plugins.keys() >= {"networking-powervm", "macvtap-agent"}


@pytest.mark.parametrize("l2", L2)
def test_the_sriov_agent_is_always_ok(conf, l2):
    found = conf(f"{l2} sriov")
    assert "pvm-q-sriov-agt" in found.on
    assert found.nova("pci", "passthrough_whitelist")


def test_powervm_ext_has_the_sea_and_sriov_agents_by_default(conf):
    found = conf("out-of-tree, nothing said")
    assert {"pvm-q-sea-agt", "pvm-q-sriov-agt"} <= found.on
    assert found.mechanism_drivers == ["pvm_sea", "pvm_sriov"]


def test_the_default_of_powervm_ext_gives_way_to_what_is_said(conf):
    found = conf("out-of-tree on ovs")
    assert found.mechanism_drivers == ["openvswitch"]
    assert "networking-powervm" not in found.plugins


def test_it_is_a_devstack_thing_and_nova_finds_out_by_the_vif_binding(conf):
    def of_nova(name):
        return {key: value for key, value in conf(name).options.items() if key[0] == "$NOVA_CONF"}

    assert of_nova("ovs") == of_nova("sea") == of_nova("linuxbridge")


# "Configs changing rapidly for in tree as function gets added"


def test_one_variable_in_jobs_is_enough_to_go_from_sea_to_ovs(tmp_path, written, layout):
    for name in SHIPPED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    jobs = tmp_path / "jobs/zuul.d/jobs.yaml"
    text = jobs.read_text()
    assert text.count("l2: sea") == 1
    jobs.write_text(text.replace("l2: sea", "l2: ovs"))
    change = Change("opendev", "openstack/nova", "master", 1, 1, "", "")
    before, after = (one.select_jobs("check", change).jobs[0].variables for one in (layout, load_site(tmp_path).layout))
    assert {key for key in before if before[key] != after[key]} == {"network"}
    assert after["network"] == {**before["network"], "l2": "ovs"}
    gone, come = lines_that_differ(written[MASTER], written["ovs"])
    assert {"Q_AGENT=pvm_sea", "enable_service pvm-q-sea-agt", "disable_service q-agt"} <= set(gone)
    assert {"Q_AGENT=openvswitch", "enable_service q-agt", "OVS_PHYSICAL_BRIDGE=br-default"} <= set(come)


# "this will help our OSA CI as well"


def test_osa_is_ovs_alone_and_off(layout):
    osa = layout.job_alone("nova-osa", "master")
    assert osa.variables["network"] == {"l2": "ovs", "sriov": False, "interface": "eth2"}
    assert not osa.voting
    every = [project.name for project in layout.tenant.projects]
    assert not any("nova-osa" in jobs_of(layout, project) for project in every)


def test_the_names_are_beside_the_ids():
    lists = list(Path(ROOT / "skip_lists").rglob("nova-*.txt"))
    assert len(lists) >= 4
    for path in lists:
        entries = [entry for block in parse_skip_list(path.name, path.read_bytes()).blocks for entry in block.entries]
        assert all(entry.names for entry in entries), path


# The drivers' own repositories


@pytest.mark.parametrize(
    ("project", "branch", "expected"),
    [
        ("nova-powervm", "master", {OUT_OF_TREE}),
        ("ceilometer-powervm", "master", {OUT_OF_TREE}),
        ("networking-powervm", "master", {IN_TREE, OUT_OF_TREE}),
        ("networking-powervm", "stable/pike", {OUT_OF_TREE}),
    ],
)
def test_a_driver_repository_runs_the_jobs_that_use_it(layout, conf, project, branch, expected):
    jobs = jobs_of(layout, f"openstack/{project}", branch)
    assert jobs.keys() == expected
    assert all(project in conf(f"{job}@{branch}").plugins for job in jobs)


def test_tests_of_a_driver_repository_alone_run_nothing(layout):
    change = Change("opendev", "openstack/nova-powervm", "master", 1, 1, "", "", files=("nova_powervm/tests/a.py",))
    assert layout.select_jobs("check", change).jobs == ()
