"""One line of a list that is no comment: what it says, and what stestr would make of it instead."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

from ci.model.regex import Regex, regex_problem
from ci.skip_lists.names import NAMES, UUID, split_names

FORM = "write: the ID, two spaces, # and the test's full name"
_ANY_UUID = UUID.replace("a-f", "a-fA-F")
_ENTRY = re.compile(rf"[ \t]*+(id-)?+({_ANY_UUID})(?![\w-])[ \t]*+(?:(#)[ \t]*+(.*))?+")
_UUID = re.compile(rf"(?<![0-9a-fA-F]){_ANY_UUID}(?![0-9a-fA-F])")
_COMMENTED_OUT = re.compile(rf"#[#\s]*+(?:id-)?+{_ANY_UUID}(?![\w-])")
_CUT = re.compile(r"(?:id-)?[0-9a-fA-F-]{4,80}")
_NO_DASHES = re.compile(r"(?:id-)?[0-9a-fA-F]{32}")
_TEST_NAME = re.compile(r"(?a:[A-Za-z_]\w*+(?:\.\w++)++)")
# Two tests that have little in common: what is found in both is found in nearly all.
_SAMPLES = (
    "tempest.api.compute.flavors.test_flavors.FlavorsV2TestJSON.test_get_flavor[id-1f12046b-753d-40d2-abb6-d8eb8b30cb2f]",
    "keystone_plugin.tests.Y.test_z",
)
_LONGEST_EXPRESSION = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line; `column` counts from 1."""

    column: int
    code: str
    message: str
    hint: str
    is_error: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line says: `id` is "" where it cannot be told, `can_be_rewritten` where nothing else would be lost."""

    id: str = ""
    names: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    can_be_rewritten: bool = False


def canonical(identity: str, names: tuple[str, ...]) -> str:
    """Return an entry's line as it ought to be: names sorted, each once."""
    return f"{identity}  # {', '.join(sorted(set(names)))}" if names else identity


def is_commented_out(text: str) -> bool:
    """Whether a comment is an entry behind a `#`."""
    return _COMMENTED_OUT.match(text) is not None


def read_entry(text: str) -> Reading:
    """Read a line that is neither blank nor a comment."""
    column = len(text) - len(text.lstrip()) + 1
    found = _ENTRY.fullmatch(text)
    if not found:
        return Reading(problems=(Problem(column, *_misreading(text.strip())),))
    prefix, identity, mark, comment = found.groups()
    comment = (comment or "").strip()
    problems = []
    if identity != identity.lower():
        problems.append(
            Problem(column, "capital-id", "an ID in capitals leaves out nothing", "write it in small letters")
        )
    if prefix:
        hint = "write the ID alone"
        message = "the ID begins with `id-`, as only tempest's tags do"
        problems.append(Problem(column, "id-prefix", message, hint, is_error=False))
    names: tuple[str, ...] = ()
    are_names = NAMES.fullmatch(comment) is not None
    if are_names:
        names = split_names(comment)
    elif comment:
        place = found.start(4) + 1
        problems.append(Problem(place, "no-names", "the comment is not the names of the ID's tests", FORM))
    else:
        problems.append(Problem(column, "missing-name", "the test's name is missing", FORM))
    if not problems and text != canonical(identity, names):
        problems.append(_form(text, column, identity, names))
    return Reading(identity.lower(), names, tuple(problems), are_names or not mark or not comment)


def _form(text: str, column: int, identity: str, names: tuple[str, ...]) -> Problem:
    code, message = "spacing", "the line is not written as the ID, two spaces, #, a space and the names with commas"
    comment = text.partition("#")[2].strip()
    if len(set(names)) < len(names):
        code, message = "repeated-name", "a name is there twice"
    elif list(names) != sorted(names):
        code, message = "name-order", "the names are not in order"
    elif "[" in comment:
        code, message = "tags", "the name carries tags in brackets"
    return Problem(column, code, message, f"write: {canonical(identity, names)}", is_error=False)


def _misreading(text: str) -> tuple[str, str, str]:
    """Say what stestr makes of a line that is no entry: code, what is wrong, what to do."""
    expression, mark, _ = text.partition("#")
    expression = expression.strip()
    ids = _UUID.findall(expression)
    if ids and "[" in expression:
        return (
            "brackets",
            "brackets make a set of letters: leaves out any number of tests, up to all, or ends tempest",
            FORM,
        )
    if problem := _as_expression(expression):
        return problem
    if ids:
        if len(ids) > 1:
            return "two-ids", "several IDs on a line leave out nothing", "give each a line of its own"
        if not mark and expression.partition(ids[0])[2][:1].isspace():
            return "missing-hash", "text after the ID without # makes the line leave out nothing", FORM
        return "text-around-id", "text beside the ID makes the line leave out nothing", FORM
    return _without_id(expression)


def _without_id(expression: str) -> tuple[str, str, str]:
    if _NO_DASHES.fullmatch(expression):
        return "no-dashes", "an ID without dashes leaves out nothing", "write it as 8-4-4-4-12 digits"
    if _CUT.fullmatch(expression):
        return "cut-id", "is not a whole ID: it may leave out other tests, or none", "write all 8-4-4-4-12 digits"
    if _TEST_NAME.fullmatch(expression):
        message = "is a name and not an ID: it leaves out every test that has it as a part, and none once renamed"
        return "name-as-id", message, FORM
    return "no-id", "is not a test's idempotent ID: it could leave out any number of tests, or none", FORM


def _as_expression(expression: str) -> tuple[str, str, str] | None:
    """Say where a line breaks stestr or leaves out nearly everything; for others None."""
    if len(expression) > _LONGEST_EXPRESSION:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(expression)
    except (re.error, OverflowError, RecursionError):
        return "broken-expression", "is not a regular expression: tempest ends with status 5 and names no line", FORM
    # RE2 takes linear time also for what is made up to hurt.
    if regex_problem(expression) or not all(Regex(expression).search(sample) for sample in _SAMPLES):
        return None
    return "matches-everything", "leaves out every test, or nearly", FORM
