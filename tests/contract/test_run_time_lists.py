"""The readers and choosers of lists are several, and of one mind: ours, that of builds, and stestr itself."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stestr import selection as stestr_selection

from ci.skip_lists.parse import parse_skip_list
from tests.carried import module

SKIP_LISTS = sorted((Path(__file__).parents[2] / "skip_lists").glob("*.txt"))
IDS = [f"{number:08x}-1a2b-4c3d-8e4f-5a6b7c8d9e0f" for number in range(6)] + ["c3d4e5f6-a7b8-9012-cdef-123456789012"]
CHANGE = "I" + "0123456789" * 4

ids = st.sampled_from(IDS)
names = st.sampled_from(["a.B.test_x", "a.B.test_y[v,w]", "tempest.api.T.test", "a", "", "a.B.test x", "#", "é"])
heads = st.sampled_from(
    ["# reason: r", "# reason:", "#reason: r", "# until: " + CHANGE, "# until: I12", "# expires: 2027-01-31",
     "# expires: 2027-13-01", "# bug: 12", "# owner: me", "# something: else", "#", "#  words", "   # reason: r"]
)  # fmt: skip
entries = st.one_of(
    st.builds("{}  # {}".format, ids, names),
    st.builds("{}  # {}, {}".format, ids, names, names),
    st.builds("{}{}{}".format, ids, st.sampled_from([" # ", "#", "\t# ", "  #", " ", "  // "]), names),
    st.builds("{}{}  # a.B.test".format, st.sampled_from(["- ", "^", "id-", "[", " ", "\t"]), ids),
    st.builds("{}  # a.B.test{}".format, ids.map(str.upper), st.sampled_from(["", "\r", " ", "\f"])),
    st.builds("{}  # a.B.test{}".format, ids, st.sampled_from(["\r", " ", "\f", "\v", "\x00", "\x1c"])),
    st.text(alphabet="a.*#[]()|\\ \t-0\ufeff", max_size=8),
)
blocks = st.lists(st.one_of(heads, entries, st.just("")), max_size=8).map("\n".join)
good = st.builds("# reason: {}\n{}  # a.B.test_x\n".format, st.sampled_from(["r", "no pause"]), ids)
contents = st.one_of(
    st.lists(st.one_of(blocks, good), max_size=5).map("\n".join).map(str.encode),
    blocks.map(lambda text: text.encode("utf-8", "replace")),
    st.binary(max_size=60),
)


def as_the_build_reads(content):
    reader = module("skip_lists.read")
    try:
        return [(one.line, one.head, [(*test[:2], tuple(test[2])) for test in one.tests])
                for one in reader.read("x.txt", content)]  # fmt: skip
    except reader.ListError:
        return None


def as_check_reads(content):
    parsed = parse_skip_list("x.txt", content)
    if parsed.findings:
        return None
    return [(one.line, one.head, [(entry.line, entry.id, entry.names) for entry in one.entries])
            for one in parsed.blocks]  # fmt: skip


@given(contents)
def test_a_build_takes_just_the_lists_that_check_finds_no_error_in_and_reads_the_same(content):
    assert as_the_build_reads(content) == as_check_reads(content)


@pytest.mark.parametrize("path", SKIP_LISTS, ids=lambda path: path.name)
def test_the_shipped_lists_read_the_same(path):
    read = as_the_build_reads(path.read_bytes())
    assert read
    assert read == as_check_reads(path.read_bytes())


tags = st.lists(st.sampled_from(["smoke", "slow", "compute"]), max_size=2)
tests_of_tempest = st.lists(
    st.builds(
        lambda number, identity, more: f"tempest.api.T.test_{number}[{','.join([*more, f'id-{identity}', *more[:1]])}]",
        st.integers(0, 99), ids, tags,
    ), unique=True, max_size=12,
)  # fmt: skip
lists_of_ids = st.lists(st.lists(ids, unique=True, max_size=4), max_size=3)


def plan(excludes, include, regex=""):
    def part(path, identities):
        tests = [{"id": one, "line": 2, "names": ["a.B.test"]} for one in identities]
        return {"path": path, "blocks": [{"line": 1, "head": {"reason": "r"}, "lifted_by": None, "tests": tests}]}

    return {
        "exclude_lists": [part(f"{number}.txt", one) for number, one in enumerate(excludes)],
        "include_list": part("include.txt", include) if include is not None else None,
        "test_regex": regex,
        "excluded": sorted({one for identities in excludes for one in identities}),
        "included": include,
    }


def as_a_list(folder, name, identities):
    path = folder / name
    path.write_text("# reason: r\n" + "".join(f"{one}  # a.B.test\n" for one in identities))
    return str(path)


# stestr leaves closing the include list to the garbage collector.
leaves_files_open = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@leaves_files_open
@given(tests_of_tempest, lists_of_ids, st.none() | st.lists(ids, min_size=1, unique=True), st.sampled_from(["", "_1"]))
def test_the_node_chooses_what_stestr_would(tests, excludes, include, regex):
    chosen = module("tempest_run.selection").select(tests, plan(excludes, include, regex))
    with tempfile.TemporaryDirectory() as folder:
        excluded = as_a_list(Path(folder), "exclude", [one for identities in excludes for one in identities])
        included = as_a_list(Path(folder), "include", include) if include is not None else None
        ran = stestr_selection.construct_list(tests, exclude_list=excluded, include_list=included)
    if regex:  # with an include list, stestr adds up what both find; for us both must find it
        ran = [test for test in ran if regex in test]
    assert sorted(chosen.run) == sorted(ran)
    wanted = [one for one in tests if regex in one and (include is None or any(f"id-{i}" in one for i in include))]
    assert sorted([*chosen.run, *chosen.skipped]) == sorted(wanted)
    assert set(chosen.skipped.values()) <= {f"r ({number}.txt:1)" for number in range(len(excludes))}


@leaves_files_open
def test_what_stestr_reads_differently_is_known():
    """Stestr searches for an ID anywhere, and takes an empty include list for no list."""
    select = module("tempest_run.selection").select
    near = f"tempest.api.T.test_{IDS[0]}[id-{IDS[1]}]"
    assert select([near], plan([[IDS[0]]], None)).run == [near]
    assert stestr_selection.construct_list([near], exclude_list=None, include_list=os.devnull) == {near}
    assert select([near], plan([], [])).run == []


def test_what_no_test_has_is_told():
    tests = [f"a.B.test[id-{IDS[0]}]", f"a.B.test_{IDS[2]}"]
    chosen = module("tempest_run.selection").select(tests, plan([[IDS[0], IDS[1]]], [IDS[2]]))
    assert chosen.stale == [f"0.txt:2: {IDS[1]}  # a.B.test", f"include.txt:2: {IDS[2]}  # a.B.test"]


def test_of_two_lists_the_first_ones_reason_is_told():
    chosen = module("tempest_run.selection").select([f"a.B.test[id-{IDS[0]}]"], plan([[IDS[0]], [IDS[0]]], None))
    assert list(chosen.skipped.values()) == ["r (0.txt:1)"]


def test_stestr_here_is_the_one_of_the_nodes():
    pins = Path(__file__).parents[2] / "playbooks/roles/openstack_node/files/constraints.txt"
    version = sys.modules["importlib.metadata"].version("stestr")
    assert f"stestr=={version}\n" in pins.read_text()
