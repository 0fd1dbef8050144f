"""Lists are counted at each commit that changed one, through renames and other forms, from real repositories."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.errors import CIError
from ci.git.file_history import file_history
from ci.skip_lists.burn_down import KNOWN_SECONDS, BlockCounter, KnownBurnDown, burn_down
from ci.skip_lists.parse import parse_skip_list
from tests.site_repository import SiteRepository
from tests.unit.skip_lists.lists import identity, skip_list

A, B = "skip_lists/a.txt", "skip_lists/b.txt"


@pytest.fixture
def repository(tmp_path):
    return SiteRepository(tmp_path)


def counted(repository, lists=(), folder=".", since=0.0):
    return [
        (point.commit.subject, point.lists)
        for point in burn_down(file_history(repository.folder / folder), lists, since)
    ]


def test_entries_by_list_and_reason_oldest_first(repository):
    repository.commit({A: skip_list({"slow": 3, "broken": 1})}, "begin")
    repository.commit({"README": "x"}, "no list")
    repository.commit({A: skip_list({"slow": 1}), B: skip_list({"broken": 2})}, "shrink")
    repository.commit({B: None}, "remove")
    assert counted(repository) == [
        ("begin", {A: {"slow": 3, "broken": 1}}),
        ("shrink", {A: {"slow": 1}, B: {"broken": 2}}),
        ("remove", {A: {"slow": 1}}),
    ]


def test_sums(repository):
    repository.commit({A: skip_list({"slow": 3, "broken": 1}), B: skip_list({"slow": 2})}, "begin")
    (point,) = burn_down(file_history(repository.folder), ())
    assert (point.entries, point.reasons) == (6, {"slow": 5, "broken": 1})


def test_a_list_goes_by_its_last_name_also_from_another_folder(repository):
    repository.commit({"tempest/old.txt": skip_list({"slow": 20})}, "begin")
    repository.commit({"tempest/old.txt": None, A: skip_list({"slow": 21})}, "move")
    repository.commit({A: None, B: skip_list({"slow": 20})}, "rename")
    assert counted(repository) == [
        ("begin", {B: {"slow": 20}}),
        ("move", {B: {"slow": 21}}),
        ("rename", {B: {"slow": 20}}),
    ]


def test_a_list_that_leaves_the_folder_is_gone(repository):
    repository.commit({A: skip_list({"slow": 20})}, "begin")
    repository.commit({A: None, "attic/a.txt": skip_list({"slow": 20})}, "leave")
    assert counted(repository) == [("begin", {A: {"slow": 20}}), ("leave", {})]


def test_a_name_that_is_used_again_is_another_list(repository):
    repository.commit({A: skip_list({"slow": 20})}, "begin")
    repository.commit({A: None, B: skip_list({"slow": 20})}, "rename")
    repository.commit({A: skip_list({"broken": 1})}, "again")
    assert counted(repository)[-1] == ("again", {A: {"broken": 1}, B: {"slow": 20}})
    assert counted(repository)[0] == ("begin", {B: {"slow": 20}})


def test_what_had_a_name_before_a_list_passed_through_it_is_another_list(repository):
    repository.commit({A: skip_list({"slow": 20}), B: "# reason: broken\n.*\n"}, "begin")
    repository.commit({B: None}, "remove")
    repository.commit({A: None, B: skip_list({"slow": 20})}, "rename")
    repository.commit({B: None, "skip_lists/c.txt": skip_list({"slow": 20})}, "rename again")
    assert [set(lists) for _, lists in counted(repository)] == [
        {B, "skip_lists/c.txt"}, {"skip_lists/c.txt"}, {"skip_lists/c.txt"}, {"skip_lists/c.txt"},
    ]  # fmt: skip


def test_lists_of_other_folders_count_where_they_are_named(repository):
    repository.commit({"lists/x.list": skip_list({"slow": 1}), "other.txt": skip_list({"slow": 9})}, "begin")
    assert counted(repository) == []
    assert counted(repository, ["lists/x.list"]) == [("begin", {"lists/x.list": {"slow": 1}})]


def test_a_site_below_the_root_names_its_lists_from_its_folder(repository):
    repository.commit({f"site/{A}": skip_list({"slow": 1}), A: skip_list({"other": 1})}, "begin")
    assert counted(repository, folder="site") == [("begin", {A: {"slow": 1}})]


def test_include_lists_and_other_files_do_not_count(repository):
    others = ("skip_lists/include/a.txt", "skip_lists/README.md", "skip_lists.txt", "old/skip_lists/a.txt")
    repository.commit(dict.fromkeys(others, skip_list({"slow": 1})), "begin")
    assert counted(repository) == []
    repository.commit({"skip_lists/old/a.txt": skip_list({"slow": 1})}, "below")
    assert counted(repository) == [("below", {"skip_lists/old/a.txt": {"slow": 1}})]


def test_what_lists_were_before_they_had_their_form_counts_too(repository):
    old = f"# not supported\ntempest.a.B.test_x\ntempest.a.B.test_y\n\n{identity(1)} # a.b.test_z\n"
    repository.commit({A: old}, "old")
    repository.commit({A: b"\xff\xfe rubbish"}, "rubbish")
    assert counted(repository) == [("old", {A: {"": 3}}), ("rubbish", {A: {}})]


def test_since_a_day_the_state_before_still_counts(repository):
    repository.commit({A: skip_list({"slow": 2})}, "old", at=1000)
    repository.commit({B: skip_list({"slow": 1})}, "new", at=2000)
    assert counted(repository, since=2000) == [("new", {A: {"slow": 2}, B: {"slow": 1}})]


def test_a_merge_is_counted_when_it_comes_to_the_branch(repository):
    repository.commit({A: skip_list({"slow": 2})}, "begin", at=1000)
    repository.git("checkout", "-q", "-b", "side")
    repository.commit({A: skip_list({"slow": 1})}, "on the side", at=1500)
    repository.git("checkout", "-q", "master")
    repository.commit({B: skip_list({"slow": 1})}, "meanwhile", at=2000)
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "side", at=3000)
    assert counted(repository) == [
        ("begin", {A: {"slow": 2}}),
        ("meanwhile", {A: {"slow": 2}, B: {"slow": 1}}),
        ("merge", {A: {"slow": 1}, B: {"slow": 1}}),
    ]


def test_each_content_is_read_once(repository, monkeypatch):
    first, second = skip_list({"slow": 2}), skip_list({"slow": 1})
    for number in range(6):
        repository.commit({A: second if number % 2 else first, B: f"# {number}\n"}, str(number))
    history = file_history(repository.folder)
    read = []
    contents = history.contents
    monkeypatch.setattr(history, "contents", lambda names: read.extend(found := list(contents(names))) or found)
    assert len(burn_down(history, ())) == 6
    assert len(read) == 2 + 6


LINES = st.sampled_from(
    [
        "",
        " ",
        "\r",
        "# reason: slow",
        "# reason: broken\r",
        "# more",
        f"{identity(1)}  # a.b.C.test_x",
        ".*",
        "\ufeff",
        "# bug: 1",
    ]
)


@given(st.lists(LINES, max_size=12).map("\n".join))
def test_paragraphs_are_counted_as_the_whole_list_is(text):
    parsed = parse_skip_list("", text.encode())
    assert sum(BlockCounter().count(text.encode()).values()) == parsed.expressions
    by_reason = Counter()
    for block in parsed.blocks:
        by_reason[block.head.get("reason", "")] += len(block.entries)
    by_reason[""] += parsed.expressions - len(parsed.entries)
    assert Counter(BlockCounter().count(text.encode())) == +by_reason


def test_it_is_counted_now_and_then_and_what_was_known_stays_when_it_cannot_be():
    now, answers = [0.0], [("one",), ("two",), CIError("damaged"), ("four",)]

    def count():
        answer = answers.pop(0)
        if isinstance(answer, CIError):
            raise answer
        return answer

    known = KnownBurnDown(count, lambda: now[0])
    seen = []
    for seconds in (0, KNOWN_SECONDS - 1, KNOWN_SECONDS, KNOWN_SECONDS * 2, KNOWN_SECONDS * 3 - 1, KNOWN_SECONDS * 3):
        now[0] = seconds
        seen.append(known.points())
    assert seen == [("one",), ("one",), ("two",), ("two",), ("two",), ("four",)]
