"""The job variables that name lists of tests, and the paths in them."""

from __future__ import annotations

import os
from typing import Any

EXCLUDE_LISTS = "tempest_exclude_lists"
INCLUDE_LIST = "tempest_include_list"


def paths_of(value: Any) -> tuple[str, ...]:
    """Return the paths that a variable of a job names: a list of texts, or one. One list has one name, `a//b` or `a/b`.

    What is no path is left out: `check` has reported it.
    """
    items = value if isinstance(value, list) else [value]
    return tuple(os.path.normpath(item) for item in items if isinstance(item, str) and item)
