"""How long something took, as Zuul writes it."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return seconds as Zuul writes them: `1h 02m 03s`, `2m 03s`, `0m 03s`: always with minutes and two digits."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}h {minutes:02}m {left:02}s" if hours else f"{minutes}m {left:02}s"
