"""What the roles of a devstack build cost apart from stack.sh and tempest, beside as many tasks that do nothing."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ci.model.build import TASK_EVENTS_FILE, Result
from tests.fakes import devstack
from tests.fakes.devstack_build import Lab

from .bench_report import print_rows
from .bench_stage import BenchError, Say
from .sshd_node import SshdNode

# The two whose stand-ins are no measure: here they do next to nothing, and on a PowerVM node hours of work.
STAND_INS = ("stack", "tempest")
SSH = "-o StrictHostKeyChecking=yes -o UserKnownHostsFile={known_hosts} -o ControlMaster=auto -o ControlPersist=60s"


def run(say: Say) -> dict[str, Any]:
    """Run one build with stand-ins and, right after it, a bare ansible-playbook with as many tasks."""
    with tempfile.TemporaryDirectory(prefix="powervm-ci-bench-") as folder:
        lab = Lab(Path(folder), devstack.make_upstream(Path(folder, "upstream")))
        say("one build of nova-in-tree; stack.sh and tempest are stand-ins")
        started = time.monotonic()
        outcome = lab.build()
        build_seconds = time.monotonic() - started
        if outcome.result != Result.SUCCESS:
            raise BenchError(f"the build ended as {outcome.result}: {outcome.error}")
        events = Path(folder, "build", TASK_EVENTS_FILE).read_text(encoding="utf-8").splitlines()
        rows = [row for row in map(json.loads, events) if row["status"] != "skipped"]
        say(f"a bare ansible-playbook with {len(rows)} tasks")
        bare_seconds = _bare(lab, len(rows))
    seconds, tasks = Counter[str](), Counter[str]()
    for row in rows:
        name = row["role"] or row["playbook"]
        seconds[name] += row["seconds"]
        tasks[name] += 1
    return {"build_seconds": build_seconds, "bare_seconds": bare_seconds, "tasks": tasks, "seconds": seconds}


def show(figures: dict[str, Any]) -> None:
    """Print the table."""
    seconds, tasks = figures["seconds"], figures["tasks"]
    overhead = figures["build_seconds"] - sum(seconds[name] for name in STAND_INS)
    rows = [(f"{name} ({tasks[name]} tasks)", f"{value:.2f} s") for name, value in seconds.most_common()]
    rows += [
        ("between tasks, and the build's own process", f"{figures['build_seconds'] - sum(seconds.values()):.2f} s"),
        (f"all but {' and '.join(STAND_INS)}", f"{overhead:.2f} s"),
        (f"bare ansible-playbook, {sum(tasks.values())} tasks, each on the node", f"{figures['bare_seconds']:.2f} s"),
        ("ours beside that", f"{overhead / figures['bare_seconds']:.2f} x"),
    ]
    print_rows("What the roles of a devstack build take", rows)


def _bare(lab: Lab, count: int) -> float:
    """Return the seconds of a playbook of so many tasks which do nothing on the same node."""
    folder = lab.folder / "bare"
    folder.mkdir()
    task = {"name": "nothing", "ansible.builtin.command": {"argv": ["true"]}}
    play = {"hosts": "all", "gather_facts": False, "tasks": [task] * count}
    (folder / "play.yaml").write_text(json.dumps([play]), encoding="utf-8")
    with SshdNode(lab.folder / "sshd", environment=lab.node.environment) as sshd:
        (folder / "known_hosts").write_text(sshd.known_hosts(), encoding="utf-8")
        host = {"ansible_port": sshd.port, "ansible_user": sshd.username, "ansible_python_interpreter": sys.executable}
        host |= {"ansible_ssh_private_key_file": str(sshd.private_key)}
        inventory = {"all": {"hosts": {sshd.addresses[0]: host}}}
        (folder / "inventory.yaml").write_text(json.dumps(inventory), encoding="utf-8")
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_SSH_ARGS": SSH.format(known_hosts=folder / "known_hosts"),
        }
        argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.yaml", "play.yaml"]
        started = time.monotonic()
        done = subprocess.run(argv, cwd=folder, env=variables, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - started
    if done.returncode:
        raise BenchError(f"the bare playbook failed: {(done.stdout + done.stderr)[-1000:]}")
    return seconds
