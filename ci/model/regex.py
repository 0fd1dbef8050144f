"""Regular expressions of the site: RE2, as Zuul reads them, so that no hostile comment can hang the matcher."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import re2


@functools.lru_cache(maxsize=1000)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options=options)


def regex_problem(pattern: str) -> str | None:
    """Say what RE2 dislikes about a pattern, None when it is fine."""
    try:
        _compiled(pattern)
    except re2.error as error:
        reason = error.args[0] if error.args else "not a regular expression"
        return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    return None


@dataclass(frozen=True, slots=True)
class Regex:
    """A pattern that RE2 accepts; `negate` turns every answer around (Zuul's `{regex:, negate:}` form)."""

    pattern: str
    negate: bool = False

    def match(self, text: str) -> bool:
        """Whether the pattern matches at the start of the text."""
        return (_compiled(self.pattern).match(_clean(text)) is not None) is not self.negate

    def search(self, text: str) -> bool:
        """Whether the pattern matches anywhere in the text."""
        return (_compiled(self.pattern).search(_clean(text)) is not None) is not self.negate

    def fullmatch(self, text: str) -> bool:
        """Whether the pattern matches the whole text."""
        return (_compiled(self.pattern).fullmatch(_clean(text)) is not None) is not self.negate

    def __str__(self) -> str:
        return f"not {self.pattern}" if self.negate else self.pattern


def _clean(text: str) -> str:
    # JSON may carry lone surrogates, which RE2 cannot encode
    return text.encode("utf-8", "replace").decode("utf-8")
