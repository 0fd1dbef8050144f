"""What --fix writes anew, and what it leaves as it is."""

from __future__ import annotations

import pytest

from ci.skip_lists.fix import fix
from ci.skip_lists.known_tests import read_listing
from ci.skip_lists.parse import parse_skip_list

ONE, SHARED, GONE = (f"{digit * 8}-1111-2222-3333-444444444444" for digit in "abc")
LISTING = f"p.m.T.test_one[id-{ONE}]\nq.m.T.test_two[id-{SHARED}]\np.m.T.test_two[id-{SHARED}]\n"
BOTH = "p.m.T.test_two, q.m.T.test_two"


def fixed(text, listing=None):
    content = text if isinstance(text, bytes) else text.encode()
    return fix(parse_skip_list("x.txt", content), None if listing is None else read_listing(listing))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{ONE.upper()}  # a.b", f"{ONE}  # a.b"),
        (f"id-{ONE}  # a.b", f"{ONE}  # a.b"),
        (f"  {ONE}#a.b\t", f"{ONE}  # a.b"),
        (f"{ONE}  # a.c a.b, a.c", f"{ONE}  # a.b, a.c"),
        (f"{ONE}  # a.b[smoke,id-{ONE}]", f"{ONE}  # a.b"),
        (ONE.upper(), ONE),
        (f"{ONE}  # a.b\r", f"{ONE}  # a.b"),
    ],
)
def test_the_form_of_a_line(line, expected):
    assert fixed(f"# reason:  r \n{line}\n").content.decode() == f"# reason:  r \n{expected}\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{ONE}  # p.m.T.test_old", f"{ONE}  # p.m.T.test_one"),
        (ONE.upper(), f"{ONE}  # p.m.T.test_one"),
        (f"{SHARED}  # q.m.T.test_two", f"{SHARED}  # {BOTH}"),
        (f"{SHARED}  # q.m.T.test_two, p.m.T.test_two", f"{SHARED}  # {BOTH}"),
        (f"{GONE}  # z.y p.m.T.test_one", f"{GONE}  # p.m.T.test_one, z.y"),
    ],
)
def test_names_follow_the_tests_where_there_are_any(line, expected):
    told = fixed(f"# reason: r\n{line}\n", LISTING)
    assert told.content.decode() == f"# reason: r\n{expected}\n"
    assert len(told.changes) == 1


@pytest.mark.parametrize(
    "line",
    [
        f"{ONE} a.b",
        f"- {ONE}  # a.b",
        f"{ONE}  # see the bug!",
        f"{ONE}  # a.b # note",
        "a.b.C.test",
        ".*",
        "# Reason: x",
        f"{ONE[:-1]}\u0430  # a.b",
        f"{ONE}\u00a0 # a.b",
        f"# {ONE.upper()}  # a.c a.b",
        f"{ONE}  # a\x0c",
        "\u200b",
    ],
)
def test_what_a_person_must_decide_stays_as_it_is(line):
    text = f"# reason: r\n{line}\n"
    assert (fixed(text, LISTING).content, fixed(text, LISTING).changes) == (text.encode(), ())


def test_a_double_in_a_block_goes_and_leaves_its_names():
    text = f"# reason: r\n{ONE}  # b.c\n{SHARED}  # {BOTH}\n{ONE.upper()}  # a.c\n# reason: s\n{ONE}  # d.e\n"
    told = fixed(text)
    assert told.content.decode() == f"# reason: r\n{ONE}  # a.c, b.c\n{SHARED}  # {BOTH}\n# reason: s\n{ONE}  # d.e\n"
    assert [(change.line, change.code) for change in told.changes] == [(2, "entry"), (4, "duplicate")]


def test_line_ends_and_byte_order_marks():
    content = b"\xef\xbb\xbf# reason: r \r\n\r\n#  s\t\r\n" + f"\ufeff{ONE}  # a.b".encode()
    told = fixed(content)
    assert told.content == f"# reason: r \n\n#  s\t\n{ONE}  # a.b\n".encode()
    assert [change.code for change in told.changes] == [
        "carriage-return", "byte-order-mark", "byte-order-mark", "no-final-newline",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"\n", b"# reason: caf\xe9\r\n", "# r\r\n".encode("utf-16")])
def test_what_is_empty_or_no_text_stays(content):
    assert (fixed(content).content, fixed(content).changes) == (content, ())


def test_each_change_says_what_was_and_what_is():
    assert [str(change) for change in fixed(f"# reason: r\n{ONE.upper()}  # a.b\n").changes] == [
        f"x.txt:2:1: now `{ONE}  # a.b`, was `{ONE.upper()}  # a.b`"
    ]
