"""The shape of test names and IDs, in skip lists and in listings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# As people write it.
ID = re.compile(rf"(?:id-)?({UUID})", re.IGNORECASE)
# Tags are sorted as text, so any of them may be the id; its digits need not make a UUID of a known kind.
ID_TAG = re.compile(rf"(?<=[\[,])id-({UUID})(?=[,\]])")
# A word without a dot is a person's and no name. Scenarios stand in parentheses behind the tags. No part can begin with
# the end of another: matching takes linear time.
_NAME = r"[A-Za-z_]\w*+(?:\.[\w-]++)++(?:\[[^\[\]\s]*+\])?+(?:\([^()]*+\))?+"
NAMES = re.compile(rf"(?a:{_NAME}(?:(?:\s*+,\s*+|\s++){_NAME})*+)")
_ONE = re.compile(rf"(?a:{_NAME})")
_TAGS = re.compile(r"\[[^\[\]\s]*+\]")


def split_names(text: str) -> tuple[str, ...]:
    """Return the names in a text that NAMES matches, without their tags, in its order."""
    return tuple(without_tags(name) for name in _ONE.findall(text))


def without_tags(test: str) -> str:
    """Return a test's full name without its tags: `a.T.test_x[smoke](ipv6)` is `a.T.test_x(ipv6)`."""
    return _TAGS.sub("", test, count=1) if "[" in test else test


def some(names: Sequence[str], most: int = 3) -> str:
    """Return the first of some names as part of a sentence, with dots where there are more."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
