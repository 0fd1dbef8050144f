"""`autohold` and its kin, as Zuul's client has them: keep the nodes of a failed build for a person."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

import click

from ci.cli.root import reason_option
from ci.errors import CIError, UsageError
from ci.model.hold import DEFAULT_EXPIRATION_SECONDS, Autohold, Hold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.cli.root import Invocation
    from ci.config.site import Site
    from ci.store.store import SqliteStore

LONGEST_SECONDS = 10 * 366 * 86400


@click.command()
@click.option("--project", required=True, help="Project name.")
@click.option("--job", required=True, help="Job name.")
@click.option("--change", type=click.IntRange(1, 2**31 - 1), metavar="NUMBER", help="Only for this change.")
@click.option("--connection", metavar="NAME", help="The project's Gerrit (default: the one that has it).")
@click.option("--reason", required=True, callback=reason_option, help="Why, for those who wonder where the node is.")
@click.option("--count", type=click.IntRange(1, 1000), default=1, show_default=True, help="For so many failed builds.")
@click.option(
    "--node-hold-expiration", "expiration", type=click.IntRange(0, LONGEST_SECONDS), metavar="SECONDS",
    default=DEFAULT_EXPIRATION_SECONDS, show_default=True, help="For so long; 0 until the request is deleted.",
)  # fmt: skip
@click.pass_obj
def autohold(
    invocation: Invocation, project: str, job: str, change: int | None, connection: str | None, reason: str,
    count: int, expiration: int,
) -> int:  # fmt: skip
    """Keep the nodes of the next builds of a job that fail, as the build has left them.

    Their cleanup-run waits until the request is deleted or the time is over.
    """
    site, store = invocation.open_site()
    where, name = find_project(site, project, connection)
    if job not in site.layout.jobs:
        raise UsageError(f"no job {job}: there is {', '.join(sorted(site.layout.jobs))}")
    asked = Autohold(where, name, job, reason, change, count, expiration)
    number = store.holds.request(asked, time.time())
    click.echo(f"autohold {number}: nodes of the next {_builds(count)} of {job} for {_what(asked)} are kept")
    return 0


@click.command("autohold-list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.pass_obj
def autohold_list(invocation: Invocation, as_json: bool) -> int:
    """List the requests to keep nodes, with what is kept."""
    _, store = invocation.open_site(to_look=True)
    held = store.holds.held()
    records = [_record(store, one, held) for one in store.holds.requests()]
    if as_json:
        click.echo(json.dumps(records))
        return 0
    from ci.cli.tables import ago, print_table  # noqa: PLC0415

    now = time.time()
    print_table(
        "Autoholds", ("ID", "Project", "Job", "Change", "Count", "Kept", "Asked", "Reason"),
        [(one["id"], one["project"], one["job"], one["change"] or "any", f"{one['current_count']}/{one['max_count']}",
          len(one["nodes"]), ago(one["created_at"], now), one["reason"]) for one in records],
        "none",
    )  # fmt: skip
    return 0


@click.command("autohold-info")
@click.argument("request_id", metavar="ID", type=click.IntRange(1))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def autohold_info(invocation: Invocation, request_id: int, as_json: bool) -> int:
    """Show a request and the nodes that it keeps: where they are, how to get there, until when."""
    _, store = invocation.open_site(to_look=True)
    record = _record(store, _find(store, request_id), store.holds.held())
    if as_json:
        click.echo(json.dumps(record))
        return 0
    from ci.cli.tables import cell, utc  # noqa: PLC0415

    for key in ("id", "connection", "project", "job", "change", "reason", "max_count", "current_count"):
        click.echo(f"{key}: {cell('any' if key == 'change' and record[key] is None else record[key])}")
    for hold in record["nodes"]:
        until = utc(hold["expires_at"]) or "deleted"
        click.echo(f"build {hold['build']} ({hold['state']}, until {until}):")
        for node in hold["nodes"]:
            click.echo(f"  {node['place']}: ssh -p {node['port']} {node['username']}@{node['name']}")
    return 0


@click.command("autohold-delete")
@click.argument("request_id", metavar="ID", type=click.IntRange(1))
@click.pass_obj
def autohold_delete(invocation: Invocation, request_id: int) -> int:
    """Delete a request; the nodes that it keeps are cleaned up and given back."""
    from ci import bootstrap  # noqa: PLC0415 - slow to import

    site, store = invocation.open_site()
    _find(store, request_id)
    kept = [hold for hold in store.holds.held() if hold.autohold_id == request_id]
    store.holds.withdraw(request_id, time.time())
    served = bootstrap.is_served(bootstrap.state_folder(site.settings.state_dir))
    waits = "" if served else ": when the service starts, it does not run"
    then = f"; {len(kept)} kept for it: cleaned up and given back{waits}" if kept else ""
    click.echo(f"autohold {request_id} is deleted{then}")
    return 0


def _record(store: SqliteStore, one: Autohold, held: Sequence[Hold]) -> dict[str, Any]:
    """Return a request as programs read it, in Zuul's words where it has some; times in seconds since the epoch."""
    record = dataclasses.asdict(one)
    record["change"] = record.pop("change_number")
    kept = [hold for hold in held if hold.autohold_id == one.id]
    record["nodes"] = [
        {
            "build": hold.build_id, "attempt": hold.attempt, "state": hold.state, "held_at": hold.held_at,
            "expires_at": hold.expires_at,
            "nodes": [{"place": node.id, "name": node.name, "port": node.port, "username": node.username}
                      for node in store.holds.nodes(hold)],
        }
        for hold in kept
    ]  # fmt: skip
    return record


def _find(store: SqliteStore, request_id: int) -> Autohold:
    requests = store.holds.requests()
    found = [one for one in requests if one.id == request_id]
    if not found:
        raise CIError(f"no autohold {request_id}: there is {', '.join(str(one.id) for one in requests) or 'none'}")
    return found[0]


def find_project(site: Site, name: str, connection: str | None) -> tuple[str, str]:
    """Return connection and name of a project, which may be given by its canonical name; raises `UsageError`."""
    gerrits = site.settings.gerrits
    if connection is not None and connection not in gerrits:
        raise UsageError(f"no connection {connection} in zuul.conf: there is {', '.join(gerrits)}")
    projects = [one for one in site.layout.tenant.projects if connection in {None, one.connection}]
    found = [one for one in projects if name in {one.name, one.canonical_name}]
    if not found:
        raise UsageError(f"no project {name}: there is {', '.join(one.name for one in projects) or 'none'}")
    if len(found) > 1:
        raise UsageError(f"which {name}? name its Gerrit by --connection: {', '.join(o.connection for o in found)}")
    return found[0].connection, found[0].name


def _what(asked: Autohold) -> str:
    return asked.project if asked.change_number is None else f"change {asked.change_number} of {asked.project}"


def _builds(count: int) -> str:
    return "failed build" if count == 1 else f"{count} failed builds"
