"""Programs of a node that are asked something."""

from __future__ import annotations

import subprocess


def answer(
    argv: list[str], limit_seconds: float, *, folder: str | None = None, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Return what a program says, which gets nothing to read; raises OSError, or TimeoutExpired after the limit.

    `variables` are all of its environment; without them it has that of this process.
    """
    return subprocess.run(
        argv,
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=limit_seconds,
    )
