"""The local.conf of each job and branch: as recorded, and as the drivers' own CI had it."""

from __future__ import annotations

from pathlib import Path

import pytest

ROLES = Path(__file__).parents[3] / "playbooks" / "roles"
GOLDEN = Path(__file__).parents[2] / "data" / "local_conf"
SIX = [
    f"{job}@{branch}"
    for job in ("nova-in-tree", "nova-out-of-tree")
    for branch in ("stable/pike", "stable/2026.2", "master")
]
IN_TREE_PIKE, IN_TREE, OUT_OF_TREE_PIKE, OUT_OF_TREE = SIX[0], SIX[1:3], SIX[3], SIX[3:]


def test_each_local_conf_is_the_recorded_one(written):
    """Renew, and read the difference: `scripts/local-conf all tests/data/local_conf`."""
    recorded = {str(path.relative_to(GOLDEN)): path.read_text() for path in GOLDEN.rglob("*.conf")}
    now = {f"{job}/{branch.replace('/', '-')}.conf": written[name]
           for name in written if "@" in name for job, branch in [name.split("@")]}  # fmt: skip
    assert recorded == now


def test_null_is_as_not_said(written):
    assert written["out-of-tree, null said"] == written["out-of-tree, nothing said"]


def test_a_job_need_not_say_options(conf):
    assert (
        conf("no options said").options["$NOVA_CONF", "DEFAULT", "compute_driver"] == "powervm_ext.driver.PowerVMDriver"
    )


def test_there_is_one_for_both_drivers_on_three_branches(written):
    assert set(SIX) <= written.keys()


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Q_PLUGIN", "ml2"),
        ("Q_ML2_TENANT_NETWORK_TYPE", "vlan"),
        ("Q_ML2_PLUGIN_TYPE_DRIVERS", "vlan"),
        ("ENABLE_TENANT_VLANS", "True"),
        ("PHYSICAL_NETWORK", "default"),
        ("TENANT_VLAN_RANGE", "1000:2000"),
        ("NEUTRON_CORE_PLUGIN", "ml2"),
        ("NEUTRON_CREATE_INITIAL_NETWORKS", "False"),
    ],
)
def test_what_all_variants_have_in_common(conf, name, key, value):
    assert conf(name).localrc[key] == value


ABSENT = None
DRIVERS = "ceilometer ceilometer-powervm networking-powervm nova-powervm"
TABLE = {
    # variable: in-tree pike, in-tree, out-of-tree
    "Q_AGENT": (ABSENT, "pvm_sea", "pvm_sea"),
    "NEUTRON_AGENT": (ABSENT, "pvm_sea", "pvm_sea"),
    "Q_ML2_PLUGIN_MECHANISM_DRIVERS": (ABSENT, "pvm_sea", "pvm_sea,pvm_sriov"),
    "ML2_L3_PLUGIN": (ABSENT, "", ""),
    "Q_USE_PROVIDER_NETWORKING": (ABSENT, "False", "False"),
    "DISK_DRIVER": (ABSENT, ABSENT, "ssp"),
    "FLAT_INTERFACE": ("ibmveth3", "ibmveth3", "eth2"),
    "FORCE_CONFIG_DRIVE": (ABSENT, "True", "True"),
    "VIRT_DRIVER": ("powervm", "powervm", ABSENT),
}


@pytest.mark.parametrize("key", TABLE)
def test_variables_of_localrc(conf, key):
    in_tree_pike, in_tree, out_of_tree = TABLE[key]
    assert conf(IN_TREE_PIKE).localrc.get(key) == in_tree_pike
    assert {conf(name).localrc.get(key) for name in IN_TREE} == {in_tree}
    assert {conf(name).localrc.get(key) for name in OUT_OF_TREE} == {out_of_tree}


@pytest.mark.parametrize(
    ("names", "driver", "disk", "on", "plugins", "fixed_network"),
    [
        (
            [IN_TREE_PIKE],
            "powervm.driver.PowerVMDriver",
            None,
            "n-novnc neutron neutron-api neutron-dhcp",
            "",
            "private",
        ),
        (
            IN_TREE,
            "powervm.driver.PowerVMDriver",
            "ssp",
            "n-novnc neutron neutron-api pvm-q-sea-agt",
            "networking-powervm",
            "public",
        ),
        (
            OUT_OF_TREE,
            "powervm_ext.driver.PowerVMDriver",
            None,
            "n-novnc neutron neutron-api pvm-q-sea-agt pvm-q-sriov-agt",
            DRIVERS,
            "public",
        ),
    ],
)
def test_driver_disk_services_plugins_and_network(conf, names, driver, disk, on, plugins, fixed_network):
    for found in map(conf, names):
        assert found.nova("DEFAULT", "compute_driver") == driver
        assert found.nova("powervm", "disk_driver") == disk
        assert found.on == set(on.split())
        assert found.plugins.keys() == set(plugins.split())
        assert found.tempest("compute", "fixed_network_name") == fixed_network


