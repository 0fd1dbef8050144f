"""A stand-in for what a PowerVM node has: upstream repositories in devstack's layout, and the node's own programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
TEMPEST = FOLDER.parents[1] / "data" / "stand_in"
PLUGINS = ("ceilometer", "ceilometer-powervm", "networking-powervm", "nova-powervm")
SERVICES = ("cinder", "glance", "horizon", "keystone", "neutron", "nova", "placement", "requirements")
LPARCFG = "serial_number=IBM,02780000\npartition_id={}\npartition_entitled_capacity=100\n"


def git(folder: Path, *words: str) -> str:
    """Run git as somebody."""
    identity = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    variables = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **identity}
    argv = ["git", "-C", str(folder), *words]
    return subprocess.run(argv, env=variables, capture_output=True, text=True, check=True).stdout.strip()


def make_upstream(folder: Path) -> Path:
    """Make all repositories below `folder`/openstack; tempest and horizon have no stable/pike."""
    for name in ("devstack", "tempest", *PLUGINS, *SERVICES):
        place = folder / "openstack" / name
        if name == "tempest":
            shutil.copytree(TEMPEST, place, ignore=shutil.ignore_patterns("__pycache__"))
        elif (FOLDER / name).is_dir():
            shutil.copytree(FOLDER / name, place)
        else:
            place.mkdir(parents=True)
            (place / "setup.cfg").write_text(f"[metadata]\nname = {name}\n")
        git(place, "init", "--quiet", "--initial-branch", "master")
        git(place, "add", "--all")
        git(place, "commit", "--quiet", "--message", f"The first of {name}")
        git(place, "tag", "1.0.0")
        if name not in {"tempest", "horizon"}:
            git(place, "branch", "stable/pike")
    return folder


class Node:
    """The node's side; `environment` is what sessions on it must have."""

    def __init__(self, folder: Path, lpar_id: int = 12) -> None:
        self.folder, self.base_dir = folder, folder / "opt" / "stack"
        self.lparcfg = folder / "lparcfg"
        folder.mkdir(parents=True)
        self.lparcfg.write_text(LPARCFG.format(lpar_id))
        (folder / "smt").write_text("is on\n")
        (folder / "calls").touch()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "STAND_IN": str(self.folder),
            "STAND_IN_PROGRAMS": str(FOLDER / "programs"),
            "STAND_IN_PYTHON": str(Path(sys.executable).parent),
            "PATH": f"{FOLDER / 'programs'}:{os.environ['PATH']}",
        }

    @property
    def variables(self) -> dict[str, object]:
        """Job variables that put the node's things into its folder."""
        return {
            "devstack_base_dir": str(self.base_dir),
            "deployment_sources_cache": str(self.folder / "cache"),
            "node_facts_lparcfg": str(self.lparcfg),
            "remove_venv_become": False,
            "smt_become": False,
            "stack_reserve_mebibytes": 1,
            "deployment_logs_etc": str(self.folder / "etc"),
        }

    def behave(self, *lines: str) -> None:
        (self.folder / "behaviour").write_text("".join(f"{line}\n" for line in lines))

    def calls(self, word: str = "") -> list[str]:
        return [line for line in (self.folder / "calls").read_text().splitlines() if line.startswith(word)]
