"""Wrong combinations of job variables, and what is said about each: offline by the schema, on a node by the role."""

from __future__ import annotations

from typing import Any, NamedTuple


class Wrong(NamedTuple):
    """A job on a branch whose variables are changed to something wrong, and what is said, and of which variable."""

    job: str
    branch: str
    changes: dict[str, Any]
    says: str
    path: tuple[str | int, ...]


IN, OUT = "nova-in-tree", "nova-out-of-tree"
L2 = "`network.l2` is one L2 plugin: ovs, sea, linuxbridge or none (sriov and macvtap run beside any of them)"
SRIOV = "`network.sriov` is true or false (without quotes)"
MACVTAP_SAID = "`network.macvtap` is true or false (without quotes)"
INTERFACE = "`network.interface` is a plain name: letters, digits, `_`, `.` and `-`"
PHYSICAL = "`network.physical_network` is a plain name: letters, digits, `_`, `.` and `-`"
VLANS = "`network.vlan_range` is the lowest and the highest VLAN, of 1 to 4094 (for example 1000:2000)"
MAPPED = "`network.bridge_mappings` lead from plain names: letters, digits, `_`, `.` and `-`"
LABELS = "`network.port_labels` are plain names, at least one: letters, digits, `_`, `.` and `-`"
VFS = "`network.vnic_required_vfs` is a whole number, at least 1"
LINUX_BRIDGE = "`network.l2`: neutron has no Linux bridge since 2025.1 (choose ovs or sea)"
NONE = "`network.l2`: none is for pike's in-tree driver, which plugs no ports (choose ovs or sea)"
SEA = "`network.l2`: sea is a Shared Ethernet Adapter of PowerVM (choose ovs, or a PowerVM driver)"
MACVTAP = "`network.interface` is missing: macvtap is on top of one (name the node's interface)"
BRIDGES = (
    "`network.interface` is missing: the bridges are on top of one (name the node's interface, or bridge_mappings)"
)
NO_MAPPINGS = "`network.bridge_mappings` has no meaning without an L2 plugin (remove it)"
SEA_MAPPINGS = "`network.bridge_mappings` of sea lead to SEA:VIOS (for example default: ent5:vios_1)"
MAPPINGS = "`network.bridge_mappings` lead to a bridge or an interface (for example default: br-default)"
DISK = "`disk_driver` is ssp or localdisk (a shared storage pool, or a volume group of the node)"
VIRT_DRIVER = "`virt_driver` is missing: devstack would set up libvirt (write virt_driver: powervm)"
NO_VIRT_DRIVER = "`virt_driver`: the plugin nova-powervm says it for powervm_ext (remove it)"
EXTERNAL = "`devstack_plugins` lacks nova-powervm: the driver powervm_ext is in it (add it)"
NOT_EXTERNAL = "`devstack_plugins`: nova-powervm is the driver powervm_ext (remove it, or choose that driver)"
BRANCH = (
    "`devstack_localrc`: a branch that begins with refs is fetched over the build's own source"
    " (name a branch, or use `patching_list`)"
)
RECLONE = "`devstack_localrc`: RECLONE has stack.sh fetch upstream's source over the patch (remove it)"
LOCALRC = (
    "`devstack_localrc` holds what `network`, `virt_driver`, `disk_driver` or `devstack_base_dir` decide (set those)"
)
SERVICES = "`devstack_services` holds what `network` decides (set that)"
PLUGINS = "`devstack_plugins` holds what `network` decides (set that)"
OPTIONS = "`devstack_local_conf` holds what `compute_driver`, `disk_driver` or `network` decide (set those)"

LINES = "`devstack_local_conf` has values of one line each (write a list for an option with several)"
VIRT_NAME = "`virt_driver` is a plain name: letters, digits, `_` and `-`"

NOVA, ML2 = "$NOVA_CONF", "/$Q_PLUGIN_CONF_FILE"