def test_tempest_validation(conf):
    said = {name: conf(name).localrc.get("TEMPEST_RUN_VALIDATION") for name in SIX}
    assert {name: value for name, value in said.items() if value} == {IN_TREE_PIKE: "False", OUT_OF_TREE_PIKE: "True"}


def test_plugins_are_of_the_branch(conf):
    for name in SIX[1:]:
        ref = {"stable/pike": " stable/pike", "stable/2026.2": " stable/2026.2", "master": ""}[name.split("@")[1]]
        assert {plugin: f"https://opendev.org/openstack/{plugin}{ref}" for plugin in conf(name).plugins} == conf(
            name
        ).plugins


@pytest.mark.parametrize("name", SIX)
def test_servers_are_named_for_the_clean_up(conf, name):
    assert conf(name).nova("DEFAULT", "instance_name_template") == "pvmLPAR-%(display_name).11s-%(uuid).8s"


def test_sriov_brings_its_whitelist_and_its_redundancy(conf):
    quoted = r'[{\\"physical_network\\": \\"default\\"}, {\\"physical_network\\": \\"prod_net\\"}]'
    assert conf("two labels").nova("pci", "passthrough_whitelist") == quoted
    assert conf("two labels").ml2("AGENT", "vnic_required_vfs") == "3"
    assert conf(OUT_OF_TREE[-1]).ml2("AGENT", "vnic_required_vfs") == "2"
    assert conf(IN_TREE[-1]).nova("pci", "passthrough_whitelist") is None


def test_bridge_mappings_go_where_the_l2_plugin_reads_them(conf):
    assert conf("mappings of sea").ml2("AGENT", "bridge_mappings") == "default:ent5:vios_1,speedy:ent6:vios_1"
    assert conf(OUT_OF_TREE[-1]).ml2("AGENT", "bridge_mappings") is None
    assert conf("mappings of ovs").localrc["OVS_BRIDGE_MAPPINGS"] == "a:br-a,default:br-b"
    assert conf("mappings of ovs").localrc["OVS_PHYSICAL_BRIDGE"] == "br-b"
    # devstack makes the bridge, and this mapping, where no mapping is said
    assert "OVS_BRIDGE_MAPPINGS" not in conf("ovs").localrc
    assert conf("ovs").localrc["OVS_PHYSICAL_BRIDGE"] == "br-default"
    assert conf("ovs").localrc["PHYSICAL_NETWORK"] == "default"
    assert conf("linuxbridge").localrc["LB_INTERFACE_MAPPINGS"] == "default:ibmveth3"


def test_vscsi_has_cinder_and_says_no_password(conf):
    found = conf("nova-in-tree-vscsi@master")
    assert "cinder" in found.on
    assert "cinder" in conf("nova-in-tree@master").off
    cinder = {option: value for (file, _, option), value in found.options.items() if file == "$CINDER_CONF"}
    assert cinder["enabled_backends"] == "fibre-channel"
    assert {cinder[key] for key in ("san_ip", "san_login", "san_password")} == {
        "$SAN_IP",
        "$SAN_LOGIN",
        "$SAN_PASSWORD",
    }


def test_null_takes_a_line_out_and_other_words_stay(conf):
    found, shipped = conf("other words"), conf(IN_TREE[-1])
    assert "FORCE_CONFIG_DRIVE" in shipped.localrc
    assert "FORCE_CONFIG_DRIVE" not in found.localrc
    assert (found.localrc["T"], found.localrc["SUM"]) == ('"~root"', '"\\$[1]"')
    assert "n-novnc" not in found.on | found.off
    assert "horizon" in found.off
    assert found.plugins["heat"] == "https://opendev.org/openstack/heat refs/changes/1/1/1"
    assert "nothing" not in found.plugins
    assert ("$NOVA_CONF", "DEFAULT", "gone") not in found.options
    assert found.options["$GLANCE_CONF", "s", "no"] == "False"
    assert found.text.index("[[post-extra|$GLANCE_CONF]]") < found.text.index("[[test-config|$TEMPEST_CONFIG]]")


@pytest.mark.parametrize("name", SIX)
def test_the_order_is_always_the_same(written, name):
    head, _, rest = written[name].partition("\n\n")
    variables = [line.partition("=")[0].lower() for line in head.splitlines()[2:]]
    services = [
        line.split(" ")[1] for line in rest.splitlines() if line.startswith(("enable_service", "disable_service"))
    ]
    assert variables == sorted(variables)
    assert services == sorted(services)


def test_another_folder_is_told_to_devstack_and_its_own_is_not(conf):
    told = {"DEST": "/srv/stack", "DATA_DIR": "/srv/stack/data", "SERVICE_DIR": "/srv/stack/status"}
    assert told.items() <= conf("another folder").localrc.items()
    assert not told.keys() & conf(IN_TREE[-1]).localrc.keys()
