"""`skip-list diff`: what one job or list leaves out and another one runs, by reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from ci.cli.listing_options import asked_tests, tempest_option, tests_option
from ci.config.reading import suggestion
from ci.errors import SiteError, UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.cli.root import Invocation
    from ci.cli.site_skip_lists import JobSkips, SiteSkipLists
    from ci.skip_lists.compare import Comparison, Difference
    from ci.skip_lists.selection import Selection


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--branch", help="Branch for which jobs are meant (default: master, or the only one that a job is for).")
@tests_option
@tempest_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def diff(
    invocation: Invocation,
    first: str,
    second: str,
    branch: str | None,
    as_json: bool,
    tests: IO[bytes] | None,
    tempest: str | None,
) -> int:
    """Show what A leaves out and B runs, and the other way, grouped by reason.

    A and B are jobs of the site, each with all its lists put together, or paths of lists.
    """
    from ci.skip_lists.compare import compare  # noqa: PLC0415

    sides = _Sides(invocation, branch)
    one, other = sides.get(first), sides.get(second)
    comparison = compare(one, other, asked_tests(tests, tempest))
    if as_json:
        click.echo(json.dumps(_as_record(one, other, comparison)))
    else:
        for line in _told(one, other, comparison):
            click.echo(line)
    return 0


class _Sides:
    """Finds what the names of the command line mean; the site is read once, and only when a job is asked for."""

    def __init__(self, invocation: Invocation, branch: str | None) -> None:
        self._invocation = invocation
        self._branch = branch
        self._site: SiteSkipLists | None = None

    def get(self, name: str) -> Selection:
        from ci.cli.site_skip_lists import load_skip_lists, read_skip_list  # noqa: PLC0415
        from ci.skip_lists.selection import Selection  # noqa: PLC0415

        for path in (Path(name), self._invocation.site / name):
            if path.is_file():
                return _trusted(Selection(name, [read_skip_list(path, name)]))
        self._site = self._site or load_skip_lists(self._invocation)
        found = [job for job in self._site.jobs if job.job == name]
        if not found:
            known = [job.job for job in self._site.jobs]
            raise UsageError(f"no list {name}, and no job of that name that has lists ({suggestion(name, known)})")
        return _trusted(self._on_branch(name, found).selection)

    def _on_branch(self, name: str, found: list[JobSkips]) -> JobSkips:
        branch = self._branch or "master"
        for job in found:
            if not job.branches or branch in job.branches or (self._branch is None and len(found) == 1):
                return job
        known = sorted(branch for job in found for branch in job.branches)
        raise UsageError(f"the job {name} is not for {branch}: name one by --branch ({', '.join(known)})")


def _trusted(selection: Selection) -> Selection:
    """Return a selection whose lists have no errors: of others nobody knows what they leave out."""
    if findings := [finding for one in selection.lists for finding in one.findings]:
        raise SiteError(findings)
    return selection


def _told(one: Selection, other: Selection, comparison: Comparison) -> Iterator[str]:
    yield from _side(one, other, comparison.only_first)
    yield ""
    yield from _side(other, one, comparison.only_second)
    yield ""
    both_run = f", both run {comparison.both_run}" if comparison.both_run else ""
    yield f"Both leave out {comparison.both_skip}{both_run}"


def _side(one: Selection, other: Selection, differences: list[Difference]) -> Iterator[str]:
    from ci.skip_lists.compare import by_reason  # noqa: PLC0415

    yield f"{one.name} leaves out and {other.name} runs: {len(differences)}"
    for reason, group in by_reason(differences).items():
        yield ""
        yield f"  {printable(reason) or 'no reason is said'} ({len(group)})"
        for difference in group:
            yield printable(f"    {difference.identity or 'no ID'}  {', '.join(difference.names)}")


def _as_record(one: Selection, other: Selection, comparison: Comparison) -> dict[str, Any]:
    return {
        "a": one.name,
        "b": other.name,
        "a_skips_b_runs": _groups(comparison.only_first),
        "b_skips_a_runs": _groups(comparison.only_second),
        "both_skip": comparison.both_skip,
        "both_run": comparison.both_run,
    }


def _groups(differences: list[Difference]) -> dict[str, Any]:
    from ci.skip_lists.compare import by_reason  # noqa: PLC0415

    return {
        "count": len(differences),
        "reasons": [
            {"reason": reason, "count": len(group), "entries": [_entry(difference) for difference in group]}
            for reason, group in by_reason(differences).items()
        ],
    }


def _entry(difference: Difference) -> dict[str, Any]:
    skip = difference.skip
    head = {key: value for key, value in skip.head.items() if key != "reason"}
    return {"id": difference.identity, "names": difference.names, "path": skip.path, "line": skip.line, **head}
