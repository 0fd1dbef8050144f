"""How the node says that a run failed for the CI's own reasons, and not for the patch's."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

# What the role tempest writes too: why there is no run to judge the patch by.
NAME = "tempest-run.json"
# Kept back from the start, so that a full disk can still be told of, and the logs that show what filled it.
RESERVE = "reserve"


class CIFault(RuntimeError):
    """The CI, and not the patch, is why a run cannot go on; the message says how."""


def reserve(workspace: str, mebibytes: int) -> None:
    """Keep room on the disk back, if there is room."""
    with suppress(OSError), open(os.path.join(workspace, RESERVE), "wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, mebibytes << 20)


def release(workspace: str) -> None:
    """Have the room that was kept back."""
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(workspace, RESERVE))


def fail(module: Any, workspace: str, fault: CIFault) -> None:
    """End an Ansible module with a fault of the CI's own, and publish it."""
    tell(workspace, str(fault))
    module.fail_json(msg=f"The CI, and not the patch: {fault}")


def tell(workspace: str, problem: str) -> None:
    """Publish the problem: the build then ends as an ERROR of the CI."""
    release(workspace)
    folder = os.path.join(workspace, "results")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, NAME)
    with open(path + ".new", "w", encoding="utf-8") as stream:
        json.dump({"problem": problem.splitlines()[0], "stale": []}, stream)
    os.replace(path + ".new", path)
