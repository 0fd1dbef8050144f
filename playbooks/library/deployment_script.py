"""Ansible module: run one of a deployment's scripts with a time limit of its own."""

from __future__ import annotations

import json
import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cloud import once
from ansible.module_utils.deployment import script, verdict

DOCUMENTATION = """
module: deployment_script
short_description: Runs a script of a deployment, or a program of the cloud, and tells clearly why it failed
options:
  workspace: {description: "The build's folder", type: path, required: true}
  folder: {description: The folder that it is run in, type: path, required: true}
  argv: {description: What to run there, type: list, required: true}
  log: {description: File that its output is added to, type: path, required: true}
  timeout_seconds: {description: It is killed after that, type: int, required: true}
  once: {description: A text of this task alone; the script runs once for it, type: str, required: true}
  title: {description: "The argument that messages call it by; default: the program", type: str, default: ""}
  variables: {description: Variables of its environment beside those of a login, type: dict, default: {}}
  room_mebibytes: {description: "With less room on the disk a failure is the CI's fault", type: int, default: 64}
  begins: {description: "Whether the deployment begins; the journal is read since then", type: bool, default: false}
  reserve_mebibytes: {description: "Room that is kept back for the logs then, until a fault", type: int, default: 256}
"""
# Since when the node's journal is about this build.
BEGUN = "begun.json"


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "workspace": {"type": "path", "required": True},
            "folder": {"type": "path", "required": True},
            "argv": {"type": "list", "elements": "str", "required": True},
            "log": {"type": "path", "required": True},
            "timeout_seconds": {"type": "int", "required": True},
            "once": {"type": "str", "required": True},
            "title": {"type": "str", "default": ""},
            "variables": {"type": "dict", "default": {}},
            "room_mebibytes": {"type": "int", "default": 64},
            "begins": {"type": "bool", "default": False},
            "reserve_mebibytes": {"type": "int", "default": 256},
        }
    )
    given = module.params
    try:
        if given["begins"]:
            _note_begin(given["workspace"], given["reserve_mebibytes"])
        names = ("argv", "folder", "log", "timeout_seconds", "once", "title")
        variables = {name: str(value) for name, value in given["variables"].items()}
        wanted = script.Script(*(given[name] for name in names), variables)
        with once.alone(given["workspace"], given["once"]):
            seconds = script.run(given["workspace"], wanted, given["room_mebibytes"])
    except verdict.CIFault as error:
        verdict.fail(module, given["workspace"], error)
    except (script.ScriptError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, seconds=seconds)


def _note_begin(workspace: str, reserve_mebibytes: int) -> None:
    path = os.path.join(workspace, BEGUN)
    if not os.path.exists(path):
        os.makedirs(workspace, exist_ok=True)
        verdict.reserve(workspace, reserve_mebibytes)
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(int(time.time()), stream)


if __name__ == "__main__":
    main()
