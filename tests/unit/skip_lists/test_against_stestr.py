"""What we say of lists, and what the real stestr makes of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stestr.selection import _get_regex_from_include_list, construct_list, exclusion_reader

from ci.skip_lists.check import ListCheck
from ci.skip_lists.entry_line import canonical
from ci.skip_lists.fix import fix
from ci.skip_lists.known_tests import read_listing
from ci.skip_lists.parse import parse_skip_list
from ci.skip_lists.render import render

TODAY = date(2026, 11, 25)
IDS = [
    "d3114f03-1a2b-4c3d-8e4f-5a6b7c8d9e0f",
    "d3114f03-1a2b-4c3d-8e4f-5a6b7c8d9e00",
    "00000000-0000-0000-0000-000000000000",
    "c3d4e5f6-a7b8-9012-cdef-123456789012",
    "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa",
]
NAMES = [
    f"{package}.m.{cls}.test_{test}" for package in ("a", "b") for cls in ("T", "Test") for test in ("x", "y", "x_y")
]
OTHER_TAGS = ["smoke", "compute", "z", f"x{IDS[0]}", f"id-{IDS[1]}0", f"id-{IDS[2]}-x"]
NASTY = [
    "\r", "\n", "\f", "\v", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\0", "\t", " ", "\u00a0", "\u200b",
    "\ufeff", "\u2013", "#", "##", "# ", "id-", "[", "]", "(", ")", "()", "|", ".", ".*", "*", "+", "?", "^", "$", "{",
    "}", "\\", ",", "-", "//", '"', "'", "!", "(?i)", "A", "F", "0", "\u0430", "\x1b", "\r\n", "\x1f", "_", "reason:",
]  # fmt: skip

ids = st.sampled_from(IDS)
names = st.sampled_from(NAMES)


@st.composite
def listed_tests(draw):
    """A test as stestr lists it: with its IDs among other tags, with none, or with one where it does not belong."""
    tags = {f"id-{one}" for one in draw(st.lists(ids, max_size=2))}
    tags |= draw(st.sets(st.sampled_from(OTHER_TAGS), max_size=2))
    scenario = draw(st.sampled_from(["", "", "(ipv6)", "(IPv4, stateful)", f"({IDS[3]})"]))
    return (f"[{','.join(sorted(tags))}]" if tags else "") + scenario


@st.composite
def listings(draw):
    wanted = draw(st.lists(names, unique=True, min_size=1))
    return [name + draw(listed_tests()) for name in wanted]


@st.composite
def good_lines(draw):
    return f"{draw(ids)}  # {', '.join(sorted(draw(st.lists(names, min_size=1, max_size=3, unique=True))))}"


@st.composite
def mutated_lines(draw):
    """A good line, with one or two things done to it that people, editors and pasting do."""
    line = draw(good_lines())
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, len(line)) | st.integers(0, 42))
        piece = draw(st.sampled_from(NASTY) | st.text(max_size=2))
        cut = draw(st.sampled_from([0, 0, 1, 2, 5]))
        line = line[:place] + piece + line[place + cut :]
    return draw(st.sampled_from([line, line, line, line.upper(), line.split("#")[0], f"# {line}"]))


heads = st.sampled_from(["# reason: r", "# reason: r\n# bug: 1", "# words\n# reason: r", "", "# about"])
pieces = st.sampled_from([*NASTY, *IDS, *NAMES, "# reason: r", "\n", "\n\n", "  # "]) | st.text(max_size=5)


@st.composite
def lists(draw, lines):
    """A file of a few blocks."""
    blocks = draw(st.lists(st.tuples(heads, st.lists(lines, max_size=4)), max_size=3))
    text = "\n\n".join("\n".join([head, *rows] if head else rows) for head, rows in blocks)
    return (text + draw(st.sampled_from(["\n", "", "\r\n"]))).encode("utf-8", "surrogatepass")


def in_file(content, read):
    """What a reader of stestr makes of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list.txt")
        path.write_bytes(content)
        return read(str(path))


def excluded(content, tests):
    return set(tests) - in_file(content, lambda path: construct_list(tests, exclude_list=path))


@given(st.binary() | st.lists(pieces).map(lambda found: "".join(found).encode("utf-8", "surrogatepass")))
def test_what_is_parsed_is_printed_byte_by_byte(content):
    assert render(parse_skip_list("x", content)) == content


@given(lists(good_lines() | mutated_lines()))
def test_whole_lists_too_are_printed_byte_by_byte(content):
    assert render(parse_skip_list("x", content)) == content


@given(good_lines())
def test_an_entry_is_printed_as_it_was_read(line):
    found = parse_skip_list("x", f"# reason: r\n{line}\n".encode())
    assert (found.findings, found.warnings) == ((), ())
    assert [canonical(entry.id, entry.names) for entry in found.entries] == [line]


