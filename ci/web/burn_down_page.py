"""How many tests the skip lists left out, month by month, as a picture and a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.model.views import BurnDownPoint
    from ci.web.sources import Sources

SHOWN_MONTHS = 60
SHOWN_LISTS = 8
WIDTH, HEIGHT, GAP = 720.0, 180.0, 2.0


@dataclass(frozen=True, slots=True)
class Month:
    """The lists at the end of a month, `YYYY-MM`; `by_list` in the order of the page's lists, None before one is there.

    `x`, `y`, `width` and `height` are those of its bar.
    """

    name: str
    entries: int
    by_list: tuple[int | None, ...]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class BurnDownPage:
    """Months, oldest first; `lists` are those with the most entries today, `others` says how many are left out."""

    lists: tuple[str, ...]
    others: int
    months: tuple[Month, ...]

    @property
    def newest_first(self) -> tuple[Month, ...]:
        return self.months[::-1]

    @property
    def most(self) -> int:
        return max((month.entries for month in self.months), default=0)


def burn_down_page(sources: Sources) -> BurnDownPage:
    """Gather the page from what is known of the site's history."""
    points = sources.burn_down()
    if not points:
        return BurnDownPage((), 0, ())
    last = list(_by_month(points, sources.clock.now()))[-SHOWN_MONTHS:]
    today = {name: sum(reasons.values()) for name, reasons in points[-1].lists.items()}
    ranked = sorted(today, key=lambda name: (-today[name], name))
    lists = tuple(ranked[:SHOWN_LISTS])
    most = max(point.entries for _, point in last) or 1
    step = WIDTH / len(last)
    months = []
    for number, (name, point) in enumerate(last):
        height = round(HEIGHT * point.entries / most, 1)
        by_list = tuple(sum(point.lists[one].values()) if one in point.lists else None for one in lists)
        x, y, width = round(number * step, 1), round(HEIGHT - height, 1), round(max(step - GAP, 1.0), 1)
        months.append(Month(name, point.entries, by_list, x, y, width, height))
    return BurnDownPage(lists, len(ranked) - len(lists), tuple(months))


def _by_month(points: Sequence[BurnDownPoint], now: float) -> Iterator[tuple[str, BurnDownPoint]]:
    """Yield each month with the state at its end, also those in which no list changed."""
    latest = {_month(point.commit.committed_at): point for point in points}
    year, month = map(int, min(latest).split("-"))
    end, current = max(*latest, _month(now)), points[0]
    while (name := f"{year:04}-{month:02}") <= end:
        current = latest.get(name, current)
        yield name, current
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)  # noqa: PLR2004  # months of a year


def _month(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m")
