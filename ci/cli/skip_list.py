"""`skip-list`: the verbs for tempest exclude lists, one module each."""

from __future__ import annotations

import click

from ci.cli.skip_list_burn_down import burn_down
from ci.cli.skip_list_candidates import candidates
from ci.cli.skip_list_check import check
from ci.cli.skip_list_convert import convert
from ci.cli.skip_list_diff import diff
from ci.cli.skip_list_explain import explain


@click.group("skip-list")
def skip_list() -> None:
    """Check, repair, convert, explain and compare skip lists."""


skip_list.add_command(burn_down)
skip_list.add_command(candidates)
skip_list.add_command(check)
skip_list.add_command(convert)
skip_list.add_command(diff)
skip_list.add_command(explain)
