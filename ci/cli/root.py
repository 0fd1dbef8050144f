"""The command `powervm-ci`: its verbs, the options that all of them take, and how errors become exit statuses.

Exit status: 0 fine, 1 findings or an expected failure, 2 wrong usage, 3 a bug.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ci.errors import CIError, SiteError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ci.config.site import Site
    from ci.store.store import SqliteStore

PROGRAM = "powervm-ci"
BUG_STATUS = 3
INTERRUPTED_STATUS = 130
BROKEN_PIPE_STATUS = 141
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb is, as `module:attribute`, and what `--help` says of it; the module is loaded only for its use."""

    target: str
    summary: str


VERBS: dict[str, Verb] = {
    "autohold": Verb("ci.cli.autohold:autohold", "Keep the nodes of a job's next failed build for a person."),
    "autohold-delete": Verb("ci.cli.autohold:autohold_delete", "Delete an autohold; its nodes are given back."),
    "autohold-info": Verb("ci.cli.autohold:autohold_info", "Show an autohold and the nodes that it keeps."),
    "autohold-list": Verb("ci.cli.autohold:autohold_list", "List the autoholds."),
    "builds": Verb("ci.cli.builds:builds", "List builds, newest first."),
    "check": Verb("ci.cli.check:check", "Check all files of the site; needs no network."),
    "db": Verb("ci.cli.db:db", "Back up the database, or check it."),
    "dequeue": Verb("ci.cli.orders:dequeue", "End what runs for a change, without a vote."),
    "enqueue": Verb("ci.cli.orders:enqueue", "Run a pipeline's jobs for a change now."),
    "enqueue-ref": Verb("ci.cli.orders:enqueue_ref", "Run a pipeline's jobs for a branch now."),
    "explain": Verb("ci.cli.explain:explain", "Say what events would start, and why not; needs no Gerrit."),
    "freeze-job": Verb("ci.cli.freeze_job:freeze_job", "Show a job as it would run for a change."),
    "nodes": Verb("ci.cli.nodes:nodes", "List, drain and enable the machines that builds run on."),
    "run": Verb("ci.cli.run:run", "Run one job for a change here and now, without a vote."),
    "serve": Verb("ci.cli.serve:serve", "Listen, run jobs, vote: the service."),
    "skip-list": Verb("ci.cli.skip_list:skip_list", "Check, repair, convert, explain and compare skip lists."),
    "status": Verb("ci.cli.status:status", "Show connections, queue, builds and nodes."),
}


@dataclass(slots=True)
class Invocation:
    """What the options before and after the verb say."""

    site: Path = Path()
    config: Path | None = None
    state_dir: Path | None = None
    verbose: bool = False

    def load_site(self) -> Site:
        """Read the site; `--state-dir` goes over its settings. Raises `SiteError`."""
        import dataclasses  # noqa: PLC0415 - only verbs that read the site pay for it

        from ci.config.site import load_site  # noqa: PLC0415

        site = load_site(self.site, self.config)
        if self.state_dir is None:
            return site
        return dataclasses.replace(site, settings=dataclasses.replace(site.settings, state_dir=self.state_dir))

    def open_site(self, *, to_look: bool = False) -> tuple[Site, SqliteStore]:
        """Read the site that is in force and open its database; the service may run or not.

        Where none has run yet a database is made, or `CIError` raised when it is only `to_look` at.
        """
        from ci import bootstrap  # noqa: PLC0415 - slow to import

        site = self.load_site()
        find = bootstrap.existing_state_folder if to_look else bootstrap.state_folder
        folders = find(site.settings.state_dir)
        store = bootstrap.open_store(folders)
        return bootstrap.last_in_force(site, folders, store)[0], store


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    # the last word wins, and not having spoken is no word
    if value is not None and value is not False:
        setattr(context.ensure_object(Invocation), str(parameter.name), value)


def _common_options() -> list[click.Parameter]:
    folder: Any = click.Path(path_type=Path)
    keep: Any = {"callback": _keep, "expose_value": False}
    return [
        click.Option(["--site"], type=folder, metavar="DIR", help="The site's folder (default: this one).", **keep),
        click.Option(["--config"], type=folder, metavar="FILE", help="In place of zuul.conf in the site.", **keep),
        click.Option(["--state-dir"], type=folder, metavar="DIR", help="Database, logs, mirrors, builds.", **keep),
        click.Option(["--verbose"], is_flag=True, help="Say more; show where a bug struck.", **keep),
    ]


class LazyGroup(click.Group):
    """A group whose verbs are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        if cmd_name not in self.commands:
            module, _, attribute = VERBS[cmd_name].target.partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            for one in (command, *getattr(command, "commands", {}).values()):
                one.params = [*one.params, *_common_options()]
            self.commands[cmd_name] = command
        return self.commands[cmd_name]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, VERBS[name].summary) for name in self.list_commands(ctx)])


def reason_option(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Take a reason that an operator gives: one line that can be kept and shown."""
    if len(value) > LONGEST_REASON:
        raise click.BadParameter(f"longer than {LONGEST_REASON} characters")
    return printable(value)


def _version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from importlib.metadata import version  # noqa: PLC0415 - slow to import

        click.echo(f"{PROGRAM} {version(PROGRAM)}")
        context.exit()


@click.group(cls=LazyGroup, params=_common_options(), context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def cli(context: click.Context) -> None:
    """Third-party CI: tests every change of a Gerrit with the jobs of a site, and votes."""
    context.ensure_object(Invocation)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None, command: click.Command = cli) -> int:
    """Run the command line and return the exit status; errors have become lines on stderr."""
    invocation = Invocation()
    try:
        status = command.main(arguments, PROGRAM, standalone_mode=False, obj=invocation)
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - the top: whatever it is becomes one line and a status
        return _status_of(error, verbose=invocation.verbose)
    except KeyboardInterrupt:
        return INTERRUPTED_STATUS
    return status if isinstance(status, int) else 0


def _status_of(error: Exception, *, verbose: bool) -> int:
    for kind, answer in _ANSWERS:
        if isinstance(error, kind):
            return answer(error)
    if verbose:
        traceback.print_exception(error)
    _say(f"bug: {type(error).__name__}: {error}".replace("\n", " "))
    _say(
        "this is a mistake in powervm-ci, not yours: please report it" + ("" if verbose else "; --verbose shows where")
    )
    return BUG_STATUS


def _ci_error(error: Exception) -> int:
    _say(str(error) if isinstance(error, SiteError) else printable(str(error)))
    return error.exit_status if isinstance(error, CIError) else 1


def _usage_error(error: Exception) -> int:
    if isinstance(error, click.ClickException):
        error.show()
    return 2


def _broken_pipe(_error: Exception) -> int:
    # the reader has gone; the interpreter must not complain when it flushes at its end
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE_STATUS


def _say(text: str) -> None:
    click.echo(text, err=True)


_ANSWERS: tuple[tuple[type[Exception], Callable[[Exception], int]], ...] = (
    (CIError, _ci_error),
    (click.ClickException, _usage_error),
    (click.Abort, lambda _: INTERRUPTED_STATUS),
    (BrokenPipeError, _broken_pipe),
)
