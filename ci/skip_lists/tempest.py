"""Asks an installed tempest, with its plugins, for its tests; needs no cloud and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import CIError, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

LISTING_TIMEOUT_SECONDS = 600.0
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def find_tempest(given: str = "") -> Path:
    """Return the program `tempest`: that of a virtual environment, the one given, or "" for the one that is installed.

    Raises CIError where there is none.
    """
    here = Path(given) if given else Path(sys.executable).parent
    for candidate in (here / "bin" / "tempest", here / "tempest", here):
        if candidate.is_file() and os.access(candidate, os.X_OK) and (given or candidate != here):
            return candidate.absolute()
    found = None if given else shutil.which("tempest")
    if found is None:
        where = f"in {given}" if given else "on this machine"
        raise CIError(f"there is no tempest {where}: install it, name its virtual environment, or give --tests FILE")
    return Path(found).absolute()


def list_tests(program: Path) -> str:
    """Return what `stestr list` prints in a new, empty workspace of tempest; raises CIError in one line."""
    stestr = program.with_name("stestr")
    if not stestr.is_file():
        raise CIError(f"there is no stestr beside {program}: name the virtual environment that tempest is installed in")
    with tempfile.TemporaryDirectory(prefix="powervm-ci-tempest-") as home:
        _run([str(program), "init", "workspace"], Path(home), home)
        return _run([str(stestr), "list"], Path(home, "workspace"), home)


def _run(argv: Sequence[str], folder: Path, home: str) -> str:
    # tempest keeps a register of workspaces at home, and reads lists in the locale's encoding
    environment = {"PATH": f"{Path(argv[0]).parent}:{_SYSTEM_PATH}", "HOME": home, "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen(
        argv,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=LISTING_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        raise CIError(f"`{_told(argv)}` did not end in {LISTING_TIMEOUT_SECONDS:.0f} s") from None
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        said = [line.strip() for line in (output + errors).decode(errors="replace").splitlines() if line.strip()]
        last = printable(said[-1]) if said else "it says nothing"
        raise CIError(f"`{_told(argv)}` ended with status {process.returncode}: {last}")
    return output.decode(errors="replace")


def _told(argv: Sequence[str]) -> str:
    return " ".join(argv)
