"""Skip lists are read strictly: nothing that tempest would misread passes in silence."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from ci.skip_lists import head, parse
from ci.skip_lists.parse import parse_skip_list

ID = "d3114f03-1a2b-4c3d-8e4f-5a6b7c8d9e0f"
OTHER = "c3d4e5f6-a7b8-9012-cdef-123456789012"
CHANGE = f"I{'a' * 40}"
GOOD = f"# about this list\n\n# reason: no pause\n# bug: 12\n# until: {CHANGE}\n# expires: 2027-01-31\n# owner: me\n{ID}  # a.b.C.test_x\n"
SKIP_LISTS = sorted((Path(__file__).parents[3] / "skip_lists").glob("*.txt"))


def told(findings):
    return [f"{f.line}:{f.column} {f.code}" for f in findings]


def parsed(text):
    return parse_skip_list("x.txt", text if isinstance(text, bytes) else text.encode())


def errors(text):
    return told(parsed(text).findings)


def warnings(text):
    return told(parsed(text).warnings)


def test_a_block_with_its_head():
    found = parsed(GOOD)
    assert (found.findings, found.warnings) == ((), ())
    assert found.ids == (ID,)
    block = found.blocks[0]
    assert block.head == {"reason": "no pause", "bug": "12", "until": CHANGE, "expires": "2027-01-31", "owner": "me"}
    assert (block.line, block.places["until"]) == (3, (5, 3))
    assert (block.entries[0].names, block.entries[0].line) == (("a.b.C.test_x",), 8)


@pytest.mark.parametrize(
    ("comment", "names"),
    [
        ("a.T.test_x", ("a.T.test_x",)),
        ("a.T.test_x, b.T.test_x", ("a.T.test_x", "b.T.test_x")),
        ("b.T.test_x a.T.test_x,c.T.test_y", ("b.T.test_x", "a.T.test_x", "c.T.test_y")),
        ("a.T.test_x(IPv4, stateful), b.T.test_x", ("a.T.test_x(IPv4, stateful)", "b.T.test_x")),
        (f"a.T.test_x[id-{ID},smoke]", ("a.T.test_x",)),
        ("a.T.test_a-b_1", ("a.T.test_a-b_1",)),
    ],
)
def test_names_of_a_line(comment, names):
    found = parsed(f"# reason: r\n{ID}  # {comment}\n")
    assert found.findings == ()
    assert found.blocks[0].entries[0].names == names


def test_an_empty_list_is_a_list():
    assert errors("") == []
    assert errors("# nothing is left out\n") == []
    assert parsed("# a\n\n \t\n").expressions == 0
    assert parsed("\ufeff# a\n").expressions == 1


# What stestr reads as something else than the ID of that line; what it does so is in the comment.
MISREAD = [
    # leaves out nothing
    (ID.upper() + "  # a.m", "2:1 capital-id"),
    ("  " + ID.upper() + "  # a.m", "2:3 capital-id"),
    (ID[:-1] + "F  # a.m", "2:1 capital-id"),
    (ID + " a.b", "2:1 missing-hash"),
    (ID + "\ta.b", "2:1 missing-hash"),
    (ID + " // a.b", "2:1 missing-hash"),
    (ID + " " + OTHER, "2:1 two-ids"),
    (ID + " " + OTHER + "  # a.m", "2:1 two-ids"),
    (ID + "," + OTHER + "  # a.m", "2:1 two-ids"),
    (ID + ",  # a.m", "2:1 text-around-id"),
    (ID + ";", "2:1 text-around-id"),
    (ID + " a  # b.m", "2:1 text-around-id"),
    (ID + "-x  # a.m", "2:1 text-around-id"),
    ("- " + ID + "  # a.m", "2:1 text-around-id"),
    ("* " + ID + "  # a.m", "2:1 broken-expression"),
    ('"' + ID + '"  # a', "2:1 text-around-id"),
    ("'" + ID + "'  # a.m", "2:1 text-around-id"),
    ("{" + ID + "}  # a.m", "2:1 text-around-id"),
    ("!" + ID + "  # a.m", "2:1 text-around-id"),
    ("^" + ID + "  # a.m", "2:1 text-around-id"),
    (ID + "$  # a.m", "2:1 text-around-id"),
    ("(?i)" + ID, "2:1 text-around-id"),
    ("// " + ID + "  # a.m", "2:1 text-around-id"),
    ("ID-" + ID + "  # a.m", "2:1 text-around-id"),
    (ID.replace("-", "") + "  # a.m", "2:1 no-dashes"),
    (ID.replace("-", "\u2013") + "  # a.m", "2:9 not-ascii"),
    (ID + "\u200b  # a.m", "2:37 not-ascii"),
    ("\u200b" + ID + "  # a.m", "2:1 not-ascii"),
    ("\u2066" + ID + "  # a.m", "2:1 not-ascii"),
    (ID[:-1] + "\u0430  # a.m", "2:36 not-ascii"),
    (ID[:-1] + "\uff11  # a.m", "2:36 not-ascii"),
    (ID + "\0  # a.m", "2:37 control-character"),
    (ID + "\x1b[0m  # a.m", "2:37 control-character"),
    (ID + "\x7f  # a.m", "2:37 control-character"),
    # leaves out everything, or nearly
    (".", "2:1 matches-everything"),
    (".*", "2:1 matches-everything"),
    (".*  # a.m", "2:1 matches-everything"),
    ("()", "2:1 matches-everything"),
    ("$", "2:1 matches-everything"),
    ("^", "2:1 matches-everything"),
    (ID + "|", "2:1 matches-everything"),
    ("|" + ID, "2:1 matches-everything"),
    ("test", "2:1 matches-everything"),
    ("[a-z]", "2:1 matches-everything"),
    ("[id-" + ID + "]", "2:1 brackets"),
    ("[" + OTHER + "]  # a.m", "2:1 brackets"),
    ("a.b.C.test_x[id-" + ID + "]  # a.m", "2:1 brackets"),
    # leaves out what it finds as a part
    ("a.b.C.test_x", "2:1 name-as-id"),
    ("a.b.C.test_x  # " + ID, "2:1 name-as-id"),
    ("test_list_servers", "2:1 no-id"),
    ("compute", "2:1 no-id"),
    ("compute # " + ID, "2:1 no-id"),
    (ID[:-1] + "  # a.m", "2:1 cut-id"),
    (ID[:8], "2:1 cut-id"),
    (ID + "0  # a.m", "2:1 cut-id"),
    ("id-" + ID[:23] + "  # a.m", "2:1 cut-id"),
    (ID[:-1] + ".  # a.m", "2:1 no-id"),
    # ends stestr
    ("*" + ID, "2:1 broken-expression"),
    ("a[", "2:1 broken-expression"),
    ("(" + ID, "2:1 broken-expression"),
    ("a{99999999999999}", "2:1 broken-expression"),
    # a line for stestr, a part of one for people
    (f"{ID}  # a.m\r.*", "2:44 line-end-inside"),
    (f"# x\r.*\n{ID}  # a.m", "2:4 line-end-inside"),
    (f"# x\f.*\n{ID}  # a.m", "2:4 line-end-inside"),
    (f"# x\v.*\n{ID}  # a.m", "2:4 line-end-inside"),
    (f"# x\x1c.*\n{ID}  # a.m", "2:4 line-end-inside"),
    (f"# x\x1d.*\n{ID}  # a.m", "2:4 line-end-inside"),
    (f"# x\x1e.*\n{ID}  # a.m", "2:4 line-end-inside"),
    (f"# x\x85.*\n{ID}  # a.m", "2:4 line-end-inside"),
    (f"# x\u2028.*\n{ID}  # a.m", "2:4 line-end-inside"),
    (f"# x\u2029.*\n{ID}  # a.m", "2:4 line-end-inside"),
    # cannot be read everywhere
    (f"{ID}  # caf\u00e9", "2:44 not-ascii"),
    (f"# owner: Ren\u00e9\n{ID}  # a.m", "2:13 not-ascii"),
    (f"{ID}\u00a0 # a", "2:37 not-ascii"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), MISREAD)
def test_lines_that_tempest_would_misread(line, expected):
    found = parsed(f"# reason: r\n{line}\n")
    assert told(found.findings)[0] == expected
    assert all(finding.hint for finding in found.findings)


# What stestr reads as the ID, and a person should mend all the same.
HARMLESS = [
    (f"{ID}#a.b", "2:1 spacing"),
    (f"{ID} # a.b", "2:1 spacing"),
    (f"{ID}  #a.b", "2:1 spacing"),
    (f"{ID}\t# a.b", "2:1 spacing"),
    (f"  {ID}  # a.b", "2:3 spacing"),
    (f"{ID}  # a.b a.c", "2:1 spacing"),
    (f"{ID}  # a.b,a.c", "2:1 spacing"),
    (f"id-{ID}  # a.b", "2:1 id-prefix"),
    (f"{ID}  # a.c, a.b", "2:1 name-order"),
    (f"{ID}  # a.b, a.b", "2:1 repeated-name"),
    (f"{ID}  # a.b[smoke]", "2:1 tags"),
    (f"{ID}  # a.b\r", "2:44 carriage-return"),
    (f"{ID}  # a.b\r\r", "2:44 carriage-return"),
    (f"# {OTHER}  # a.b\n{ID}  # a.b", "2:1 commented-out"),
    (f"#id-{OTHER}\n{ID}  # a.b", "2:1 commented-out"),
    (f"# note: x\n{ID}  # a.b", "2:3 unknown-key"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), HARMLESS)
def test_lines_that_are_read_well_and_ought_to_be_written_better(line, expected):
    found = parsed(f"# reason: r\n{line}\n")
    assert (told(found.findings), told(found.warnings)) == ([], [expected])
    assert found.ids == (ID,)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (ID, "2:1 missing-name"),
        (f"{ID}  #", "2:1 missing-name"),
        (f"{ID}  # not yet, see the bug!", "2:41 no-names"),
        (f"{ID}  # a.b # c", "2:41 no-names"),
        (f"{ID}  # flaky", "2:41 no-names"),
        (f"{ID}  # not supported yet", "2:41 no-names"),
        (f"{ID}  # a.b.C.test_x flaky", "2:41 no-names"),
        (f"{ID}  # a.b.C.test_x.", "2:41 no-names"),
        (f"{ID}  # a.b reason: c", "2:41 no-names"),
        (f"{ID}  # a.b\n{ID}  # a.b", "3:1 duplicate"),
        (f"{ID}  # a.b\n\n# reason: s\n{ID.upper()}  # a.b", "5:1 duplicate"),
    ],
)
def test_entries_that_a_person_cannot_follow(line, expected):
    assert expected in errors(f"# reason: r\n{line}\n")


def test_blanks_behind_a_line_are_nothing_to_speak_of():
    found = parsed(f"# reason: r  \n \n# reason: s\n{ID}  # a.b \t\n")
    assert told(found.findings) == []
    assert found.blocks[0].head["reason"] == "s"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("# reason: caf\u00e9\n".encode("latin-1"), "1:14 not-utf-8"),
        (b"# r\n# \xc3\xa9\xff", "2:4 not-utf-8"),
        (GOOD.encode("utf-16"), "1:1 not-utf-8"),
        (GOOD.encode("utf-16-le"), "1:1 not-utf-8"),
        (GOOD.encode("utf-32"), "1:1 not-utf-8"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "1:1 byte-order-mark"),
        (b"\xef\xbb\xbf" + f"{ID}  # a.m\n".encode(), "1:1 byte-order-mark"),
    ],
)
def test_other_encodings(content, expected):
    assert errors(content)[0] == expected


def test_a_last_line_without_an_end():
    assert warnings(GOOD.rstrip("\n")) == ["8:53 no-final-newline"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"# reason: r\n{ID}  # a.m\n\n{OTHER}  # b.m\n", ["4:1 no-reason"]),
        (f"# reason:\n{ID}  # a.m\n", ["1:1 no-reason"]),
        (f"# reason: r\n\n{ID}  # a.m\n", ["3:1 no-reason"]),
        (f"# reason: r\n{ID}  # a.m\n# something\n{OTHER}  # b.m\n", ["3:1 no-reason"]),
        (f"# reason: r\n{ID}  # a.m\n# bug: 12\n{OTHER}  # b.m\n", ["3:3 misplaced-key"]),
        (f"# reason: r\n{ID}  # a.m\n# until: {CHANGE}\n", ["3:3 misplaced-key"]),
        (f"# reason: r\n{ID}  # a.m\n# x\n# owner: me\n# bug: 1\n{OTHER}  # b.m\n", ["4:3 misplaced-key"]),
        (f"# reason: r\n{ID}  # a.m\n# reason: s\n{OTHER}  # b.m\n", []),
        (f"# bug: 1\n# reason: r\n{ID}  # a.m\n", []),
        (f"# reason: r\n{ID}  # a.m\n# {OTHER}  # b.m\n{OTHER}  # b.m\n", []),
    ],
)
def test_each_block_has_its_reason_above_its_first_test(text, expected):
    assert errors(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"# reason: r\n\n# reason: s\n{ID}  # a.b\n", ["1:1 empty-block"]),
        ("# bug: 12\n", ["1:1 empty-block"]),
        ("# reason: r\n", ["1:1 empty-block"]),
        (f"# reason: r\n# {ID}  # a.b\n", ["1:1 empty-block", "2:1 commented-out"]),
        ("# Note: these are few\n", []),
    ],
)
def test_blocks_without_tests(text, expected):
    assert (errors(text), warnings(text)) == ([], expected)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("# until: 123", "2:3 bad-change-id"),
        (f"# until: i{'a' * 40}", "2:3 bad-change-id"),
        (f"# until: I{'A' * 40}", "2:3 bad-change-id"),
        (f"# until: {CHANGE} or so", "2:3 bad-change-id"),
        ("# until: https://review.example.org/1", "2:3 bad-change-id"),
        ("# until:", "2:3 empty-value"),
        ("# bug: ", "2:3 empty-value"),
        ("# expires: soon", "2:3 bad-date"),
        ("# expires: 2026-02-30", "2:3 bad-date"),
        ("# expires: 2026-2-3", "2:3 bad-date"),
        ("# expires: 20260203", "2:3 bad-date"),
        ("# expires: 2026-W07-1", "2:3 bad-date"),
        ("# expires: 2026-02-03T10:00", "2:3 bad-date"),
        ("# expires: 0000-01-01", "2:3 bad-date"),
        ("# expires: \u0662\u0660\u0662\u0666-01-01", "2:3 bad-date"),
        ("# reason: again", "2:1 repeated-key"),
        ("# reson: again", "2:3 unknown-key"),
        ("# Reason: again", "2:3 unknown-key"),
        ("# reason : again", "2:3 unknown-key"),
        ("# bug= 12", "2:3 unknown-key"),
        ("## bug: 12", "2:4 unknown-key"),
        ("#  untill: x", "2:4 unknown-key"),
        ("# expire: 2026-01-01", "2:3 unknown-key"),
    ],
)
def test_errors_of_a_head(head, expected):
    assert errors(f"# reason: r\n{head}\n{ID}  # a.m\n")[0] == expected


def test_a_key_that_is_misspelt_is_named():
    assert str(parsed(f"# reson: r\n{ID}  # a.m\n").findings[-1]) == (
        "x.txt:1:3: unknown key `reson` (did you mean `# reason: ...`?)"
    )


@pytest.mark.parametrize(
    "line",
    ["a" * 500_000, "(" * 500_000, "a," * 250_000, f"{ID}  # " + "a(" * 250_000, f"{ID}  # " + "a " * 250_000 + "!",
     "# " + "a" * 500_000 + ":", "#" * 500_000, f"{ID} " * 20_000, "-" * 500_000, "(a*)*" * 50, "((a{1000}){1000}){1000}",
     " " * 500_000 + "x", f"# {'# ' * 250_000}x", f"{ID}  # a.b" + " ," * 250_000],
    ids=lambda line: line[:8],
)  # fmt: skip
def test_a_long_hostile_line_takes_linear_time(line):
    found = parsed(f"# reason: r\n{line}\n")  # with a quadratic reader this does not end within the tests' patience
    assert b"".join(one.content for one in found.lines) == f"# reason: r\n{line}\n".encode()


def test_a_file_of_nothing_but_errors_ends():
    found = parsed("x\n" * 100_000)
    assert told(found.findings)[-1] == "20001:1 too-many-errors"


def test_a_kind_of_warning_that_is_everywhere_is_counted_and_hides_no_other():
    text = "# reason: r\n" + "".join(f"{uuid.UUID(int=n)} # a.b.test\n" for n in range(100)) + "\n# reason: none\n\n"
    warnings = parsed(text).warnings
    assert [warning.code for warning in warnings] == ["spacing"] * 50 + ["empty-block"]
    assert [warning.line for warning in warnings[:50]] == list(range(2, 52))
    assert [warning.message.partition("; and ")[2] for warning in warnings[48:50]] == ["", "50 more like this one"]


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_file_of_nothing_but_misspelt_heads_ends(monkeypatch, end):
    monkeypatch.setattr(parse, "MAX_ERRORS", 200)
    head._near.cache_clear()
    found = parsed("".join(f"# ab{number:x}: x\n{end}" for number in range(1000)))
    assert told(found.findings) == [f"{400 if end else 201}:1 too-many-errors"]
    assert "after 200 unknown keys" in str(found.findings[0])
    assert head._near.cache_info().misses == 200


@pytest.mark.parametrize("path", SKIP_LISTS, ids=lambda path: path.name)
def test_the_shipped_lists(path):
    found = parse_skip_list(path.name, path.read_bytes())
    assert (found.findings, found.warnings) == ((), ())
    assert found.ids
