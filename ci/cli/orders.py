"""`enqueue` and `dequeue`: an operator's orders; they are events like any other, and the running service obeys."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING, Any

import click

from ci.errors import CIError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.cli.root import Invocation
    from ci.config.site import Site
    from ci.model.change import Change
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


@click.command()
@change_options
@click.option("--pipeline", help="In this pipeline (default: those that new patch sets start).")
@click.pass_obj
def enqueue(
    invocation: Invocation, change_name: tuple[int, int | None], connection: str | None, pipeline: str | None
) -> int:
    """Run a pipeline's jobs for a change, past triggers and requirements; what runs for it is started again."""
    from ci.model.event import EventType  # noqa: PLC0415

    return _order(invocation, EventType.ENQUEUE, change_name, connection, pipeline)


@click.command()
@change_options
@click.option("--pipeline", help="Only in this pipeline (default: all).")
@click.pass_obj
def dequeue(
    invocation: Invocation, change_name: tuple[int, int | None], connection: str | None, pipeline: str | None
) -> int:
    """End what runs or waits for a change; there is no vote."""
    from ci.model.event import EventType  # noqa: PLC0415

    return _order(invocation, EventType.DEQUEUE, change_name, connection, pipeline)


def _order(
    invocation: Invocation,
    order: EventType,
    change_name: tuple[int, int | None],
    connection: str | None,
    pipeline: str | None,
) -> int:
    from ci import bootstrap  # noqa: PLC0415 - slow to import
    from ci.model.event import Event, EventSource, EventType  # noqa: PLC0415

    site = invocation.load_site()
    if pipeline is not None and pipeline not in site.layout.pipelines:
        raise UsageError(f"no pipeline {pipeline}: there is {', '.join(site.layout.pipelines)}")
    folders = bootstrap.state_folder(site.settings.state_dir)
    change = find_change(site, connection, change_name)
    store = bootstrap.open_store(folders)
    if order is EventType.DEQUEUE and not store.buildsets.running_of_change(change.connection, change.number):
        raise CIError(f"nothing runs or waits for change {change.name}")
    if order is EventType.ENQUEUE:
        _expect_jobs(site, change, pipeline)
    now = time.time()
    key = f"{order}:{uuid.uuid4().hex}"
    event = Event(
        change.connection, order, str(order), key, int(now), change=change, pipeline=pipeline, source=EventSource.ORDER
    )
    store.events.add([event], now)
    waits = "" if bootstrap.is_served(folders) else "; the service does not run: it will be done when it starts"
    click.echo(f"{order}: change {change.name} of {change.project}{waits}")
    return 0


def _expect_jobs(site: Site, change: Change, pipeline: str | None) -> None:
    """Raise when an enqueue would start nothing."""
    names = [pipeline] if pipeline else [one.name for one in site.layout.pipelines.values() if one.hears_patchsets]
    selections = [site.layout.select_jobs(name, change) for name in names]
    if not any(selection.jobs for selection in selections):
        reasons = [reason for s in selections for reason in (*s.why_not, *s.errors)]
        raise CIError(f"change {change.name} gets no jobs: {'; '.join(reasons) or 'no pipeline knows its project'}")
