"""`check`: every error of every file of the site, without a network."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from ci.cli.lockstep_warnings import lockstep_warnings
from ci.cli.words import plural
from ci.errors import Finding, SiteError
from ci.skip_lists.review import checked_lists

if TYPE_CHECKING:
    from ci.cli.root import Invocation
    from ci.config.site import Site


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def check(invocation: Invocation, as_json: bool) -> int:
    """Check all files of the site and report every error as file:line:column.

    Exit status 1 when there are errors; warnings alone are fine.
    """
    findings: list[Finding] = []
    site: Site | None = None
    try:
        site = invocation.load_site()
    except SiteError as error:
        findings += error.findings
    lists = checked_lists(invocation.site, site.layout if site else None, datetime.now(UTC).date())
    findings += [finding for one in lists for finding in one.errors]
    findings = sorted(set(findings))
    warnings = [*(site.warnings if site else ()), *(warning for one in lists for warning in one.warnings)]
    sound = [one.skip_list for one in lists if not one.errors]
    warnings = sorted({*warnings, *lockstep_warnings(sound, site)})
    if as_json:
        click.echo(json.dumps(_as_json(findings, warnings, site, len(lists))))
    else:
        _tell(findings, warnings, site, len(lists))
    return 1 if findings else 0


def _counts(site: Site, lists: int) -> dict[str, int]:
    layout = site.layout
    return {
        "connections": len(site.settings.gerrits),
        "pipelines": len(layout.pipelines),
        "projects": len(layout.tenant.projects),
        "jobs": len(layout.jobs),
        "nodes": len({(node.provider, node.name) for node in site.nodes}),
        "skip lists": lists,
    }


def _as_json(findings: list[Finding], warnings: list[Finding], site: Site | None, lists: int) -> dict[str, Any]:
    return {
        "errors": [dataclasses.asdict(finding) for finding in findings],
        "warnings": [dataclasses.asdict(warning) for warning in warnings],
        "found": _counts(site, lists) if site else {},
    }


def _tell(findings: list[Finding], warnings: list[Finding], site: Site | None, lists: int) -> None:
    for finding in findings:
        click.echo(str(finding))
    for warning in warnings:
        click.echo(f"warning: {warning}")
    if findings:
        files = len({finding.path for finding in findings})
        click.echo(f"{plural(len(findings), 'error')} in {plural(files, 'file')}")
        if site is None:
            click.echo("What builds on these is checked when they are mended: there may be more.")
    elif site:
        found = ", ".join(plural(count, name.removesuffix("s")) for name, count in _counts(site, lists).items())
        click.echo(f"OK: {found}")
