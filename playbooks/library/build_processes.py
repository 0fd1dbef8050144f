"""Ansible module: end every process of a build, and remove its workspace."""

from __future__ import annotations

import os
import shutil
import stat

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cloud import processes

DOCUMENTATION = """
module: build_processes
short_description: Kills what a build left running and removes its workspace
description:
  - A process belongs to the build by its environment or by the workspace's record, never by its name.
options:
  build: {description: The build's id, type: str, required: true}
  keep: {description: Whether the workspace stays, type: bool, default: false}
  workspace: {description: "The build's folder, named like the build", type: path, required: true}
"""


def end(build: str, workspace: str) -> bool:
    """Return whether there was any process; afterwards there is none."""
    were = processes.of_build(build, workspace)
    left = processes.kill_all(build, workspace)
    if left:
        raise OSError(f"these processes do not end: {', '.join(map(str, left))}")
    return bool(were)


def remove(workspace: str) -> bool:
    """Return whether there was such a folder; afterwards there is none."""
    if not os.path.isdir(workspace) or os.path.islink(workspace):
        return False
    _make_writable(workspace)
    shutil.rmtree(workspace)
    return True


def _make_writable(root: str) -> None:
    for folder, names, _ in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, stat.S_IRWXU)


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "build": {"type": "str", "required": True},
            "workspace": {"type": "path", "required": True},
            "keep": {"type": "bool", "default": False},
        }
    )
    build, workspace = module.params["build"], module.params["workspace"]
    if not build or os.path.basename(workspace) != build:
        module.fail_json(msg=f"The workspace {workspace} is not named like the build {build}")
    try:
        changed = end(build, workspace)
        if not module.params["keep"]:
            changed = remove(workspace) or changed
    except OSError as error:
        module.fail_json(msg=f"The build's remains cannot be removed: {error}")
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
