"""Runs one of a deployment's scripts, bounded, with its output kept, and says in a few lines why it failed."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass, field

from ansible.module_utils.cloud import once, processes
from ansible.module_utils.cloud.once import Command
from ansible.module_utils.deployment.verdict import CIFault

SHOWN_LINES = 25
# Ansible sums up after its error: a line for each host.
READ_LINES = 400
ERROR_LINE = re.compile(r"\[ERROR\] |^E: |^ERROR: |No space left on device|error: .*fail", re.IGNORECASE)
TASK_LINE = re.compile(r"(?:TASK|RUNNING HANDLER) \[(.+)\]")
FATAL_LINE = re.compile(r"fatal: \[.+?\]|ERROR! |\[ERROR\]: ")
FATAL_RESULT = re.compile(r"fatal: \[(.+?)\]: (FAILED|UNREACHABLE)!(?: => (.*))?")
REASON_CHARACTERS = 400


class ScriptError(RuntimeError):
    """A script failed or did not end in time; the message ends with the last lines of its output."""


@dataclass(frozen=True)
class Script:
    """What to run in which folder, with output into a file and a time limit.

    `once` names this one task. Ansible starts a module anew when a connection breaks; a script that goes on is waited
    for then, and never started beside itself. `title` is one of the arguments, and says more than the first.
    """

    argv: list[str]
    folder: str
    log: str
    timeout_seconds: float
    once: str
    title: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.title or os.path.basename(self.argv[0])

    def command(self) -> Command:
        given = environment(self.folder) | self.variables
        return Command(self.name, self.argv, given, self.log, self.folder, self.once, self.timeout_seconds)


def run(workspace: str, script: Script, room_mebibytes: int) -> float:
    """Run a script, or wait for it where it runs already; return the seconds it took.

    Raises ScriptError, or CIFault where it was ended from outside or less room is left on the disk: nothing fails for
    its own reasons then.
    """
    os.makedirs(os.path.dirname(script.log), exist_ok=True)
    begun = time.monotonic()
    try:
        status = once.run(workspace, script.command())
    except once.LostError:
        end = processes.tail(script.log, SHOWN_LINES)
        message = f"{script.name} was ended from outside: the node restarted, or somebody killed it; its last lines:"
        raise CIFault(f"{message}\n{end}") from None
    if status == 0:
        return round(time.monotonic() - begun, 1)
    end = processes.tail(script.log, SHOWN_LINES)
    for place in dict.fromkeys((script.folder, workspace)):
        if processes.room_bytes(place) < room_mebibytes << 20:
            raise CIFault(f"{script.name} failed because the node's disk is full ({place})\n{end}")
    if status == once.TIMED_OUT:
        raise ScriptError(f"{script.name} timed out after {script.timeout_seconds:.0f} s; its last lines:\n{end}")
    reason = _of_ansible(script.log) or next(
        (line.strip() for line in reversed(end.splitlines()) if ERROR_LINE.search(line)), ""
    )
    said = f": {reason}" if reason else ""
    raise ScriptError(f"{script.name} failed (exit status {status}){said}; its last lines:\n{end}")


def _of_ansible(log: str) -> str:
    """Return the task that failed last and what was said of it, empty where no playbook did."""
    lines = processes.tail(log, READ_LINES).splitlines()
    fatal = [number for number, line in enumerate(lines) if FATAL_LINE.match(line)]
    fatal = [number for number in fatal if "...ignoring" not in lines[number + 1 : number + 2]]
    if not fatal:
        return ""
    last = fatal[-1]
    task = next((found[1] for line in reversed(lines[:last]) if (found := TASK_LINE.match(line))), "")
    # the result is on the same line, or follows as YAML
    said = lines[last].strip()
    if said.endswith("=>"):
        said += next((f" {line.strip()}" for line in lines[last + 1 :] if line.strip().startswith("msg:")), "")
    found = FATAL_RESULT.fullmatch(said)
    if not found:
        return f"{task + ': ' if task else ''}{said}"[:REASON_CHARACTERS]
    place = f"{task or 'a task'} {'failed on' if found[2] == 'FAILED' else 'could not reach'} {found[1]}"
    return (place + (f": {_message(found[3])}" if found[3] else ""))[:REASON_CHARACTERS]


def _message(result: str) -> str:
    """Return what a task's result says to people, the result itself where that is not clear."""
    try:
        said = json.loads(result)["msg"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return result.removeprefix("msg: ")
    return " ".join(said.split()) if isinstance(said, str) and said.strip() else result


def environment(folder: str) -> dict[str, str]:
    """Return the variables of a login, nothing of Ansible's own; in devstack's folder its programs come first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ANSIBLE"))}
    programs = os.path.join(os.path.dirname(folder), "data", "venv", "bin")
    path = kept.get("PATH", "/usr/bin:/bin")
    return kept | {
        "PATH": f"{programs}:/usr/local/bin:{path}:/usr/local/sbin:/usr/sbin:/sbin",
        "HOME": os.path.expanduser("~"),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
    }
