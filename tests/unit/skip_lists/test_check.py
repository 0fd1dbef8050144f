"""Lists against the tests that there are: what no longer fits is told with what to do."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import date

import pytest

from ci.skip_lists.check import ListCheck, across_lists, listing_warnings
from ci.skip_lists.known_tests import read_listing
from ci.skip_lists.site_lists import Composition

ONE, SHARED, GONE = (f"{digit * 8}-1111-2222-3333-444444444444" for digit in "abc")
ELSEWHERE = "dddddddd-1111-2222-3333-444444444444"
LISTING = f"""
p.m.T.test_one[id-{ONE},smoke]
p.m.T.test_shared[id-{SHARED}]
q.m.T.test_shared[id-{SHARED}]
p.m.T.test_other[id-{ELSEWHERE}]
p.m.T.test_without[smoke]
"""
TODAY = date(2026, 11, 25)


def check(text, listing=LISTING, *, is_include=False):
    known = None if listing is None else read_listing(listing)
    return ListCheck(TODAY, known).check("x.txt", text.encode(), is_include=is_include)


def block(*lines):
    return "# reason: r\n" + "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize(
    ("line", "error", "warning"),
    [
        (f"{ONE}  # p.m.T.test_one", "", ""),
        (f"{SHARED}  # p.m.T.test_shared, q.m.T.test_shared", "", ""),
        (f"{ONE}  # p.m.T.test_old", "", "no test of this ID is called p.m.T.test_old: it is p.m.T.test_one today"),
        (f"{ONE}  # p.m.T.test_old, p.m.T.test_one", "", "no test of this ID is called p.m.T.test_old"),
        (
            f"{SHARED}  # p.m.T.test_old, p.m.T.test_shared, q.m.T.test_shared", "",
            "p.m.T.test_old: it is p.m.T.test_shared, q.m.T.test_shared today",
        ),
        (f"{SHARED}  # p.m.T.test_shared", "the ID is that of 2 tests, and leaves out also q.m.T.test_shared", ""),
        (f"{SHARED}  # p.m.T.test_old", "leaves out also p.m.T.test_shared, q.m.T.test_shared", ""),
        (f"{GONE}  # p.m.T.test_one", f"no test has the ID {GONE} (p.m.T.test_one has the ID {ONE} today)", ""),
        (f"{GONE}  # z.m.T.test_other", "(remove it; near its name: p.m.T.test_other)", ""),
        (f"{GONE}  # q.m.T.test_shared_x", "(remove it; near its name: q.m.T.test_shared)", ""),
        (f"{GONE}  # z.z.Z.test_z", f"no test has the ID {GONE} (remove it)", ""),
    ],
)  # fmt: skip
def test_an_entry_and_the_tests_that_there_are(line, error, warning):
    checked = check(block(line))
    for expected, found in ((error, checked.errors), (warning, checked.warnings)):
        assert len(found) == (1 if expected else 0), found
        assert expected in "".join(str(finding) for finding in found)
        assert all(finding.line == 2 for finding in found)


@pytest.mark.parametrize("elsewhere", [f"p.m.T.test_{ONE}", f"p.m.T.test[id-{ONE}0]", f"p.m.T.test[smoke](x-{ONE})"])
def test_an_id_that_stestr_finds_also_where_it_is_no_tag(elsewhere):
    checked = check(block(f"{ONE}  # p.m.T.test_one"), f"{LISTING}{elsewhere}\n")
    assert [finding.code for finding in checked.errors] == ["matches-more"]


def test_thousands_of_entries_without_tests_are_told_in_little_time():
    lines = [f"{number:08x}-0000-0000-0000-000000000000  # p.m.T.test_nr_{number}" for number in range(10_000)]
    checked = check(block(*lines))
    assert [finding.code for finding in checked.errors] == ["stale-id"] * 10_000


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2026-11-24", ["2:3 expired"]), ("2026-11-25", []), ("2027-01-01", []), ("1999-12-31", ["2:3 expired"])],
)
def test_a_block_expires_when_its_day_is_over(day, expected):
    checked = check(f"# reason: r\n# expires: {day}\n{ONE}  # p.m.T.test_one\n", None)
    assert [f"{one.line}:{one.column} {one.code}" for one in checked.warnings] == expected


@pytest.mark.parametrize(
    "text", ["", "\n \n", "# reason: nothing\n", "# reson: x\n", f"# reason: r\n# {ONE}  # p.m.T.test_one\n"]
)
def test_an_include_list_without_an_expression_selects_everything(text):
    assert "empty-include-list" in [finding.code for finding in check(text, None, is_include=True).errors]
    assert "empty-include-list" not in [finding.code for finding in check(text, None).errors]


def test_an_include_list_of_bad_lines_is_not_called_empty():
    codes = [finding.code for finding in check(block(ONE.upper()), None, is_include=True).errors]
    assert codes == ["capital-id", "missing-name"]
    assert [finding.code for finding in check(block("compute"), None, is_include=True).errors] == ["no-id"]
    unread = ListCheck(TODAY).check("x", "# x\n".encode("utf-16"), is_include=True)
    assert [finding.code for finding in unread.errors] == ["not-utf-8"]


def test_what_two_lists_of_a_job_leave_out_is_told_once_at_the_later_one():
    texts = {
        "base.txt": block(f"{ONE}  # a.b.c"),
        "pike.txt": block(f"{ONE}  # a.b.c"),
        "else.txt": block(f"{ONE}  # a.b.c"),
    }
    lists = {name: ListCheck(TODAY).check(name, text.encode(), is_include=False) for name, text in texts.items()}
    jobs = [Composition("in-tree", ("base.txt", "pike.txt")), Composition("other", ("base.txt", "pike.txt", "no.txt"))]
    assert [str(warning) for warning in across_lists(lists, [*jobs, Composition("third", ("else.txt",))])] == [
        f"pike.txt:2:1: {ONE} is also in base.txt:2, which the job in-tree reads with this list (keep one)"
    ]


@pytest.mark.parametrize(
    ("excludes", "includes", "run"),
    [
        ([], [], 5),
        ([[ONE]], [], 4),
        ([[ONE], [SHARED]], [], 2),
        ([[ONE, GONE]], [], 4),
        ([], [[SHARED, ONE]], 3),
        ([[ONE]], [[SHARED, ONE]], 2),
        ([], [[GONE]], 0),
    ],
)
def test_counts_of_lists_together(excludes, includes, run):
    list_check = ListCheck(TODAY, read_listing(LISTING))
    lists = [
        [list_check.check("x", block(*(f"{one}  # a.b.c" for one in ids)).encode(), is_include=False) for ids in group]
        for group in (excludes, includes)
    ]
    counts = list_check.counts("job", *lists)
    assert counts is not None
    assert (counts.tests, counts.run, counts.skip) == (5, run, 5 - run)
    assert ListCheck(TODAY).counts("job", *lists) is None


def test_tests_without_an_id_are_one_warning():
    listing = "".join(f"p.m.T.test_{number}\n" for number in range(100)) + "unittest.loader._FailedTest.p.broken\n"
    warnings = list(listing_warnings("-", read_listing(listing)))
    assert [warning.code for warning in warnings] == ["tests-without-id", "failed-imports"]
    assert "100 of 100 tests have no ID" in str(warnings[0])
    assert "p.broken" in str(warnings[1])


def test_what_is_wrong_everywhere_is_told_of_some_and_counted():
    listing = "".join(f"p.m.T.test_{n}[id-{uuid.UUID(int=n)}]\n" for n in range(60))
    text = "".join(f"# reason: r\n# expires: 2026-01-01\n{uuid.UUID(int=n)}  # p.m.T.old_{n}\n" for n in range(60))
    warnings = check(text, listing).warnings
    assert Counter(warning.code for warning in warnings) == {"expired": 50, "renamed": 50}
    assert [warning.code for warning in warnings if "; and 10 more like this" in warning.message] == [
        "expired",
        "renamed",
    ]
