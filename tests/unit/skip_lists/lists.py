"""Small skip lists for tests."""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def identity(number: int) -> str:
    """Return an ID of its own for each number."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def skip_list(reasons: Mapping[str, int], first: int = 1) -> str:
    """Return a list with so many entries for each reason."""
    numbers = count(first)
    blocks = (
        f"# reason: {reason}\n" + "".join(f"{identity(n)}  # a.b.C.test_{n}\n" for n in islice(numbers, size))
        for reason, size in reasons.items()
    )
    return "\n".join(blocks)
