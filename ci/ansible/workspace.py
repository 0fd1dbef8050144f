"""The folders and files of one build, and the environment that its playbooks run in."""

from __future__ import annotations

import os
import shlex
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ci import ssh_sockets
from ci.ansible import inventory
from ci.ansible.leftovers import MARKER
from ci.model.build import TASK_EVENTS_FILE

if TYPE_CHECKING:
    from ci.model.build import BuildSpec

PLUGINS = Path(__file__).parent / "event_plugin"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONNECT_TIMEOUT_SECONDS = 30
CONTROL_PERSIST_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where everything of a build lies; `control` holds the sockets of persistent ssh connections.

    `own` is what this process of the build has for itself: `folder`, or a folder in it for a mere cleanup.
    """

    folder: Path
    log_folder: Path
    control: Path
    own: Path

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def ansible(self) -> Path:
        return self.own / "ansible"

    @property
    def temporary(self) -> Path:
        return self.own / "tmp"

    @property
    def inventory_file(self) -> Path:
        return self.ansible / "inventory.yaml"

    @property
    def zuul_file(self) -> Path:
        return self.ansible / "zuul_vars.yaml"

    @property
    def known_hosts(self) -> Path:
        return self.ansible / "known_hosts"

    @property
    def result_data_file(self) -> Path:
        """What `zuul_return` would write; its content comes from playbooks and is not trusted."""
        return self.work / "results.json"

    @property
    def task_events(self) -> Path:
        return self.folder / TASK_EVENTS_FILE


def lay_out(spec: BuildSpec, ansible_version: str, own: Path) -> Workspace:
    """Make the folders and write what ansible-playbook reads."""
    control = ssh_sockets.make()
    workspace = Workspace(Path(spec.folder), Path(spec.log_folder), control, own)
    for folder in (workspace.work / "src", workspace.temporary, workspace.ansible / "home", workspace.log_folder):
        folder.mkdir(parents=True, exist_ok=True)
    workspace.known_hosts.write_text(inventory.known_hosts(spec), encoding="utf-8")
    workspace.inventory_file.write_text(inventory.inventory(spec), encoding="utf-8")
    executor = executor_variables(workspace)
    workspace.zuul_file.write_text(inventory.zuul_variables(spec, executor, ansible_version), encoding="utf-8")
    (workspace.ansible / "ansible.cfg").touch()
    link = workspace.ansible / "control"
    link.unlink(missing_ok=True)
    link.symlink_to(control)
    return workspace


def close_connections(own: Path) -> None:
    """Close a build's shared ssh connections, which no environment tells (ssh writes its title over it)."""
    link = own / "ansible" / "control"
    if not link.is_symlink():
        return
    ssh_sockets.close(link.readlink())
    link.unlink(missing_ok=True)


def executor_variables(workspace: Workspace) -> dict[str, str]:
    """Return `zuul.executor` as Zuul documents it."""
    return {
        "hostname": socket.gethostname(),
        "work_root": str(workspace.work),
        "src_root": str(workspace.work / "src"),
        "log_root": str(workspace.log_folder),
        "result_data_file": str(workspace.result_data_file),
        "inventory_file": str(workspace.inventory_file),
    }


def ssh_options(workspace: Workspace) -> list[str]:
    """Return the ssh arguments of every connection to the build's nodes: keys checked, connections shared."""
    options = {
        "BatchMode": "yes",
        "ControlMaster": "auto",
        "ControlPath": f'"{workspace.control}/%C"',
        "ControlPersist": f"{CONTROL_PERSIST_SECONDS}s",
        "GlobalKnownHostsFile": "/dev/null",
        "IdentitiesOnly": "yes",
        "ServerAliveCountMax": "4",
        "ServerAliveInterval": "15",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": f'"{workspace.known_hosts}"',
    }
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def ssh_command(spec: BuildSpec, workspace: Workspace) -> list[str]:
    """Return an ssh command that needs only a user and a host, and shares Ansible's connections."""
    options = ["-o", f'IdentityFile="{spec.private_key}"', "-o", f"ConnectTimeout={CONNECT_TIMEOUT_SECONDS}"]
    return ["ssh", *ssh_options(workspace), *options]


def environment(spec: BuildSpec, workspace: Workspace) -> dict[str, str]:
    """Return the whole environment of ansible-playbook: nothing of the service's own gets in."""
    site = Path(spec.site)
    return {
        "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
        "HOME": str(workspace.ansible / "home"),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TMP": str(workspace.temporary),
        "TMPDIR": str(workspace.temporary),
        MARKER: str(workspace.own),
        # A role may push the source with git from here: it needs the key and the host keys that Ansible has.
        "GIT_SSH_COMMAND": shlex.join(ssh_command(spec, workspace)),
        "GIT_SSH_VARIANT": "ssh",
        "GIT_TERMINAL_PROMPT": "0",
        "ANSIBLE_CONFIG": str(workspace.ansible / "ansible.cfg"),
        "ANSIBLE_HOME": str(workspace.ansible / "home"),
        "ANSIBLE_LOCAL_TEMP": str(workspace.ansible / "tmp"),
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_ROLES_PATH": os.pathsep.join((str(site / "playbooks" / "roles"), str(site / "roles"))),
        "ANSIBLE_COLLECTIONS_PATH": str(site / "collections"),
        "ANSIBLE_CALLBACK_PLUGINS": str(PLUGINS),
        "ANSIBLE_STDOUT_CALLBACK": "build_events",
        "ANSIBLE_GATHERING": "smart",
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(workspace.ansible / "facts"),
        "ANSIBLE_FORKS": str(max(5, len(spec.nodes))),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_NOCOWS": "1",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        "ANSIBLE_HOST_KEY_CHECKING": "1",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_TIMEOUT": str(CONNECT_TIMEOUT_SECONDS),
        "ANSIBLE_SSH_RETRIES": "3",
        "ANSIBLE_SSH_ARGS": shlex.join(ssh_options(workspace)),
    }
