"""`skip-list`: the verbs for tempest exclude lists, one module each."""

from __future__ import annotations

import click


@click.group("skip-list")
def skip_list() -> None:
    """Check, repair, convert, explain and compare skip lists."""
