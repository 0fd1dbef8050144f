"""Holds the results of a build against the lists of what was to run: what does not fit is the CI's fault.

The executor's own `skip-list.json` says what may not run; it is there before the patch has run anywhere. The other
files come from the node: they may make a build an ERROR, and never a success of what `skip-list.json` forbids.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from ci.results.files import is_plain, read_plainly
from ci.results.subunit import MAX_TESTS, UNFINISHED, bounded_id, idempotent_ids, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ci.results.subunit import TestRun

T = TypeVar("T")

PLAN_NAME = "skip-list.json"
CHOSEN_NAME = "tests-run.txt"
LEFT_OUT_NAME = "tests-skipped.txt"
NODE_REPORT_NAME = "tempest-run.json"
MAX_PLAN_BYTES = 256 << 20
MAX_LIST_BYTES = 64 << 20
MAX_STALE = 1000
MAX_TEXT = 1000

# unittest's entries for what surrounds the tests of a class or a module.
_PLACE = re.compile(r"(setUp|tearDown)(?:Class|Module) \((.+)\)")
_END_OF_NAME = re.compile(r"[\[(]")


class Code(StrEnum):
    """Kinds of errors, the gravest first."""

    SKIPPED_RAN = "skipped-ran"
    RESULTS = "results"
    TEMPEST = "tempest"
    NO_RESULT = "no-result"
    NOT_CHOSEN = "not-chosen"
    RAN_TWICE = "ran-twice"
    WRONG_LIST = "wrong-list"
    NONE_PASSED = "none-passed"


@dataclass(frozen=True, slots=True)
class AuditError:
    """One thing that does not fit; `test` is its full id, "" where it is no single test's."""

    code: Code
    message: str
    test: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of it. `has_begun`: tempest left a trace; without one there is nothing to hold against the lists.

    `stale` are lines of the lists whose test tempest does not have.
    """

    has_begun: bool
    errors: tuple[AuditError, ...] = ()
    stale: tuple[str, ...] = ()
    chosen: int = 0
    left_out: int = 0

    @property
    def problem(self) -> str:
        """One line: the gravest error, and how many more there are."""
        if not self.errors:
            return ""
        more = len(self.errors) - 1
        return self.errors[0].message + (f" (and {more} more)" if more else "")


@dataclass(frozen=True, slots=True)
class Plan:
    """What counts of `skip-list.json`: IDs that may not run, and the only ones that may (None: all others)."""

    excluded: frozenset[str]
    included: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Lists:
    """What the node made of the plan: full ids of tests."""

    chosen: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def audit(log_folder: Path, tests: Sequence[TestRun], stream_problem: str | None) -> Audit | None:
    """Return None where no lists were made for a build, and no problem of the CI's own was told.

    `stream_problem` is None where there is no stream at all.
    """
    if not is_plain(log_folder / PLAN_NAME):
        told = _problem_ahead(log_folder) if stream_problem is None else ""
        return Audit(has_begun=True, errors=(AuditError(Code.TEMPEST, told),)) if told else None
    names = (CHOSEN_NAME, LEFT_OUT_NAME, NODE_REPORT_NAME)
    if stream_problem is None and not any(is_plain(log_folder / name) for name in names):
        return Audit(has_begun=False)
    errors: list[AuditError] = []
    if stream_problem is None and (ahead := _problem_ahead(log_folder)):
        return Audit(has_begun=True, errors=(AuditError(Code.TEMPEST, ahead),))
    if stream_problem is None or stream_problem:
        errors.append(AuditError(Code.RESULTS, stream_problem or "tempest left no results"))
    silence: tuple[str, tuple[str, ...]] = ("", ())
    problem, stale = _readable(lambda: _node_report(log_folder), silence, errors)
    if problem:
        errors.append(AuditError(Code.TEMPEST, f"tempest: {problem}"))
    plan = _readable(lambda: _plan(log_folder), Plan(frozenset()), errors)
    # Without a list nothing is missing on it; what may not run is held against the results all the same.
    chosen = _readable(lambda: _tests(log_folder, CHOSEN_NAME), tuple(test.id for test in tests), errors)
    lists = Lists(chosen, _readable(lambda: _tests(log_folder, LEFT_OUT_NAME), (), errors))
    errors += compare(plan, lists, tests)
    if not errors and all(test.status == "skip" for test in tests):
        errors.append(AuditError(Code.NONE_PASSED, "not one test passed: all were skipped"))
    order = list(Code)
    errors.sort(key=lambda error: order.index(error.code))
    return Audit(True, tuple(errors), stale, len(lists.chosen), len(lists.left_out))  # noqa: FBT003


def _problem_ahead(log_folder: Path) -> str:
    """Return what kept the build from choosing tests at all: then nothing else is missing."""
    if is_plain(log_folder / CHOSEN_NAME):
        return ""
    try:
        return _node_report(log_folder)[0]
    except ValueError:
        return ""


def compare(plan: Plan, lists: Lists, tests: Sequence[TestRun]) -> list[AuditError]:
    """Return what does not fit between the lists and the results of `tests`."""
    return [*_wrong_lists(plan, lists, tests), *_strangers(plan, lists, tests), *_without_result(lists, tests)]


def _wrong_lists(plan: Plan, lists: Lists, tests: Sequence[TestRun]) -> Iterator[AuditError]:
    ran = {test.id for test in tests}
    for test in lists.chosen:
        identities = idempotent_ids(test)
        if plan.excluded & identities:
            if test in ran:
                continue  # which is said in stronger words
            yield AuditError(Code.WRONG_LIST, f"test {name_of(test)} is on the skip list and was chosen", test)
        elif plan.included is not None and not plan.included & identities:
            yield AuditError(Code.WRONG_LIST, f"test {name_of(test)} is not on the include list and was chosen", test)
    for test in lists.left_out:
        if not plan.excluded & idempotent_ids(test):
            yield AuditError(Code.WRONG_LIST, f"test {name_of(test)} is on no skip list and was left out", test)


def _strangers(plan: Plan, lists: Lists, tests: Sequence[TestRun]) -> Iterator[AuditError]:
    """Tests that ran and should not have, or too often."""
    chosen, ran = Counter(lists.chosen), Counter(test.id for test in tests)
    places = {place for test in chosen for place in _places(test)}
    for test, times in ran.items():
        found = _PLACE.fullmatch(test)
        if plan.excluded & idempotent_ids(test):
            yield AuditError(Code.SKIPPED_RAN, f"test {name_of(test)} is on the skip list and ran", test)
        elif test not in chosen and not (found and found[2] in places):
            yield AuditError(Code.NOT_CHOSEN, f"test {name_of(test)} ran and was not to run", test)
        elif 0 < chosen[test] < times:
            most = f", and was to run {chosen[test]} times" if chosen[test] > 1 else ""
            yield AuditError(Code.RAN_TWICE, f"test {name_of(test)} ran {times} times{most}", test)


def _without_result(lists: Lists, tests: Sequence[TestRun]) -> Iterator[AuditError]:
    ended = Counter(test.id for test in tests if test.status != UNFINISHED)
    begun = Counter(test.id for test in tests)
    # A class whose set-up failed or skipped is told once, and none of its tests; so is a module.
    explained = {place for test in tests for place in _unset(test)}
    for test, times in Counter(lists.chosen).items():
        if ended[test] >= times or not explained.isdisjoint(_places(test)):
            continue
        if begun[test] > ended[test]:
            what = "did not come to its end"
        elif ended[test]:
            what = f"was to run {times} times, and left {ended[test]} of the results"
        else:
            what = "was to run and left no result"
        yield AuditError(Code.NO_RESULT, f"test {name_of(test)} {what}", test)


def _unset(test: TestRun) -> Iterator[str]:
    """Return the class or module whose set-up a failed or skipped entry is of."""
    found = _PLACE.fullmatch(test.id)
    if found and found[1] == "setUp" and test.status in {"fail", "skip"}:
        yield found[2]


def _places(test: str) -> tuple[str, str]:
    """Return the class of a test and its module."""
    class_name = _END_OF_NAME.split(test, maxsplit=1)[0].rpartition(".")[0]
    return class_name, class_name.rpartition(".")[0]


def _readable(read: Callable[[], T], otherwise: T, errors: list[AuditError]) -> T:
    try:
        return read()
    except ValueError as error:
        errors.append(AuditError(Code.RESULTS, str(error)))
        return otherwise


def _plan(log_folder: Path) -> Plan:
    told = _json(log_folder, PLAN_NAME, MAX_PLAN_BYTES)
    included = told.get("included")
    try:
        return Plan(frozenset(told["excluded"]), None if included is None else frozenset(included))
    except (KeyError, TypeError):
        raise ValueError(f"{PLAN_NAME} does not say which tests are left out") from None


def _node_report(log_folder: Path) -> tuple[str, tuple[str, ...]]:
    told = _json(log_folder, NODE_REPORT_NAME, MAX_LIST_BYTES)
    stale = told.get("stale")
    lines = stale if isinstance(stale, list) else []
    return str(told.get("problem", ""))[:MAX_TEXT], tuple(str(line)[:MAX_TEXT] for line in lines[:MAX_STALE])


def _json(log_folder: Path, name: str, limit_bytes: int) -> dict[str, Any]:
    try:
        told = json.loads(_content(log_folder, name, limit_bytes))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError(f"{name} cannot be read") from None
    if not isinstance(told, dict):
        raise ValueError(f"{name} cannot be read")  # noqa: TRY004  # a file's content, not an argument
    return told


def _tests(log_folder: Path, name: str) -> tuple[str, ...]:
    lines = _content(log_folder, name, MAX_LIST_BYTES).decode("utf-8", "replace").split("\n")
    if name == LEFT_OUT_NAME:  # each with its reason
        lines = [line.partition("  # ")[0] for line in lines]
    tests = tuple(bounded_id(line) for line in lines if line)
    if len(tests) > MAX_TESTS:
        raise ValueError(f"{name} holds more than {MAX_TESTS} tests")
    return tests


def _content(log_folder: Path, name: str, limit_bytes: int) -> bytes:
    content = read_plainly(log_folder / name, limit_bytes)
    if content is None:
        raise ValueError(f"{name} is missing")
    return content
