"""The tempest that the nodes run, alone in a virtual environment: for asking which tests there are, without a cloud."""

import hashlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from .cache import cache_folder, locked
from .site import REPOSITORY

PINS = REPOSITORY / "playbooks" / "roles" / "openstack_node" / "files" / "constraints.txt"
INSTALL_SECONDS = 900.0


class TempestInstallError(RuntimeError):
    """Tempest could not be installed; the message ends with what was said."""


def tempest_environment(cache: Path | None = None) -> Path:
    """Return a virtual environment with tempest and stestr, made once for each Python and set of pins.

    Raises TempestInstallError. Several processes may call this at once.
    """
    place = (cache or cache_folder()) / "tempest"
    venv = place / _digest()
    with locked(place / "lock"):
        if not (venv / "ready").exists():
            shutil.rmtree(venv, ignore_errors=True)
            _run("make a virtual environment", [sys.executable, "-m", "venv", str(venv)])
            pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            _run("install tempest", [*pip, "--constraint", str(PINS), "tempest"])
            (venv / "ready").touch()
    return venv


def _digest() -> str:
    """Return a name for what the environment is made of."""
    parts = f"{sys.base_prefix} {platform.python_version()}\n{PINS.read_text(encoding='utf-8')}"
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def _run(what: str, argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise TempestInstallError(f"could not {what} (exit status {done.returncode}):\n{end}")
