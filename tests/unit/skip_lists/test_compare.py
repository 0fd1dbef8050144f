"""What one side leaves out and the other runs, with exclude lists, include lists and expressions."""

from __future__ import annotations

import pytest

from ci.errors import CIError
from ci.skip_lists.compare import by_reason, compare
from ci.skip_lists.known_tests import read_listing
from ci.skip_lists.parse import parse_skip_list
from ci.skip_lists.selection import JobLists, Selection, job_lists
from tests.unit.skip_lists.lists import identity, skip_list


def listed(reasons, first=1, path="x.txt"):
    return parse_skip_list(path, skip_list(reasons, first).encode())


def known(*numbers, without=()):
    lines = [f"a.b.C.test_{number}[id-{identity(number)},smoke]" for number in numbers]
    return read_listing("\n".join([*lines, *without]))


def ids(differences):
    return [one.identity for one in differences]


def test_each_way_and_what_is_common():
    one = Selection("one", [listed({"slow": 3})])
    other = Selection("other", [listed({"slow": 3}, first=3)])
    found = compare(one, other)
    assert ids(found.only_first) == [identity(1), identity(2)]
    assert ids(found.only_second) == [identity(4), identity(5)]
    assert (found.both_skip, found.both_run) == (1, 0)


def test_known_tests_say_how_many_both_run_and_have_the_names_of_today():
    tests = read_listing(f"new.b.C.test_1[id-{identity(1)}]\nz.b.C.test_9[id-{identity(9)}]\nz.b.C.test_no\n")
    found = compare(Selection("one", [listed({"slow": 2})]), Selection("other", []), tests)
    assert [(one.identity, one.names) for one in found.only_first] == [(identity(1), ("new.b.C.test_1",))]
    assert (found.only_second, found.both_skip, found.both_run) == ([], 0, 2)


def test_exclude_lists_are_put_together_and_the_first_one_gives_the_reason():
    base, more = listed({"base": 2}, path="base.txt"), listed({"more": 2}, first=2, path="more.txt")
    selection = Selection("pike", [base, more])
    skips = {number: selection.skip(identity(number), ()) for number in range(1, 5)}
    assert [(skip.reason, skip.path, skip.line) if skip else None for skip in skips.values()] == [
        ("base", "base.txt", 2), ("base", "base.txt", 3), ("more", "more.txt", 3), None,
    ]  # fmt: skip


def test_an_include_list_leaves_out_all_others_also_those_without_an_id():
    include = Selection("vscsi", [listed({"slow": 1})], listed({"wanted": 2}, path="in.txt"))
    found = compare(include, Selection("all", []), known(1, 2, 3, without=["a.b.C.test_no"]))
    assert [(one.identity, one.skip.reason) for one in found.only_first] == [
        (identity(1), "slow"),
        (identity(3), "not in the include list in.txt"),
        ("", "not in the include list in.txt"),
    ]


def test_an_include_list_without_an_entry_runs_nothing():
    assert Selection("none", [], parse_skip_list("in.txt", b"")).skip(identity(1), ("a.b.C.test_1",))


def test_an_expression_leaves_out_what_it_does_not_find():
    selection = Selection("smoke", [], expression=r"test_1\[id-")  # the whole id is searched, as on a node
    assert selection.skip(identity(1), ("a.b.C.test_1", "a.b.D.test_1x")) is None
    assert selection.skip(identity(2), ("a.b.C.test_2",)).reason == "`tempest_test_regex` does not find it"


def test_a_broken_expression_is_one_line():
    with pytest.raises(CIError, match=r"^job: `tempest_test_regex` is not a regular expression: .*: correct the job$"):
        Selection("job", [], expression="(")


def test_reasons_come_by_their_number_of_entries():
    found = compare(Selection("one", [listed({"few": 1, "many": 3, "also few": 1})]), Selection("other", []))
    assert [(reason, len(group)) for reason, group in by_reason(found.only_first).items()] == [
        ("many", 3), ("also few", 1), ("few", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, JobLists()),
        ({"tempest_exclude_lists": ["a", "b"]}, JobLists(("a", "b"))),
        ({"tempest_exclude_lists": "a"}, JobLists(("a",))),
        ({"tempest_include_list": "a", "tempest_test_regex": "x"}, JobLists((), "a", "x")),
        ({"tempest_exclude_lists": None, "tempest_include_list": "", "tempest_test_regex": 3}, JobLists()),
    ],
)
def test_what_variables_of_a_job_say(variables, expected):
    assert job_lists(variables) == expected
