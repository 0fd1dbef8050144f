"""The page of the skip lists: each month, in a picture and a table, and nothing of a name or a reason gets out."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from ci.model.file_history import Commit
from ci.model.views import BurnDownPoint
from ci.web.app import create_app
from ci.web.burn_down_page import HEIGHT, SHOWN_MONTHS, burn_down_page
from tests.unit.web.asking import Asker
from tests.unit.web.rows import HOSTILE, NOW, Rows

THIS_MONTH = datetime.fromtimestamp(NOW, UTC).strftime("%Y-%m")


def point(day, **lists):
    at = int(datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp())
    return BurnDownPoint(Commit("c" * 40, at, at, HOSTILE), {name: {HOSTILE: count} for name, count in lists.items()})


@pytest.fixture
def sources(tmp_path):
    return Rows(tmp_path).sources


def page_of(sources, *points):
    return burn_down_page(dataclasses.replace(sources, burn_down=lambda: points))


def test_each_month_has_the_state_at_its_end_also_where_nothing_changed(sources):
    page = page_of(sources, point("2017-06-01", a=9), point("2017-06-20", a=8), point("2017-09-01", a=2, b=4))
    months = {month.name: (month.entries, month.by_list) for month in page.months}
    assert page.lists == ("b", "a")
    assert list(months.items())[:4] == [
        ("2017-06", (8, (None, 8))), ("2017-07", (8, (None, 8))), ("2017-08", (8, (None, 8))), ("2017-09", (6, (4, 2))),
    ]  # fmt: skip
    assert max(months) == THIS_MONTH
    assert page.most == 8
    tallest, last = page.months[0], page.months[3]
    assert (tallest.y, tallest.height) == (0.0, HEIGHT)
    assert (last.y + last.height, last.height) == (HEIGHT, HEIGHT * 6 / 8)


def test_a_long_history_shows_its_end(sources):
    page = page_of(sources, point("1999-12-31", a=1), point("2017-09-01", **{f"l{n}": n for n in range(1, 12)}))
    assert len(page.months) == SHOWN_MONTHS
    assert (len(page.lists), page.others) == (8, 3)


@pytest.mark.parametrize("points", [(), (point("2017-09-01"),)])
def test_without_lists_or_history_there_is_a_page_all_the_same(sources, points):
    ask = Asker(create_app(dataclasses.replace(sources, burn_down=lambda: points)))
    assert ask("/skip-lists").status == 200


def test_names_are_text_and_the_first_page_leads_there(sources):
    points = (point("2017-09-01", **{HOSTILE: 3, "skip_lists/a.txt": 7}),)
    ask = Asker(create_app(dataclasses.replace(sources, burn_down=lambda: points)))
    assert 'href="/skip-lists"' in ask("/").text
    text = ask("/skip-lists").text
    assert "10 entries today" in text
    assert text.count("<rect ") == len(page_of(sources, *points).months)
    assert "skip_lists/a.txt" in text
    assert HOSTILE not in text
    assert "<img" not in text
    assert not [sign for sign in "\u202e\x00\x1b" if sign in text]
