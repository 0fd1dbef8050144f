"""Which tempest lists the jobs of a site run with, parents, variants and projects applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.config.list_variables import EXCLUDE_LISTS, INCLUDE_LIST, paths_of
from ci.model.change import Branch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.config.layout import Layout
    from ci.model.job import FrozenJob


@dataclass(frozen=True, slots=True)
class ListUse:
    """The lists of one job, by path: what it skips, and what alone it runs; and the pipelines that it is in."""

    excludes: frozenset[str] = frozenset()
    includes: frozenset[str] = frozenset()
    pipelines: frozenset[str] = frozenset()


def lists_of_jobs(layout: Layout) -> dict[str, ListUse]:
    """Return the lists of each job that some project runs, on any of the branches that the site names."""
    found: dict[str, ListUse] = {}
    for pipeline, job in _frozen(layout):
        known = found.get(job.name, ListUse())
        found[job.name] = ListUse(
            known.excludes.union(paths_of(job.variables.get(EXCLUDE_LISTS))),
            known.includes.union(paths_of(job.variables.get(INCLUDE_LIST))),
            known.pipelines | {pipeline},
        )
    return found


def _frozen(layout: Layout) -> Iterator[tuple[str, FrozenJob]]:
    for pipeline in layout.pipelines:
        for project in layout.tenant.projects:
            for branch in layout.branches:
                about = Branch(project.connection, project.name, branch)
                yield from ((pipeline, job) for job in layout.select_jobs(pipeline, about).jobs)
