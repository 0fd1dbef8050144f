"""Ansible module: prove that nova-compute runs the driver that is meant."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.deployment import driver, verdict
from ansible.module_utils.deployment.cloud import Cloud

DOCUMENTATION = """
module: driver_proof
short_description: Fails, as the CI's own error, where nova-compute has loaded another driver
options:
  workspace: {description: "The build's folder", type: path, required: true}
  folder: {description: The folder of what deployed the cloud, type: path, required: true}
  cloud: {description: "The administrator's name in clouds.yaml", type: str, required: true}
  client: {description: The client openstack, type: str, default: openstack}
  log_command: {description: "Prints nova-compute's log of this build, as root", type: list, required: true}
  compute_driver: {description: "Nova's option of this name, as it must have been loaded", type: str, required: true}
  hypervisor_type: {description: What nova must say of the host; empty for anything, type: str, default: ""}
  wait_seconds: {description: How long the log may take to say so, type: int, default: 30}
"""


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "workspace": {"type": "path", "required": True},
            "folder": {"type": "path", "required": True},
            "cloud": {"type": "str", "required": True},
            "client": {"type": "str", "default": "openstack"},
            "log_command": {"type": "list", "elements": "str", "required": True},
            "compute_driver": {"type": "str", "required": True},
            "hypervisor_type": {"type": "str", "default": ""},
            "wait_seconds": {"type": "int", "default": 30},
        }
    )
    given = module.params
    cloud = Cloud(given["folder"], given["cloud"], given["client"])
    names = ("compute_driver", "hypervisor_type", "wait_seconds")
    try:
        line = driver.prove(given["log_command"], cloud, *(given[name] for name in names))
    except verdict.CIFault as error:
        verdict.fail(module, given["workspace"], error)
    module.exit_json(changed=False, line=line)


if __name__ == "__main__":
    main()
