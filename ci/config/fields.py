"""Kinds of values that several sections share: regular expressions, spans of time, job variables."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from ci.config.reading import described, reader_of
from ci.config.yaml_marks import Mapping, plain
from ci.model.regex import Regex, regex_problem

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_RESERVED_BY_ZUUL = frozenset({"zuul", "zuul_node", "nodepool", "unsafe_vars", "zuul_user_dir"})
_RESERVED_CONNECTION = frozenset(
    {"ansible_connection", "ansible_host", "ansible_python_interpreter", "ansible_shell_executable", "ansible_user"}
)


def _error(message: str, hint: str = "") -> PydanticCustomError:
    # braces would be taken for places to fill in
    return PydanticCustomError("site", "{message}", {"message": message, "hint": hint})


def _read_regex(value: Any) -> Regex:
    pattern, negate = value, False
    if isinstance(value, dict):
        if unknown := sorted(set(value) - {"regex", "negate"}):
            raise _error(f"unknown key `{unknown[0]}` in a regular expression", "known: negate, regex")
        pattern, negate = value.get("regex"), value.get("negate", False)
    if not isinstance(pattern, str) or not isinstance(negate, bool):
        hint = f'quote it: "{pattern}"' if isinstance(pattern, int | float) else ""
        raise _error(f"must be a regular expression (text, or regex: and negate:), not {described(pattern)}", hint)
    if problem := regex_problem(pattern):
        raise PydanticCustomError(
            "regex",
            "{message}",
            {
                "message": f"not an RE2 regular expression: {problem}",
                "hint": _regex_hint(problem),
                "pattern": pattern,
                "offset": _regex_fault(problem, pattern),
            },
        )
    return Regex(pattern, negate)


def _regex_hint(problem: str) -> str:
    if "(?!" in problem or "(?=" in problem or "(?<" in problem:
        return "RE2 has no lookahead or lookbehind: use the form {regex: ..., negate: true}"
    return ""


def _regex_fault(problem: str, pattern: str) -> int:
    fragment = problem.rpartition(": ")[2]
    return max(pattern.find(fragment), 0)


def _read_seconds(value: Any) -> int:
    found = re.fullmatch(r"(\d+)([smhdw])", value) if isinstance(value, str) else None
    if not found:
        raise _error(f"must be a span of time such as 30s, 5m, 12h, 2d or 1w, not {described(value)}")
    return int(found[1]) * _SECONDS[found[2]]


def _variables(value: Any, info: ValidationInfo, reserved: frozenset[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _error(f"must be a mapping, not {described(value)}")
    reader = reader_of(info)
    for name in value:
        place = value.key_places[name] if isinstance(value, Mapping) else (1, 1)
        if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", name):
            reader.report(place, f"`{name}` is no name for a variable", "use letters, digits and _")
        elif name in reserved:
            reader.report(place, f"the variable `{name}` is reserved", "choose another name")
    result: dict[str, Any] = plain(value)
    return result


def _job_variables(value: Any, info: ValidationInfo) -> dict[str, Any]:
    return _variables(value, info, _RESERVED_BY_ZUUL | _RESERVED_CONNECTION)


def _project_variables(value: Any, info: ValidationInfo) -> dict[str, Any]:
    return _variables(value, info, _RESERVED_BY_ZUUL)


def _read_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", value):
        raise _error(
            f"{value!r} is no name", "begin with a letter or digit; letters, digits, `.`, `_`, `-`; at most 100"
        )
    return value


def _read_host_part(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,252}", value):
        raise _error(f"{value!r} is no host name, address or user name", "letters, digits and `. _ : -` only")
    return value


def _read_python_path(value: str) -> str:
    if not re.fullmatch(r"auto|/[\w./+-]{1,250}", value):
        raise _error("must be `auto` or the absolute path of a Python", "for example /usr/bin/python3")
    return value


# Job and pipeline names become parts of paths and addresses.
NameField = Annotated[str, AfterValidator(_read_name)]
HostPart = Annotated[str, AfterValidator(_read_host_part)]
PythonPath = Annotated[str, AfterValidator(_read_python_path)]
RegexField = Annotated[Regex, PlainValidator(_read_regex)]
SecondsField = Annotated[int, PlainValidator(_read_seconds)]
JobVariables = Annotated[dict[str, Any], PlainValidator(_job_variables)]
ProjectVariables = Annotated[dict[str, Any], PlainValidator(_project_variables)]
