"""Ansible module: have what tempest needs in the cloud, and leave what the role tempest runs by."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.deployment import verdict
from ansible.module_utils.deployment.cloud import Cloud, CloudError, write_tempest_conf

DOCUMENTATION = """
module: cloud_resources
short_description: Makes flavors, VLAN networks and a first server, and writes deployment.json and tempest.conf
options:
  workspace: {description: "The build's folder", type: path, required: true}
  folder: {description: The folder of what deployed the cloud, type: path, required: true}
  cloud: {description: "The administrator's name in clouds.yaml", type: str, required: true}
  client: {description: The client openstack, type: str, default: openstack}
  lpar_id: {description: The node's LPAR, type: int, required: true}
  image: {description: "Name of the image to test with; empty: the first one", type: str, default: ""}
  flavors: {description: "name, ram, disk and vcpus of each; tempest uses the first two", type: list, default: []}
  networks: {description: "name, vlan_offset (added to the LPAR id) and subnet of each", type: list, default: []}
  physical_network: {description: "Neutron's name of the network behind them", type: str, default: default}
  primer: {description: "Name of the first server; empty: none", type: str, default: ""}
  primer_network: {description: "Name of its network; empty: none", type: str, default: ""}
  primer_timeout_seconds: {description: How long it may take, type: int, default: 900}
  tempest_conf: {description: "The deployment's tempest.conf", type: path, required: true}
  tempest_programs: {description: Folder of tempest and stestr, type: path, required: true}
"""


def resources(given: dict[str, Any]) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Return what was made, and the options of tempest.conf that it decides."""
    cloud = Cloud(given["folder"], given["cloud"], given["client"])
    image = cloud.image(given["image"])
    flavors = [cloud.flavor(one) for one in given["flavors"]]
    networks = {
        one["name"]: cloud.network(
            one["name"], given["physical_network"], given["lpar_id"] + int(one["vlan_offset"]), one["subnet"]
        )
        for one in given["networks"]
    }
    compute = {"image_ref": image, "image_ref_alt": image}
    if flavors:
        compute |= {"flavor_ref": flavors[0], "flavor_ref_alt": flavors[:2][-1]}
    if given["primer"]:
        wanted = given["primer_network"]
        if wanted and wanted not in networks:
            raise verdict.CIFault(
                f"the first server is to be on the network {wanted}, which is none of `cloud_networks`"
            )
        first = flavors[0] if flavors else ""
        cloud.primer(given["primer"], image, first, networks.get(wanted, ""), given["primer_timeout_seconds"])
    return cloud.made, {"compute": compute}


def hand_over(given: dict[str, Any], options: dict[str, dict[str, str]]) -> None:
    """Leave what the role tempest runs by."""
    target = os.path.join(given["workspace"], "tempest.conf")
    write_tempest_conf(given["tempest_conf"], target, options)
    handed = {"programs": given["tempest_programs"], "tempest_conf": target}
    with open(os.path.join(given["workspace"], "deployment.json"), "w", encoding="utf-8") as stream:
        json.dump(handed, stream)


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "workspace": {"type": "path", "required": True},
            "folder": {"type": "path", "required": True},
            "cloud": {"type": "str", "required": True},
            "client": {"type": "str", "default": "openstack"},
            "lpar_id": {"type": "int", "required": True},
            "image": {"type": "str", "default": ""},
            "flavors": {"type": "list", "elements": "dict", "default": []},
            "networks": {"type": "list", "elements": "dict", "default": []},
            "physical_network": {"type": "str", "default": "default"},
            "primer": {"type": "str", "default": ""},
            "primer_network": {"type": "str", "default": ""},
            "primer_timeout_seconds": {"type": "int", "default": 900},
            "tempest_conf": {"type": "path", "required": True},
            "tempest_programs": {"type": "path", "required": True},
        }
    )
    given = module.params
    try:
        made, options = resources(given)
        hand_over(given, options)
    except verdict.CIFault as error:
        verdict.fail(module, given["workspace"], error)
    except (CloudError, OSError) as error:
        module.fail_json(msg=f"The cloud is not ready for tempest: {error}")
    module.exit_json(changed=bool(made), made=made)


if __name__ == "__main__":
    main()
