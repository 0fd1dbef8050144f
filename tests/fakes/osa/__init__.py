"""A stand-in for what an OpenStack-Ansible all-in-one is to this CI: upstream repositories, and the node's side."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from tests.fakes import devstack

FOLDER = Path(__file__).parent


def make_upstream(folder: Path) -> Path:
    """Make the repositories below `folder`/openstack that a build clones."""
    for name in ("openstack-ansible", "nova", "nova-powervm"):
        place = folder / "openstack" / name
        if (FOLDER / name).is_dir():
            shutil.copytree(FOLDER / name, place)
        else:
            place.mkdir(parents=True)
            (place / "setup.cfg").write_text(f"[metadata]\nname = {name}\n")
        devstack.git(place, "init", "--quiet", "--initial-branch", "master")
        devstack.git(place, "add", "--all")
        devstack.git(place, "commit", "--quiet", "--message", f"The first of {name}")
    return folder


class Node(devstack.Node):
    """The node's side; `environment` is what sessions on it must have."""

    def __init__(self, folder: Path, lpar_id: int = 12) -> None:
        super().__init__(folder, lpar_id)
        self.base_dir = folder / "opt" / "osa"
        shutil.copytree(devstack.TEMPEST, folder / "tempest", ignore=shutil.ignore_patterns("__pycache__"))

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "PATH": f"{self.folder / 'bin'}:{devstack.FOLDER / 'programs'}:{os.environ['PATH']}"
        }

    @property
    def variables(self) -> dict[str, object]:
        """Job variables that put the node's things into its folder."""
        return {
            "deployment_sources_cache": str(self.folder / "cache"),
            "node_facts_lparcfg": str(self.lparcfg),
            "osa_account": pwd.getpwuid(os.getuid()).pw_name,
            "osa_base_dir": str(self.base_dir),
            "osa_config_dir": str(self.folder / "etc/openstack_deploy"),
            "osa_roles_dir": str(self.folder / "ansible/roles"),
            "osa_venvs": str(self.folder / "openstack/venvs"),
            "deployment_logs_etc": str(self.folder / "etc"),
            "osa_steps_reserve_mebibytes": 1,
        }
