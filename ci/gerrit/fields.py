"""Gerrit's JSON read with distrust: every field is asked for by type, within bounds, and complaints name the field."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from ci.errors import CIError

LINE_LIMIT_BYTES = 16 * 1024 * 1024
_INTEGER_DIGITS = 19
_INTEGER = re.compile(rf"-?[0-9]{{1,{_INTEGER_DIGITS}}}", re.ASCII)


class MalformedJSON(CIError):
    """A text from Gerrit is not what it should be; `column` counts from 1 (1 also where there is no better place)."""

    def __init__(self, reason: str, column: int = 1) -> None:
        self.reason = reason
        self.column = column
        super().__init__(f"column {column}: {reason}")


class Fields:
    """A JSON object whose values are read by name and type; `place` is its name in complaints."""

    def __init__(self, content: dict[str, Any], place: str = "") -> None:
        self._content = content
        self._place = place

    def __contains__(self, name: str) -> bool:
        return self._content.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; a missing one is `default`, or an error when that is None."""
        value = self._value(name, default)
        if not isinstance(value, str):
            self.fail(name, f"text expected, not {_kind(value)}")
        try:
            value.encode()
        except UnicodeEncodeError:
            self.fail(name, "half of a surrogate pair, which is no character")
        return value

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if name in self else None

    def matching(self, name: str, pattern: re.Pattern[str], what: str) -> str:
        """Return a text that the whole pattern matches; `what` says in complaints what was expected."""
        value = self.text(name)
        if not pattern.fullmatch(value):
            self.fail(name, f"{what} expected, not {shortened(value)}")
        return value

    def integer(self, name: str, lowest: int, highest: int, default: int | None = None) -> int:
        """Return a whole number within bounds, written as a number or (as old servers do) as text."""
        value = self._value(name, default)
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.fail(name, f"whole number expected, not {_kind(value)}")
        if not lowest <= value <= highest:
            self.fail(name, f"number between {lowest} and {highest} expected, not {value}")
        return value

    def flag(self, name: str) -> bool:
        """Return true or false; a missing one is false."""
        value = self._value(name, default=False)
        if not isinstance(value, bool):
            self.fail(name, f"true or false expected, not {_kind(value)}")
        return value

    def child(self, name: str) -> Fields:
        value = self._value(name, None)
        if not isinstance(value, dict):
            self.fail(name, f"object expected, not {_kind(value)}")
        return Fields(value, f"{self._place}{name}.")

    def optional_child(self, name: str) -> Fields | None:
        return self.child(name) if name in self else None

    def children(self, name: str) -> tuple[Fields, ...]:
        """Return a list of objects; a missing one is empty."""
        values = self._value(name, [])
        if not isinstance(values, list):
            self.fail(name, f"list expected, not {_kind(values)}")
        for index, value in enumerate(values):
            if not isinstance(value, dict):
                self.fail(f"{name}[{index}]", f"object expected, not {_kind(value)}")
        return tuple(Fields(value, f"{self._place}{name}[{index}].") for index, value in enumerate(values))

    def matching_list(self, name: str, pattern: re.Pattern[str], what: str) -> tuple[str, ...]:
        """Return a list of texts that the whole pattern matches; a missing one is empty."""
        values = self._value(name, [])
        if not isinstance(values, list):
            self.fail(name, f"list expected, not {_kind(values)}")
        for index, value in enumerate(values):
            if not isinstance(value, str) or not pattern.fullmatch(value):
                self.fail(f"{name}[{index}]", f"{what} expected, not {shortened(str(value))}")
        return tuple(values)

    def fail(self, name: str, reason: str) -> NoReturn:
        raise MalformedJSON(f"{self._place}{name}: {reason}")

    def _value(self, name: str, default: object) -> Any:
        value = self._content.get(name)
        if value is None:
            value = default
        if value is None:
            self.fail(name, "missing")
        return value


def load_object(text: str) -> Fields:
    """Read one JSON object; raises MalformedJSON for everything else, and nothing but that."""
    # UTF-8 takes at most four bytes for a character: counting them exactly is only needed near the limit.
    if len(text) * 4 > LINE_LIMIT_BYTES and len(text.encode(errors="replace")) > LINE_LIMIT_BYTES:
        raise MalformedJSON(f"longer than {LINE_LIMIT_BYTES} bytes")
    try:
        text.encode()
        content = json.loads(text, parse_constant=_no_constant, parse_int=_integer, parse_float=_finite)
    except UnicodeEncodeError as error:
        raise MalformedJSON("half of a surrogate pair, which is no character", error.start + 1) from None
    except json.JSONDecodeError as error:
        raise MalformedJSON(f"not JSON: {error.msg}", error.pos + 1) from None
    except RecursionError:
        raise MalformedJSON("nested too deeply") from None
    if not isinstance(content, dict):
        raise MalformedJSON(f"object expected, not {_kind(content)}")
    return Fields(content)


def shortened(text: str, limit: int = 60) -> str:
    """Return a hostile text as it may stand in one line of a log."""
    return ascii(text if len(text) <= limit else text[:limit] + "...")


def _no_constant(name: str) -> NoReturn:
    raise MalformedJSON(f"not JSON: {name} is no number")


def _integer(digits: str) -> int:
    if len(digits) > _INTEGER_DIGITS + 1:
        raise MalformedJSON(f"number of {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise MalformedJSON(f"number out of range: {shortened(digits)}")
    return value


def _kind(value: object) -> str:
    """Name a JSON value's type as a person would."""
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)
