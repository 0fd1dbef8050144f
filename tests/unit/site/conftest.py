"""The shipped site, and the local.conf of its jobs: all that the tests want are written in one run of Ansible."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from powervm.local_conf import Wanted, everything, render, variables

from ci.config.freeze import deep_update
from ci.config.site import load_site
from tests.unit.site.written import read

ROOT = Path(__file__).parents[3]
IN_TREE, OUT_OF_TREE, VSCSI = "nova-in-tree", "nova-out-of-tree", "nova-in-tree-vscsi"
L2 = ("ovs", "sea", "linuxbridge")
# Neutron has Linux bridges until 2024.2.
BRANCHES = {"ovs": "master", "sea": "master", "linuxbridge": "stable/2024.2"}


@pytest.fixture(scope="session")
def layout():
    return load_site(ROOT).layout


def changed(layout):
    """Return by name what a job's local.conf is made of when some of its variables are others: branch, variables."""

    def job(name, branch="master", **more):
        return branch, deep_update(variables(layout, Wanted(name, "master")), more)

    def without_network(name):
        branch, found = job(name)
        return branch, {**found, "network": {"interface": "eth9"}}

    def without_options(name):
        branch, found = job(name)
        return branch, {key: value for key, value in found.items() if key != "devstack_local_conf"}

    nothing = dict.fromkeys(
        [
            "l2",
            "sriov",
            "macvtap",
            "physical_network",
            "vlan_range",
            "bridge_mappings",
            "port_labels",
            "vnic_required_vfs",
        ]
    )
    cases = {
        "another VIRT_DRIVER": job(IN_TREE, virt_driver="libvirt"),
        "another driver": job(
            IN_TREE, compute_driver="ironic.IronicDriver", network={"l2": "ovs"}, virt_driver="ironic"
        ),
        "in-tree, nothing said": without_network(IN_TREE),
        "out-of-tree, nothing said": without_network(OUT_OF_TREE),
        "no options said": without_options(OUT_OF_TREE),
        "out-of-tree, null said": job(OUT_OF_TREE, network={**nothing, "interface": "eth9"}),
        "out-of-tree on ovs": job(OUT_OF_TREE, network={"l2": "ovs", "sriov": False}),
        "mappings of sea": job(
            OUT_OF_TREE, network={"bridge_mappings": {"default": "ent5:vios_1", "speedy": "ent6:vios_1"}}
        ),
        "mappings of ovs": job(IN_TREE, network={"l2": "ovs", "bridge_mappings": {"a": "br-a", "default": "br-b"}}),
        "another folder": job(IN_TREE, devstack_base_dir="/srv/stack"),
        "two labels": job(OUT_OF_TREE, network={"port_labels": ["default", "prod_net"], "vnic_required_vfs": 3}),
        "other words": job(
            IN_TREE,
            devstack_localrc={
                "WORDS": 'a "b" \\c `id` $(id) $HOME',
                "FORCE_CONFIG_DRIVE": None,
                "T": "~root",
                "SUM": "$[1]",
            },
            devstack_services={"horizon": False, "n-novnc": None},
            devstack_plugins={"heat": "https://opendev.org/openstack/heat refs/changes/1/1/1", "nothing": None},
            devstack_plugin_ref="stable/x",
            devstack_local_conf={
                "post-config": {"$NOVA_CONF": {"DEFAULT": {"quoted": 'a "b" \\c `id` $(id) $HOME', "gone": None}}},
                "post-extra": {"$GLANCE_CONF": {"s": {"several": ["1"], "no": False}}},
            },
        ),
    }
    for l2, beside in itertools.product(L2, ("", "sriov", "sriov macvtap")):
        network = {"l2": l2, "sriov": "sriov" in beside, "macvtap": "macvtap" in beside}
        cases[f"{l2} {beside}".strip()] = job(IN_TREE, BRANCHES[l2], network=network)
    return cases


@pytest.fixture(scope="session")
def written(layout):
    """Return the local.conf of `JOB@BRANCH`, or of one of the cases above, as text."""
    wanted = {str(item): (item.branch, variables(layout, item)) for item in everything(layout)} | changed(layout)
    return dict(zip(wanted, render(ROOT, list(wanted.values()), "LPAR"), strict=True))


@pytest.fixture(scope="session")
def conf(written):
    """Return a function that gives one of them read back."""
    return lambda name: read(written[name])
