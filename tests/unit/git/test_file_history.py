"""The history of a site's files is read from real repositories, whatever is in them."""

from __future__ import annotations

import pytest

from ci.errors import CIError
from ci.git.file_history import BATCH, file_history
from tests.site_repository import SiteRepository

TXT = ["**/*.txt"]


@pytest.fixture
def repository(tmp_path):
    return SiteRepository(tmp_path / "site")


def changes(history, patterns=TXT):
    contents = dict(history.contents([c.after for s in history.steps(patterns) for c in s.changes]))
    return [
        (step.commit.subject, change.old_path, change.path, contents.get(change.after, b"gone"))
        for step in history.steps(patterns)
        for change in step.changes
    ]


def test_no_repository_and_one_without_a_commit_have_no_history(tmp_path, repository):
    (tmp_path / "alone").mkdir()
    assert file_history(tmp_path / "alone") is None
    assert file_history(repository.folder) is None


def test_each_change_newest_first_with_its_content(repository):
    repository.commit({"a.txt": "1\n", "b.md": "x"}, "first")
    repository.commit({"b.md": "y"}, "other")
    repository.commit({"a.txt": "2\n"}, "second")
    repository.commit({"a.txt": None}, "third")
    assert changes(file_history(repository.folder)) == [
        ("third", "a.txt", "a.txt", b"gone"),
        ("second", "a.txt", "a.txt", b"2\n"),
        ("first", "a.txt", "a.txt", b"1\n"),
    ]


def test_a_commit_has_the_time_of_its_writing_and_that_of_its_coming(repository):
    repository.commit({"a.txt": "1"}, "one", at=1_500_000_000)
    repository.git("commit", "-q", "--amend", "--date=1400000000 +0000", "--no-edit", at=1_600_000_000)
    (step,) = file_history(repository.folder).steps(TXT)
    assert (step.commit.authored_at, step.commit.committed_at) == (1_400_000_000, 1_600_000_000)
    assert step.commit.id == repository.git("rev-parse", "HEAD")


def test_a_renamed_file_has_both_paths(repository):
    text = "".join(f"line {number}\n" for number in range(40))
    repository.commit({"old/a.txt": text}, "first")
    repository.commit({"old/a.txt": None, "new/b.txt": text + "more\n"}, "moved")
    assert changes(file_history(repository.folder))[0] == (
        "moved",
        "old/a.txt",
        "new/b.txt",
        (text + "more\n").encode(),
    )


def test_a_merge_is_one_step_and_its_own_commits_are_asked_for(repository):
    repository.commit({"a.txt": "1\n"}, "first")
    repository.git("checkout", "-q", "-b", "side")
    repository.commit({"b.txt": "1\n"}, "side one")
    repository.commit({"b.txt": "2\n"}, "side two")
    repository.git("checkout", "-q", "master")
    repository.commit({"a.txt": "2\n"}, "second")
    repository.git("merge", "-q", "--no-ff", "-m", "a merge", "side")
    history = file_history(repository.folder)
    assert [step.commit.subject for step in history.steps(TXT)] == ["a merge", "second", "first"]
    merge = history.steps(TXT)[0]
    assert merge.commit.is_merge
    assert [change.path for change in merge.changes] == ["b.txt"]
    assert [step.commit.subject for step in history.merged(merge.commit, TXT)] == ["side two", "side one"]


def test_names_and_subjects_that_git_would_quote(repository):
    names = ['a "b"\t\n.txt', "ä.txt", ":a.txt", "-x.txt"]
    repository.commit(dict.fromkeys(names, "x"), "|pipes| and \x01 and ä")
    (step,) = file_history(repository.folder).steps(TXT)
    assert sorted(change.path for change in step.changes) == sorted(names)
    assert step.commit.subject == "|pipes| and \x01 and ä"


def test_contents_come_whole_and_once_also_when_they_are_many(repository):
    texts = {f"{number}.txt": f"{number}\n".encode() * (number % 7) + b"\0\xff\n" for number in range(BATCH + 3)}
    texts["empty.txt"] = b""
    repository.commit(texts, "many")
    history = file_history(repository.folder)
    (step,) = history.steps(TXT)
    asked = [change.after for change in step.changes] * 2
    found = list(history.contents(asked))
    assert len(found) == len(set(asked))
    assert {change.path: dict(found)[change.after] for change in step.changes} == texts


def test_a_link_has_no_content_of_its_own(repository):
    (repository.folder / "a.txt").symlink_to("/etc/passwd")
    repository.commit({}, "a link")
    ((change,),) = [step.changes for step in file_history(repository.folder).steps(TXT)]
    assert change.after == ""


def test_a_site_below_the_root_knows_its_place(repository):
    repository.commit({"vendor/site/a.txt": "1", "b.txt": "1"}, "first")
    history = file_history(repository.folder / "vendor" / "site")
    assert history.prefix == "vendor/site/"
    assert {change.path for step in history.steps(TXT) for change in step.changes} == {"vendor/site/a.txt", "b.txt"}


def test_the_configuration_of_the_repository_changes_nothing(repository):
    repository.commit({"x/a.txt": "1\n" * 20}, "first")
    repository.commit({"x/a.txt": None, "x/b.txt": "1\n" * 20}, "second")
    before = changes(file_history(repository.folder / "x"))
    settings = {"color.ui": "always", "diff.relative": "true", "diff.renames": "false", "log.follow": "true"}
    for key, value in {**settings, "log.showSignature": "true", "core.quotePath": "true"}.items():
        repository.git("config", key, value)
    assert changes(file_history(repository.folder / "x")) == before


def test_a_shallow_clone_is_told(repository, tmp_path):
    repository.commit({"a.txt": "1"}, "first")
    repository.commit({"a.txt": "2"}, "second")
    assert not file_history(repository.folder).is_cut
    repository.git("clone", "-q", "--depth=1", f"file://{repository.folder}", str(tmp_path / "shallow"))
    assert file_history(tmp_path / "shallow").is_cut


def test_a_content_that_is_not_there_is_one_line(repository):
    repository.commit({"a.txt": "1"}, "first")
    with pytest.raises(CIError, match=r"git lacks 1{40}: fetch the whole history"):
        list(file_history(repository.folder).contents(["1" * 40]))
