"""Keeps what is told of a list within what a person can read."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ci.errors import Finding

MOST_OF_A_KIND = 50


class FewOfEach:
    """The first findings of each code; the last of them says how many more there are. No kind hides another one."""

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._kept: list[Finding] = []
        self._last: dict[str, int] = {}
        self._counts: Counter[str] = Counter()
        for finding in findings:
            self.add(finding)

    def add(self, finding: Finding) -> None:
        self._counts[finding.code] += 1
        if self._counts[finding.code] <= MOST_OF_A_KIND:
            self._last[finding.code] = len(self._kept)
            self._kept.append(finding)

    def told(self) -> list[Finding]:
        """Return those that are kept, in the order in which they came."""
        told = list(self._kept)
        for code, count in self._counts.items():
            if count > MOST_OF_A_KIND:
                last = told[self._last[code]]
                message = f"{last.message}; and {count - MOST_OF_A_KIND} more like this one"
                told[self._last[code]] = replace(last, message=message)
        return told
