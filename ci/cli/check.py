"""`check`: every error of every file of the site, without a network."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from ci.cli.list_warnings import list_warnings
from ci.config.references import FILE_VARIABLES
from ci.config.yaml_marks import MAX_BYTES
from ci.errors import Finding, SiteError
from ci.skip_lists.model import SkipList
from ci.skip_lists.parse import parse_skip_list

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ci.cli.root import Invocation
    from ci.config.site import Site

SKIP_LISTS = "skip_lists"


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
    lists = sorted({*_all_lists(invocation.site), *(_named_lists(site) if site else ())})
    sound: list[SkipList] = []
    for name in lists:
        # a list that is named and not there has been reported with the job that names it
        found = _read_list(invocation.site, name)
        findings += found.findings
        sound += [found] if not found.findings else []
    for name in _include_lists(site) if site else ():
        if not parse_skip_list(name, (invocation.site / name).read_bytes()).ids:
            findings.append(Finding(name, 1, 1, "an include list without an ID selects every test", "name some tests"))
    findings = sorted(set(findings))
    warnings = sorted({*(site.warnings if site else ()), *list_warnings(sound, site)})
    if as_json:
        click.echo(json.dumps(_as_json(findings, warnings, site, len(lists))))
    else:
        _tell(findings, warnings, site, len(lists))
    return 1 if findings else 0


def _read_list(site: Path, name: str) -> SkipList:
    path = site / name
    try:
        if path.is_file() and path.stat().st_size <= MAX_BYTES:
            return parse_skip_list(name, path.read_bytes())
        problem = Finding(name, 0, 0, f"is not a file of at most {MAX_BYTES} bytes", "remove or replace it")
    except (OSError, RuntimeError) as error:
        problem = Finding(name, 0, 0, f"cannot be read: {getattr(error, 'strerror', None) or error}", "replace it")
    return SkipList(name, (), (problem,))


def _include_lists(site: Site) -> set[str]:
    values = [job.section.vars.get("tempest_include_list") for jobs in site.layout.jobs.values() for job in jobs]
    return {value for value in values if isinstance(value, str)}


def _all_lists(folder: Path) -> Iterator[str]:
    for path in (folder / SKIP_LISTS).glob("*.txt"):
        yield str(path.relative_to(folder))


def _named_lists(site: Site) -> Iterator[str]:
    for variants in site.layout.jobs.values():
        for job in variants:
            for variable in FILE_VARIABLES:
                value = job.section.vars.get(variable)
                yield from value if isinstance(value, list) else [value] if value else []


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
        click.echo(f"{_plural(len(findings), 'error')} in {_plural(files, 'file')}")
    elif site:
        found = ", ".join(_plural(count, name.removesuffix("s")) for name, count in _counts(site, lists).items())
        click.echo(f"OK: {found}")


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
