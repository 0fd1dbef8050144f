"""The process of one build: `python -m ci.ansible.build_process FOLDER TEST_READER`, started by `ci.ansible.process`.

It reads `spec.json` in the folder, runs the job's phases, and writes `result.json`. Its imports are few and late:
each tenth of a second here is one before the first task, or before the vote.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ci.ansible import attempt_files, leftovers, limits, phases, playbook_run, spec_file, workspace
from ci.ansible.console import ConsoleLog, one_line
from ci.ansible.discretion import Discretion
from ci.ansible.task_events import TaskEvents
from ci.errors import CIError
from ci.model.build import HOLD_FILE, RESULT_FILE, BuildOutcome, BuildSpec, Fault, Result, TestReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ci.ansible.workspace import Workspace

NO_ROOM = 74  # sysexits' EX_IOERR: not even the result could be written, or who we are
MAX_ERROR = 600


def main(arguments: list[str]) -> int:
    """Run the build of a folder, or with a third argument only its cleanup-run under that name."""
    folder, test_reader, *rest = Path(arguments[0]), *arguments[1:]
    try:
        # First of all: a service that died just now finds by it what it has started.
        name = rest[0] if rest else attempt_files.PROCESS_NAME
        attempt_files.write_identity(folder / f"{name}.json")
        limits.be_modest()
        cancellation = _listen_for_cancel()
        if rest:
            clean_up(folder, cancellation)
        else:
            outcome = _outcome(folder, test_reader, cancellation)
            leftovers.kill(folder)
            _write_outcome(folder, outcome)
    except OSError as error:
        # Not print: what stays in a buffer would fail once more at exit, and hide the status.
        with suppress(OSError):
            os.write(1, f"the build's process failed: {error}\n".encode())
        if not _is_full(error):
            return 1
        if not rest:  # the exit status tells only the service that has started us, and only once
            with suppress(OSError):
                (folder / attempt_files.RESERVE_FILE).rename(folder / RESULT_FILE)
        return NO_ROOM
    return 0


def _write_outcome(folder: Path, outcome: BuildOutcome) -> None:
    if outcome.is_held:  # of nodes that are kept nothing may say that they are clean
        (folder / attempt_files.RESERVE_FILE).unlink(missing_ok=True)
    attempt_files.write_atomically(folder / RESULT_FILE, json.dumps(asdict(outcome), ensure_ascii=True))


def _outcome(folder: Path, test_reader: str, cancellation: playbook_run.Cancellation) -> BuildOutcome:
    started_at = time.time()
    try:
        return run_build(spec_file.read_spec(folder), cancellation, test_reader)
    except CIError as error:
        return BuildOutcome(Result.ERROR, started_at, time.time(), str(error))


def run_build(spec: BuildSpec, cancellation: playbook_run.Cancellation, test_reader: str) -> BuildOutcome:
    """Run the phases and read the tests; raises CIError when the spec cannot be carried out."""
    started_at = time.time()
    check(spec)
    folder, report = Path(spec.folder), TestReport()

    def tests_have_failed() -> bool:
        found = read_tests(test_reader, Path(spec.log_folder))
        return bool(found.failed_tests or found.problem or found.unbegun)

    asked = phases.Asked((folder / HOLD_FILE).exists, tests_have_failed)
    with _playbooks(spec, cancellation, folder) as context:
        charged = spec.attempt - spec.uncharged
        verdict = phases.run_phases(
            spec.job, charged, lambda *arguments: playbook_run.run_playbooks(context, *arguments), asked
        )
        if (folder / "work" / "results.json").exists():
            context.console.say("zuul_return is not supported: what it returned is ignored")
        if not verdict.is_canceled:
            report = read_tests(test_reader, Path(spec.log_folder))
        # Ahead of what cuts it: half a secret would not be known as one.
        verdict = replace(verdict, error=context.discretion.text(verdict.error))
        outcome = conclude(verdict, discreet(report, context.discretion), started_at)
        if outcome.result not in {Result.SUCCESS, Result.CANCELED} and _has_no_room(context):
            error = f"no room left in {folder}: {outcome.error}"
            outcome = replace(outcome, result=None, fault=Fault.DISK, error=one_line(error, MAX_ERROR))
        told = f"{outcome.result or 'to be retried'} {one_line(outcome.error, MAX_ERROR)}"
        context.console.say(f"Build ended: {told}".rstrip())
        if outcome.is_held:
            context.console.say("The nodes are left as they are: cleanup-run follows when they are given back")
    return outcome


def clean_up(folder: Path, cancellation: playbook_run.Cancellation) -> None:
    """Run only the cleanup-run of a build, and write down that it has been."""
    try:
        spec = spec_file.read_spec(folder)
        check(spec)
        with _playbooks(spec, cancellation, attempt_files.cleanup_folder(folder)) as context:
            context.console.say("The build's own process did not clean up: its cleanup-run follows")
            phases.clean_up(spec.job, lambda *arguments: playbook_run.run_playbooks(context, *arguments))
    except CIError as error:
        os.write(1, f"cannot clean up: {error}\n".encode())
    (folder / attempt_files.CLEANUP_ENDED_FILE).touch()


@contextmanager
def _playbooks(
    spec: BuildSpec, cancellation: playbook_run.Cancellation, own: Path
) -> Iterator[playbook_run.RunContext]:
    """Lay out what playbooks need in `own`, and clear away at the end what they left running."""
    place = workspace.lay_out(spec, _ansible_version(), own)
    connections = connect(spec, place)
    try:
        with ConsoleLog(place.log_folder) as console, place.task_events.open("a", encoding="utf-8") as file:
            task_events = TaskEvents(file)
            context = playbook_run.RunContext(
                folder=place.folder,
                marker=own,
                site=Path(spec.site),
                inventory=place.inventory_file,
                zuul_file=place.zuul_file,
                environment=workspace.environment(spec, place),
                console=console,
                task_events=task_events,
                discretion=Discretion(spec.job.variables),
                cancellation=cancellation,
                disk_watch=limits.DiskWatch((place.folder, place.log_folder), spec.disk_limit_mib),
                memory_limit_mib=spec.memory_limit_mib,
            )
            yield context
            context.disk_watch.cut_if_needed()
            task_events.close()
    finally:
        for connection in connections:
            connection.kill()
            connection.wait()
        leftovers.kill(own)
        workspace.close_connections(own)


def _has_no_room(context: playbook_run.RunContext) -> bool:
    """Whether a failure may be that of our own disk: what Ansible says of it differs from module to module."""
    lost = context.console.is_out_of_room or context.task_events.is_out_of_room
    return lost or limits.is_nearly_full(context.folder)


def _is_full(error: OSError) -> bool:
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


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


def discreet(report: TestReport, discretion: Discretion) -> TestReport:
    """Return what the page and the comment on the change say of tests, without what is to be hidden."""
    return replace(
        report,
        failed_tests=tuple(replace(test, reason=discretion.text(test.reason)) for test in report.failed_tests),
        problem=discretion.text(report.problem),
        unbegun=discretion.text(report.unbegun),
    )


def conclude(verdict: phases.Verdict, report: TestReport, started_at: float) -> BuildOutcome:
    """Put together what the playbooks and the tests say; a success needs both.

    Results that are not whole, or not those of the tests that were to run, are the CI's fault. Tests that failed in
    such a run may have failed for the same reason: the patch is not judged by them.
    """
    result, error = verdict.result, verdict.error
    problem = report.problem or (report.unbegun if result == Result.SUCCESS else "")
    if result in {Result.SUCCESS, Result.FAILURE} and problem:
        result, error = Result.ERROR, problem
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
        fault=verdict.fault,
        is_held=verdict.is_held,
        unreachable=verdict.unreachable,
    )


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
