"""Processes that belong to one build: started with a mark, found again by it, ended all together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass

# The plays set this variable for all their tasks and every process inherits it, so that what a build
# leaves behind is found even when nothing recorded it.
MARK = "CI_BUILD"
RECORD = "processes.jsonl"
STOP_ROUNDS = 20


@dataclass(frozen=True)
class _Stat:
    """What /proc tells of a process; `started` in ticks since boot, so that it and the id are one process."""

    state: str
    parent: int
    session: int
    started: int


def start(
    folder: str, name: str, argv: list[str], environment: dict[str, str], log: str, start_in: str | None = None
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, recorded in `folder`; output goes to the end of the file `log`."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=start_in or folder,
            start_new_session=True,
        )
    stat = _stat(process.pid)
    row = {"name": name, "pid": process.pid, "started": stat.started if stat else None}
    with open(os.path.join(folder, RECORD), "a", encoding="utf-8") as record:
        record.write(json.dumps(row) + "\n")
    return process


def run(folder: str, argv: list[str], environment: dict[str, str], log: str, timeout_seconds: float) -> int:
    """Run to the end like `start`; return the exit status, 124 after a timeout (the process is killed)."""
    process = start(folder, os.path.basename(argv[0]), argv, environment, log)
    try:
        return process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return 124


def of_build(build: str, folder: str) -> list[int]:
    """Return the ids of all living processes of a build and its workspace `folder`, never this process or its parents.

    A process belongs to it by its environment, or (some programs overwrite theirs with a title) by a
    recorded id with the same start time, or by the session of a recorded one, or as a child of one of these: sudo
    gives what it runs another environment and another session.
    """
    recorded = _recorded(folder)
    mark = f"{MARK}={build}".encode()
    found: list[int] = []
    children: dict[int, list[int]] = {}
    for pid, stat in _all_stats().items():
        if stat.state == "Z":
            continue
        children.setdefault(stat.parent, []).append(pid)
        started = recorded.get(stat.session)
        leader = _stat(stat.session) if started is not None else None
        # The leader of a session is gone or is the recorded process: ids of living sessions are not reused.
        in_session = started is not None and (leader is None or leader.started == started)
        if in_session or mark in _environment(pid):
            found.append(pid)
    spared = _line_of(os.getpid())
    belongs: set[int] = set()
    while found:
        pid = found.pop()
        if pid not in belongs and pid not in spared:
            belongs.add(pid)
            found += children.get(pid, [])
    return sorted(belongs)


def kill_all(build: str, folder: str, deadline_seconds: float = 10.0) -> list[int]:
    """Kill all processes of a build and wait until they are gone; return those that are not."""
    deadline = time.monotonic() + deadline_seconds
    left = _stop_all(build, folder)
    while left and time.monotonic() < deadline:
        _send(signal.SIGKILL, left)
        time.sleep(0.05)
        left = of_build(build, folder)
    return left


def _stop_all(build: str, folder: str) -> list[int]:
    """Have the processes of a build stand still, so that none is started while others end; return them all.

    A child whose parent has ended may be known by nothing.
    """
    left = of_build(build, folder)
    new = left
    for _ in range(STOP_ROUNDS):
        _send(signal.SIGSTOP, new)
        found = of_build(build, folder)
        new = [pid for pid in found if pid not in left]
        left = found
        if not new:
            break
    return left


def _send(number: int, pids: list[int]) -> None:
    others = []
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        except PermissionError:
            others.append(str(pid))
    if others:  # root's, by sudo; an account without sudo has none
        argv = ["sudo", "-n", "kill", f"-{int(number)}", *others]
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False)


def tail(path: str, lines: int = 25) -> str:
    """Return the last lines of a text file, empty when there is none."""
    try:
        with open(path, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 64 * 1024))
            text = stream.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def room_bytes(folder: str) -> int:
    """Return how much of a disk may still be written."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _recorded(folder: str) -> dict[int, int | None]:
    rows: dict[int, int | None] = {}
    try:
        with open(os.path.join(folder, RECORD), encoding="utf-8") as record:
            for line in record:
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                rows[row["pid"]] = row["started"]
    except FileNotFoundError:
        pass
    return rows


def _all_stats() -> dict[int, _Stat]:
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return {pid: stat for pid in pids if (stat := _stat(pid)) is not None}


def _line_of(pid: int) -> set[int]:
    """Return a process and its parents."""
    line: set[int] = set()
    while pid and pid not in line:
        line.add(pid)
        stat = _stat(pid)
        pid = stat.parent if stat else 0
    return line


def _stat(pid: int) -> _Stat | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return None
    return _Stat(fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            return stream.read().split(b"\0")
    except OSError:
        return []
