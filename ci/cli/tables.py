"""Tables for the terminal; what they show may come from anybody, so nothing in it is markup or a control code."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COLOURS = {
    "SUCCESS": "green", "connected": "green", "running": "cyan", "starting": "cyan", "waiting": "yellow",
    "FAILURE": "red", "TIMED_OUT": "red", "POST_FAILURE": "red", "down": "red", "alarm": "bold red",
    "set-aside": "red", "draining": "yellow",
    "RETRY_LIMIT": "magenta", "NODE_FAILURE": "magenta", "ERROR": "magenta",
}  # fmt: skip


def print_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print a table with a title, or one line that says that it is empty."""
    console = Console(highlight=False)
    table = Table(*heads, title=title, title_justify="left", title_style="bold", pad_edge=False, box=None)
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    if table.row_count:
        console.print(table)
    else:
        console.print(Text(f"{title}: {empty}", style="bold"))


def cell(value: object) -> Text:
    """Return a value as it may stand in a table: one line, printable characters only."""
    text = "" if value is None else str(value)
    clean = "".join(character if character.isprintable() else " " for character in text)
    return Text(clean, style=COLOURS.get(clean.split(" ")[0], ""))


def ago(then: float | None, now: float) -> str:
    """Return how long ago a time was, in words; seconds since the epoch."""
    if then is None:
        return ""
    seconds = max(0, round(now - then))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def utc(then: float | None) -> str:
    """Return a time as text, UTC; seconds since the epoch."""
    return "" if then is None else time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(then))
