"""Ansible module: run tempest against the cloud that a deployment left in a workspace."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.tempest_run.run import TempestError, TempestRun
from ansible.module_utils.tempest_run.selection import SelectionError

DOCUMENTATION = """
module: tempest_run
short_description: Chooses tests, runs them, publishes lists, stream, page and console, and judges
options:
  workspace: {description: "The build's folder, with deployment.json", type: path, required: true}
  reader: {description: Text of the program that reads a result stream, type: str, required: true}
  exclude_lists: {description: "Exclude lists: name -> text", type: dict, default: {}}
  include_list: {description: Text of an include list, type: str}
  regex: {description: Only tests that this expression finds, type: str, default: ""}
  concurrency: {description: Worker processes, type: int, default: 1}
  test_timeout_seconds: {description: Bound of a single test, type: int, default: 500}
"""


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "workspace": {"type": "path", "required": True},
            "reader": {"type": "str", "required": True},
            "exclude_lists": {"type": "dict", "default": {}},
            "include_list": {"type": "str"},
            "regex": {"type": "str", "default": ""},
            "concurrency": {"type": "int", "default": 1},
            "test_timeout_seconds": {"type": "int", "default": 500},
        }
    )
    given = module.params
    try:
        tempest = TempestRun(given["workspace"], given["reader"])
        chosen = tempest.choose(given["regex"], given["include_list"], given["exclude_lists"])
        summary = tempest.run(chosen.run, given["concurrency"], given["test_timeout_seconds"])
    except (TempestError, SelectionError, OSError) as error:
        module.fail_json(msg=f"Tempest: {error}")
    counts = {"passed": summary["passed"], "skipped": summary["skipped"], "excluded": len(chosen.skipped)}
    module.exit_json(changed=True, counts=counts, console=summary["console"])


if __name__ == "__main__":
    main()
