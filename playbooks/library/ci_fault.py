"""Ansible module: end a build with a fault of the CI's own."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.deployment import verdict

DOCUMENTATION = """
module: ci_fault
short_description: Fails, and publishes why the CI and not the patch is to blame; the build is an ERROR then
options:
  workspace: {description: "The build's folder; its results are made if they are not there", type: path, required: true}
  problem: {description: "What went wrong; its first line is published", type: str, required: true}
"""


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {"workspace": {"type": "path", "required": True}, "problem": {"type": "str", "required": True}}
    )
    verdict.fail(module, module.params["workspace"], verdict.CIFault(module.params["problem"]))


if __name__ == "__main__":
    main()
