"""What a list waits for, and how just that is taken out of it."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.errors import CIError
from ci.skip_lists.files import MAX_LIST_BYTES
from ci.skip_lists.parse import parse_skip_list
from ci.skip_lists.waits import WaitingLists, waits, without
from tests.unit.cli.odd_files import device, fifo, large

ONE, OTHER = f"I{'1' * 40}", f"I{'2' * 40}"


def entry(n):
    return f"{uuid.UUID(int=n)}  # a.b.C.test_{n}\n"


def block(*numbers, until=None, comment=""):
    head = f"{comment}# reason: because\n" + (f"# until: {until}\n" if until else "")
    return head + "".join(map(entry, numbers))


def waiting(text, path="skip_lists/x.txt"):
    return waits(parse_skip_list(path, text.encode()))


def removed(text, until=ONE):
    (wait,) = [one for one in waiting(text) if one.until == until]
    content = without(wait, text.encode())
    return None if content is None else content.decode()


def test_blocks_that_wait_for_the_same_change_are_one_wait():
    text = block(2, 1, until=ONE) + "\n" + block(3) + "\n" + block(4, until=OTHER) + "\n" + block(5, until=ONE)
    first, second = waiting(text)
    assert (first.until, first.lines) == (ONE, (1, 13))
    assert first.ids == tuple(str(uuid.UUID(int=n)) for n in (1, 2, 5))
    assert (second.until, second.lines) == (OTHER, (9,))


def test_the_removal_is_the_same_change_for_the_same_tests_only():
    def removal(text, path="skip_lists/x.txt"):
        return waiting(text, path)[0].removal_id

    own = removal(block(1, 2, until=ONE))
    assert own == removal("# a list\n\n" + block(2, 1, until=ONE))
    others = [
        removal(block(1, until=ONE)),
        removal(block(1, 2, until=OTHER)),
        removal(block(1, 2, until=ONE), "skip_lists/y.txt"),
    ]
    assert len({own, *others}) == 4
    assert own[0] == "I"
    assert len(own) == 41


HEADER = "# About this list.\n\n"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (HEADER + block(1, until=ONE) + "\n" + block(2), HEADER + block(2)),
        (HEADER + block(2) + "\n" + block(1, until=ONE), HEADER + block(2)),
        (block(2) + "\n" + block(1, until=ONE) + "\n" + block(3), block(2) + "\n" + block(3)),
        (block(2) + block(1, until=ONE) + block(3), block(2) + block(3)),
        (block(2) + block(1, until=ONE) + "\n" + block(3), block(2) + "\n" + block(3)),
        (block(2) + "\n\n" + block(1, until=ONE) + "\n\n" + block(3), block(2) + "\n\n\n" + block(3)),
        (block(1, until=ONE) + "\n" + block(2) + "\n" + block(3, until=ONE), block(2)),
        (block(1, until=ONE) + "\n" + block(2, until=ONE), ""),
        (block(1, until=ONE), ""),
        ("# About.\n" + block(1, until=ONE) + "\n" + block(2), "# About.\n\n" + block(2)),
        (HEADER + block(2) + "\n" + block(1, until=ONE, comment="# its own words\n"), HEADER + block(2)),
        (block(2) + "\n" + block(1, until=ONE).rstrip("\n"), block(2)),
        (block(1, until=ONE) + "\n" + block(2).rstrip("\n"), block(2).rstrip("\n")),
        (block(2) + "\n" + block(1, until=ONE) + "\n# the end\n", block(2) + "\n# the end\n"),
    ],
)
def test_a_block_goes_with_its_blank_line_and_nothing_else_does(text, left):
    assert removed(text) == left


def test_a_list_that_has_other_tests_in_the_block_is_left_alone():
    (wait,) = waiting(block(1, 2, until=ONE))
    assert without(wait, block(1, until=ONE).encode()) is None
    assert without(wait, block(1, 2).encode()) is None
    assert without(wait, block(1, 2, until=OTHER).encode()) is None
    assert without(wait, block(2, 1, until=ONE).encode()) == b""


def test_what_the_blocks_of_a_list_with_errors_are_is_not_guessed(tmp_path):
    (wait,) = waiting(block(1, until=ONE))
    with pytest.raises(CIError, match=r"the list has errors, the first one: skip_lists/x.txt:4:1: "):
        without(wait, (block(1, until=ONE) + "nonsense\n").encode())
    (tmp_path / "x.txt").write_text("nonsense\n")
    with pytest.raises(CIError, match="has errors"):
        WaitingLists(lambda: tmp_path).waits("x.txt")


def test_lists_are_read_from_the_site_each_time(tmp_path):
    lists = WaitingLists(lambda: tmp_path)
    with pytest.raises(CIError, match=r"^x.txt: cannot be read: No such file"):
        lists.waits("x.txt")
    (tmp_path / "x.txt").write_text(block(1, until=ONE))
    assert [wait.until for wait in lists.waits("x.txt")] == [ONE]
    (tmp_path / "x.txt").write_text(block(1))
    assert lists.waits("x.txt") == ()


@pytest.mark.parametrize(
    ("make", "said"),
    [(device, "is not a file"), (fifo, "is not a file"), (large, f"is larger than {MAX_LIST_BYTES} bytes")],
)
def test_what_stands_in_the_place_of_a_list_is_not_read_without_end(tmp_path, make, said):
    make(tmp_path / "x.txt")
    with pytest.raises(CIError, match=f"^x.txt: {said} "):
        WaitingLists(lambda: tmp_path).waits("x.txt")


@st.composite
def lists(draw):
    """A list without errors: blocks in any order, with or without blank lines and comments around them."""
    parts = ["# About this list.\n\n"] if draw(st.booleans()) else []
    number = 0
    for _ in range(draw(st.integers(1, 6))):
        count = draw(st.integers(1, 3))
        until = draw(st.sampled_from([None, ONE, OTHER]))
        comment = draw(st.sampled_from(["", "# some words\n", "# no reasons here\n#\n"]))
        parts.append(block(*range(number, number + count), until=until, comment=comment))
        parts.append(draw(st.sampled_from(["", "\n", "\n\n", " \n", "\n# between\n\n"])))
        number += count
    text = "".join(parts)
    return text.rstrip("\n") if draw(st.booleans()) else text


@given(lists())
def test_taking_a_wait_out_of_any_list_leaves_all_others_as_they_were(text):
    assert parse_skip_list("x", text.encode()).findings == ()
    for wait in waiting(text):
        content = without(wait, text.encode())
        left = parse_skip_list("x", content)
        assert left.findings == ()
        kept = [b for b in parse_skip_list("x", text.encode()).blocks if b.head.get("until") != wait.until]
        assert [b.head for b in left.blocks] == [b.head for b in kept]
        assert [[e.id for e in b.entries] for b in left.blocks] == [[e.id for e in b.entries] for b in kept]
        before, after = text.splitlines(keepends=True), content.decode().splitlines(keepends=True)
        assert is_subsequence(after, before)


def is_subsequence(part, whole):
    rest = iter(whole)
    return all(line in rest for line in part)
