"""Checks lists as they lie on the disk, and repairs them there."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import CIError, Finding
from ci.skip_lists.check import CheckedList, ListCheck, across_lists
from ci.skip_lists.few_of_each import FewOfEach
from ci.skip_lists.files import read_list, replace_list
from ci.skip_lists.fix import fix
from ci.skip_lists.known_tests import KnownTests
from ci.skip_lists.model import SkipList
from ci.skip_lists.site_lists import SiteLists, site_lists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from ci.config.layout import Layout


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list to be checked: its path, how it is called in reports, and its name in the site, "" outside of it."""

    path: Path
    shown: str
    site_name: str = ""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A checked list, what was repaired in it, and how many of its lines a repair would change."""

    checked: CheckedList
    fixed: tuple[Finding, ...] = ()
    fixable: int = 0


@dataclass(slots=True)
class Review:
    """Looks at lists of a site; `repairs` says whether they are also written."""

    folder: Path
    site: SiteLists
    check: ListCheck
    known: KnownTests | None = None
    repairs: bool = False
    by_site_name: dict[str, CheckedList] = field(default_factory=dict)

    def run(self, files: Sequence[ListFile]) -> list[Reviewed]:
        """Check, and if so wished repair, each list and what they are together."""
        reviewed = [self._one(file) for file in files]
        across: defaultdict[str, FewOfEach] = defaultdict(FewOfEach)
        for warning in across_lists(self.by_site_name, self.site.compositions):
            across[warning.path].add(warning)
        for path, warnings in across.items():
            next(one.checked for one in reviewed if one.checked.path == path).warnings.extend(warnings.told())
        return reviewed

    def _one(self, file: ListFile) -> Reviewed:
        is_include = file.site_name in self.site.includes
        is_only_include = file.site_name in self.site.only_includes
        content = self._outside(file) or read_list(file.path, file.shown)
        if isinstance(content, Finding):
            return Reviewed(CheckedList(SkipList(file.shown, (), (content,)), is_only_include, [content]))
        checked = self.check.check(file.shown, content, is_include=is_include)
        better = fix(checked.skip_list, self.known)
        reviewed = Reviewed(checked, fixable=len(better.changes))
        if self.repairs and better.changes:
            try:
                replace_list(file.path, content, better.content)
            except CIError as error:
                checked.errors.append(Finding(file.shown, 0, 0, str(error), "", "not-fixed"))
            else:
                checked = self.check.check(file.shown, better.content, is_include=is_include)
                reviewed = Reviewed(checked, better.changes)
        reviewed.checked.is_include = is_only_include
        if file.site_name:
            self.by_site_name[file.site_name] = reviewed.checked
        return reviewed

    def _outside(self, file: ListFile) -> Finding | None:
        if not file.site_name or Path(os.path.realpath(file.path)).is_relative_to(self.folder.resolve()):
            return None  # realpath: a link to itself is told when it is read
        hint = "keep the file itself in the site's folder"
        return Finding(file.shown, 0, 0, "is a link that leads out of the site", hint, "outside-site")


def checked_lists(folder: Path, layout: Layout | None, today: date) -> list[CheckedList]:
    """Check all lists of a site, without the tests that there are; `layout` is None where the site has errors."""
    site = site_lists(folder, layout)
    # a list that is named and not there has been reported with the job that names it
    return [one.checked for one in Review(folder, site, ListCheck(today)).run(files_of_site(folder, site))]


def files_of_site(folder: Path, site: SiteLists) -> list[ListFile]:
    """Return all lists of a site, called by their names in it."""
    return [ListFile(folder / name, name, name) for name in site.names]


def files_given(folder: Path, paths: Sequence[Path]) -> Iterator[ListFile]:
    """Yield the lists that somebody names, each once, called as they were named."""
    root = folder.resolve()
    for path in dict.fromkeys(paths):
        place = path.parent.resolve() / path.name
        yield ListFile(path, str(path), str(place.relative_to(root)) if place.is_relative_to(root) else "")
