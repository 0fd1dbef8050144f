"""Ansible module: run tempest against the cloud that a deployment left in a workspace."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cloud import once
from ansible.module_utils.tempest_run.run import SHOWN_STALE, Reader, TempestError, TempestRun, TestsFailed

DOCUMENTATION = """
module: tempest_run
short_description: Chooses tests, runs them, publishes lists, stream, page and console, and judges
options:
  workspace: {description: "The build's folder, with deployment.json", type: path, required: true}
  reader: {description: Text of the program that reads a result stream, type: str, required: true}
  scrubber: {description: "Text of what hides in it, which the reader imports", type: str, required: true}
  hidden_domains: {description: Names below them are hidden there, type: list, default: []}
  hidden_networks: {description: Their addresses are hidden there, type: list, default: []}
  once: {description: A text of this task alone; tempest runs once for it, type: str, required: true}
  plan: {description: "What runs and what does not: the content of skip-list.json", type: dict, required: true}
  concurrency: {description: Worker processes, type: int, default: 1}
  test_timeout_seconds: {description: Bound of a single test, type: int, default: 500}
"""


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "workspace": {"type": "path", "required": True},
            "reader": {"type": "str", "required": True},
            "scrubber": {"type": "str", "required": True},
            "hidden_domains": {"type": "list", "elements": "str", "default": []},
            "hidden_networks": {"type": "list", "elements": "str", "default": []},
            "once": {"type": "str", "required": True},
            "plan": {"type": "dict", "required": True},
            "concurrency": {"type": "int", "default": 1},
            "test_timeout_seconds": {"type": "int", "default": 500},
        }
    )
    try:
        with once.alone(module.params["workspace"], module.params["once"]):
            _run(module)
    except OSError as error:
        module.fail_json(msg=f"Tempest, and not the patch: {error}")


def _run(module: AnsibleModule) -> None:
    given = module.params
    try:
        reader = Reader(*(given[name] for name in ("reader", "scrubber", "hidden_domains", "hidden_networks")))
        tempest = TempestRun(given["workspace"], reader, given["once"])
    except OSError as error:
        module.fail_json(msg=f"Tempest: {error}")
    try:
        chosen = tempest.choose(given["plan"])
        summary = tempest.run(chosen.run, given["concurrency"], given["test_timeout_seconds"])
    except TestsFailed as error:
        tempest.tell("")
        module.fail_json(msg=f"Tempest: {error}")
    except (TempestError, OSError) as error:
        tempest.tell(str(error).splitlines()[0])
        module.fail_json(msg=f"Tempest, and not the patch: {error}")
    tempest.tell("")
    counts = {"passed": summary["passed"], "skipped": summary["skipped"], "excluded": len(chosen.skipped)}
    module.exit_json(changed=True, counts=counts, stale=chosen.stale[:SHOWN_STALE], console=summary["console"])


if __name__ == "__main__":
    main()
