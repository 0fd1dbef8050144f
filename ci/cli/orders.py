"""`enqueue`, `enqueue-ref`, `dequeue`: an operator's orders; they are events like any other, and the service obeys."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING, Any

import click

from ci.errors import CIError, Refused, UsageError
from ci.model.change import Branch, Change

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ci.cli.root import Invocation
    from ci.config.site import Site
    from ci.model.change import Ref
    from ci.model.event import EventType


class ChangeName(click.ParamType[tuple[int, int | None]]):
    """`NUMBER,PATCHSET`, or `NUMBER` for the current patch set."""

    name = "N,P"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int | None]:
        if isinstance(value, tuple):
            return value
        number, _, patchset = str(value).partition(",")
        if not re.fullmatch(r"[1-9][0-9]{0,8}(,[1-9][0-9]{0,5})?", str(value)):
            self.fail(f"{value!r} is not NUMBER,PATCHSET (for example 4711,2)", param, ctx)
        return int(number), int(patchset) if patchset else None


def change_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a change."""
    named = click.option("--change", "change_name", type=ChangeName(), required=True, help="Number and patch set.")
    connection = click.option("--connection", metavar="NAME", help="The change's Gerrit (default: the only one).")
    return named(connection(command))


def find_change(site: Site, connection: str | None, change_name: tuple[int, int | None]) -> Change:
    """Read a change from its Gerrit; raises `UsageError` when it is not clear from which one."""
    from ci import bootstrap  # noqa: PLC0415 - slow to import

    gerrits = site.settings.gerrits
    if connection is None and len(gerrits) > 1:
        raise UsageError(f"which Gerrit? name it by --connection: {', '.join(gerrits)}")
    name = connection or next(iter(gerrits))
    if name not in gerrits:
        raise UsageError(f"no connection {name} in zuul.conf: there is {', '.join(gerrits)}")
    gerrit = bootstrap.gerrit(gerrits[name])
    try:
        return gerrit.change(*change_name)
    finally:
        gerrit.close()


class BranchRef(click.ParamType[str]):
    """`refs/heads/BRANCH`, as Zuul's client wants it; the value is the branch."""

    name = "refs/heads/BRANCH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from ci.git import names  # noqa: PLC0415

        prefix, text = "refs/heads/", str(value)
        if not text.startswith(prefix):
            self.fail(f"{text!r} is not {self.name} (for example refs/heads/master)", param, ctx)
        try:
            return names.branch(text.removeprefix(prefix))
        except Refused as error:
            self.fail(str(error), param, ctx)


@click.command()
@change_options
@click.option("--pipeline", help="In this pipeline (default: those that new patch sets start).")
@click.pass_obj
def enqueue(
    invocation: Invocation, change_name: tuple[int, int | None], connection: str | None, pipeline: str | None
) -> int:
    """Run a pipeline's jobs for a change, past triggers and requirements; what runs for it is started again."""
    from ci.model.event import EventType  # noqa: PLC0415

    site = _site_with_pipeline(invocation, pipeline)
    change = find_change(site, connection, change_name)
    names = [pipeline] if pipeline else [one.name for one in site.layout.pipelines.values() if one.hears_patchsets]
    _expect_jobs(site, change, names)
    return _order(site, EventType.ENQUEUE, change, pipeline)


@click.command("enqueue-ref")
@click.option("--pipeline", required=True, help="Pipeline whose jobs are to run.")
@click.option("--project", required=True, help="Project name.")
@click.option("--ref", "branch", type=BranchRef(), required=True, help="The branch whose tip they are to run on.")
@click.option("--connection", metavar="NAME", help="The project's Gerrit (default: the one that has it).")
@click.pass_obj
def enqueue_ref(invocation: Invocation, pipeline: str, project: str, branch: str, connection: str | None) -> int:
    """Run a pipeline's jobs on the tip of a branch, as its timer does; what runs for it is started again."""
    from ci.model.event import EventType  # noqa: PLC0415

    site = _site_with_pipeline(invocation, pipeline)
    about = _branch(site, project, branch, connection)
    _expect_jobs(site, about, [pipeline])
    return _order(site, EventType.ENQUEUE, about, pipeline)


@click.command()
@click.option("--change", "change_name", type=ChangeName(), help="Number and patch set.")
@click.option("--project", help="With --ref: project name.")
@click.option("--ref", "branch", type=BranchRef(), help="In place of --change: a branch.")
@click.option(
    "--connection", metavar="NAME", help="The Gerrit (default: the only one, or the one that has the project)."
)
@click.option("--pipeline", help="Only in this pipeline (default: all).")
@click.pass_obj
def dequeue(
    invocation: Invocation, change_name: tuple[int, int | None] | None, project: str | None, branch: str | None,
    connection: str | None, pipeline: str | None,
) -> int:  # fmt: skip
    """End what runs or waits for a change, or for a branch; there is no vote."""
    from ci.model.event import EventType  # noqa: PLC0415

    site = _site_with_pipeline(invocation, pipeline)
    if change_name is not None and branch is None and project is None:
        about: Ref = find_change(site, connection, change_name)
    elif change_name is None and branch is not None and project is not None:
        about = _branch(site, project, branch, connection)
    else:
        raise UsageError("name a change by --change, or a branch by --project and --ref")
    return _order(site, EventType.DEQUEUE, about, pipeline)


def _site_with_pipeline(invocation: Invocation, pipeline: str | None) -> Site:
    site, _ = invocation.open_site()
    if pipeline is not None and pipeline not in site.layout.pipelines:
        raise UsageError(f"no pipeline {pipeline}: there is {', '.join(site.layout.pipelines)}")
    return site


def _branch(site: Site, project: str, branch: str, connection: str | None) -> Branch:
    from ci.cli.autohold import find_project  # noqa: PLC0415

    return Branch(*find_project(site, project, connection), branch)


def _order(site: Site, order: EventType, about: Ref, pipeline: str | None) -> int:
    from ci import bootstrap  # noqa: PLC0415 - slow to import
    from ci.model.event import Event, EventSource, EventType  # noqa: PLC0415

    folders = bootstrap.state_folder(site.settings.state_dir)
    store = bootstrap.open_store(folders)
    change, branch = (about, None) if isinstance(about, Change) else (None, about)
    what = f"change {about.name}" if change else f"branch {about.name}"
    if order is EventType.DEQUEUE and not store.buildsets.running_of(about):
        raise CIError(f"nothing runs or waits for {what}")
    now = time.time()
    event = Event(
        connection=about.connection,
        type=order,
        type_name=str(order),
        natural_key=f"{order}:{uuid.uuid4().hex}",
        created_at=int(now),
        change=change,
        branch=branch,
        pipeline=pipeline,
        source=EventSource.ORDER,
    )
    store.events.add([event], now)
    waits = "" if bootstrap.is_served(folders) else "; the service does not run: it will be done when it starts"
    click.echo(f"{order}: {what} of {about.project}{waits}")
    return 0


def _expect_jobs(site: Site, about: Ref, pipelines: Sequence[str]) -> None:
    """Raise when an enqueue would start nothing."""
    selections = [site.layout.select_jobs(name, about) for name in pipelines]
    if not any(selection.jobs for selection in selections):
        reasons = [reason for s in selections for reason in (*s.why_not, *s.errors)]
        what = f"change {about.name}" if isinstance(about, Change) else f"branch {about.name}"
        raise CIError(f"{what} gets no jobs: {'; '.join(reasons) or 'no pipeline knows its project'}")
