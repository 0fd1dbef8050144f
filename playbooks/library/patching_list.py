"""Ansible module: apply the site's own patching list to the sources of a build."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.deployment.patches import PatchError, apply_all

DOCUMENTATION = """
module: patching_list
short_description: Cherry-picks open changes that are not in a source already, and tells which entries are stale
options:
  entries: {description: "Project -> changes, each as 12345 or 12345,2", type: raw, required: true}
  list_name: {description: What the list is called in messages, type: str, required: true}
  gerrit_url: {description: Where the changes are, type: str, required: true}
  base_dir: {description: The folder of the sources, type: path, required: true}
"""


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "entries": {"type": "raw", "required": True},
            "list_name": {"type": "str", "required": True},
            "gerrit_url": {"type": "str", "required": True},
            "base_dir": {"type": "path", "required": True},
        }
    )
    given = module.params
    try:
        said = apply_all(*(given[name] for name in ("entries", "list_name", "gerrit_url", "base_dir")))
    except (PatchError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=any(line.endswith(": applied") for line in said), console=said)


if __name__ == "__main__":
    main()
