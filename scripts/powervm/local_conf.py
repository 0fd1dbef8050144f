"""Print the local.conf of jobs without a node: the role local_conf itself writes it, from the job as it is frozen."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ci.config.freeze import FreezeError
from ci.config.reading import suggestion
from ci.config.site import load_site
from ci.errors import CIError, UsageError
from ci.model.change import Change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.config.layout import Layout
    from ci.config.tenant import TenantProject
    from ci.model.job import FrozenJob

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENT = "devstack"


def _playbook(role: str) -> list[dict[str, Any]]:
    """Return all of the role but for the write to a node, and all texts in one file."""
    texts = f"ansible_play_hosts | map('extract', hostvars, '{role}_text')"
    content = f"{{{{ dict(ansible_play_hosts | zip({texts})) | to_json }}}}"
    tasks = [
        {"ansible.builtin.import_role": {"name": role, "tasks_from": "text"}},
        {"ansible.builtin.copy": {"content": content, "dest": "{{ texts }}", "mode": "0600"}, "run_once": True},
    ]
    return [{"hosts": "all", "gather_facts": False, "tasks": tasks}]


@dataclass(frozen=True)
class Wanted:
    """One local.conf: of a job, on a branch, for a project's change (any project's when None).

    `any_branch` says that the branch need not be one that the site names.
    """

    job: str
    branch: str
    project: str | None = None
    any_branch: bool = False

    def __str__(self) -> str:
        """Return how it is written in `diff`."""
        return f"{self.job}@{self.branch}"


def variables(layout: Layout, wanted: Wanted, deployment: str = DEPLOYMENT, text: str = "local.conf") -> dict[str, Any]:
    """Return the variables of the job as it runs for such a change; raises `CIError` when it does not.

    `text` is what jobs of this deployment have, and others have not.
    """
    if wanted.job not in layout.jobs:
        raise UsageError(f"no job {wanted.job} ({suggestion(wanted.job, layout.jobs)})")
    if wanted.branch not in layout.branches and not wanted.any_branch:
        hint = f"{suggestion(wanted.branch, layout.branches)}; --any-branch prints what a job has in general"
        raise UsageError(f"no file of the site names the branch {wanted.branch} ({hint})")
    if all(variant.section.abstract for variant in layout.jobs[wanted.job]):
        raise CIError(f"{wanted.job} has no {text}: it is abstract (name one of its children)")
    frozen = _frozen(layout, wanted)
    found = frozen.variables.get("deployment")
    if found != deployment:
        why = f"its deployment is {found}, not {deployment}" if found else "it has no `deployment`"
        raise CIError(f"{wanted.job} has no {text}: {why}")
    return frozen.variables


def _frozen(layout: Layout, wanted: Wanted) -> FrozenJob:
    reasons: list[str] = []
    for project in _projects(layout, wanted.project):
        for pipeline in layout.pipelines:
            change = Change(project.connection, project.name, wanted.branch, 0, 0, "", "")
            selection = layout.select_jobs(pipeline, change)
            for job in selection.jobs:
                if job.name == wanted.job:
                    return job
            reasons += [reason for reason in selection.why_not if reason.startswith(f"{wanted.job}:")]
    try:
        # no project asks for it, as shipped
        job_alone = None if wanted.project else layout.job_alone(wanted.job, wanted.branch)
    except FreezeError as error:
        raise CIError(str(error)) from None
    if job_alone is None:
        nobody = f"{wanted.project} does not list it" if wanted.project else "no definition of it matches the branch"
        why = "; ".join(dict.fromkeys(reasons)) or nobody
        raise CIError(f"{wanted.job} does not run on {wanted.branch}: {why}")
    return job_alone


def _projects(layout: Layout, name: str | None) -> Sequence[TenantProject]:
    if name is None:
        return layout.tenant.projects
    if found := layout.tenant.find(name):
        return found[:1]
    names = [project.name for project in layout.tenant.projects]
    raise UsageError(f"no project {name} in the tenant ({suggestion(name, names)})")


def render(
    site: Path, wanted: Sequence[tuple[str, dict[str, Any]]], lpar_id: str, role: str = "local_conf"
) -> list[str]:
    """Return a text for each branch and the variables of a job there, made by the site's role in one go."""
    if not wanted:
        return []
    with tempfile.TemporaryDirectory(prefix="local-conf-") as name:
        folder = Path(name)
        hosts = {
            f"job{number}": {
                **of_job,
                "zuul": {"branch": branch},
                "lpar_id": lpar_id,
                "texts": str(folder / "texts.json"),
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
            }
            for number, (branch, of_job) in enumerate(wanted)
        }
        # JSON is YAML
        (folder / "inventory.yaml").write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
        (folder / "playbook.yaml").write_text(json.dumps(_playbook(role)), encoding="utf-8")
        argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.yaml", "playbook.yaml"]
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
            "ANSIBLE_ROLES_PATH": str(site / "playbooks" / "roles"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_REMOTE_TEMP": str(folder / "tmp"),
            "ANSIBLE_NOCOLOR": "1",
        }
        done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CIError(f"the role {role} of {site} did not run:\n{done.stdout}{done.stderr}".rstrip())
        return list(json.loads((folder / "texts.json").read_text(encoding="utf-8")).values())


