"""Ansible module, for the executor: unpack an archive that a node with a hostile patch may have made."""

from __future__ import annotations

from ansible.module_utils.archive.unpack import ArchiveError, unpack
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: log_unpack
short_description: Unpacks regular files with harmless names into a folder, within bounds
options:
  archive: {description: Path of the archive; it is removed afterwards, type: path, required: true}
  target: {description: Existing folder, type: path, required: true}
"""


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {"archive": {"type": "path", "required": True}, "target": {"type": "path", "required": True}}
    )
    given = module.params
    try:
        outcome = unpack(given["archive"], given["target"])
    except (ArchiveError, OSError) as error:
        module.fail_json(msg=f"The logs cannot be unpacked: {error}")
    module.exit_json(changed=True, **outcome)


if __name__ == "__main__":
    main()
