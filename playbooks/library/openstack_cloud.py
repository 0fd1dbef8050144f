"""Ansible module: bring up one build's cloud with nova from the patch under test."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cloud.build_cloud import BuildCloud
from ansible.module_utils.cloud.environment import node_folders

DOCUMENTATION = """
module: openstack_cloud
short_description: Deploys keystone, placement, glance, neutron and the patched nova in a workspace
description:
  - The services stay up when the module ends; every process carries the environment of the task.
options:
  workspace: {description: The build's folder, type: path, required: true}
  cache: {description: Folder on the node that the module openstack_node filled, type: path, required: true}
  constraints: {description: The same text as in openstack_node, type: str, required: true}
  definitions: {description: Services, files and SQL of the cloud, type: dict, required: true}
  source: {description: Nova's source tree on the node, type: path, required: true}
  compute_driver: {description: Nova's option of this name, type: str, required: true}
  packages: {description: "Driver packages to install: name -> path -> text", type: dict, default: {}}
  timeout_seconds: {description: Bound of the whole start, type: int, default: 240}
"""


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "workspace": {"type": "path", "required": True},
            "cache": {"type": "path", "required": True},
            "constraints": {"type": "str", "required": True},
            "definitions": {"type": "dict", "required": True},
            "source": {"type": "path", "required": True},
            "compute_driver": {"type": "str", "required": True},
            "packages": {"type": "dict", "default": {}},
            "timeout_seconds": {"type": "int", "default": 240},
        }
    )
    given = module.params
    node = node_folders(given["cache"], given["constraints"], given["definitions"])
    cloud = BuildCloud(given["workspace"], node, given["definitions"])
    try:
        cloud.up(given["source"], given["compute_driver"], given["packages"], given["timeout_seconds"])
    except (RuntimeError, OSError, KeyError) as error:
        module.fail_json(msg=f"The cloud is not up: {error}", seconds=cloud.seconds)
    module.exit_json(changed=True, seconds=cloud.seconds)


if __name__ == "__main__":
    main()