def everything(layout: Layout) -> list[Wanted]:
    """Return every job and branch, of those that the site names, that has a local.conf."""
    found = {Wanted(job.name, branch): job.variables.get("deployment") for job, branch, _ in layout.trial_variables()}
    wanted = (one for one, deployment in found.items() if deployment == DEPLOYMENT and one.branch in layout.branches)
    return sorted(wanted, key=str)


def _read(text: str) -> Wanted:
    """Read JOB@BRANCH, the branch is master when it is not said."""
    job, _, branch = text.partition("@")
    return Wanted(job, branch or "master")


class _Commands(click.Group):
    """Commands, of which `show` is meant where the first word is none."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command in front that is not said."""
        known = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, ["show", *args] if args and args[0] not in known else args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Print what devstack reads on a node, without a node: scripts/local-conf JOB --branch BRANCH.

    The role local_conf itself writes it, from the job as the CI freezes it.
    """


_SITE = click.option(
    "--site",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    default=ROOT,
    help="Default: this one.",
)
_LPAR = click.option("--lpar-id", default="LPAR", help="The node's LPAR, which only the node knows.", show_default=True)


@commands.command()
@click.argument("job")
@click.option("--branch", required=True, help="Branch of the change.")
@click.option("--project", help="Project of the change (default: whichever runs the job).")
@click.option("--any-branch", is_flag=True, help="Also for a branch that no file of the site names.")
@_SITE
@_LPAR
def show(job: str, branch: str, project: str | None, any_branch: bool, site: Path, lpar_id: str) -> None:  # noqa: FBT001 - click's flag
    """Print the local.conf of JOB."""
    found = variables(load_site(site).layout, Wanted(job, branch, project, any_branch))
    click.echo(render(site, [(branch, found)], lpar_id)[0], nl=False)


@commands.command()
@click.argument("one", metavar="JOB[@BRANCH]")
@click.argument("other", metavar="JOB[@BRANCH]")
@_SITE
@_LPAR
def diff(one: str, other: str, site: Path, lpar_id: str) -> None:
    """Print how the local.conf of two jobs or branches differ (branch: master)."""
    layout = load_site(site).layout
    wanted = [_read(one), _read(other)]
    texts = render(site, [(item.branch, variables(layout, item)) for item in wanted], lpar_id)
    before, after = (text.splitlines(keepends=True) for text in texts)
    lines = difflib.unified_diff(before, after, fromfile=str(wanted[0]), tofile=str(wanted[1]), n=0)
    click.echo("".join(lines), nl=False)


@commands.command(name="all")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_SITE
@_LPAR
def write_all(folder: Path, site: Path, lpar_id: str) -> None:
    """Write the local.conf of every job and branch into FOLDER, as JOB/BRANCH.conf: for `diff -ru` of two sites."""
    layout = load_site(site).layout
    wanted = everything(layout)
    texts = render(site, [(item.branch, variables(layout, item)) for item in wanted], lpar_id)
    for item, text in zip(wanted, texts, strict=True):
        path = folder / item.job / f"{item.branch.replace('/', '-')}.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        click.echo(path)


def main() -> int:
    """Run the command line; exit status 1 for an expected failure, 2 for wrong usage."""
    try:
        commands.main(prog_name="scripts/local-conf", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CIError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
