"""Skip lists are read strictly: nothing that tempest would misread passes in silence."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

from pathlib import Path

import pytest

from ci.skip_lists.parse import parse_skip_list

ID = "d3114f03-1a2b-4c3d-8e4f-5a6b7c8d9e0f"
OTHER = "c3d4e5f6-a7b8-9012-cdef-123456789012"
GOOD = f"# about this list\n\n# reason: no pause\n# bug: 12\n# until: I{'a' * 40}\n# expires: 2027-01-31\n{ID}  # a.b.C.test_x\n"
SKIP_LISTS = sorted((Path(__file__).parents[3] / "skip_lists").glob("*.txt"))


def errors(text):
    content = text if isinstance(text, bytes) else text.encode()
    return [f"{f.line}:{f.column}: {f.message}" for f in parse_skip_list("x.txt", content).findings]


def test_a_block_with_its_head():
    parsed = parse_skip_list("x.txt", GOOD.encode())
    assert parsed.findings == ()
    assert parsed.ids == (ID,)
    assert parsed.blocks[0].head["reason"] == "no pause"
    assert parsed.blocks[0].entries[0].names == ("a.b.C.test_x",)
    assert parsed.blocks[0].entries[0].line == 7


def test_several_names_of_one_id_and_names_with_parameters():
    text = f"# reason: r\n{ID}  # a.T.test_x, b.T.test_x c.T.test[a,b]\n"
    assert parse_skip_list("x", text.encode()).blocks[0].entries[0].names == (
        "a.T.test_x",
        "b.T.test_x",
        "c.T.test[a,b]",
    )


def test_an_empty_list_is_a_list():
    assert errors("") == []
    assert errors("# nothing is left out\n") == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (ID, "2:1: the test's name is missing"),
        (ID.upper() + "  # a", "2:1: an ID in capitals leaves out nothing"),
        (ID + " a.b", "2:1: text after the ID leaves out nothing"),
        ("- " + ID + "  # a", "2:1: is not an ID with the names of its tests"),
        (ID + "#a", "2:1: is not an ID with the names of its tests"),
        ("[" + ID + "]  # a", "2:1: is not an ID with the names of its tests"),
        (ID + " " + OTHER + "  # a", "2:1: is not an ID with the names of its tests"),
        ("a.b.C.test_x", "2:1: is not a test's idempotent ID: it could leave out any number of tests, or none"),
        (".*", "2:1: is not a test's idempotent ID: it could leave out any number of tests, or none"),
        (ID[:-1] + "  # a", "2:1: is not a test's idempotent ID: it could leave out any number of tests, or none"),
        ("  " + ID.upper() + "  # a", "2:3: an ID in capitals leaves out nothing"),
        (f"{ID}  # a\n{ID}  # a", "3:1: " + ID + " is there twice"),
        (f"{ID}  # a\r", "2:42: the line ends with a carriage return"),
        (f"{ID}  # caf\u00e9", "2:44: a character outside ASCII, which tempest may not be able to read"),
    ],
)  # fmt: skip
def test_lines_that_tempest_would_misread(line, expected):
    assert errors(f"# reason: r\n{line}\n")[0] == expected


def test_a_byte_order_mark():
    assert "1:1: a byte order mark makes tempest skip nothing by this line" in errors("\ufeff" + f"{ID}  # a\n")


def test_other_encodings():
    assert errors("# reason: caf\u00e9\n".encode("latin-1")) == ["1:1: is not UTF-8"]


def test_a_block_without_a_reason():
    assert errors(f"# reason: r\n{ID}  # a\n\n{OTHER}  # b\n") == ["4:1: the block has no reason"]
    assert errors(f"# reason:\n{ID}  # a\n") == ["1:1: the block has no reason"]


def test_a_comment_after_entries_begins_a_new_block():
    assert errors(f"# reason: r\n{ID}  # a\n# something\n{OTHER}  # b\n") == ["3:1: the block has no reason"]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("# until: 123", "2:3: `until:` is not a Change-Id: I and 40 digits"),
        ("# expires: soon", "2:3: `expires:` is not a date: YYYY-MM-DD"),
        ("# reason: again", "2:1: `reason:` is there twice in the block"),
    ],
)
def test_errors_of_a_head(head, expected):
    assert errors(f"# reason: r\n{head}\n{ID}  # a\n") == [expected]


@pytest.mark.parametrize("path", SKIP_LISTS, ids=lambda path: path.name)
def test_the_shipped_lists(path):
    parsed = parse_skip_list(path.name, path.read_bytes())
    assert parsed.findings == ()
    assert parsed.ids
