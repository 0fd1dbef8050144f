"""`skip-list`: the verbs for tempest exclude lists, one module each."""

from __future__ import annotations

import click

from ci.cli.skip_list_check import check


@click.group("skip-list")
def skip_list() -> None:
    """Check, repair, convert, explain and compare skip lists."""


skip_list.add_command(check)
