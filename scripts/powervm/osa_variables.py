"""Print the user variables of OpenStack-Ansible without a node, as the role osa_variables makes them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ci.config.site import load_site
from ci.errors import CIError
from powervm.local_conf import ROOT, Wanted, render, variables

DEPLOYMENT, ROLE = "osa", "osa_variables"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("job")
@click.option("--branch", required=True, help="Branch of the change.")
@click.option("--any-branch", is_flag=True, help="Also for a branch that no file of the site names.")
@click.option(
    "--site",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    default=ROOT,
    help="Default: this one.",
)
@click.option("--lpar-id", default="LPAR", help="The node's LPAR, which only the node knows.", show_default=True)
def show(job: str, branch: str, any_branch: bool, site: Path, lpar_id: str) -> None:  # noqa: FBT001 - click's flag
    """Print the user variables of OpenStack-Ansible for JOB; where a node has commits, the branch stands."""
    wanted = Wanted(job, branch, any_branch=any_branch)
    found = variables(load_site(site).layout, wanted, DEPLOYMENT, "user variables of OpenStack-Ansible")
    click.echo(render(site, [(branch, found)], lpar_id, ROLE)[0], nl=False)


def main() -> int:
    """Run the command line; exit status 1 for an expected failure, 2 for wrong usage."""
    try:
        show.main(prog_name="scripts/osa-variables", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CIError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
