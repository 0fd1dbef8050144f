"""`nodes`: how the machines are doing and who has them; `nodes drain` and `nodes enable`."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from ci.cli.root import reason_option
from ci.errors import UsageError

if TYPE_CHECKING:
    from ci.cli.root import Invocation
    from ci.config.site import Site
    from ci.model.views import NodeView


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.pass_context
def nodes(context: click.Context, as_json: bool) -> int:
    """List the machines: places, who has them, state, failures in a row and why."""
    if context.invoked_subcommand is not None:
        return 0
    invocation: Invocation = context.obj
    site, store = invocation.open_site()
    found = node_records(store.views.nodes(site.nodes))
    if as_json:
        click.echo(json.dumps(found))
    else:
        _tell(found)
    return 0


@nodes.command()
@click.argument("name")
@click.option("--reason", default="", callback=reason_option, help="Why, for those who look at the list.")
@click.pass_obj
def drain(invocation: Invocation, name: str, reason: str) -> int:
    """Give no new builds to the machine NAME; what runs there goes on to its end."""
    site, store = invocation.open_site()
    machine = _machine(site, name)
    store.nodes.drain(machine, reason or "drained by an operator", time.time())
    busy = sum(bool(view.holder) for view in store.views.nodes(site.nodes) if view.node.machine == machine)
    click.echo(f"{machine} gets no new builds" + (f"; {busy} of its places in use now" if busy else " and is free"))
    return 0


@nodes.command()
@click.argument("name")
@click.pass_obj
def enable(invocation: Invocation, name: str) -> int:
    """Give builds to the machine NAME again, and forget its failures."""
    site, store = invocation.open_site()
    machine = _machine(site, name)
    store.nodes.enable(machine, time.time())
    click.echo(f"{machine} gets builds again")
    return 0


def node_records(views: tuple[NodeView, ...]) -> list[dict[str, Any]]:
    """Return the machines as programs read them, with a list of who has their places; times in seconds."""
    machines: dict[str, dict[str, Any]] = {}
    for view in views:
        node = view.node
        record = machines.setdefault(
            node.machine,
            {
                "machine": node.machine, "labels": list(node.labels), "places": 0, "state": str(view.state),
                "failures": view.failures, "reason": view.reason, "since": view.since,
                "retry_at": view.retry_at or None, "used_by": [],
            },
        )  # fmt: skip
        record["places"] += 1
        if view.holder:
            record["used_by"].append(
                {
                    "place": node.id, "holder": view.holder, "held_build": view.held_build or None,
                    "held_reason": view.held_reason or None, "expires_at": view.expires_at,
                }
            )  # fmt: skip
    return list(machines.values())


def _tell(found: list[dict[str, Any]]) -> None:
    from ci.cli.tables import ago, print_table  # noqa: PLC0415

    now = time.time()
    print_table(
        "Nodes", ("Machine", "Places", "In use by", "State", "Failures", "Since", "Reason"),
        [(one["machine"], one["places"], ", ".join(_holder(use) for use in one["used_by"]), _state(one, now),
          one["failures"] or "", ago(one["since"], now), one["reason"]) for one in found],
        "none in nodepool.yaml",
    )  # fmt: skip


def _holder(use: dict[str, Any]) -> str:
    from ci.services.leases import RUN_HOLDER  # noqa: PLC0415 - slow to import

    if use["held_build"]:
        return f"{use['holder']} (build {use['held_build'][:10]}: {use['held_reason']})"
    return str(use["holder"] if use["holder"].startswith(RUN_HOLDER) else use["holder"][:10])


def _state(one: dict[str, Any], now: float) -> str:
    left = (one["retry_at"] or 0) - now
    return f"ready in {left:.0f} s" if one["state"] == "ready" and left > 0 else str(one["state"])


def _machine(site: Site, name: str) -> str:
    """Return the machine with that name, with or without its provider; raises `UsageError` when there is none."""
    machines = dict.fromkeys(node.machine for node in site.nodes)
    for machine in machines:
        if name in {machine, machine.partition("/")[2]}:
            return machine
    raise UsageError(f"no node {name} in nodepool.yaml: there is {', '.join(machines) or 'none'}")
