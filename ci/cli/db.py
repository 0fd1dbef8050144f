"""`db`: a backup of the database, and whether it is whole."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ci.cli.root import Invocation


@click.group()
def db() -> None:
    """Back up the database, or check it; the service may go on meanwhile."""


@db.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.pass_obj
def backup(invocation: Invocation, file: Path, force: bool) -> int:
    """Copy the database as it is now into FILE, which is there wholly or not at all.

    To restore one: stop the service, put FILE in place of ci.db in the state folder, remove ci.db-wal and ci.db-shm.
    """
    from ci import bootstrap  # noqa: PLC0415 - slow to import
    from ci.store.backup import back_up  # noqa: PLC0415

    folders = bootstrap.existing_state_folder(invocation.load_site().settings.state_dir)

    def tell(left: int, total: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{100 * (total - left) // max(total, 1):3d} %", nl=not left, err=True)

    size = back_up(folders.database, file, tell, replaces=force)
    click.echo(f"{file}: {size / (1 << 20):.1f} MiB")
    return 0


@db.command("check")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def check_database(invocation: Invocation, as_json: bool) -> int:
    """Say what is wrong with the database, a line for each thing; exit status 1 when there is something."""
    from ci import bootstrap  # noqa: PLC0415 - slow to import
    from ci.store.health import check  # noqa: PLC0415

    folders = bootstrap.existing_state_folder(invocation.load_site().settings.state_dir)
    findings = check(folders.database)
    if as_json:
        click.echo(json.dumps({"findings": findings}))
    else:
        for finding in findings:
            click.echo(finding)
        click.echo(f"{folders.database}: {f'{len(findings)} findings' if findings else 'OK'}")
    return 1 if findings else 0
