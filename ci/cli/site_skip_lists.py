"""The skip lists of a site and what its jobs make of them, for the verbs that read them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from ci.config.job_variables import job_variables
from ci.config.site import Site
from ci.errors import Finding, SiteError
from ci.skip_lists.files import read_list
from ci.skip_lists.model import SkipList
from ci.skip_lists.parse import parse_skip_list
from ci.skip_lists.selection import JobLists, Selection, job_lists
from ci.skip_lists.site_lists import site_lists

if TYPE_CHECKING:
    from pathlib import Path

    from ci.cli.root import Invocation
    from ci.config.layout import Layout
    from ci.ports import FileHistory
    from ci.skip_lists.site_lists import SiteLists


@dataclass(frozen=True, slots=True)
class JobSkips:
    """What a job leaves out on some branches of the site, () where that is on all of them."""

    job: str
    branches: tuple[str, ...]
    lists: JobLists
    selection: Selection


@dataclass(frozen=True, slots=True)
class SiteSkipLists:
    """Lists by their path in the site, and the jobs that have lists.

    `site` is None where other files have errors. `includes` are the lists by which no job leaves out tests, only says
    what runs.
    """

    site: Site | None
    lists: Mapping[str, SkipList]
    includes: frozenset[str] = frozenset()
    jobs: tuple[JobSkips, ...] = ()


def load_skip_lists(invocation: Invocation) -> SiteSkipLists:
    """Read the lists of a site; what is wrong with it and with them is said on stderr, and the rest is used."""
    site = load_site_if_good(invocation)
    known = _site_lists(invocation, site)
    uses = _uses(site.layout) if site else {}
    names = {*known.names, *(path for _, named in uses for path in named.paths)}
    lists = {name: read_skip_list(invocation.site / name, name) for name in sorted(names)}
    for one in lists.values():
        _warn_of_errors(one)
    excludes = {path for _, named in uses for path in named.excludes}
    jobs = [
        JobSkips(job, tuple(branches), named, _selection(job, named, lists))
        for (job, named), branches in sorted(uses.items(), key=lambda use: use[0][0])
    ]
    return SiteSkipLists(site, lists, known.includes - excludes, tuple(jobs))


def load_site_if_good(invocation: Invocation) -> Site | None:
    """Read the site; where its files have errors that is said on stderr, and skip lists can still be read."""
    try:
        return invocation.load_site()
    except SiteError as error:
        click.echo(f"warning: jobs are not known: {error.findings[0]} (powervm-ci check tells all)", err=True)
        return None


def site_history(invocation: Invocation) -> FileHistory | None:
    """Return the history of the site's files, None where there is none; that it is cut is said on stderr."""
    from ci import bootstrap  # noqa: PLC0415 - slow to import

    history = bootstrap.site_history(invocation.site)
    if history and history.is_cut:
        click.echo("warning: a shallow clone: older commits are missing (git fetch --unshallow)", err=True)
    return history


def exclude_lists(invocation: Invocation, site: Site | None) -> frozenset[str]:
    """Return the paths of the lists by which some job leaves out tests."""
    return frozenset(name for one in _site_lists(invocation, site).compositions for name in one.excludes)


def _site_lists(invocation: Invocation, site: Site | None) -> SiteLists:
    return site_lists(invocation.site, site.layout if site else None)


def read_skip_list(path: Path, name: str) -> SkipList:
    """Read one list; one that cannot be read has that as its finding."""
    content = read_list(path, name)
    return SkipList(name, (), (content,)) if isinstance(content, Finding) else parse_skip_list(name, content)


def _warn_of_errors(one: SkipList) -> None:
    if one.findings:
        more = f" and {len(one.findings) - 1} more" if len(one.findings) > 1 else ""
        click.echo(f"warning: {one.findings[0]}{more}: powervm-ci skip-list check", err=True)


def _uses(layout: Layout) -> dict[tuple[str, JobLists], list[str]]:
    """Return the jobs that have lists, with the branches on which they have these, [] for all."""
    uses: dict[tuple[str, JobLists], list[str]] = {}
    for branch in layout.branches:
        for job, variables in job_variables(layout, branch).items():
            named = job_lists(variables)
            if named != JobLists():
                uses.setdefault((job, named), []).append(branch)
    return {use: [] if len(on) == len(layout.branches) else on for use, on in uses.items()}


def _selection(job: str, named: JobLists, lists: Mapping[str, SkipList]) -> Selection:
    include = lists[named.include] if named.include else None
    return Selection(job, [lists[path] for path in named.excludes], include, named.expression)
