"""The floor: the least that testing a patch set by Ansible takes, with no CI around it."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .bench_stage import BenchError, Stage

ANSWER_SECONDS = 60.0

PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Leave a mark that says when the task ran
      ansible.builtin.command:
        argv: [sh, -c, 'date +%s.%N >"$0"', "{{ mark }}"]
"""


@dataclass(frozen=True)
class FloorTimes:
    """Moments of one patch set, seconds since the epoch; the push has been accepted at `accepted`."""

    accepted: float
    event: float
    fetched: float
    first_task: float
    ended: float


class Floor:
    """Event on a bare ssh stream, `git fetch` into a bare clone, one `ansible-playbook` with one task on the node."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._folder = stage.folder / "floor"
        self._developer = stage.floor_repository
        self._base = self._developer.head
        project = self._developer.remote.rpartition(f":{stage.gerrit.ssh_port}/")[2]
        self._clone = stage.gerrit.repository(project, self._folder / "clone.git", stage.observer.username)
        self._clone.folder.mkdir(parents=True)
        self._clone.git("init", "-q", "--bare", "-b", "master")
        self._clone.git("fetch", "-q", self._clone.remote, "+refs/heads/*:refs/heads/*")
        self._write_ansible_files()

    def measure(self, serial: int) -> FloorTimes:
        """Push a patch set and react to it; the reaction may begin before the push has returned, as it does in a CI."""
        self._developer.reset(self._base)
        revision = self._developer.commit({"verdict": "pass\n", "serial": f"{serial}\n"}, f"Floor {serial}")
        with ThreadPoolExecutor() as pool:
            reaction = pool.submit(self._react, revision, self._folder / f"mark-{serial}")
            self._developer.git("push", self._developer.remote, "HEAD:refs/for/master")
            accepted = time.time()
            return FloorTimes(accepted, *reaction.result())

    def _react(self, revision: str, mark: Path) -> tuple[float, float, float, float]:
        seen_at, event = self._stage.observer.patchset(revision)
        ref = event["patchSet"]["ref"]
        self._clone.git("fetch", "-q", self._clone.remote, "+refs/heads/*:refs/heads/*", f"+{ref}:{ref}")
        fetched_at = time.time()
        self._run_ansible(mark)
        return seen_at, fetched_at, float(mark.read_text(encoding="ascii")), time.time()

    def _run_ansible(self, mark: Path) -> None:
        # The JSON keeps a path with blanks whole.
        argv = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(self._folder / "inventory.ini")]
        argv += ["-e", json.dumps({"mark": str(mark)}), str(self._folder / "floor.yaml")]
        done = subprocess.run(
            argv, env=self._environment(), capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
        )
        if done.returncode:
            raise BenchError(f"the bare ansible-playbook failed: {(done.stderr or done.stdout).strip()[-300:]}")

    def _environment(self) -> dict[str, str]:
        # Keys checked and modules piped, as for the CI's builds; a fresh connection each time, shared with nobody.
        options = {
            "BatchMode": "yes",
            "ControlMaster": "no",
            "GlobalKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": f'"{self._folder / "known_hosts"}"',
        }
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(self._folder / "ansible.cfg"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_HOST_KEY_CHECKING": "1",
            "ANSIBLE_SSH_ARGS": " ".join(f"-o {name}={value}" for name, value in options.items()),
        }

    def _write_ansible_files(self) -> None:
        nodes = self._stage.nodes
        host = f"node ansible_host={nodes.addresses[0]} ansible_port={nodes.port} ansible_user={nodes.username}"
        host += f" ansible_ssh_private_key_file={nodes.private_key} ansible_python_interpreter=/usr/bin/python3\n"
        files = {
            "ansible.cfg": "",
            "floor.yaml": PLAYBOOK,
            "inventory.ini": host,
            "known_hosts": nodes.known_hosts(),
        }
        for name, text in files.items():
            (self._folder / name).write_text(text, encoding="utf-8")
