"""Statistics, tables and the lines that say which targets are reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Spread:
    """Smallest, middle and largest of some figures."""

    minimum: float
    median: float
    maximum: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Raise ValueError when there are none."""
        if not values:
            raise ValueError("no figures")
        return cls(min(values), median(values), max(values), len(values))

    def cells(self, unit: str = "s") -> tuple[str, str, str]:
        """Return the three as text: two decimals for `s` and `x`, none for sizes."""
        digits = 2 if unit in {"s", "x"} else 0
        lowest, middle, highest = (f"{value:.{digits}f} {unit}" for value in (self.minimum, self.median, self.maximum))
        return lowest, middle, highest


@dataclass(frozen=True)
class Target:
    """What is to be reached: `value` may be `limit` at most; `note` says of which figures it is."""

    name: str
    value: float
    limit: float
    unit: str
    note: str = ""

    @property
    def is_reached(self) -> bool:
        return self.value <= self.limit

    def __str__(self) -> str:
        digits = 2 if self.unit in {"s", "x"} else 0
        verdict = "reached    " if self.is_reached else "NOT REACHED"
        note = f" ({self.note})" if self.note else ""
        return f"{verdict}  {self.name}: {self.value:.{digits}f} {self.unit}, at most {self.limit:g} {self.unit}{note}"


def pairwise(values: Sequence[float], floors: Sequence[float]) -> list[float]:
    """Return each figure as a multiple of the floor measured right after it."""
    return [value / floor for value, floor in zip(values, floors, strict=True)]


def within(values: Sequence[float], limit: float) -> str:
    """Say how many of the figures keep to a limit, and what the largest is."""
    return f"largest {max(values):.2f}; {sum(value <= limit for value in values)} of {len(values)} within"


def print_table(title: str, rows: Sequence[tuple[str, Spread, str] | None]) -> None:
    """Print figures as a table; None draws a line."""
    table = Table(title=title, title_justify="left")
    table.add_column("from - to", no_wrap=True)
    for name in ("min", "median", "max"):
        table.add_column(name, justify="right")
    for row in rows:
        if row is None:
            table.add_section()
        else:
            table.add_row(row[0], *row[1].cells(row[2]))
    Console().print(table)


def print_rows(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print names and figures side by side."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
