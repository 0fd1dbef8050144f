"""`run`: one job for a change here and now, with its console on the terminal."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ci.cli.orders import change_options, find_change
from ci.errors import CIError
from ci.model.build import CONSOLE_FILE

if TYPE_CHECKING:
    from ci.cli.root import Invocation
    from ci.config.site import Site
    from ci.model.build import BuildOutcome, BuildSpec, ProcessIdentity
    from ci.model.change import Change
    from ci.model.job import FrozenJob
    from ci.services.single_run import SingleRun

CONSOLE_CHECK_SECONDS = 0.2


@click.command()
@click.argument("job")
@change_options
@click.option("--pipeline", help="Pipeline whose project lists the job (default: the first one that does).")
@click.pass_obj
def run(
    invocation: Invocation,
    job: str,
    change_name: tuple[int, int | None],
    connection: str | None,
    pipeline: str | None,
) -> int:
    """Run JOB for a change on a free node, without the service and without a vote.

    Its console is shown; Ctrl-C ends it, and its cleanup-run still runs. Exit status 1 when it does not succeed.
    """
    from ci import bootstrap  # noqa: PLC0415 - slow to import

    site, store = invocation.open_site()
    folders = bootstrap.state_folder(site.settings.state_dir)
    change = find_change(site, connection, change_name)
    frozen = _frozen(site, job, change, pipeline)
    change = _with_dependencies(site, change)
    if shortage := bootstrap.room(site, folders).reason():
        raise CIError(f"no build is taken: {shortage}")
    single = bootstrap.single_run(site, folders, store)
    holder = bootstrap.run_holder()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        click.echo(f"preparing {change.project} with change {change.name} for {job}", err=True)
        spec = single.prepare(frozen, change, holder)
        outcome = _watch(single, spec, single.start(spec))
    finally:
        single.give_back_nodes()
    return _tell(outcome, spec)


def _with_dependencies(site: Site, change: Change) -> Change:
    from ci import bootstrap  # noqa: PLC0415
    from ci.model.depends_on import told  # noqa: PLC0415

    chain = bootstrap.chain(site, change)
    for line in chain.ignored:
        click.echo(f"ignored: {line}", err=True)
    if chain.problem:
        raise CIError(f"change {change.name} cannot be tested: {chain.problem}")
    if chain.changes:
        click.echo(f"tested with {told(chain.changes)}", err=True)
    return chain.put_on(change)


def _frozen(site: Site, job: str, change: Change, pipeline: str | None) -> FrozenJob:
    reasons: list[str] = []
    for name in [pipeline] if pipeline else list(site.layout.pipelines):
        if name not in site.layout.pipelines:
            raise CIError(f"no pipeline {name}: there is {', '.join(site.layout.pipelines)}")
        selection = site.layout.select_jobs(name, change)
        for frozen in selection.jobs:
            if frozen.name == job:
                return frozen
        reasons += [reason for reason in (*selection.why_not, *selection.errors) if reason.startswith(f"{job}:")]
    why = "; ".join(reasons) or f"{change.project} does not list it"
    raise CIError(f"{job} does not run for change {change.name}: {why}")


def _watch(single: SingleRun, spec: BuildSpec, process: ProcessIdentity) -> BuildOutcome:
    """Show the console until the job has ended; the first Ctrl-C cancels it and waits for its cleanup-run."""
    ended: list[BuildOutcome | None] = []
    waiter = threading.Thread(target=lambda: ended.append(single.wait(spec, process, threading.Event())), daemon=True)
    waiter.start()
    try:
        _follow(single, spec, process, waiter)
    finally:
        if waiter.is_alive():  # nobody reads the console any more: the nodes are given back next
            single.cancel(spec, process)
            waiter.join()
    if not ended or ended[0] is None:
        raise CIError("the job's process was lost")
    return ended[0]


def _follow(single: SingleRun, spec: BuildSpec, process: ProcessIdentity, waiter: threading.Thread) -> None:
    console, place = Path(spec.log_folder) / CONSOLE_FILE, 0
    while True:
        alive = waiter.is_alive()
        try:
            place = _show(console, place)
            if not alive:
                break
            waiter.join(CONSOLE_CHECK_SECONDS)
        except KeyboardInterrupt:
            click.echo("canceling; cleanup-run still runs", err=True)
            single.cancel(spec, process)


def _show(console: Path, place: int) -> int:
    if not console.is_file():
        return place
    with console.open("rb") as file:
        file.seek(place)
        text = file.read()
    click.echo(text.decode(errors="replace"), nl=False)
    return place + len(text)


def _tell(outcome: BuildOutcome, spec: BuildSpec) -> int:
    from ci.model.duration import duration  # noqa: PLC0415

    result = outcome.result or "RETRY (the service would try again)"
    click.echo(f"{spec.job.name}: {result} in {duration(outcome.ended_at - outcome.started_at)}")
    if outcome.error:
        click.echo(f"  {outcome.error}")
    for test in outcome.failed_tests:
        click.echo(f"  failed: {test.name}")
    click.echo(f"  logs: {spec.log_folder}")
    return 0 if outcome.result == "SUCCESS" else 1
