"""The comment above a block: keys that say why its tests are left out, and until when."""

from __future__ import annotations

import difflib
import re
from datetime import date
from functools import lru_cache

KEYS = ("reason", "bug", "until", "expires", "owner")
_KEY = re.compile(rf"#[ \t]*+({'|'.join(KEYS)}):[ \t]*+(.*)")
_LIKE_A_KEY = re.compile(r"#[#\s]*+(?a:([A-Za-z][\w-]*+))\s*+[:=](?=\s|$)")
_CHANGE_ID = re.compile(r"I[0-9a-f]{40}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LONGEST_WORD = 30


def read_key(text: str) -> tuple[str, str] | None:
    """Return key and value of a comment line, None when it is another comment."""
    found = _KEY.fullmatch(text)
    return (found[1], found[2].strip()) if found else None


def misspelt_key(text: str) -> tuple[str, str] | None:
    """Return the word of a comment line that looks like a key, and the key that is meant, "" when none is near."""
    found = _LIKE_A_KEY.match(text)
    if not found:
        return None
    word = found[1]
    return word, _near(word.lower()) if len(word) <= _LONGEST_WORD else ""


@lru_cache(maxsize=10_000)
def _near(word: str) -> str:
    return next(iter(difflib.get_close_matches(word, KEYS, n=1, cutoff=0.8)), "")


def value_problem(key: str, value: str) -> tuple[str, str, str] | None:
    """Return code, what is wrong with a key's value and what to do; None when it is fine."""
    if not value and key != "reason":
        return "empty-value", f"`{key}:` says nothing", "write its value, or remove the line"
    if key == "until" and not _CHANGE_ID.fullmatch(value):
        return "bad-change-id", "`until:` is not a Change-Id", "write I and 40 hexadecimal digits in small letters"
    if key == "expires" and expiry(value) is None:
        return "bad-date", "`expires:` is not a date", "write a day that there is, as YYYY-MM-DD"
    return None


def expiry(value: str) -> date | None:
    """Return the day that `expires:` names, None when it names none."""
    try:
        return date.fromisoformat(value) if _DATE.fullmatch(value) else None
    except ValueError:
        return None