def _option(file: str, section: str, option: str, phase: str = "post-config") -> Wrong:
    changes = {"devstack_local_conf": {phase: {file: {section: {option: "x"}}}}}
    return Wrong(OUT, "master", changes, OPTIONS, ("devstack_local_conf", phase, file, section, option))


def _broken(value: Any, *index: int) -> Wrong:
    changes = {"devstack_local_conf": {"extra": {"$X_CONF": {"a": {"b": value}}}}}
    return Wrong(OUT, "master", changes, LINES, ("devstack_local_conf", "extra", "$X_CONF", "a", "b", *index))


def _network(job: str, branch: str, says: str, key: str | None, **network: Any) -> Wrong:
    return Wrong(job, branch, {"network": network}, says, ("network", key) if key else ("network",))


WRONG = {
    "an L2 plugin that is none": _network(IN, "master", L2, "l2", l2="ovn"),
    "two L2 plugins": _network(OUT, "master", L2, "l2", l2=["ovs", "sea"]),
    "two L2 plugins as text": _network(OUT, "master", L2, "l2", l2="ovs,sea"),
    "sriov as text": _network(OUT, "master", SRIOV, "sriov", sriov="yes"),
    "macvtap as a number": _network(OUT, "master", MACVTAP_SAID, "macvtap", macvtap=1),
    "an interface with a shell line": _network(IN, "master", INTERFACE, "interface", interface="eth0; reboot"),
    "an interface with a line break": _network(IN, "master", INTERFACE, "interface", interface="eth0\n"),
    "a VLAN that is none": _network(IN, "master", VLANS, "vlan_range", vlan_range="1000:4095"),
    "a range that is none": _network(IN, "master", VLANS, "vlan_range", vlan_range="1000-2000"),
    "a physical network with a quote": _network(IN, "master", PHYSICAL, "physical_network", physical_network='a"b'),
    "an interface that is empty": _network(IN, "master", INTERFACE, "interface", interface=""),
    "an interface that is a number": _network(OUT, "master", INTERFACE, "interface", interface=5),
    "VLANs that there are not": _network(IN, "master", VLANS, "vlan_range", vlan_range="5000:1"),
    "a physical network that is empty": _network(OUT, "master", PHYSICAL, "physical_network", physical_network=""),
    "no label at all": _network(OUT, "master", LABELS, "port_labels", port_labels=[]),
    "no port behind another": _network(OUT, "master", VFS, "vnic_required_vfs", vnic_required_vfs=0),
    "a label with a space": Wrong(
        OUT, "master", {"network": {"port_labels": ["a", "b c"]}}, LABELS, ("network", "port_labels", 1)
    ),
    "a mapping of an odd name": Wrong(
        OUT, "master", {"network": {"bridge_mappings": {"a b": "ent5:vios_1"}}}, MAPPED, ("network", "bridge_mappings")
    ),
    "sea leads to nothing": Wrong(
        OUT, "master", {"network": {"bridge_mappings": {"default": None}}}, SEA_MAPPINGS,
        ("network", "bridge_mappings", "default"),
    ),
    "a bridge that is a number": Wrong(
        IN, "master", {"network": {"l2": "ovs", "bridge_mappings": {"default": 5}}}, MAPPINGS,
        ("network", "bridge_mappings", "default"),
    ),
    "linuxbridge today": _network(IN, "master", LINUX_BRIDGE, "l2", l2="linuxbridge"),
    "linuxbridge in 2025.1": _network(OUT, "stable/2025.1", LINUX_BRIDGE, "l2", l2="linuxbridge"),
    "none today": _network(IN, "master", NONE, "l2", l2="none"),
    "none for the external driver": _network(OUT, "stable/pike", NONE, "l2", l2="none"),
    "sea without PowerVM": Wrong(IN, "master", {"compute_driver": "ironic.IronicDriver"}, SEA, ("network", "l2")),
    "macvtap on nothing": _network(IN, "master", MACVTAP, "interface", interface=None, macvtap=True),
    "bridges on nothing": _network(IN, "stable/queens", BRIDGES, None, interface=None, l2="linuxbridge"),
    "mappings without L2": _network(IN, "stable/pike", NO_MAPPINGS, "bridge_mappings", bridge_mappings={"a": "b"}),
    "sea leads to no VIOS": Wrong(
        OUT, "master", {"network": {"bridge_mappings": {"default": "ent5"}}}, SEA_MAPPINGS,
        ("network", "bridge_mappings", "default"),
    ),
    "a bridge with a VIOS": Wrong(
        IN, "master", {"network": {"l2": "ovs", "bridge_mappings": {"default": "ent5:vios_1"}}}, MAPPINGS,
        ("network", "bridge_mappings", "default"),
    ),
    "a disk of another kind": Wrong(IN, "master", {"disk_driver": "lvm"}, DISK, ("disk_driver",)),
    "in-tree without VIRT_DRIVER": Wrong(IN, "master", {"virt_driver": None}, VIRT_DRIVER, ("virt_driver",)),
    "VIRT_DRIVER beside the plugin": Wrong(
        OUT, "master", {"virt_driver": "powervm"}, NO_VIRT_DRIVER, ("virt_driver",)
    ),
    "the external driver without its plugin": Wrong(
        OUT, "master", {"devstack_plugins": {"nova-powervm": None}}, EXTERNAL, ("devstack_plugins", "nova-powervm")
    ),
    "the external driver's plugin in-tree": Wrong(
        IN, "master", {"devstack_plugins": {"nova-powervm": "https://x.example/y"}}, NOT_EXTERNAL,
        ("devstack_plugins", "nova-powervm"),
    ),
    "the agent by the back door": Wrong(
        IN, "master", {"devstack_localrc": {"Q_AGENT": "openvswitch"}}, LOCALRC, ("devstack_localrc", "Q_AGENT")
    ),
    "VIRT_DRIVER by the back door": Wrong(
        OUT, "master", {"devstack_localrc": {"VIRT_DRIVER": "libvirt"}}, LOCALRC, ("devstack_localrc", "VIRT_DRIVER")
    ),
    "another commit of nova": Wrong(
        OUT, "master", {"devstack_localrc": {"NOVA_BRANCH": "refs/changes/1/1/1"}}, BRANCH,
        ("devstack_localrc", "NOVA_BRANCH"),
    ),
    "sources of upstream": Wrong(
        OUT, "master", {"devstack_localrc": {"RECLONE": "yes"}}, RECLONE, ("devstack_localrc", "RECLONE")
    ),
    "DEST by the back door": Wrong(
        OUT, "master", {"devstack_localrc": {"DEST": "/srv/stack"}}, LOCALRC, ("devstack_localrc", "DEST")
    ),
    "a second agent by the back door": Wrong(
        OUT, "master", {"devstack_services": {"q-agt": True}}, SERVICES, ("devstack_services", "q-agt")
    ),
    "networking-powervm by the back door": Wrong(
        IN, "master", {"devstack_plugins": {"networking-powervm": "https://x.example/y"}}, PLUGINS,
        ("devstack_plugins", "networking-powervm"),
    ),
    "the driver by the back door": _option(NOVA, "DEFAULT", "compute_driver"),
    "the clean-up's name by the back door": _option(NOVA, "DEFAULT", "instance_name_template"),
    "the disk by the back door": _option(NOVA, "powervm", "disk_driver"),
    "the whitelist by the back door": _option(NOVA, "pci", "passthrough_whitelist"),
    "the mechanism drivers by the back door": _option(ML2, "ml2", "mechanism_drivers"),
    "the mappings by the back door": _option(ML2, "AGENT", "bridge_mappings"),
    "the redundancy by the back door": _option(ML2, "AGENT", "vnic_required_vfs"),
    "the driver in a later phase": _option(NOVA, "DEFAULT", "compute_driver", "post-extra"),
    "the clean-up's name in another phase": _option(NOVA, "DEFAULT", "instance_name_template", "extra"),
    "the clean-up's name for compute alone": _option("$NOVA_CPU_CONF", "DEFAULT", "instance_name_template"),
    "the clean-up's name by the file's path": _option("/etc/nova/nova.conf", "DEFAULT", "instance_name_template"),
    "the whitelist by its new name": _option(NOVA, "PCI", "device_spec", "test-config"),
    "the mappings in small letters": _option("/etc/neutron/plugins/ml2/ml2_conf.ini", "agent", "bridge_mappings"),
    "an option with a line break": _broken("1\nreboot"),
    "an option with a line break at its end": _broken("1\n"),
    "a line of an option with a line break": _broken(["1", "2\n[b]"], 1),
    "VIRT_DRIVER that is empty": Wrong(IN, "master", {"virt_driver": ""}, VIRT_NAME, ("virt_driver",)),
}  # fmt: skip

