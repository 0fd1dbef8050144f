"""The lists of a site: those in its folder, those that its jobs name, and how the jobs put them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.config.list_variables import EXCLUDE_LISTS, INCLUDE_LIST, paths_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ci.config.layout import Layout

FOLDER = "skip_lists"
INCLUDE_FOLDER = f"{FOLDER}/include"


@dataclass(frozen=True, slots=True)
class Composition:
    """Lists that a job applies together; `include` is "" where there is none."""

    job: str
    excludes: tuple[str, ...]
    include: str = ""


@dataclass(frozen=True, slots=True)
class SiteLists:
    """Names of lists, relative to the site's folder."""

    names: tuple[str, ...] = ()
    compositions: tuple[Composition, ...] = ()

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
        excludes, include = paths_of(values.get(EXCLUDE_LISTS)), paths_of(values.get(INCLUDE_LIST))
        if excludes or include:
            yield Composition(name, excludes, next(iter(include), ""))
