"""What somebody means who names a test, and which entries of lists are about it."""

from __future__ import annotations

import pytest

from ci.skip_lists.explain import mentions, subjects
from ci.skip_lists.known_tests import read_listing
from ci.skip_lists.parse import parse_skip_list
from tests.unit.skip_lists.lists import identity

ONE, TWO, THREE = identity(0xA1), identity(2), identity(3)
TEXT = f"""\
# reason: slow
# bug: 12
{ONE}  # a.b.C.test_list, a.b.D.test_list

# reason: broken
{TWO}  # a.b.C.test_list_more
{THREE}  # a.x.E.test_other
"""
LISTS = [
    parse_skip_list("x.txt", TEXT.encode()),
    parse_skip_list("y.txt", f"# reason: z\n{ONE}  # a.b.C.test_old\n".encode()),
]
TESTS = read_listing(f"n.b.C.test_new[id-{ONE}]\nz.b.C.test_no_id\nz.b.C.test_run[id-{identity(9)}]\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ONE, [ONE]),
        (ONE.upper(), [ONE]),
        (f" id-{ONE} ", [ONE]),
        (f"a.b.C.test_list[id-{ONE},smoke]", [ONE]),
        (f"a.b.moved.test[smoke,id-{ONE}]", [ONE]),
        (identity(77), [identity(77)]),
        ("a.b.C.test_list", [ONE]),
        ("a.b.C.test_old", [ONE]),
        ("test_list", [ONE]),
        ("C.test_list_more", [TWO]),
        ("LIST_MORE", [TWO]),
        ("est_list", [ONE, TWO]),
        ("a.b.", [ONE, TWO]),
        ("nothing", []),
    ],
)
def test_what_is_meant_without_known_tests(text, expected):
    assert [one.identity for one in subjects(text, LISTS, None)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("test_new", [(ONE, ("n.b.C.test_new",))]),
        (ONE, [(ONE, ("n.b.C.test_new",))]),
        ("test_run", [(identity(9), ("z.b.C.test_run",))]),
        ("test_no_id", [("", ("z.b.C.test_no_id",))]),
        ("test_other", [(THREE, ("a.x.E.test_other",))]),
    ],
)
def test_known_tests_have_the_names_of_today(text, expected):
    assert [(one.identity, one.names) for one in subjects(text, LISTS, TESTS)] == expected


def test_names_of_all_lists_belong_to_an_id():
    assert subjects(ONE, LISTS, None)[0].names == ("a.b.C.test_list", "a.b.D.test_list", "a.b.C.test_old")


def test_entries_with_their_place_and_head():
    found = [(one.path, one.line, one.block_line, dict(one.head)) for one in mentions(ONE, LISTS)]
    assert found == [("x.txt", 3, 1, {"reason": "slow", "bug": "12"}), ("y.txt", 2, 1, {"reason": "z"})]
