"""`freeze-job`: a job as it would run, with parents and variants applied."""

from __future__ import annotations

import dataclasses
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from ci.config.freeze import FreezeError
from ci.config.reading import suggestion
from ci.errors import UsageError
from ci.model.change import Change

if TYPE_CHECKING:
    from ci.cli.root import Invocation
    from ci.config.layout import Layout
    from ci.model.job import FrozenJob


@click.command()
@click.argument("job")
@click.option("--project", required=True, help="Name of the change's project, short or canonical.")
@click.option("--branch", required=True, help="Branch of the change.")
@click.option("--pipeline", help="Pipeline (default: the first one).")
@click.option("--files", multiple=True, metavar="PATH", help="A file that the change touches; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def freeze_job(
    invocation: Invocation,
    job: str,
    project: str,
    branch: str,
    pipeline: str | None,
    files: tuple[str, ...],
    as_json: bool,
) -> int:
    """Show JOB as it would run for a change: definitions applied, playbooks, variables, nodes.

    Exit status 1 when such a change would not get the job: the reason is said, and the job shown as it would be.
    """
    layout = invocation.load_site().layout
    pipeline = _pipeline(layout, pipeline)
    if job not in layout.jobs:
        raise UsageError(f"no job {job} ({suggestion(job, layout.jobs)})")
    selection = layout.select_jobs(pipeline, _change(layout, project, branch, files))
    for frozen in selection.jobs:
        if frozen.name == job:
            click.echo(json.dumps(dataclasses.asdict(frozen)) if as_json else _told(frozen))
            return 0
    mine = [reason for reason in selection.why_not if reason.startswith(f"{job}:")]
    reasons = mine or list(selection.errors) or [f"{project} does not list it in the pipeline {pipeline}"]
    click.echo(f"{job} would not run: " + "; ".join(reasons), err=True)
    with suppress(FreezeError):
        if alone := layout.job_alone(job, branch):
            click.echo(json.dumps(dataclasses.asdict(alone)) if as_json else _told(alone))
    return 1


def _pipeline(layout: Layout, name: str | None) -> str:
    if name is None and layout.pipelines:
        return next(iter(layout.pipelines))
    if name is None or name not in layout.pipelines:
        raise UsageError(f"no pipeline {name or ''} ({suggestion(name or '', layout.pipelines)})")
    return name


def _change(layout: Layout, project: str, branch: str, files: tuple[str, ...]) -> Change:
    found = layout.tenant.find(project)
    if not found:
        known = [item.name for item in layout.tenant.projects]
        raise UsageError(f"no project {project} in the tenant ({suggestion(project, known)})")
    if len(found) > 1:
        names = ", ".join(item.canonical_name for item in found)
        raise UsageError(f"several projects are called {project} (write one of: {names})")
    return Change(found[0].connection, found[0].name, branch, 0, 0, "", "", files=files or None)


def _told(frozen: FrozenJob) -> str:
    """Return the job as YAML, as people read it."""
    import yaml  # noqa: PLC0415 - for this form only

    text: Any = yaml.safe_dump(json.loads(json.dumps(dataclasses.asdict(frozen))), sort_keys=False)
    return str(text).rstrip()
