"""`skip-list check`: what tempest would misread in lists, and what has changed in the tests that they name."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from ci.cli.listing_options import known_tests, tempest_option, tests_option
from ci.cli.words import plural
from ci.config.site import CONFIG_NAME
from ci.errors import Finding, SiteError
from ci.skip_lists.check import ListCheck, listing_warnings
from ci.skip_lists.review import Review, files_given, files_of_site
from ci.skip_lists.site_lists import SiteLists, site_lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ci.cli.root import Invocation
    from ci.skip_lists.check import CheckedList, Counts
    from ci.skip_lists.review import ListFile, Reviewed


@click.command("check")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@tests_option
@tempest_option
@click.option("--fix", "repairs", is_flag=True, help="Repair what is safe: names, form, letters, doubles, line ends.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def check(
    invocation: Invocation,
    files: tuple[Path, ...],
    tests: IO[bytes] | None,
    tempest: str | None,
    repairs: bool,
    as_json: bool,
) -> int:
    """Check FILES, or all skip lists of the site.

    With --tests or --tempest also against the tests that there are: IDs that no test has, tests that were renamed,
    tests that share an ID. Exit status 1 when there are errors; warnings alone are fine.
    """
    if tempest and _is_list(Path(tempest)):
        files, tempest = (Path(tempest), *files), ""
    site, chosen = _chosen(invocation, files)
    source, known = known_tests(tests, tempest)
    list_check = ListCheck(datetime.now(UTC).date(), known)
    reviewed = Review(invocation.site, site, list_check, known, repairs).run(chosen)
    told = _Told(reviewed, list(listing_warnings(source, known)) if known else [])
    # an include list among all those of a site says nothing of the others
    together = list_check.counts("", [one.checked for one in reviewed if files or not one.checked.is_include])
    jobs = () if files else tuple(_jobs(list_check, site, [one.checked for one in reviewed]))
    if as_json:
        click.echo(json.dumps(_as_json(told, together, jobs)))
    else:
        _print(told, jobs or ((together,) if together else ()))
    return 1 if told.errors else 0


def _is_list(path: Path) -> bool:
    """Whether the word behind --tempest is no program, but the first of FILES."""
    return path.is_file() and not os.access(path, os.X_OK)


def _chosen(invocation: Invocation, files: Sequence[Path]) -> tuple[SiteLists, list[ListFile]]:
    is_site = files == () or (invocation.config or invocation.site / CONFIG_NAME).exists()
    try:
        site = site_lists(invocation.site, invocation.load_site().layout) if is_site else SiteLists()
    except SiteError as error:
        site = site_lists(invocation.site, None)
        if not site.names and not files:
            raise
        first = str(error.findings[0]) if error.findings else "no site"
        click.echo(f"which lists the jobs name is not known, see `powervm-ci check`: {first}", err=True)
    return site, list(files_given(invocation.site, files)) if files else files_of_site(invocation.site, site)


def _jobs(list_check: ListCheck, site: SiteLists, lists: Sequence[CheckedList]) -> Iterator[Counts]:
    by_path = {one.path: one for one in lists}
    for composition in site.compositions:
        names = [*composition.excludes, *([composition.include] if composition.include else [])]
        applied = [by_path[name] for name in names if name in by_path]
        counts = list_check.counts(composition.job, applied)
        if counts:
            yield counts


class _Told:
    """All that was found, in the order of files and lines."""

    def __init__(self, reviewed: Sequence[Reviewed], of_tests: list[Finding]) -> None:
        self.lists = reviewed
        self.of_tests = of_tests
        self.errors = [finding for one in reviewed for finding in sorted(one.checked.errors)]
        self.warnings = of_tests + [finding for one in reviewed for finding in sorted(one.checked.warnings)]
        self.fixed = [finding for one in reviewed for finding in one.fixed]


def _as_json(told: _Told, together: Counts | None, jobs: Iterable[Counts]) -> dict[str, Any]:
    return {
        "files": [_list_as_json(one) for one in told.lists],
        "tests": together.tests if together else None,
        "run": together.run if together else None,
        "skip": together.skip if together else None,
        "warnings": [_finding_as_json(finding) for finding in told.of_tests],
        "jobs": [
            {"job": one.job, "lists": one.lists, "tests": one.tests, "run": one.run, "skip": one.skip} for one in jobs
        ],
    }


def _list_as_json(one: Reviewed) -> dict[str, Any]:
    blocks = one.checked.skip_list.blocks
    return {
        "path": one.checked.path,
        "entries": [
            {"id": entry.id, "line": entry.line, "names": entry.names, "block": block.line}
            for block in blocks
            for entry in block.entries
        ],
        "blocks": [{"line": block.line, **block.head} for block in blocks],
        "errors": [_finding_as_json(finding) for finding in sorted(one.checked.errors)],
        "warnings": [_finding_as_json(finding) for finding in sorted(one.checked.warnings)],
        "fixed": [_finding_as_json(finding) for finding in one.fixed],
        "fixable": one.fixable,
        "include": one.checked.is_include,
    }


def _finding_as_json(finding: Finding) -> dict[str, Any]:
    return {
        "line": finding.line,
        "column": finding.column,
        "code": finding.code,
        "message": finding.message,
        "hint": finding.hint,
    }


def _print(told: _Told, counts: Iterable[Counts]) -> None:
    for finding in told.fixed:
        click.echo(f"fixed: {finding}")
    for finding in told.errors:
        click.echo(str(finding))
    for finding in told.warnings:
        click.echo(f"warning: {finding}")
    mended = "once the errors are mended, " if told.errors else ""
    for one in counts:
        name = one.job or "together"
        lists = ", ".join(one.lists)
        click.echo(f"{name}: {mended}{one.run} of {one.tests} tests run, {one.skip} are left out ({lists})")
    entries = sum(len(one.checked.skip_list.ids) for one in told.lists)
    what = f"{plural(len(told.lists), 'list')}, {plural(entries, 'entry')}, {plural(len(told.warnings), 'warning')}"
    click.echo(f"{plural(len(told.errors), 'error')} in {what}" if told.errors else f"OK: {what}")
    if fixable := sum(one.fixable for one in told.lists):
        click.echo(f"{plural(fixable, 'line')} can be repaired by --fix")
