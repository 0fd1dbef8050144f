"""`serve`: the service, until it is told to stop."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ci.cli.root import Invocation


@click.command()
@click.option("--log-json", is_flag=True, help="Log lines as JSON objects.")
@click.pass_obj
def serve(invocation: Invocation, log_json: bool) -> int:
    """Listen to the site's Gerrits, run jobs for their changes, and vote.

    SIGTERM or Ctrl-C stops it; builds that run go on, and the next start adopts them. As a daemon it reads the
    site's files again at SIGHUP (not zuul.conf); a site with errors is refused, and the one before stays.
    """
    from ci import bootstrap  # noqa: PLC0415 - slow to import
    from ci.observability import configure_logging  # noqa: PLC0415

    is_daemon = not sys.stderr.isatty()  # otherwise SIGHUP says that the terminal is gone, and all that we would tell
    if is_daemon:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is who reads
    site = invocation.load_site()
    for warning in site.warnings:
        click.echo(f"warning: {warning}", err=True)
    configure_logging(verbose=invocation.verbose, json=log_json)
    folders = bootstrap.state_folder(site.settings.state_dir)
    with bootstrap.lock(folders):
        engine = bootstrap.build_engine(site, folders)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        if is_daemon:
            signal.signal(signal.SIGHUP, lambda *_: engine.service.look_at_site())

        def started() -> None:
            names = ", ".join(site.settings.gerrits)
            click.echo(f"{site.settings.name}: pages on {engine.web.url}, listening to {names}; Ctrl-C stops", err=True)

        engine.service.run(started, stop)
    return 0
