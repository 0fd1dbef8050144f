"""JSON Schema with its regular expressions read by RE2, as all of the site's: no value of a change can hang `check`.

RE2's `$` is the very end, as JSON Schema has it; Python's fits ahead of a last line break too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators

from ci.model.regex import Regex, regex_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

# The library matches for it with Python's expressions, and nothing else of it can be replaced.
NOT_READ = "unevaluatedProperties"


def _is_read_by_re2(value: object) -> bool:
    if isinstance(value, str) and (problem := regex_problem(value)):
        raise ValueError(problem)
    return True


_formats = FormatChecker(formats=())
_formats.checks("regex", raises=ValueError)(_is_read_by_re2)


def check_schema(schema: Any) -> None:
    """Raise `SchemaError` for what is no schema; that of an expression has RE2's reason as its `cause`."""
    Draft202012Validator.check_schema(schema, format_checker=_formats)


def unknown_keys(instance: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Return the keys that neither `properties` nor `patternProperties` of a schema know."""
    patterns = [Regex(pattern) for pattern in schema.get("patternProperties", {})]
    known = schema.get("properties", {})
    return [key for key in instance if key not in known and not any(one.search(key) for one in patterns)]


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not Regex(pattern).search(value):
        yield ValidationError(f"{value!r} does not fit {pattern!r}")


def _pattern_properties(validator: Any, patterns: dict[str, Any], value: Any, _: Any) -> Iterator[ValidationError]:
    for pattern, schema in patterns.items() if isinstance(value, dict) else ():
        for key in filter(Regex(pattern).search, value):
            yield from validator.descend(value[key], schema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, rule: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    unknown = unknown_keys(value, schema) if isinstance(value, dict) else []
    if isinstance(rule, dict):
        for key in unknown:
            yield from validator.descend(value[key], rule, path=key)
    elif not rule and unknown:
        yield ValidationError(f"unknown keys: {', '.join(unknown)}")


Validator = validators.extend(
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)
