"""The Python environment of a node: everything pinned, nova itself only as the base that builds compare with."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from ansible.module_utils.cloud import patch
from ansible.module_utils.tempest_run import stestr

if TYPE_CHECKING:
    from collections.abc import Callable

# Part of the folders' names: raise it when the code here makes something else of the same definitions.
FORMAT = 1
MINIMUM = (3, 11)
CANDIDATES = ("python3.11", "python3", "python3.12", "python3.13")
# uWSGI is compiled; the rest comes as wheels.
INSTALL_SECONDS = 1800


class PreparationError(RuntimeError):
    """The environment could not be made; the message says which step and ends with its output."""


def digest(*parts: object) -> str:
    """Return a short name for anything JSON can hold: the same parts give the same name."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def node_folders(cache: str, constraints: str, definitions: object) -> dict[str, str]:
    """Return where a node keeps what is prepared: the folders `environment`, `seed` and `claims`, made or not."""
    environment = digest(FORMAT, find_python(), constraints)
    return {
        "environment": os.path.join(cache, f"environment-{environment}"),
        "seed": os.path.join(cache, f"seed-{digest(environment, definitions)}"),
        "claims": os.path.join(cache, "ports"),
    }


def find_python() -> str:
    """Return a Python 3.11 or newer of this node, this module's own interpreter first."""
    if sys.version_info >= MINIMUM:
        return os.path.realpath(sys.executable)
    for name in CANDIDATES:
        path = shutil.which(name)
        if path is not None and _version(path) >= MINIMUM:
            return path
    raise PreparationError(f"no Python {'.'.join(map(str, MINIMUM))} or newer among {', '.join(CANDIDATES)}")


def create(folder: str, python: str, constraints: str, say: Callable[[str], None]) -> None:
    """Make the virtual environment at `folder` and the released nova beside it; complete when `ready` exists."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    pins = os.path.join(folder, "constraints.txt")
    with open(pins, "w", encoding="utf-8") as stream:
        stream.write(constraints)
    venv, base = os.path.join(folder, "venv"), os.path.join(folder, "nova")
    pip = [os.path.join(venv, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    tools = _pins(constraints, "pip==", "setuptools==", "pbr==")
    steps = [
        ("create the virtual environment", [python, "-m", "venv", venv]),
        ("install pip and setuptools", [*pip, *tools]),
        # It embeds the interpreter that it was compiled for: one from pip's cache may be another's.
        ("compile uWSGI", [*pip, "--no-deps", "--no-cache-dir", *_pins(constraints, "uWSGI==")]),
        # The list is complete, so pip has nothing to resolve.
        ("install the OpenStack services and tempest", [*pip, "--no-deps", "--requirement", pins]),
        ("install the released nova", [*pip, "--no-deps", "--no-compile", "--target", base, f"nova=={patch.VERSION}"]),
        ("compile it", _compile(os.path.join(venv, "bin", "python"), base)),
    ]
    for name, argv in steps:
        begun = time.monotonic()
        _run(name, argv)
        say(f"{name}: {time.monotonic() - begun:.1f} s")
    _list_tests(folder)
    open(os.path.join(folder, "ready"), "w", encoding="utf-8").close()


def _pins(constraints: str, *names: str) -> list[str]:
    return [line for line in constraints.splitlines() if line.startswith(names)]


def _list_tests(folder: str) -> None:
    """Keep tempest's list of tests, which is the same for every build of this environment."""
    programs = os.path.join(folder, "venv", "bin")
    stestr.configure(folder, programs)
    # Listing, too, wants a repository of results.
    _run("prepare stestr", [os.path.join(programs, "stestr"), "init"], folder)
    listed = _run("list tempest's tests", [os.path.join(programs, "stestr"), "list"], folder)
    with open(os.path.join(folder, "tests.txt"), "w", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in listed.splitlines() if line)


def _compile(python: str, base: str) -> list[str]:
    options = ["-q", "-j", "0", "-x", "/tests/", "--invalidation-mode", "checked-hash"]
    return [python, "-m", "compileall", *options, os.path.join(base, "nova")]


def _run(name: str, argv: list[str], folder: str | None = None) -> str:
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise PreparationError(f"could not {name} (exit status {done.returncode}):\n{end}")
    return done.stdout


def _version(python: str) -> tuple[int, int]:
    argv = [python, "-c", "import sys; print(*sys.version_info[:2])"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    words = done.stdout.split()
    return (int(words[0]), int(words[1])) if done.returncode == 0 else (0, 0)
