"""Finds what names, regular expressions and IDs stand for among the tests that there are."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ci.model.regex import Regex, regex_problem
from ci.skip_lists.alarm import Alarm, TooSlowError
from ci.skip_lists.names import some, without_tags
from ci.skip_lists.nearest import NearestTests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.skip_lists.foreign import Wanted
    from ci.skip_lists.known_tests import KnownTests

_PERHAPS = "was it removed, or is a plugin missing?"
# For the expressions of a whole list; one that asks for more than a blink was made up to hurt, or by mistake.
SEARCH_SECONDS = 2.0
LIST_SEARCH_SECONDS = 20.0


class NotFoundError(Exception):
    """A wanted test is nowhere; `short` says so in few words."""

    def __init__(self, message: str, hint: str, code: str, short: str = "") -> None:
        super().__init__(message)
        self.message, self.hint, self.code, self.short = message, hint, code, short or message


@dataclass(slots=True)
class Found:
    """Names of tests by ID, tests without one, and what a person should know: message, hint and code."""

    tests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    without_id: tuple[str, ...] = ()
    notes: list[tuple[str, str, str]] = field(default_factory=list)


class Resolver:
    """Looks up wanted tests in a listing."""

    def __init__(self, tests: KnownTests) -> None:
        self._tests = tests
        self._names = frozenset(tests.names)
        self._nearest = NearestTests(tests)
        self._matching: dict[str, tuple[str, ...] | None] = {}
        self._alarm = Alarm(SEARCH_SECONDS, LIST_SEARCH_SECONDS)

    def find(self, wanted: Wanted) -> Found:
        """Return all tests that carry the IDs of what is wanted; raises `NotFoundError` where there is nothing."""
        if wanted.identity:
            return self._by_id(wanted)
        name = without_tags(wanted.text)
        return self._by_name(name) if name in self._names else self._by_expression(wanted.text)

    def _by_id(self, wanted: Wanted) -> Found:
        if names := self._tests.names_of(wanted.identity):
            return Found({wanted.identity: names})
        hint = self._nearest.hint(wanted.names, _PERHAPS)
        raise NotFoundError(f"no test has the ID {wanted.identity}", hint, "matches-nothing", "no such test")

    def _by_name(self, name: str) -> Found:
        found = self._with_ids([name])
        names = self._tests.names
        longer = names[bisect_right(names, name) : bisect_left(names, f"{name}\x7f")]
        if longer:
            message = f"only this test is taken: as an expression it left out {len(longer)} more"
            found.notes.append((message, f"add them if that was meant: {some(longer)}", "longer-names"))
        return found

    def _by_expression(self, text: str) -> Found:
        if text not in self._matching:
            self._matching[text] = self._search(text)
        names = self._matching[text]
        if names is None:
            hint = "write the names of the tests in its place, or an expression without (?...) and \\1"
            raise NotFoundError("takes too long to search for", hint, "slow-expression", "too slow")
        if not names:
            hint = self._nearest.hint((text.strip("^$"),), _PERHAPS)
            raise NotFoundError("matches no test", hint, "matches-nothing", "no such test")
        found = self._with_ids(names)
        if len(names) > 1:
            found.notes.insert(0, (f"matches {len(names)} tests", some(names), "matches-several"))
        return found

    def _search(self, text: str) -> tuple[str, ...] | None:
        """Return the tests that an expression finds, None where that takes too long."""
        try:
            with self._alarm:
                expression = re.compile(text)
                # RE2 takes linear time also for what is made up to hurt; it cannot look around.
                return self._tests.matching(expression if regex_problem(text) else Regex(text))
        except TooSlowError:
            return None
        except (re.error, OverflowError, RecursionError) as error:
            raise NotFoundError(f"not a regular expression: {error}", "correct it", "bad-expression") from None

    def _with_ids(self, names: Sequence[str]) -> Found:
        identities = dict.fromkeys(identity for name in names for identity in self._tests.ids_of(name))
        found = Found({identity: self._tests.names_of(identity) for identity in identities})
        found.without_id = tuple(name for name in names if not self._tests.ids_of(name))
        more = sorted({name for others in found.tests.values() for name in others} - set(names))
        if more:
            message = f"{len(more)} more {'test has' if len(more) == 1 else 'tests have'} the same ID"
            found.notes.append((message, f"also left out: {some(more)}", "shared-id"))
        return found
