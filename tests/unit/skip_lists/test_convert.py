"""Lists of other forms become skip lists without errors, and nothing of them gets lost."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

import codecs
import re
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.skip_lists import resolve
from ci.skip_lists.convert import TODO, convert
from ci.skip_lists.known_tests import read_listing
from ci.skip_lists.name_list import read_name_list
from ci.skip_lists.parse import parse_skip_list
from ci.skip_lists.tempest_skip import Filter, read_tempest_skip
from tests.unit.skip_lists.lists import identity

X, Y, SHARED, LONG = (identity(number) for number in (0xA1, 2, 3, 4))
LISTING = f"""\
a.b.C.test_x[id-{X},smoke]
a.b.C.test_y[slow,id-{Y}]
a.b.C.test_y_more[id-{LONG}]
a.b.D.test_shared[id-{SHARED}]
a.b.E.test_shared[id-{SHARED}]
p.b.F.test_no_id[smoke]
"""
TESTS = read_listing(LISTING)
X_LINE = f"{X}  # a.b.C.test_x"
Y_LINE = f"{Y}  # a.b.C.test_y"
LONG_LINE = f"{LONG}  # a.b.C.test_y_more"
SHARED_LINE = f"{SHARED}  # a.b.D.test_shared, a.b.E.test_shared"


def converted(text, tests=TESTS, **more):
    content = text if isinstance(text, bytes) else text.encode()
    return convert(read_name_list("old.txt", content), tests, **more)


def told(findings):
    return [f"{finding.line}:{finding.column}: {finding.message}" for finding in findings]


@pytest.mark.parametrize(
    ("line", "entries"),
    [
        ("a.b.C.test_x", [X_LINE]),
        (f"a.b.C.test_x[id-{X},smoke]", [X_LINE]),
        ("a.b.C.test_x[smoke]", [X_LINE]),
        (r"a\.b\.C\.test_x\[", [X_LINE]),
        ("^a.b.C", [X_LINE, Y_LINE, LONG_LINE]),
        (r"test_y\[", [Y_LINE]),
        (r"\bsmoke\b.*\]", [X_LINE]),
        (r"C\.(?!test_y)", [X_LINE]),
        ("E.test_shared", [SHARED_LINE]),
        (X, [X_LINE]),
        (X.upper(), [X_LINE]),
        (f"id-{X}", [X_LINE]),
        (f"[id-{X}]", [X_LINE]),
        (f'"{X}",', [X_LINE]),
        (f"- {X}", [X_LINE]),
        ("- 'a.b.C.test_x'", [X_LINE]),
        (X.replace("-", ""), [X_LINE]),
        (X.replace("-", "\u2013"), [X_LINE]),
        (f"\u200b{X}", [X_LINE]),
        ("a.b.C.\u200btest_x", [X_LINE]),
        (f"{X} a.b.old.test_name", [X_LINE]),
        (f"{X} {Y}", [X_LINE, Y_LINE]),
        (f"{X}|{Y}", [X_LINE, Y_LINE]),
        (f"{X}|test_y_more", [X_LINE, LONG_LINE]),
        (f"({X}|{Y})", [X_LINE, Y_LINE]),
        (f"{X}#old.name.of.test_x", [X_LINE]),
        (f"  {X}  # a.b.C.test_x  ", [X_LINE]),
    ],
)
def test_what_a_line_becomes(line, entries):
    found = converted(f"# why\n{line}\n")
    assert found.text.startswith("# reason: why\n")
    assert [one for one in found.text.splitlines() if not one.startswith("#")] == entries


@pytest.mark.parametrize(
    ("line", "message", "remark"),
    [
        ("  a.b.C.test_z", "2:3: matches no test", "not converted (no such test): a.b.C.test_z"),
        (f"{identity(9)} # a.b.C", f"2:1: no test has the ID {identity(9)}", f"not converted (no such test): {identity(9)} # a.b.C"),
        ("p.b.F.test_no_id", "2:1: p.b.F.test_no_id has no ID", "not converted (has no ID): p.b.F.test_no_id"),
        ("(", "2:1: not a regular expression: missing ), unterminated subpattern at position 0",
         "not converted (not a regular expression: missing ), unterminated subpattern at position 0): ("),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_told_with_its_place_and_kept(line, message, remark):
    found = converted(f"# why\n{line}\n{X}\n")
    assert told(found.lost) == [message]
    assert found.text == f"# reason: why\n# {remark}\n{X_LINE}\n"


HURTS = r"^(?=(a|a\.|\w|\.)+$)-"


def test_an_expression_that_would_search_for_ever_is_told_and_kept(monkeypatch):
    monkeypatch.setattr(resolve, "SEARCH_SECONDS", 0.05)
    tests = read_listing(f"{'a.' * 40}B.test_x[id-{X}]\n{LISTING}")
    found = converted(f"# why\n{HURTS}\n{HURTS}\n{Y}\n", tests)
    assert told(found.lost) == ["2:1: takes too long to search for", "3:1: takes too long to search for"]
    remark = f"# not converted (too slow): {HURTS}\n"
    assert found.text == f"# reason: why\n{remark}{remark}{Y_LINE}\n"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_all_slow_expressions_of_a_list_share_their_time(monkeypatch):
    monkeypatch.setattr(resolve, "SEARCH_SECONDS", 0.05)
    monkeypatch.setattr(resolve, "LIST_SEARCH_SECONDS", 0.12)
    tests = read_listing(f"{'a.' * 40}B.test_x[id-{X}]\n{LISTING}")
    slow = "".join(f"{HURTS}{number}\n" for number in range(1000))
    assert len(converted(f"# why\n{slow}", tests).lost) == 1000


@pytest.mark.parametrize("comment", ["http://" * 200_000, "bug" + " " * 400_000, "bug:" * 200_000])
def test_a_comment_without_end_is_read_in_no_time(comment):
    assert converted(f"# why {comment}\n{X}\n").entries == 1


def test_a_block_of_which_nothing_is_left_is_a_comment():
    found = converted("# why\n# bug: 12\na.b.C.test_z\n")
    assert found.text == "# why\n# (bug) 12\n# not converted (no such test): a.b.C.test_z\n"
    assert (found.entries, found.blocks) == (0, 0)


@pytest.mark.parametrize(
    ("line", "notes"),
    [
        ("a.b.C.test_x", []),
        ("test_y", ["2:1: matches 2 tests"]),
        ("a.b.C.test_y", ["2:1: only this test is taken: as an expression it left out 1 more"]),
        ("a.b.E.test_shared", ["2:1: 1 more test has the same ID"]),
        ("shared", ["2:1: matches 2 tests"]),
        (f"{X}\n{X}", ["3:1: is there already"]),
        (f"{X}\na.b.C", ["3:1: matches 3 tests", "3:1: 1 of its 3 IDs are there already"]),
    ],
)
def test_what_a_person_should_look_at(line, notes):
    assert told(converted(f"# why\n{line}\n").notes) == notes


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("# one\n# two\n{x}\n", ["# reason: one two"]),
        ("# Broken here\n# Mend it\n{x}\n", ["# reason: Broken here. Mend it"]),
        ("#\n# -----\n# why\n# -----\n{x}\n", ["# reason: why"]),
        ("## why ##\n{x}\n", ["# reason: why"]),
        ("# Reason: why\n# BUG : 12\n{x}\n", ["# reason: why", "# bug: 12"]),
        ("# reason: why\n# more\n{x}\n", ["# reason: why", "# more"]),
        ("# why\n# owner: ann\n# expires: 2030-01-01\n{x}\n", ["# reason: why", "# expires: 2030-01-01", "# owner: ann"]),
        ("# why\n# until: soon\n{x}\n", ["# reason: why", "# (until) soon"]),
        ("# see https://bugs.launchpad.net/nova/+bug/1709985.\n{x}\n",
         ["# reason: see https://bugs.launchpad.net/nova/+bug/1709985.", "# bug: https://bugs.launchpad.net/nova/+bug/1709985"]),
        ("# bug 1709985 and LP#1709986\n{x}\n", ["# reason: bug 1709985 and LP#1709986"]),
        ("# broken, bug #1709985\n{x}\n", ["# reason: broken, bug #1709985", "# bug: 1709985"]),
        ("# why\n# a.b.C.test_z\n{x}\n", ["# reason: why", "# a.b.C.test_z"]),
        ("# why\n{x} # flaky on Power\n", ["# reason: why: flaky on Power"]),
        ("{x} # flaky on Power\n", ["# reason: flaky on Power"]),
        ("# Section\n\n{x}\n", ["# Section", "", "# reason: Section"]),
        ("# Section\n\n# why\n{x}\n", ["# Section", "", "# reason: why"]),
        ("# Copyright 2016 X\n\n{x}\n", ["# Copyright 2016 X", "", f"# reason: {TODO}"]),
        ("{x}\n", [f"# reason: {TODO}"]),
        ("# Section\n\n# owner: ann\n{x}\n", ["# Section", "", "# reason: Section", "# owner: ann"]),
        ("# expires: 2030-01-01\n# expires: 2030-01-01\n\n# why\n{x}\n",
         ["# | expires: 2030-01-01", "# | expires: 2030-01-01", "", "# reason: why", "# expires: 2030-01-01"]),
        ("# d\u00fcrftig \u2026 \u4e2d\x07\n{x}\n", ["# reason: durftig ... \\u4e2d\\x07"]),
        ("# reson: why\n{x}\n", ["# reason: reson: why"]),
    ],
)  # fmt: skip
def test_what_becomes_of_comments(text, head):
    assert converted(text.format(x=X)).text.splitlines() == [*head, X_LINE]


def test_blocks_stay_apart_also_without_a_blank_line_between_them():
    found = converted(f"# one\n{X}\n# two\n{Y}\n# a.b.C.test_disabled\n{LONG}\n")
    assert found.text == f"# reason: one\n{X_LINE}\n\n# reason: two\n# a.b.C.test_disabled\n{Y_LINE}\n{LONG_LINE}\n"
    assert (found.entries, found.blocks) == (3, 2)


def test_a_reason_of_one_test_makes_a_block_of_its_own():
    found = converted(f"# why\n# owner: ann\n# a.b.C.test_z\n{X}\n{Y} # slow on Tuesdays\n{LONG}\n")
    assert found.text == (
        f"# reason: why\n# owner: ann\n# a.b.C.test_z\n{X_LINE}\n\n# reason: why: slow on Tuesdays\n# owner: ann\n{Y_LINE}\n\n"
        f"# reason: why\n# owner: ann\n{LONG_LINE}\n"
    )


def test_what_is_there_twice_keeps_its_second_reason():
    found = converted(f"# one\n{X}\n\n# two\n{X}\n{Y}\n")
    assert found.text == f"# reason: one\n{X_LINE}\n\n# reason: two\n# is further up already: {X}\n{Y_LINE}\n"


def test_what_is_there_twice_with_the_same_reason_is_only_told():
    assert (
        converted(f"# one\n{X}\n{X}\n\n# one\n{X}\n{Y}\n").text
        == f"# reason: one\n{X_LINE}\n\n# reason: one\n{Y_LINE}\n"
    )


def test_a_missing_reason_is_told_unless_one_is_given():
    assert told(converted(X).notes) == ["1:1: no reason is said"]
    found = converted(X, reason="from the old CI")
    assert found.text == f"# reason: from the old CI\n{X_LINE}\n"
    assert found.notes == []


def test_without_known_tests_ids_with_names_are_all_that_can_be_converted():
    found = converted(f"# why\n{X} # a.b.C.test_old\n{Y}\na.b.C.test_y\n", tests=None)
    assert found.text.endswith(f"\n{X}  # a.b.C.test_old\n")
    assert told(found.lost) == ["3:1: the names of its tests are not known", "4:1: the IDs of its tests are not known"]


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        (codecs.BOM_UTF8 + X.encode(), []),
        (X.encode("utf-16"), ["0:0: is not UTF-8, and was read as UTF-16"]),
        (X.encode() + b" # \xe9t\xe9", ["0:0: is not UTF-8, and was read as Latin-1"]),
        (X.encode() + b"\r\n\r\n" + Y.encode() + b"\r", []),
    ],
)
def test_bytes_of_other_kinds(content, notes):
    found = converted(content, reason="r")
    assert X_LINE in found.text
    assert told(found.notes) == notes


def test_a_converted_list_stays_as_it_is():
    text = f"# about\n\n# reason: why\n# bug: 12\n# until: I{'a' * 40}\n# more\n{X_LINE}\n{SHARED_LINE}\n"
    found = converted(text)
    assert (found.text, found.lost, found.notes) == (text, [], [])


def test_yaml_becomes_blocks():
    text = "known_failures:\n  - test: a.b.C.test_x\n    reason: why\n    lp: http://x/1\n  - test: a.b.C.test_z\n    reason: why\n    lp: http://x/1\n"
    found = convert(read_tempest_skip("x.yml", text.encode(), Filter()), TESTS)
    assert found.text == f"# reason: why\n# bug: http://x/1\n# not converted (no such test): a.b.C.test_z\n{X_LINE}\n"
    assert told(found.lost) == ["5:11: matches no test"]


WORDS = st.sampled_from(
    [X, Y, SHARED, LONG, X.upper(), identity(9), "a.b.C.test_x", "test_", "p.b.F.test_no_id", "(", "[", "|", "#", "# ", "-",
     "reason:", "bug:", "until:", "expires: 2030-01-01", "owner:", "reson:", "id-", ".*", "$", "\\", "\t", "\r", "\f", "\u2028",
     "\ufeff", "\u2013", "'", '"', "\0", "\x1b", "known_failures:", "- test: ", "  ", "copyright", "http://bugs.x.y/1"]
)  # fmt: skip
LINES = st.lists(st.lists(st.one_of(WORDS, st.text(max_size=5)), max_size=6).map(" ".join), max_size=12).map("\n".join)
BYTES = st.one_of(LINES.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=200))


@given(BYTES, st.sampled_from([TESTS, None]), st.sampled_from(["", "a reason"]))
def test_the_new_list_has_no_errors_whatever_the_old_one_holds(content, tests, reason):
    found = convert(read_name_list("old.txt", content), tests, reason)
    parsed = parse_skip_list("new.txt", found.text.encode())
    assert [str(finding) for finding in parsed.findings] == []
    assert len(parsed.ids) == found.entries
    assert len(parsed.blocks) == found.blocks
    if tests is not None:
        assert all(entry.names == tests.names_of(entry.id) for entry in parsed.entries)


@given(BYTES)
def test_yaml_of_any_kind_makes_a_list_without_errors(content):
    found = convert(read_tempest_skip("x.yml", b"known_failures:\n- test: x\n" + content, Filter()), TESTS)
    assert parse_skip_list("new.txt", found.text.encode()).findings == ()


@given(
    st.lists(
        st.sampled_from(["a.b.C.test_x", "a.b.C.test_z", "test_no_id", X, identity(9), "(", "a test|x"]), max_size=9
    )
)
def test_each_line_is_an_entry_or_told(lines):
    found = converted("# why\n" + "".join(f"{line}\n" for line in lines))
    lost = {finding.line for finding in found.lost}
    noted = {finding.line for finding in found.notes}
    for number, line in enumerate(lines, 2):
        assert number in lost | noted or line in {"a.b.C.test_x", X, "a test|x"}
        assert line in found.text or number not in lost
    assert (X_LINE in found.text) == any(line in {"a.b.C.test_x", X, "a test|x"} for line in lines)


EXPRESSIONS = [
    "a.b.C.test_x",
    "a.b.C.test_y",
    "a.b.E.test_shared",
    "test_",
    "smoke",
    "^a",
    "C.test_y$",
    f"id-{X}",
    SHARED,
]


@given(st.lists(st.sampled_from(EXPRESSIONS), max_size=4))
def test_the_new_list_leaves_out_what_the_old_one_did_where_nothing_else_is_told(lines):
    found = converted("# why\n" + "".join(f"{line}\n" for line in lines))
    told = {finding.code for finding in (*found.lost, *found.notes)}
    new = [entry.id for entry in parse_skip_list("new.txt", found.text.encode()).entries]
    before = {test for test in LISTING.splitlines() if any(re.search(line, test) for line in lines)}
    after = {test for test in LISTING.splitlines() if any(re.search(one, test) for one in new)}
    assert before == after or told & {"longer-names", "shared-id", "no-id", "matches-nothing"}
    assert after - before == set() or "shared-id" in told
    assert before - after == set() or told & {"longer-names", "no-id"}
