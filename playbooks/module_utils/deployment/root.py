"""What only root may do on a node, where the CI's account may become root."""

from __future__ import annotations

import os
import shutil

# What is ended by itself has so long to say so.
GRACE_SECONDS = 30


def as_root(argv: list[str], limit_seconds: int) -> list[str]:
    """Return the command as the account runs it as root; without sudo where it is root, or where there is none.

    It ends after `limit_seconds`, with status 124: only root can end what root runs.
    """
    bounded = ["timeout", "--kill-after=5", str(limit_seconds), *argv]
    return bounded if os.geteuid() == 0 or shutil.which("sudo") is None else ["sudo", "-n", *bounded]
