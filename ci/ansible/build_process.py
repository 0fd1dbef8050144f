"""The process of one build: `python -m ci.ansible.build_process FOLDER TEST_READER`, started by `ci.ansible.process`.

It reads `spec.json` in the folder, runs the job's phases, and writes `result.json`. Its imports are few and late:
each tenth of a second here is one before the first task, or before the vote.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ci.ansible import leftovers, phases, playbook_run, spec_file, workspace
from ci.ansible.console import ConsoleLog, one_line
from ci.errors import CIError, DiskFull
from ci.model.build import BuildOutcome, BuildSpec, Result, TestReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.ansible.workspace import Workspace

RESULT_FILE = "result.json"
NO_ROOM = 74  # sysexits' EX_IOERR: the result could not even be written
MAX_ERROR = 600


def main(arguments: list[str]) -> int:
    """Run the build of a folder; returns the exit status, 0 when the result is written."""
    folder, test_reader = Path(arguments[0]), arguments[1]
    cancellation = _listen_for_cancel()
    started_at = time.time()
    try:
        spec = spec_file.read_spec(folder)
        outcome = run_build(spec, cancellation, test_reader)
    except CIError as error:
        result = None if isinstance(error, DiskFull) else Result.ERROR
        outcome = BuildOutcome(result, started_at, time.time(), str(error))
    except OSError as error:
        outcome = BuildOutcome(None, started_at, time.time(), f"the build's process failed: {error}")
    leftovers.kill(folder)
    try:
        write_atomically(folder / RESULT_FILE, json.dumps(asdict(outcome), ensure_ascii=True))
    except OSError as error:
        # Not print: what stays in a buffer would fail once more at exit, and hide the status.
        with suppress(OSError):
            os.write(1, f"cannot write {folder / RESULT_FILE}: {error.strerror}\n".encode())
        return NO_ROOM
    return 0


def run_build(spec: BuildSpec, cancellation: playbook_run.Cancellation, test_reader: str) -> BuildOutcome:
    """Run the phases and read the tests; raises CIError when the spec cannot be carried out."""
    started_at = time.time()
    check(spec)
    place = workspace.lay_out(spec, _ansible_version())
    connections = connect(spec, place)
    try:
        with ConsoleLog(place.log_folder) as console, place.task_events.open("a", encoding="utf-8") as task_events:
            context = playbook_run.RunContext(
                folder=place.folder,
                site=Path(spec.site),
                inventory=place.inventory_file,
                zuul_file=place.zuul_file,
                environment=workspace.environment(spec, place),
                console=console,
                task_events=task_events,
                cancellation=cancellation,
            )
            verdict = phases.run_phases(
                spec.job, spec.attempt, lambda *arguments: playbook_run.run_playbooks(context, *arguments)
            )
            if place.result_data_file.exists():
                console.say("zuul_return is not supported: what it returned is ignored")
            report = TestReport() if verdict.is_canceled else read_tests(test_reader, place.log_folder)
            outcome = conclude(verdict, report, started_at)
            console.say(
                f"Build ended: {outcome.result or 'to be retried'} {one_line(outcome.error, MAX_ERROR)}".rstrip()
            )
    finally:
        for connection in connections:
            connection.kill()
            connection.wait()
        workspace.close_connections(place.folder)
    return outcome


def check(spec: BuildSpec) -> None:
    """Raise CIError, before anything is run, where the spec asks for what cannot be."""
    job = spec.job
    for playbook in (*job.pre_run, *job.run, *job.post_run, *job.cleanup_run):
        if not (Path(spec.site) / playbook).is_file():
            raise CIError(f"job {job.name}: playbook {playbook} does not exist in {spec.site}")
    if len(spec.nodes) != len(job.nodeset.nodes):
        raise CIError(f"job {job.name}: {len(job.nodeset.nodes)} nodes asked for, {len(spec.nodes)} given")
    for node in spec.nodes:
        if not node.host_keys:
            raise CIError(f"node {node.name} has no host-key in nodepool.yaml: it cannot be told from another machine")


def connect(spec: BuildSpec, place: Workspace) -> list[subprocess.Popen[bytes]]:
    """Open a shared ssh connection to each node while Ansible still loads; where it fails, Ansible says why."""
    command = workspace.ssh_command(spec, place)
    environment = workspace.environment(spec, place)
    connections = []
    for node in {(node.name, node.port, node.username): node for node in spec.nodes}.values():
        arguments = [*command, "-N", "-f", "-p", str(node.port), "-l", node.username, "--", node.name]
        quiet = subprocess.DEVNULL
        connections.append(subprocess.Popen(arguments, env=environment, stdin=quiet, stdout=quiet, stderr=quiet))
    return connections


def read_tests(test_reader: str, log_folder: Path) -> TestReport:
    """Read the test results below the log folder with the function that `module:function` names, "" for none."""
    if not test_reader:
        return TestReport()
    module, _, name = test_reader.partition(":")
    read: Callable[[Path], TestReport] = getattr(importlib.import_module(module), name)
    try:
        return read(log_folder)
    except OSError as error:
        return TestReport(problem=f"the test results cannot be read: {error.strerror}")


def conclude(verdict: phases.Verdict, report: TestReport, started_at: float) -> BuildOutcome:
    """Put together what the playbooks and the tests say; a success needs both."""
    result, error = verdict.result, verdict.error
    if result == Result.SUCCESS and report.problem:
        result, error = Result.ERROR, report.problem
    elif result == Result.SUCCESS and report.failed_tests:
        # stestr exits 0 with --subunit even when tests have failed.
        result, error = Result.FAILURE, "tests failed although the run playbooks succeeded"
    return BuildOutcome(
        result=result,
        started_at=started_at,
        ended_at=time.time(),
        error=one_line(error, MAX_ERROR),
        failed_tests=report.failed_tests,
        counts=report.counts,
    )


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that after a crash it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _listen_for_cancel() -> playbook_run.Cancellation:
    wake, alarm = os.pipe()
    os.set_blocking(alarm, False)
    cancellation = playbook_run.Cancellation(wake)

    def cancel(_signal: int, _frame: object) -> None:
        cancellation.is_set = True
        with suppress(BlockingIOError):
            os.write(alarm, b"!")

    signal.signal(signal.SIGTERM, cancel)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return cancellation


def _ansible_version() -> str:
    from ansible.release import __version__  # noqa: PLC0415  # a module of constants

    return ".".join(__version__.split(".")[:2])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
