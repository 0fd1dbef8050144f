"""Ansible module, for the executor: read a job's lists of tests for the source that this build has."""

from __future__ import annotations

import contextlib
import json
import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.skip_lists.resolve import ResolveError, lifted, resolve

DOCUMENTATION = """
module: skip_list_resolve
short_description: Reads lists strictly, lifts blocks whose change the source contains, writes what counts
options:
  site: {description: Folder that the paths of the lists start from, type: path, required: true}
  exclude_lists: {description: Paths of lists of what is left out, type: list, default: []}
  include_list: {description: Path of a list of what runs, type: str, default: ""}
  regex: {description: Only tests that this expression finds; it is checked and written down, type: str, default: ""}
  sources: {description: "Prepared repositories: project -> folder", type: dict, required: true}
  target: {description: File to write, type: path, required: true}
"""


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "site": {"type": "path", "required": True},
            "exclude_lists": {"type": "list", "elements": "str", "default": []},
            "include_list": {"type": "str", "default": ""},
            "regex": {"type": "str", "default": ""},
            "sources": {"type": "dict", "required": True},
            "target": {"type": "path", "required": True},
        }
    )
    given = module.params
    try:
        names = ("site", "exclude_lists", "include_list", "regex", "sources")
        plan = resolve(*(given[name] for name in names))
        _write(given["target"], json.dumps(plan, indent=1) + "\n")
    except ResolveError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{given['target']}: {error.strerror}")
    counts = {name: len(plan[name]) for name in ("excluded", "included") if plan[name] is not None}
    module.exit_json(changed=True, counts=counts, lifted=lifted(plan))


def _write(path: str, text: str) -> None:
    temporary = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    with open(temporary, "x", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(temporary, path)


if __name__ == "__main__":
    main()
