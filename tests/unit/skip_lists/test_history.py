"""Since when a list has an ID, from real repositories."""

from __future__ import annotations

import pytest

from ci.git.file_history import file_history
from ci.skip_lists.history import ListHistory
from tests.site_repository import SiteRepository
from tests.unit.skip_lists.lists import identity, skip_list

A, B = "skip_lists/a.txt", "skip_lists/b.txt"
WITH, WITHOUT = skip_list({"slow": 20}), skip_list({"slow": 20}, first=2)
ID = identity(1)


@pytest.fixture
def repository(tmp_path):
    return SiteRepository(tmp_path)


def presences(repository, lists=(A, B)):
    found = ListHistory(file_history(repository.folder), ()).presences(ID, lists)
    return {name: (one.since.subject, one.first.subject) for name, one in found.items()}


def test_the_commit_that_brought_the_id(repository):
    repository.commit({A: WITHOUT}, "begin")
    repository.commit({A: WITH}, "add")
    repository.commit({A: WITH + "# more\n"}, "later")
    assert presences(repository) == {A: ("add", "add")}


def test_a_list_that_does_not_have_it_any_more_is_not_there(repository):
    repository.commit({A: WITH}, "add")
    repository.commit({A: WITHOUT}, "remove")
    assert presences(repository) == {}


def test_what_was_removed_and_added_again_has_two_commits(repository):
    for text, subject in ((WITH, "first"), (WITHOUT, "remove"), (WITH, "again"), (WITH + "# x\n", "later")):
        repository.commit({A: text}, subject)
    assert presences(repository) == {A: ("again", "first")}


def test_a_rename_is_followed(repository):
    repository.commit({"tempest/old.txt": WITH}, "first")
    repository.commit({"tempest/old.txt": None, A: WITH + "# x\n"}, "move")
    repository.commit({A: None, B: WITH}, "rename")
    assert presences(repository) == {B: ("first", "first")}


def test_each_list_has_its_own_time(repository):
    repository.commit({A: WITH}, "a")
    repository.commit({B: WITH}, "b")
    assert presences(repository) == {A: ("a", "a"), B: ("b", "b")}


def test_what_came_by_a_merge_is_the_commit_that_wrote_it(repository):
    repository.commit({A: WITHOUT}, "begin")
    repository.git("checkout", "-q", "-b", "side")
    repository.commit({A: WITHOUT + "# x\n"}, "side one")
    repository.commit({A: WITH}, "side two")
    repository.commit({A: WITH + "# y\n"}, "side three")
    repository.git("checkout", "-q", "master")
    repository.commit({"README": "x"}, "meanwhile")
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    assert presences(repository) == {A: ("side two", "side two")}


def test_a_merge_that_brought_it_twice_has_two_commits(repository):
    repository.commit({A: WITHOUT}, "begin")
    repository.git("checkout", "-q", "-b", "side")
    for text, subject in ((WITH, "side first"), (WITHOUT, "side remove"), (WITH, "side again")):
        repository.commit({A: text}, subject)
    repository.git("checkout", "-q", "master")
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    assert presences(repository) == {A: ("side again", "side first")}


def test_only_a_line_that_begins_with_the_id_counts(repository):
    repository.commit({A: f"# see {ID}\n{ID}0  # no\n" + WITHOUT}, "mention")
    assert presences(repository) == {}
    repository.commit({A: WITHOUT + f"\t{ID}\n"}, "add")
    assert presences(repository) == {A: ("add", "add")}
