"""What else goes wrong around a service: its link to Gerrit, Gerrit itself, and the disk below the state folder."""

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .crash_stage import CrashError, Stage

DISK_MEGABYTES = 96
BALLAST = "ballast"
BALLAST_CHUNK_BYTES = 1 << 18

Trouble = Callable[[Stage, random.Random], str]


def cut(stage: Stage, chance: random.Random) -> str:
    """Cut every connection between the service and Gerrit, some times in a row."""
    times = chance.randint(1, 4)
    for _ in range(times):
        stage.proxy.drop()
        time.sleep(chance.uniform(0.1, 1.5))
    return f"link cut {times} times"


def freeze(stage: Stage, chance: random.Random) -> str:
    """Let nothing pass for a while, with all connections open; longer than the service waits for an answer or not."""
    seconds = chance.choice((1.0, 4.0, 12.0)) * chance.uniform(0.8, 1.2)
    stage.proxy.freeze()
    try:
        time.sleep(seconds)
    finally:
        stage.proxy.thaw()
    return f"link frozen for {seconds:.1f} s"


def slow(stage: Stage, chance: random.Random) -> str:
    """Make every packet late."""
    stage.proxy.delay_seconds = chance.uniform(0.05, 0.4)
    try:
        time.sleep(chance.uniform(4, 8))
        return f"link slowed by {stage.proxy.delay_seconds:.2f} s a packet"
    finally:
        stage.proxy.delay_seconds = 0.0


def restart_gerrit(stage: Stage, _chance: random.Random) -> str:
    """Stop Gerrit as an administrator does while votes are due, and start it again."""
    with stage.flow.paused():
        _await_due_votes(stage)
        stage.gerrit.restart()
    return "Gerrit restarted"


def kill_gerrit(stage: Stage, _chance: random.Random) -> str:
    """Kill Gerrit while votes are due, and start it again."""
    with stage.flow.paused():
        _await_due_votes(stage)
        pid = stage.gerrit.pid
        if pid is None:
            raise CrashError("Gerrit does not run")
        os.kill(pid, signal.SIGKILL)
        stage.gerrit.stop()
        stage.gerrit.start()
    return "Gerrit killed and started again"


def fill_disk(stage: Stage, chance: random.Random) -> str:
    """Fill the file system of the state folder to the brim, and make room again later."""
    seconds = chance.uniform(2, 8)
    ballast = stage.service.state.parent / BALLAST
    try:
        with ballast.open("wb", buffering=0) as file:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                try:  # what others free meanwhile is taken as well
                    file.write(bytes(BALLAST_CHUNK_BYTES))
                except OSError:
                    time.sleep(0.05)
    finally:
        ballast.unlink(missing_ok=True)
    return f"disk full for {seconds:.1f} s"


LINK: tuple[Trouble, ...] = (cut, freeze, slow)
GERRIT: tuple[Trouble, ...] = (restart_gerrit, kill_gerrit)
DISK: tuple[Trouble, ...] = (fill_disk,)


@contextmanager
def small_disk(megabytes: int = DISK_MEGABYTES) -> Iterator[Path]:
    """Mount a file system of so many megabytes below the temporary folder; it is unmounted whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="powervm-ci-disk-"))
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        if done.returncode:
            raise CrashError(f"cannot mount a small disk (that takes root): {done.stderr.strip()}")
        yield folder
    finally:
        if not done.returncode:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _await_due_votes(stage: Stage, seconds: float = 15.0) -> None:
    """Wait until builds run whose votes will fall due while Gerrit is away."""
    deadline = time.monotonic() + seconds
    while not stage.rows("select 1 from builds where state = 'running'") and time.monotonic() < deadline:
        time.sleep(0.02)
