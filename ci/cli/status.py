"""`status`: how the CI is doing, read from its database (the service need not run)."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ci.cli.root import Invocation
    from ci.config.site import Site
    from ci.services.folders import Folders
    from ci.store.store import SqliteStore


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def status(invocation: Invocation, as_json: bool) -> int:
    """Show connections, the queue, running builds and nodes."""
    from ci import bootstrap  # noqa: PLC0415 - slow to import

    site = invocation.load_site()
    folders = bootstrap.existing_state_folder(site.settings.state_dir)
    store = bootstrap.open_store(folders)
    site, _ = bootstrap.last_in_force(site, folders, store)
    found = _status(site, folders, store, running=bootstrap.is_served(folders))
    if as_json:
        click.echo(json.dumps(found))
    else:
        _tell(found)
    return 0


def _status(site: Site, folders: Folders, store: SqliteStore, *, running: bool) -> dict[str, Any]:
    from ci import bootstrap  # noqa: PLC0415
    from ci.cli.builds import as_record  # noqa: PLC0415
    from ci.model.change import Change  # noqa: PLC0415
    from ci.model.views import BuildView  # noqa: PLC0415
    from ci.services.attention import attention  # noqa: PLC0415
    from ci.services.node_allocator import NO_ROOM  # noqa: PLC0415
    from ci.services.room import MARGIN  # noqa: PLC0415

    now = time.time()
    places = store.views.nodes(site.nodes)
    buildsets = store.buildsets.running()
    # The service takes builds again only when there is some more room than the least.
    held_back = any(build.error == f"waits: {NO_ROOM}" for buildset in buildsets for build in buildset.builds)
    shortage = bootstrap.room(site, folders).reason(MARGIN if running and held_back else 1.0)
    running_builds = {build.id for buildset in buildsets for build in buildset.builds}
    states = {view.name: view for view in store.views.connections() if view.name in site.settings.gerrits}
    links, waiting, blocks = states.values() if running else (), store.views.waiting(), store.views.lockstep()
    state = store.views.site()
    lines = attention(links, places, waiting, shortage, (), now, blocks, state)
    return {
        "running": running,
        "attention": lines,
        "site": {"commit": state.commit or None, "since": state.since or None, "refused": state.refused or None},
        "connections": [
            {
                "name": name,
                "state": states[name].state if running and name in states else "down",
                "reason": states[name].reason if name in states else "",
                "since": states[name].since if name in states else None,
                "last_event_at": states[name].last_event_at if name in states else None,
            }
            for name in site.settings.gerrits
        ],
        "events_waiting": store.views.events_waiting(),
        "queue": [
            {
                "buildset": buildset.id,
                "pipeline": buildset.pipeline,
                "project": buildset.change.project,
                "branch": buildset.change.branch,
                "change": buildset.change.number if isinstance(buildset.change, Change) else None,
                "patchset": buildset.change.patchset if isinstance(buildset.change, Change) else None,
                "subject": buildset.change.subject,
                "dependencies": [
                    {
                        "connection": one.connection,
                        "project": one.project,
                        "change": one.number,
                        "patchset": one.patchset,
                    }
                    for one in buildset.change.dependencies
                ],
                "created_at": buildset.created_at,
                "builds": [
                    as_record(BuildView(build, buildset.change, buildset.pipeline), folders)
                    for build in buildset.builds
                ],
            }
            for buildset in buildsets
        ],
        "nodes": [
            {
                "id": one.node.id,
                "name": one.node.name,
                "labels": list(one.node.labels),
                "state": one.state,
                "reason": one.reason,
                "holder": one.holder or None,
                "build": one.held_build or (one.holder if one.holder in running_builds else None),
            }
            for one in places
        ],
        "reviews_waiting": {one.connection: one.reviews for one in store.views.reviews_open()},
    }


def _tell(found: dict[str, Any]) -> None:
    from ci.cli.tables import ago, print_table  # noqa: PLC0415
    from ci.errors import printable  # noqa: PLC0415

    now = time.time()
    if not found["running"]:
        click.echo("The service does not run: start it with powervm-ci serve.")
    for line in found["attention"]:
        click.echo(f"! {printable(line)}")
    if commit := found["site"]["commit"]:
        click.echo(f"The site is as of commit {commit[:10]}, taken over {ago(found['site']['since'], now)}.")
    print_table(
        "Connections", ("Name", "State", "Since", "Last event", "Reason"),
        [(c["name"], c["state"], ago(c["since"], now), ago(c["last_event_at"], now), c["reason"])
         for c in found["connections"]],
        "none",
    )  # fmt: skip
    print_table(
        "Queue", ("Change", "Project", "Pipeline", "Job", "State", "Since", "Subject"),
        [(f"{q['change']},{q['patchset']}" if q["change"] else q["branch"], q["project"], q["pipeline"], b["job"],
          b["result"] or b["state"],
          ago(b["started_at"] or b["created_at"], now), q["subject"])
         for q in found["queue"] for b in q["builds"]],
        "nothing runs, nothing waits",
    )  # fmt: skip
    print_table(
        "Nodes", ("Node", "Labels", "State", "Build"),
        [(n["id"], ", ".join(n["labels"]), n["state"], n["holder"][:10] if n["holder"] else "free")
         for n in found["nodes"]],
        "none",
    )  # fmt: skip
