"""The floor of a burst: the same jobs by a bare loop of workers, with `git` and `ansible-playbook` and no CI."""

import json
import os
import queue
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .bench_stage import BenchError, Stage
from .trivial_site import PLAYBOOKS

JOB_SECONDS = 120.0


@dataclass(frozen=True)
class BareJob:
    """One job, in seconds: `git fetch` of the change, then its playbooks by ansible-playbook."""

    fetch: float
    playbooks: float

    @property
    def total(self) -> float:
        return self.fetch + self.playbooks


@dataclass(frozen=True)
class FloorRun:
    """What the bare loop took: each job, and from the start of the first to the end of the last."""

    jobs: tuple[BareJob, ...]
    makespan: float
    cpu_seconds: float  # of all that it has started


class BurstFloor:
    """`slots` workers side by side; each takes the next job when it is done with one.

    A job is `git fetch` of its change's ref into the worker's own clone, and one call of `ansible-playbook` for each
    of `calls`, which are tuples of the site's playbooks: the same files that the CI runs, on the same nodes.
    """

    def __init__(self, stage: Stage, calls: tuple[tuple[str, ...], ...]) -> None:
        self._stage = stage
        self._calls = calls
        self._folder = Path(tempfile.mkdtemp(prefix="burst-floor-", dir=stage.folder))
        self._serial = 0
        self._lock = threading.Lock()

    def run(self, refs: list[str], slots: int) -> FloorRun:
        """Do one job for each ref, `slots` at a time."""
        workers = [self._worker(number) for number in range(slots)]
        waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        for ref in refs:
            waiting.put(ref)
        before, started = os.times(), time.monotonic()
        with ThreadPoolExecutor(slots) as pool:
            done = [job for jobs in pool.map(lambda worker: worker.work(waiting), workers) for job in jobs]
        makespan, after = time.monotonic() - started, os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return FloorRun(tuple(done), makespan, cpu)

    def _worker(self, number: int) -> "_Worker":
        with self._lock:
            self._serial += 1
            folder = self._folder / f"worker-{self._serial}"
        nodes = self._stage.nodes
        return _Worker(self._stage, folder, nodes.addresses[number % len(nodes.addresses)], self._calls)


class _Worker:
    """One slot: a clone, an inventory with one node, and jobs one after the other."""

    def __init__(self, stage: Stage, folder: Path, address: str, calls: tuple[tuple[str, ...], ...]) -> None:
        self._folder = folder
        self._calls = calls
        project = stage.floor_repository.remote.rpartition(f":{stage.gerrit.ssh_port}/")[2]
        self._clone = stage.gerrit.repository(project, folder / "src" / "floor", stage.observer.username)
        self._clone.folder.mkdir(parents=True)
        self._clone.git("init", "-q", "--bare", "-b", "master")
        self._clone.git("fetch", "-q", self._clone.remote, "+refs/heads/*:refs/heads/*")
        self._write_files(stage, address)

    def work(self, waiting: "queue.SimpleQueue[str]") -> list[BareJob]:
        done: list[BareJob] = []
        while True:
            try:
                ref = waiting.get_nowait()
            except queue.Empty:
                return done
            started = time.monotonic()
            self._clone.git("fetch", "-q", self._clone.remote, "+refs/heads/*:refs/heads/*", f"+{ref}:{ref}")
            fetched = time.monotonic()
            for playbooks in self._calls:
                self._play(playbooks)
            done.append(BareJob(fetched - started, time.monotonic() - fetched))

    def _play(self, playbooks: tuple[str, ...]) -> None:
        zuul = {
            "executor": {"log_root": str(self._folder / "logs"), "src_root": str(self._folder / "src")},
            "project": {"canonical_name": "floor"},
        }
        argv = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(self._folder / "inventory.ini")]
        argv += ["-e", json.dumps({"zuul": zuul, "variant": "floor"})]
        argv += [str(self._folder / Path(name).name) for name in playbooks]
        done = subprocess.run(
            argv, env=self._environment, capture_output=True, text=True, timeout=JOB_SECONDS, check=False
        )
        if done.returncode:
            raise BenchError(f"the bare ansible-playbook failed: {(done.stderr or done.stdout).strip()[-300:]}")

    def _write_files(self, stage: Stage, address: str) -> None:
        nodes = stage.nodes
        host = f"node ansible_host={address} ansible_port={nodes.port} ansible_user={nodes.username}"
        host += f" ansible_ssh_private_key_file={nodes.private_key} ansible_python_interpreter=/usr/bin/python3\n"
        files = {"ansible.cfg": "", "inventory.ini": host, "known_hosts": nodes.known_hosts()}
        files |= {Path(name).name: text for name, text in PLAYBOOKS.items()}
        for name, text in files.items():
            (self._folder / name).write_text(text, encoding="utf-8")
        # Ansible's own way with ssh: connections that the tasks and the calls of one worker share.
        options = {
            "BatchMode": "yes",
            "ControlMaster": "auto",
            "ControlPersist": "60s",
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": f'"{self._folder / "known_hosts"}"',
        }
        self._environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(self._folder / "ansible.cfg"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_HOST_KEY_CHECKING": "1",
            "ANSIBLE_SSH_ARGS": shlex.join(w for name, value in options.items() for w in ("-o", f"{name}={value}")),
        }
