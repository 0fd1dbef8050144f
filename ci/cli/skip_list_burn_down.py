"""`skip-list burn-down`: how the lists grew and shrank, from the history of the site."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from ci.errors import CIError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.cli.root import Invocation
    from ci.model.views import BurnDownPoint


@click.command("burn-down")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD", help="Only from that day (UTC) on.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with all commits and reasons.")
@click.pass_obj
def burn_down(invocation: Invocation, since: datetime | None, as_json: bool) -> int:
    """Count the entries of each skip list, and for each reason, at each commit that changed a list.

    The site must be kept in git. The table shows the last such commit of each month (UTC).
    """
    from ci.cli.site_skip_lists import exclude_lists, load_site_if_good, site_history  # noqa: PLC0415 - slow to import
    from ci.skip_lists.burn_down import burn_down as count  # noqa: PLC0415

    history = site_history(invocation)
    if history is None:
        raise CIError(f"{invocation.site}: is in no git repository with a commit: the counts come from its history")
    lists = exclude_lists(invocation, load_site_if_good(invocation))
    points = count(history, lists, since.replace(tzinfo=UTC).timestamp() if since else 0.0)
    if as_json:
        click.echo(json.dumps({"points": [as_record(point) for point in points]}))
    else:
        _tell(points)
    return 0


def as_record(point: BurnDownPoint) -> dict[str, Any]:
    """Return a point as programs read it; times in seconds since the epoch, `at` is when it came to the branch."""
    return {
        "commit": point.commit.id,
        "at": point.commit.committed_at,
        "date": _day(point),
        "subject": point.commit.subject,
        "entries": point.entries,
        "lists": {
            name: {"entries": sum(reasons.values()), "reasons": reasons} for name, reasons in point.lists.items()
        },
        "reasons": point.reasons,
    }


def _tell(points: Sequence[BurnDownPoint]) -> None:
    from ci.cli.tables import print_table  # noqa: PLC0415 - for people only

    names = list(dict.fromkeys(name for point in points for name in point.lists))
    months = {_day(point)[:7]: point for point in points}
    rows = [
        (month, point.entries, *(sum(point.lists[name].values()) if name in point.lists else "" for name in names))
        for month, point in months.items()
    ]
    print_table("Entries", ("Month", "All", *(PurePosixPath(name).stem for name in names)), rows, "no list has changed")


def _day(point: BurnDownPoint) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(point.commit.committed_at))
