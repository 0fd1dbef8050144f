"""What the service costs: its start, its memory, the size of what it is installed from."""

import re
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from .bench_stage import BenchError, Say, Stage, until
from .process_cost import pss_mib
from .site import REPOSITORY

STARTS = 5
SETTLE_SECONDS = 3.0


def serve_starts(stage: Stage, say: Say) -> dict[str, list[float]]:
    """Start the service several times on a state folder that exists; it runs afterwards."""
    stage.start_service()
    pages, connected = [], []
    for serial in range(1, STARTS + 1):
        stage.service.stop()
        answered, listens = stage.start_service()
        pages.append(answered)
        connected.append(listens)
        say(f"start {serial}: pages answer after {answered:.2f} s, listening to Gerrit after {listens:.2f} s")
    return {"pages": pages, "listening": connected}


def idle_memory(stage: Stage) -> float:
    """Return the service's PSS in MiB when nothing has happened for a while."""
    time.sleep(SETTLE_SECONDS)
    return stage.service.memory_mib()


def building_memory(stage: Stage) -> dict[str, float]:
    """Return PSS in MiB while two builds run: of the service, and of all processes of the builds together."""
    with _two_builds(stage):
        time.sleep(SETTLE_SECONDS)
        builds = sum(pss_mib(pid) for pid in _descendants(stage.service_pid))
        return {"service": stage.service.memory_mib(), "builds": builds}


@contextmanager
def _two_builds(stage: Stage) -> Iterator[None]:
    """Have a build hang on each of the two nodes, and end both afterwards."""
    for serial in range(len(stage.nodes.addresses)):
        stage.repository.reset(stage.base)
        stage.repository.commit({"verdict": "hang\n"}, f"Hang {serial}")
        stage.repository.push_change()

    def hangs(build: dict[str, str]) -> bool:
        output = Path(build["log_folder"], "job-output.txt")
        return output.exists() and "TASK [Hang when" in output.read_text(encoding="utf-8")

    try:
        until("two builds hang", lambda: sum(map(hangs, stage.open_builds())) == len(stage.nodes.addresses))
        yield
    finally:
        stage.drain()


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += [int(child), *_descendants(int(child))]
    return found


def install_megabytes() -> dict[str, float]:
    """Return how much the base install takes on disk, by package: the project and what it needs, no extras.

    Disk blocks of every file that each package has put here, compiled modules too; not pip and Python themselves.
    """
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = {path for path in (REPOSITORY / "ci").rglob("*") if path.is_file()}
    sizes = {project["name"]: _megabytes(own)}
    waiting = [Requirement(text) for text in project["dependencies"]]
    while waiting:
        requirement = waiting.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in sizes or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError as error:
            raise BenchError(f"{name} is not installed: run scripts/setup") from error
        sizes[name] = _megabytes(_files(found))
        waiting += map(Requirement, found.requires or [])
    return sizes


def _files(found: Distribution) -> set[Path]:
    files = {Path(str(file.locate())).resolve() for file in found.files or []}
    prefix = Path(sys.prefix).resolve()
    return {path for path in files if path.is_file() and path.is_relative_to(prefix)}


def _megabytes(files: set[Path]) -> float:
    return sum(path.stat().st_blocks * 512 for path in files) / 1e6
