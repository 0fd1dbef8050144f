r"""Branches on which jobs are tried: those that the site names, and made-up ones for its other expressions.

A variant for `^stable/2025\.[12]$` is wrong on branches that no file spells out. A name is made up from the parsed
expression, and holds only if RE2 finds that it fits.
"""

from __future__ import annotations

import itertools
import re
import string
import warnings
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ci.model.regex import Regex

# so many ways through an expression are tried: its first, second, third... choice wherever it has any
_WAYS = 4
_ALPHABET = string.ascii_lowercase + string.digits + string.ascii_uppercase + "-._/"
_ALL = frozenset(_ALPHABET)
_CATEGORIES = {
    _constants.CATEGORY_DIGIT: frozenset(string.digits),
    _constants.CATEGORY_SPACE: frozenset[str](),
    _constants.CATEGORY_WORD: frozenset(string.ascii_letters + string.digits + "_"),
}
_NOT_CATEGORIES = {
    _constants.CATEGORY_NOT_DIGIT: _ALL - _CATEGORIES[_constants.CATEGORY_DIGIT],
    _constants.CATEGORY_NOT_SPACE: _ALL,
    _constants.CATEGORY_NOT_WORD: frozenset("-./"),
}
# what "every branch but" may mean beside the branches that are named
_OTHERS = ("other", "stable/other", "feature/other")
_PART = re.compile(r"\w[\w.+@#=,-]*")


class _NoNameError(Exception):
    pass


class TrialBranches:
    """`names` to try jobs on, the known ones first; `unfitted` are the expressions that fit none of them."""

    def __init__(self, known: Iterable[str], expressions: Iterable[Regex]) -> None:
        """Keep a made-up name only where another set of expressions fits it: else it would tell nothing new."""
        wanted = list(dict.fromkeys(expressions))
        names = {tuple(one.match(name) for one in wanted): name for name in reversed(list(known))}
        self.names = (*known,)
        positive = (name for one in wanted if not one.negate for name in _samples(one.pattern))
        negative = (name for one in wanted if one.negate for name in _OTHERS if one.match(name))
        for name in itertools.chain(positive, negative):
            fits = tuple(one.match(name) for one in wanted)
            if any(fits) and fits not in names:
                names[fits] = name
                self.names += (name,)
        fitted = [any(column) for column in zip(*names, strict=True)]
        self.unfitted = frozenset(one for one, fits in zip(wanted, fitted, strict=True) if not fits)


def _samples(pattern: str) -> Iterator[str]:
    """Yield names that an expression may fit."""
    try:
        with warnings.catch_warnings(action="ignore"):
            parsed = _parser.parse(pattern.replace(r"\z", r"\Z"))
    except (re.error, RecursionError, OverflowError):
        return  # RE2 knows forms that Python does not
    for way in range(_WAYS):
        try:
            name = "".join(_characters(parsed, way))
        except (_NoNameError, RecursionError):
            continue
        # an expression holds from the start of a name, and need not be all of it
        yield from itertools.islice(filter(_is_name, (name, f"{name}other")), 1)


def _characters(parsed: Iterable[tuple[Any, Any]], way: int) -> Iterator[str]:
    for kind, value in parsed:
        if kind is _constants.LITERAL:
            yield chr(value)
        elif kind in {_constants.ANY, _constants.NOT_LITERAL, _constants.IN}:
            yield _chosen(_class(kind, value), way)
        elif kind is _constants.BRANCH:
            yield from _characters(value[1][way % len(value[1])], way)
        elif kind is _constants.SUBPATTERN:
            yield from _characters(value[3], way)
        elif kind in {_constants.MAX_REPEAT, _constants.MIN_REPEAT}:
            least, most, inner = value
            for _ in range(least if way % 2 else min(max(least, 1), most)):
                yield from _characters(inner, way)
        elif kind is not _constants.AT:
            raise _NoNameError


def _class(of: Any, items: Any) -> frozenset[str]:
    if of is _constants.ANY:
        return _ALL
    if of is _constants.NOT_LITERAL:
        return _ALL - {chr(items)}
    found: frozenset[str] = frozenset()
    negated = False
    for kind, value in items:
        if kind is _constants.NEGATE:
            negated = True
        elif kind is _constants.LITERAL:
            found |= {chr(value)}
        elif kind is _constants.RANGE:
            found |= {one for one in _ALL if value[0] <= ord(one) <= value[1]} or {chr(value[0])}
        elif kind is _constants.CATEGORY:
            found |= _CATEGORIES[value] if value in _CATEGORIES else _NOT_CATEGORIES[value]
    return _ALL - found if negated else found


def _chosen(characters: frozenset[str], way: int) -> str:
    if not characters:
        raise _NoNameError
    # letters come first: a name shall look like one
    ordered = sorted(characters, key=lambda one: (_ALPHABET.find(one) % (len(_ALPHABET) + 1), one))
    return ordered[way % len(ordered)]


def _is_name(text: str) -> bool:
    """Whether git would take it for the name of a branch, and a person too."""
    parts = text.split("/")
    odd = ".." in text or "@{" in text or any(part.endswith((".", ".lock")) for part in parts)
    return not odd and all(_PART.fullmatch(part) for part in parts)
