"""Checks lists, each by itself and those that jobs put together, and counts what they leave out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ci.errors import Finding
from ci.skip_lists.against_tests import AgainstTests
from ci.skip_lists.few_of_each import FewOfEach
from ci.skip_lists.head import expiry
from ci.skip_lists.model import SkipList
from ci.skip_lists.names import some
from ci.skip_lists.parse import parse_skip_list
from ci.skip_lists.selection import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from ci.skip_lists.known_tests import KnownTests
    from ci.skip_lists.site_lists import Composition


@dataclass(slots=True)
class CheckedList:
    """A list and all that is wrong with it."""

    skip_list: SkipList
    is_include: bool = False
    errors: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    @property
    def path(self) -> str:
        return self.skip_list.path


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of the tests run with some lists, and how many do not; `job` is "" for all lists together."""

    job: str
    lists: tuple[str, ...]
    tests: int
    skip: int

    @property
    def run(self) -> int:
        return self.tests - self.skip


class ListCheck:
    """Checks lists as of a day, and where tests are known against them."""

    def __init__(self, today: date, known: KnownTests | None = None) -> None:
        self._today = today
        self._known = known
        self._tests = AgainstTests(known) if known is not None else None

    def check(self, path: str, content: bytes, *, is_include: bool) -> CheckedList:
        """Read a list and look at each of its lines."""
        skip_list = parse_skip_list(path, content)
        checked = CheckedList(skip_list, is_include, list(skip_list.findings), list(skip_list.warnings))
        is_text = not any(finding.code == "not-utf-8" for finding in skip_list.findings)
        if is_include and is_text and not skip_list.expressions:
            message = "an include list without an ID selects every test"
            checked.errors.append(Finding(path, 1, 1, message, "name some tests", "empty-include-list"))
        checked.warnings.extend(FewOfEach(self._expired(skip_list)).told())
        if self._tests is not None:
            checked.errors.extend(self._tests.errors(skip_list))
            checked.warnings.extend(FewOfEach(self._tests.warnings(skip_list)).told())
        return checked

    def counts(
        self, job: str, excludes: Sequence[CheckedList], includes: Sequence[CheckedList] = (), expression: str = ""
    ) -> Counts | None:
        """Return how many tests these lists, and what `expression` does not find, leave out together.

        None where tests are not known; raises CIError when `expression` is none. It is for whoever applies a list to
        say as what: one that a job leaves out may be what another one runs.
        """
        if self._known is None:
            return None
        run = set(self._known.names)
        if includes:
            run = set(self._known.with_any_of({identity for one in includes for identity in one.skip_list.ids}))
        if expression:
            run.intersection_update(self._known.matching(compiled(job, expression)))
        run -= self._known.with_any_of({identity for one in excludes for identity in one.skip_list.ids})
        tests = len(self._known)
        return Counts(job, tuple(one.path for one in (*excludes, *includes)), tests, tests - len(run))

    def _expired(self, skip_list: SkipList) -> Iterator[Finding]:
        for block in skip_list.blocks:
            day = expiry(block.head.get("expires", ""))
            if day is not None and day < self._today:
                message = f"the block has expired {(self._today - day).days} days ago"
                hint = "run its tests and remove it, or give it another day"
                yield Finding(skip_list.path, *block.places["expires"], message, hint, "expired")


def across_lists(lists: Mapping[str, CheckedList], compositions: Sequence[Composition]) -> Iterator[Finding]:
    """Yield a warning for each ID that two lists hold which a job puts together, at the later one."""
    told: set[tuple[str, str, str]] = set()
    for one in compositions:
        first: dict[str, tuple[str, int]] = {}
        for skip_list in (lists[name].skip_list for name in dict.fromkeys(one.excludes) if name in lists):
            for entry in skip_list.entries:
                other, line = first.setdefault(entry.id, (skip_list.path, entry.line))
                if other != skip_list.path and (skip_list.path, other, entry.id) not in told:
                    told.add((skip_list.path, other, entry.id))
                    message = f"{entry.id} is also in {other}:{line}, which the job {one.job} reads with this list"
                    yield Finding(skip_list.path, entry.line, 1, message, "keep one", "duplicate-across-lists")


def listing_warnings(source: str, known: KnownTests) -> Iterator[Finding]:
    """Yield what is worth knowing of the tests themselves."""
    if known.without_id:
        message = f"{len(known.without_id)} of {len(known)} tests have no ID, so that no list can name them"
        yield Finding(source, 0, 0, f"{message}: {some(known.without_id)}", "", "tests-without-id")
    if known.failed_imports:
        message = f"{len(known.failed_imports)} modules of tests could not be imported, their tests are not known"
        yield Finding(source, 0, 0, f"{message}: {some(known.failed_imports)}", "", "failed-imports")
