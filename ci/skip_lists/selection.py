"""Which tests a job or a list leaves out, and by what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ci.config.list_variables import EXCLUDE_LISTS, INCLUDE_LIST, paths_of
from ci.errors import CIError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.skip_lists.model import SkipList

EXPRESSION = "tempest_test_regex"


@dataclass(frozen=True, slots=True)
class JobLists:
    """What a job's variables say of its tests: paths in the site, and an expression ("" for all tests)."""

    excludes: tuple[str, ...] = ()
    include: str = ""
    expression: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        return (*self.excludes, self.include) if self.include else self.excludes


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a test is left out; `path` and `line` where a list says so, with the head of its block."""

    reason: str
    path: str = ""
    line: int = 0
    head: Mapping[str, str] = field(default_factory=dict)


class Selection:
    """The tests of a job: exclude lists together, less what an include list or an expression does not ask for."""

    def __init__(
        self, name: str, excludes: Sequence[SkipList], include: SkipList | None = None, expression: str = ""
    ) -> None:
        self.name = name
        self.lists = (*excludes, include) if include else tuple(excludes)
        self.include = include
        self.expression = _compiled(name, expression) if expression else None
        self._included = frozenset(include.ids) if include else frozenset()
        self._skips: dict[str, Skip] = {}
        for one in excludes:
            for block in one.blocks:
                for entry in block.entries:
                    skip = Skip(block.head.get("reason", ""), one.path, entry.line, block.head)
                    self._skips.setdefault(entry.id, skip)

    def skip(self, identity: str, names: Sequence[str]) -> Skip | None:
        """Say why the tests with an ID are left out; None for tests that run. `identity` is "" for one without."""
        if found := self._skips.get(identity):
            return found
        if self.include and identity not in self._included:
            return Skip(f"not in the include list {self.include.path}")
        if self.expression and not any(self.expression.search(name) for name in names):
            return Skip(f"`{EXPRESSION}` does not find it")
        return None


def job_lists(variables: Mapping[str, Any]) -> JobLists:
    """Return what a job's variables say of its tests; what is not as it should be has been reported elsewhere."""
    include = paths_of(variables.get(INCLUDE_LIST))
    expression = variables.get(EXPRESSION)
    return JobLists(
        paths_of(variables.get(EXCLUDE_LISTS)),
        include[0] if include else "",
        expression if isinstance(expression, str) else "",
    )


def _compiled(name: str, expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise CIError(f"{name}: `{EXPRESSION}` is not a regular expression: {error}: correct the job") from None
