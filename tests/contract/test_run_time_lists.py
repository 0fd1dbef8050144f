"""The readers and choosers of lists are several, and of one mind: ours, that of builds, and stestr itself."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stestr import selection as stestr_selection

from ci.skip_lists.parse import parse_skip_list
from tests.carried import module

SKIP_LISTS = sorted((Path(__file__).parents[2] / "skip_lists").rglob("*.txt"))
IDS = [f"{number:08x}-1a2b-4c3d-8e4f-5a6b7c8d9e0f" for number in range(6)] + ["c3d4e5f6-a7b8-9012-cdef-123456789012"]
CHANGE = "I" + "0123456789" * 4

ids = st.sampled_from(IDS)
names = st.sampled_from(
    ["a.B.test_x", "a.B.test_y[v,w]", "tempest.api.T.test", "a", "", "a.B.test x", "#", "é", "a.B.t[id-1](ipv6)",
     "a.B.t(IPv4, stateful)", "a.B.t[x y]", "a-b", "0a", "a.B.t,", "a.B.t ,, b", "a)", "a.B.t[]()"]
)  # fmt: skip
heads = st.sampled_from(
    ["# reason: r", "# reason:", "#reason: r", "# until: " + CHANGE, "# until: I12", "# until:",
     "# expires: 2027-01-31", "# expires: 2027-02-30", "# expires: soon", "# bug: 12", "# bug:", "# owner: me", "#",
     "# something: else", "#  words", "   # reason: r", "# resaon: r", "# Reason: r", "## until: x", "# expire = x",
     "# reason : r", "#\treason:\tr",
     "# " + "x" * 40 + ": y", "# note: this"]
)  # fmt: skip
ends = st.sampled_from(["", "", "", "\r", "\r\r", " ", "\t", "\f", "\v", "\x00", "\x1c", "\x85", "\u2028", "\u00a0"])
before = st.sampled_from(["- ", "^", "id-", "[", " ", "\t", "# ", "#", "## id-", "\ufeff"])
entries = st.one_of(
    st.builds("{}  # {}".format, ids, names),
    st.builds("{}  # {}, {}".format, ids, names, names),
    st.builds("{}{}{}".format, ids, st.sampled_from([" # ", "#", "\t# ", "  #", " ", "  // ", "#  "]), names),
    st.builds(
        "{}{}  # a.B.test".format,
        st.sampled_from(["- ", "^", "id-", "[", " ", "\t", "# ", "#", "## id-", "\ufeff"]),
        ids,
    ),
    st.builds("{}{}  # a.B.test".format, ids, st.sampled_from(["0", "-", ",", "a", "|"])),
    st.builds("{}  # a.B.test".format, ids.map(str.upper)),
    st.text(alphabet="a.*#[]()|\\ \t-0\ufeff:", max_size=8),
)
lines = st.builds("{}{}".format, st.one_of(heads, entries, st.just("")), ends)
blocks = st.lists(lines, max_size=8).map("\n".join)
fine_heads = st.sampled_from(
    ["# until: " + CHANGE, "# expires: 2028-02-29", "# bug: 12", "#\towner: me", "# words", "#", "# note: x"]
)  # fmt: skip
fine_names = st.sampled_from(
    ["a.B.test_x", "a.B.t[id-1](ipv6)", "b.T.t(IPv4, stateful)", "z.T.t, a.T.t", "a.T.t  a.T.u"]
)
fine_forms = st.sampled_from(["{}  # {}", "{}#{}", "\tid-{} #\t{} ", "{}  # {}\r", "{} # {}\n#{}", "{}  # {}\n# {} x"])
between = st.sampled_from(["", "", "\n", "\n \t\n", "\n\r\n", "# more\n", "\n# about this\n\n"])


@st.composite
def fair_lists(draw):
    """Lists that mostly have no errors, in all the forms that only warnings are given for."""
    text = ""
    left = draw(st.permutations(IDS))
    while left:
        head = draw(st.permutations(["# reason: r", *draw(st.lists(fine_heads, max_size=2))]))
        count = draw(st.integers(0, 3))
        tests = [draw(fine_forms).format(one, draw(fine_names), one) for one in left[:count]]
        text += draw(between) + "\n".join([*head, *tests]) + draw(st.sampled_from(["\n\n", "\n\n", "\n"]))
        left = left[max(count, 1) :]
    return text


contents = st.one_of(
    fair_lists().map(str.encode),
    fair_lists().map(lambda text: text.rstrip("\n").encode()),
    st.builds("{}{}".format, fair_lists(), blocks).map(lambda text: text.encode("utf-8", "replace")),
    blocks.map(lambda text: text.encode("utf-8", "replace")),
    blocks.map(lambda text: text.encode("utf-16")),
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


@settings(max_examples=300)
@given(contents)
def test_a_build_takes_just_the_lists_that_check_finds_no_error_in_and_reads_the_same(content):
    assert as_the_build_reads(content) == as_check_reads(content)


ONE_FAULT = [
    f"{IDS[1].upper()}  # a.B.c", f"{IDS[1]}", f"{IDS[1]}  # a b #", f"{IDS[0]}  # a.B.c", f"{IDS[1]}0  # a.B.c",
    f"{IDS[1]} a.B.c", f"- {IDS[1]}  # a.B.c", f"[{IDS[1]}]  # a.B.c", f"{IDS[1]} {IDS[2]}  # a.B.c", "a.B.c", ".*",
    f"\ufeff{IDS[1]}  # a.B.c", f"{IDS[1]}  # a.B.c\f", f"{IDS[1]}  # caf\u00e9", f"{IDS[1]}  # a.B.c\x00",
    "# bug: 12", "# until: I12\n# reason: r", "# until:\n# reason: r", "# expires: 2027-02-30\n# reason: r",
    "# reason: r\n# reason: r", "# resaon: r\n# reason: r", "# words\n" + f"{IDS[1]}  # a.B.c",
    "\n" + f"{IDS[1]}  # a.B.c", "\n# bug: 12\n" + f"{IDS[1]}  # a.B.c", "# until = x\n# reason: r",
]  # fmt: skip


@pytest.mark.parametrize("fault", ONE_FAULT, ids=ascii)
def test_one_fault_is_one_too_many_for_both(fault):
    fine = f"# reason: r\n{IDS[0]}  # a.B.test_x\n"
    assert as_the_build_reads(fine.encode()) == as_check_reads(fine.encode())
    content = f"{fine}{fault}\n".encode()
    assert (as_the_build_reads(content), as_check_reads(content)) == (None, None)


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


@pytest.mark.parametrize("tag", ["xid-{}", "id-{}0", "id-{}-x", "ID-{}", "{}", "id- {}"])
def test_an_id_counts_only_as_a_whole_tag(tag):
    near = f"a.B.test[smoke,{tag.format(IDS[0])}]"
    chosen = module("tempest_run.selection").select([near], plan([[IDS[0]]], None))
    assert (chosen.run, len(chosen.stale)) == ([near], 1)


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