@given(lists(good_lines()), listings())
def test_what_we_say_is_excluded_is_what_stestr_excludes(content, tests):
    known = read_listing("\n".join(tests))
    checked = ListCheck(TODAY, known).check("x", fix(parse_skip_list("x", content), known).content, is_include=False)
    if {finding.code for finding in checked.errors} - {"no-reason", "stale-id"}:
        return
    ours = known.with_any_of(checked.skip_list.ids)
    assert {test for test in tests if read_listing(test).names[0] in ours} == excluded(content, tests)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # stestr leaves include lists open
@given(lists(good_lines() | mutated_lines()), listings())
def test_where_we_report_no_error_stestr_reads_the_ids_and_nothing_else(content, tests):
    found = parse_skip_list("x", content)
    if any(finding.code not in {"no-reason", "misplaced-key", "unknown-key", "no-names"} for finding in found.findings):
        return
    ours = [entry.id for entry in found.entries]
    as_exclude = [one.pattern for one, _, _ in in_file(content, exclusion_reader)]
    as_include = [one.pattern for one in in_file(content, _get_regex_from_include_list)]
    assert as_exclude == as_include
    assert [pattern.removeprefix("id-") for pattern in as_exclude] == ours
    assert found.expressions == len(as_exclude)
    assert excluded(content, tests) == {test for test in tests if any(one in test for one in as_exclude)}


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
@given(mutated_lines(), listings())
def test_a_line_that_means_something_else_than_its_id_is_an_error(line, tests):
    content = f"# reason: r\n{line}\n".encode("utf-8", "surrogatepass")
    found = parse_skip_list("x", content)
    if any(finding.code == "not-utf-8" for finding in found.findings):
        return
    try:
        patterns = {one.pattern for one, _, _ in in_file(content, exclusion_reader)}
    except SystemExit:
        assert found.findings
        return
    if not patterns <= {*found.ids, *(f"id-{one}" for one in found.ids)}:
        assert found.findings


@given(lists(good_lines() | mutated_lines()), st.none() | listings())
def test_what_is_fixed_keeps_all_and_stays_as_it_is(content, tests):
    known = None if tests is None else read_listing("\n".join(tests))
    before = parse_skip_list("x", content)
    once = fix(before, known)
    after = parse_skip_list("x", once.content)
    assert fix(after, known) == type(once)(once.content, ())
    assert set(after.ids) == set(before.ids)
    assert [block.head for block in after.blocks] == [block.head for block in before.blocks]
    assert comments(once.content) == comments(content)
    errors, errors_before = ({finding.code for finding in one.findings} for one in (after, before))
    assert errors <= errors_before


def comments(content):
    """The lines that are no entries, without what ends them."""
    lines = [line.rstrip(b"\r").lstrip(b"\xef\xbb\xbf") for line in content.split(b"\n")]
    return [line for line in lines if line.strip().startswith(b"#")]


CASES = """
import testtools

class T(testtools.testcase.WithAttributes, testtools.TestCase):
    @testtools.testcase.attr("id-{0}", "smoke", "compute")
    def test_x(self): pass

    @testtools.testcase.attr("id-{1}")
    def test_y(self): pass

    def test_z(self): pass

class Again(T): pass
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "cases").mkdir()
    (folder / "cases/__init__.py").write_text("")
    (folder / "cases/test_cases.py").write_text(CASES.format(*IDS))
    (folder / ".stestr.conf").write_text("[DEFAULT]\ntest_path=./cases\ntop_dir=./\n")
    return folder


def stestr(project, *arguments):
    argv = [sys.executable, "-m", "stestr.cli", *arguments]
    variables = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(argv, cwd=project, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_real_command_leaves_out_what_we_say(project):
    stestr(project, "init")
    known = read_listing(stestr(project, "list"))
    assert len(known) == 6
    assert len(known.names_of(IDS[0])) == 2
    assert len(known.without_id) == 2
    written = project / "list.txt"
    written.write_bytes(f"# reason: r\r\n{IDS[0].upper()}  # cases.old.T.test_x\n".encode())
    better = fix(parse_skip_list("list.txt", written.read_bytes()), known)
    written.write_bytes(better.content)
    checked = ListCheck(TODAY, known).check("list.txt", better.content, is_include=False)
    assert (checked.errors, checked.warnings) == ([], [])
    run = read_listing(stestr(project, "list", "--exclude-list", str(written)))
    assert set(run.names) == set(known.names) - known.with_any_of(checked.skip_list.ids)
    included = read_listing(stestr(project, "list", "--include-list", str(written)))
    assert set(included.names) == known.with_any_of(checked.skip_list.ids)
