"""The lists of a site: those in its folder, those that its jobs name, and how the jobs put them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.skip_lists.selection import job_lists

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ci.config.layout import Layout

FOLDER = "skip_lists"
INCLUDE_FOLDER = f"{FOLDER}/include"


@dataclass(frozen=True, slots=True)
class Composition:
    """Lists that a job applies together; `include` and `expression` are "" where there is none."""

    job: str
    excludes: tuple[str, ...]
    include: str = ""
    expression: str = ""


@dataclass(frozen=True, slots=True)
class SiteLists:
    """Names of lists, relative to the site's folder."""

    names: tuple[str, ...] = ()
    compositions: tuple[Composition, ...] = ()

    @property
    def only_includes(self) -> frozenset[str]:
        """The lists that say what runs, and by which no job leaves out tests."""
        return self.includes - {name for one in self.compositions for name in one.excludes}

    @property
    def includes(self) -> frozenset[str]:
        """The lists that say what runs: those that a job names so, and those in the folder for them."""
        named = {one.include for one in self.compositions if one.include}
        return frozenset(named | {name for name in self.names if name.startswith(f"{INCLUDE_FOLDER}/")})


def site_lists(folder: Path, layout: Layout | None) -> SiteLists:
    """Return the lists of a site; without a layout those in its folder of lists."""
    compositions = tuple(dict.fromkeys(_compositions(layout))) if layout else ()
    named = {name for one in compositions for name in (*one.excludes, one.include) if name}
    found = {str(path.relative_to(folder)) for path in (folder / FOLDER).rglob("*.txt")}
    return SiteLists(tuple(sorted(named | found)), compositions)


def _compositions(layout: Layout) -> Iterator[Composition]:
    """Yield what each job applies as it would run, then what definitions say that no project runs."""
    frozen = list(layout.frozen_jobs())
    running = {job.name for job in frozen}
    variables = [(job.name, job.variables) for job in frozen]
    variables += [(one.name, one.section.vars) for one in layout.definitions() if one.name not in running]
    for name, values in variables:
        lists = job_lists(values)
        if lists.paths:
            yield Composition(name, lists.excludes, lists.include, lists.expression)
