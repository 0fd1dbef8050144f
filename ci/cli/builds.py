"""`builds`: what ran, newest first."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from ci.errors import UsageError
from ci.model.change import Change

if TYPE_CHECKING:
    from ci.cli.root import Invocation
    from ci.model.views import BuildView
    from ci.services.folders import Folders


@click.command()
@click.option("--job", help="Only builds of this job.")
@click.option(
    "--change",
    "change_number",
    type=click.IntRange(1, 2**31 - 1),
    metavar="NUMBER",
    help="Only builds for this change.",
)
@click.option("--connection", metavar="NAME", help="With --change: only of the change in this Gerrit.")
@click.option("--limit", type=click.IntRange(1, 10000), default=20, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.pass_obj
def builds(
    invocation: Invocation, job: str | None, change_number: int | None, connection: str | None, limit: int,
    as_json: bool,
) -> int:  # fmt: skip
    """List builds, newest first: job, change, result, time, where the logs are."""
    from ci import bootstrap  # noqa: PLC0415 - slow to import
    from ci.cli.tables import ago, print_table  # noqa: PLC0415
    from ci.model.duration import duration  # noqa: PLC0415

    if connection and change_number is None:
        raise UsageError("--connection says whose change is meant: name it by --change")
    folders = bootstrap.existing_state_folder(invocation.load_site().settings.state_dir)
    store = bootstrap.open_store(folders)
    views = store.views.builds(limit=limit, job=job, change_number=change_number, connection=connection)
    if as_json:
        click.echo(json.dumps([as_record(view, folders) for view in views]))
        return 0
    now = time.time()
    rows = []
    for view in views:
        build = view.build
        seconds = (build.ended_at or now) - build.started_at if build.started_at else None
        took = duration(seconds) if seconds is not None else ""
        what = build.error or (f"{build.counts.passed} tests passed" if build.counts else "")
        rows.append(
            (build.id[:10], build.job.name, view.change.name, build.result or build.state, took,
             ago(build.ended_at, now), what)
        )  # fmt: skip
    print_table("Builds", ("Build", "Job", "Change", "Result", "Took", "Ended", "What"), rows, "none")
    return 0


def as_record(view: BuildView, folders: Folders) -> dict[str, Any]:
    """Return a build as programs read it; times in seconds since the epoch."""
    build, change = view.build, view.change
    return {
        "id": build.id,
        "buildset": build.buildset_id,
        "job": build.job.name,
        "pipeline": view.pipeline,
        "connection": change.connection,
        "project": change.project,
        "branch": change.branch,
        "change": change.number if isinstance(change, Change) else None,  # none for a branch
        "patchset": change.patchset if isinstance(change, Change) else None,
        "state": build.state,
        "result": build.result,
        "voting": build.job.voting,
        "attempt": build.attempt,
        "error": build.error,
        "failed_tests": [test.name for test in build.failed_tests],
        "created_at": build.created_at,
        "started_at": build.started_at,
        "ended_at": build.ended_at,
        "log_folder": str(folders.build_logs(build, change, view.pipeline)),
    }
