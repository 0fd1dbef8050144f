"""Words that depend on figures."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """Return how many of something there are: `1 entry`, `2 entries`, `3 lists`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun.removesuffix('y')}ies" if noun.endswith("y") else f"{count} {noun}s"