# What JSON Schema cannot say: the roles alone refuse it.
ON_NODE = {"VLANs in no order": _network(OUT, "master", VLANS, "vlan_range", vlan_range="2000:1000")}

OSA = "`network` of OpenStack-Ansible is OVS alone (write l2: ovs and sriov: false)"
SCENARIO = "`osa_scenario` deploys on the node itself, with Open vSwitch (begin it with aio_metal_ovs)"
USER_VARIABLES = (
    "`osa_user_variables` holds what the CI decides, or `compute_driver`, `disk_driver` or `network` (set those)"
)


def _osa(says: str, path: str, **changes: Any) -> Wrong:
    return Wrong("nova-osa", "master", changes, says, tuple(path.split("/")))


WRONG_OSA = {
    "sea": _osa(OSA, "network/l2", network={"l2": "sea"}),
    "linuxbridge": _osa(OSA, "network/l2", network={"l2": "linuxbridge"}),
    "sriov": _osa(OSA, "network/sriov", network={"sriov": True}),
    "macvtap": _osa(OSA, "network/macvtap", network={"macvtap": True}),
    "an interface with a shell line": _osa(INTERFACE, "network/interface", network={"interface": "eth0; reboot"}),
    "a range that is none": _osa(VLANS, "network/vlan_range", network={"vlan_range": "1000-2000"}),
    "a physical network with a quote": _osa(
        PHYSICAL, "network/physical_network", network={"physical_network": 'a"b'}
    ),
    "a mapping of an odd name": _osa(MAPPED, "network/bridge_mappings", network={"bridge_mappings": {"a b": "br-a"}}),
    "a bridge that is nothing": _osa(
        MAPPINGS, "network/bridge_mappings/default", network={"bridge_mappings": {"default": None}}
    ),
    "a bridge with a VIOS": _osa(
        MAPPINGS, "network/bridge_mappings/default", network={"bridge_mappings": {"default": "ent5:vios_1"}}
    ),
    "a disk of another kind": _osa(DISK, "disk_driver", disk_driver="lvm"),
    "containers": _osa(SCENARIO, "osa_scenario", osa_scenario="aio_lxc_ovs"),
    "OVN": _osa(SCENARIO, "osa_scenario", osa_scenario="aio_metal"),
    "the driver by the back door": _osa(
        USER_VARIABLES, "osa_user_variables/nova_compute_driver", osa_user_variables={"nova_compute_driver": "x.Y"}
    ),
    "the plugin by the back door": _osa(
        USER_VARIABLES, "osa_user_variables/neutron_plugin_type", osa_user_variables={"neutron_plugin_type": "ml2.ovn"}
    ),
    "the clean-up's name by the back door": _osa(
        USER_VARIABLES, "osa_user_variables/nova_nova_conf_overrides/DEFAULT/instance_name_template",
        osa_user_variables={"nova_nova_conf_overrides": {"DEFAULT": {"instance_name_template": "x"}}},
    ),
    "the disk by the back door": _osa(
        USER_VARIABLES, "osa_user_variables/nova_nova_conf_overrides/powervm/disk_driver",
        osa_user_variables={"nova_nova_conf_overrides": {"powervm": {"disk_driver": "localdisk"}}},
    ),
}  # fmt: skip
