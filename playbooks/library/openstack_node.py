"""Ansible module: prepare a node once with everything that no patch changes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cloud import environment, seed

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = """
module: openstack_node
short_description: Prepares an OpenStack environment and a seed cloud on a node, once
description:
  - Two folders in the cache, each named by a digest of what goes into it and complete when its marker exists.
  - Builds that start at once wait for the first one, which holds a lock.
options:
  cache: {description: Folder on the node, type: path, required: true}
  constraints: {description: Text of the complete pip constraints, type: str, required: true}
  definitions: {description: Services, files and SQL of the cloud, type: dict, required: true}
"""


def prepare(cache: str, constraints: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Make what is missing; return whether something was, and what was said meanwhile."""
    folders = environment.node_folders(cache, constraints, definitions)
    if _is_ready(folders):
        return {"changed": False, "said": []}
    said: list[str] = []
    os.makedirs(cache, mode=0o700, exist_ok=True)
    begun = time.monotonic()
    with _locked(os.path.join(cache, "lock")):
        if time.monotonic() - begun > 1:
            said.append(f"waited for another build: {time.monotonic() - begun:.1f} s")
        if not os.path.exists(os.path.join(folders["environment"], "ready")):
            environment.create(folders["environment"], environment.find_python(), constraints, said.append)
        if seed.read(folders["seed"]) is None:
            building = folders["seed"] + ".building"
            builder = seed.SeedBuilder(building, folders["environment"], definitions, folders["claims"])
            seed.keep(building, builder.build(said.append), folders["seed"])
    return {"changed": True, "said": said}


def _is_ready(folders: dict[str, str]) -> bool:
    return os.path.exists(os.path.join(folders["environment"], "ready")) and seed.read(folders["seed"]) is not None


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    with open(path, "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        {
            "cache": {"type": "path", "required": True},
            "constraints": {"type": "str", "required": True},
            "definitions": {"type": "dict", "required": True},
        }
    )
    given = module.params
    try:
        result = prepare(given["cache"], given["constraints"], given["definitions"])
    except (RuntimeError, OSError, KeyError) as error:
        module.fail_json(msg=f"The node could not be prepared: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
