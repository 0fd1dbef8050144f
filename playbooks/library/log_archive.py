"""Ansible module: pack what a build publishes into one archive on the node."""

from __future__ import annotations

from ansible.module_utils.archive.pack import pack
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: log_archive
short_description: Packs logs, scrubbed configuration files and results of a workspace
options:
  workspace: {description: The build's folder; a missing one gives an empty archive, type: path, required: true}
  target: {description: Path of the archive, type: path, required: true}
  file_limit_bytes: {description: A longer file loses its middle, type: int, default: 20971520}
  hidden_domains: {description: "Names below them get stand-ins (host-1)", type: list, default: []}
  hidden_networks: {description: "Their addresses get stand-ins (address-1)", type: list, default: []}
"""


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "workspace": {"type": "path", "required": True},
            "target": {"type": "path", "required": True},
            "file_limit_bytes": {"type": "int", "default": 20 * 1024 * 1024},
            "hidden_domains": {"type": "list", "elements": "str", "default": []},
            "hidden_networks": {"type": "list", "elements": "str", "default": []},
        }
    )
    given = module.params
    try:
        names = ("workspace", "target", "file_limit_bytes", "hidden_domains", "hidden_networks")
        count = pack(*(given[name] for name in names))
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"The logs cannot be packed: {error}")
    module.exit_json(changed=True, files=count, path=given["target"])


if __name__ == "__main__":
    main()
