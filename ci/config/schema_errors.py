"""What a JSON Schema finds wrong, in words for people: what, where in the value, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jsonschema.exceptions import best_match

from ci.config.reading import described, suggestion
from ci.config.schema_patterns import unknown_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jsonschema import ValidationError

Path = tuple[str | int, ...]

# A schema may say in its own words what is wrong: one text, or a mapping of its keywords to texts.
OWN_WORDS = "errorMessage"
_COMBINATIONS = frozenset({"then", "else", "dependentSchemas"})
_TYPES = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}


class SitePathError(ValueError):
    """A value names no file of the site; the arguments are why, and what to do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the value at `path`, or with its name (`of_key`)."""

    path: Path
    message: str
    hint: str = ""
    of_key: bool = False


def problems(errors: Iterable[ValidationError]) -> Iterator[Problem]:
    """Yield a problem for each place that has one: what is wrong by itself goes before what does not go together."""
    told: set[Path] = set()
    for error in sorted(errors, key=_is_of_combination):
        for problem in _problems(error):
            if problem.path not in told:
                yield problem
            told.add(problem.path)


def named(path: Path) -> str:
    """Return a place in a value as people write it: `network.l2`, `lists[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return f"`{text.removeprefix('.')}`"


def _is_of_combination(error: ValidationError) -> bool:
    return not _COMBINATIONS.isdisjoint(error.absolute_schema_path)


def _problems(error: ValidationError) -> Iterator[Problem]:
    path: Path = tuple(error.absolute_path)
    own = _own_words(error)
    if error.validator == "additionalProperties" and isinstance(error.schema, dict):
        for key in unknown_keys(error.instance, error.schema):
            place = (*path, key)
            kind = "key" if path else "variable"
            hint = suggestion(key, error.schema.get("properties", {})) or "remove it"
            yield Problem(place, own or f"unknown {kind} {named(place)}", hint, of_key=True)
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield Problem((*path, key), own or f"{named((*path, key))} is missing", "" if own else "add it")
    else:
        message, hint = (own, "") if own else _simple(error)
        yield Problem(path, message if own or not path else f"{named(path)} {message}", hint)


def _own_words(error: ValidationError) -> str | None:
    words = error.schema.get(OWN_WORDS) if isinstance(error.schema, dict) else None
    if isinstance(words, dict):
        words = words.get(error.validator)
    return words if isinstance(words, str) else None


def _simple(error: ValidationError) -> tuple[str, str]:
    """Say what one keyword of the schema asks for, and a hint; the rare ones are left to the library's own words."""
    say = _SAYINGS.get(error.validator or "not")
    return say(error) if say else (str(error.message), "")


def _of_type(error: ValidationError) -> tuple[str, str]:
    kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    value = error.instance
    hint = f'quote it: "{value}"' if "string" in kinds and isinstance(value, int | float) else ""
    return f"must be {' or '.join(_TYPES[kind] for kind in kinds)}, not {described(value)}", hint


def _of_choice(error: ValidationError) -> tuple[str, str]:
    wanted = error.validator_value if error.validator == "enum" else [error.validator_value]
    choices = [str(one) for one in wanted if one is not None]
    near = suggestion(error.instance, choices) if isinstance(error.instance, str) else ""
    text = " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))
    return f"must be {text}, not {described(error.instance)}", near if near.startswith("did") else ""


def _of_limit(error: ValidationError) -> tuple[str, str]:
    return f"must be {_LIMITS[str(error.validator)]} {error.validator_value}, not {described(error.instance)}", ""


def _of_forms(error: ValidationError) -> tuple[str, str]:
    if not error.context:
        return "fits several forms of which only one may fit", ""
    inner = next(_problems(best_match(error.context)))
    return inner.message.removeprefix(f"{named(inner.path)} "), inner.hint


def _of_format(error: ValidationError) -> tuple[str, str]:
    why, hint = error.cause.args if isinstance(error.cause, SitePathError) else (error.message, "")
    return f"names no file of the site: {why}", hint


_SAYINGS: dict[str, Callable[[ValidationError], tuple[str, str]]] = {
    "type": _of_type,
    "enum": _of_choice,
    "const": _of_choice,
    "anyOf": _of_forms,
    "oneOf": _of_forms,
    "format": _of_format,
    "pattern": lambda error: (f"must fit {error.validator_value}, not {described(error.instance)}", ""),
    "not": lambda _: ("has no place here", "remove it"),
    **dict.fromkeys(_LIMITS, _of_limit),
}
