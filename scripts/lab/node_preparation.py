"""What a ready CI node has before its first build: OpenStack's packages and databases, made once for a machine."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .site import REPOSITORY
from .sshd_node import SshdNode

PREPARATION_SECONDS = 1200.0


class NodePreparationError(RuntimeError):
    """A node could not be prepared; the message ends with the end of Ansible's output."""


def prepare_nodes(folder: Path, nodes: SshdNode, say: Callable[[str], None]) -> None:
    """Run `playbooks/prepare_node.yaml` on one of the nodes (all are the same machine); a no-op when it is ready."""
    folder.mkdir(parents=True, exist_ok=True)
    known_hosts, inventory, log = folder / "node_known_hosts", folder / "node_inventory.ini", folder / "prepare.log"
    known_hosts.write_text(nodes.known_hosts(), encoding="ascii")
    inventory.write_text(
        f"node ansible_host={nodes.addresses[0]} ansible_port={nodes.port} ansible_user={nodes.username} "
        f"ansible_ssh_private_key_file={nodes.private_key} ansible_python_interpreter=/usr/bin/python3\n"
    )
    environment = os.environ | {
        "ANSIBLE_SSH_ARGS": f"-o UserKnownHostsFile={known_hosts} -o StrictHostKeyChecking=yes",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
    }
    program = Path(sys.executable).parent / "ansible-playbook"
    argv = [str(program), "-i", str(inventory), str(REPOSITORY / "playbooks" / "prepare_node.yaml")]
    started = time.monotonic()
    with log.open("wb") as output:
        done = subprocess.run(
            argv, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            timeout=PREPARATION_SECONDS, check=False,
        )  # fmt: skip
    if done.returncode:
        raise NodePreparationError(f"preparing a node failed:\n{log.read_text(errors='replace')[-3000:]}")
    say(f"  nodes are ready ({time.monotonic() - started:.0f} s)")
