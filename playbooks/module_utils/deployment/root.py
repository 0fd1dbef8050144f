"""What only root may do on a node, where the CI's account may become root."""

from __future__ import annotations

import os
import shutil


def as_root(argv: list[str]) -> list[str]:
    """Return the command as the account runs it as root; as it is where it is root, or where there is no sudo."""
    if os.geteuid() == 0 or shutil.which("sudo") is None:
        return argv
    return ["sudo", "-n", *argv]
