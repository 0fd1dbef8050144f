"""Which tests run, by the rules that stestr applies to its include and exclude lists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class SelectionError(ValueError):
    """A line of a list or the regular expression is of no use; the message says which."""


@dataclass(frozen=True)
class Selection:
    """Full test ids in the order of tempest's own list."""

    run: list[str]
    skipped: list[str]


def select(tests: Iterable[str], regex: str, include: str | None, excludes: Mapping[str, str]) -> Selection:
    """Choose from all `tests`: what the regex and the include list find, less what an exclude list finds.

    `include` and the values of `excludes` (list name -> text) are stestr lists. An include list without a
    single expression chooses nothing, where stestr would choose everything.
    """
    wanted = [_compiled(regex, "tempest_test_regex")] if regex else []
    included = _expressions(include, "tempest_include_list") if include is not None else None
    excluded = [one for name, text in excludes.items() for one in _expressions(text, name)]
    run, skipped = [], []
    for test in tests:
        if wanted and not wanted[0].search(test):
            continue
        if included is not None and not any(one.search(test) for one in included):
            continue
        (skipped if any(one.search(test) for one in excluded) else run).append(test)
    return Selection(run, skipped)


def common_package(tests: Iterable[str]) -> str:
    """Return the package (`tempest.api.compute`) below which all tests lie, empty when there is none.

    Test runners import everything below the folder they start in; a narrower one saves seconds for each.
    """
    packages = sorted({tuple(test.partition("[")[0].split(".")[:-3]) for test in tests})
    shared = []
    # What the first and the last in order share, all share.
    for one, other in zip(packages[0], packages[-1], strict=False) if packages else ():
        if one != other:
            break
        shared.append(one)
    return ".".join(shared)


def _expressions(text: str, name: str) -> list[re.Pattern[str]]:
    lines = ((number, line.partition("#")[0].strip()) for number, line in enumerate(text.splitlines(), 1))
    return [_compiled(line, f"{name}:{number}") for number, line in lines if line]


def _compiled(expression: str, where: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise SelectionError(f"{where}: not a regular expression: {expression}: {error}") from error
