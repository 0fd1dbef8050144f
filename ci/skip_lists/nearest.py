"""Guesses what an entry means whose test is no more: the tests with names near the one in its comment."""

from __future__ import annotations

import difflib
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ci.skip_lists.known_tests import KnownTests

_SHOWN = 2
# Comparing letters is slow, and a person reads no more of them.
_MOST_COMPARISONS = 50


class NearestTests:
    """Finds names for hints, by the parts that they share with the name of old."""

    def __init__(self, known: KnownTests) -> None:
        self._known = known
        self._comparisons = 0

    def hint(self, names: tuple[str, ...], advice: str = "remove it") -> str:
        """Return what to do with an entry whose ID no test has, and whose comment gives these names."""
        for name in names:
            if ids := self._known.ids_of(name):
                return f"{name} has the ID {ids[0]} today"
        near = [found for name in names[:1] for found in self._near(name)]
        return advice + (f"; near its name: {', '.join(near)}" if near else "")

    def _near(self, name: str) -> list[str]:
        container, _, method = name.rpartition(".")
        if same := self._by_method.get(method):
            return sorted(same, key=lambda other: (-_shared(container, other), other))[:_SHOWN]
        of_class = self._by_class.get(container.rpartition(".")[2], [])
        siblings = {
            other.rpartition(".")[2]: other for other in sorted(of_class, key=lambda one: _shared(container, one))
        }
        if not siblings or self._comparisons >= _MOST_COMPARISONS:
            return []
        self._comparisons += 1
        return [siblings[near] for near in difflib.get_close_matches(method, siblings, n=1, cutoff=0.7)]

    @cached_property
    def _by_method(self) -> dict[str, list[str]]:
        return self._grouped(-1)

    @cached_property
    def _by_class(self) -> dict[str, list[str]]:
        return self._grouped(-2)

    def _grouped(self, part: int) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = {}
        for name in self._known.names:
            parts = name.partition("(")[0].split(".")
            if len(parts) >= -part:  # the end of a line of a log may look like a test
                groups.setdefault(parts[part], []).append(name)
        return groups


def _shared(container: str, other: str) -> int:
    return len(set(container.split(".")) & set(other.split(".")))
