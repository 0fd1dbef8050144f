"""`skip-list burn-down`: a row for each month for people, each commit for programs."""

from __future__ import annotations

import json
import time

import pytest

from ci import bootstrap
from ci.cli import root
from ci.config.site import load_site
from tests.site_repository import SiteRepository
from tests.unit.config.conftest import SiteFolder
from tests.unit.skip_lists.lists import skip_list

A, B = "skip_lists/a.txt", "skip_lists/b.txt"
JANUARY, LATE_JANUARY, MARCH = 1_577_836_800, 1_580_000_000, 1_583_020_800


@pytest.fixture
def repository(tmp_path, monkeypatch):
    SiteFolder(tmp_path)
    monkeypatch.chdir(tmp_path)
    repository = SiteRepository(tmp_path)
    repository.commit({A: skip_list({"slow": 5})}, "begin", at=JANUARY)
    repository.commit({A: skip_list({"slow": 3, "broken": 1})}, "less", at=LATE_JANUARY)
    repository.commit({B: skip_list({"slow": 2})}, "more", at=MARCH)
    return repository


def burn_down(*arguments):
    return root.run(["skip-list", "burn-down", *arguments])


def test_the_last_state_of_each_month(repository, capsys):
    assert burn_down() == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["Entries"], ["Month", "All", "a", "b"], ["2020-01", "4", "4"], ["2020-03", "6", "4", "2"],
    ]  # fmt: skip


def test_the_service_counts_the_same(repository, tmp_path):
    points = bootstrap.count_entries(tmp_path, lambda: load_site(tmp_path).layout)
    assert [(point.commit.subject, point.entries) for point in points] == [("begin", 5), ("less", 4), ("more", 6)]
    elsewhere = tmp_path.parent / "no-repository"
    elsewhere.mkdir()
    assert bootstrap.count_entries(elsewhere, lambda: load_site(tmp_path).layout) == ()


def test_each_commit_as_json(repository, capsys):
    assert burn_down("--json") == 0
    points = json.loads(capsys.readouterr().out)["points"]
    assert [(point["subject"], point["date"], point["entries"]) for point in points] == [
        ("begin", "2020-01-01", 5), ("less", "2020-01-26", 4), ("more", "2020-03-01", 6),
    ]  # fmt: skip
    assert points[2] == {
        "commit": repository.git("rev-parse", "HEAD"), "at": MARCH, "date": "2020-03-01", "subject": "more",
        "lists": {A: {"entries": 4, "reasons": {"slow": 3, "broken": 1}}, B: {"entries": 2, "reasons": {"slow": 2}}},
        "entries": 6,
        "reasons": {"slow": 5, "broken": 1},
    }  # fmt: skip


def test_since_a_day(repository, capsys):
    assert burn_down("--since", "2020-01-26", "--json") == 0
    assert [point["subject"] for point in json.loads(capsys.readouterr().out)["points"]] == ["less", "more"]
    assert burn_down("--since", "26.1.2020") == 2


def test_days_are_utc_wherever_somebody_asks(repository, capsys, monkeypatch):
    with monkeypatch.context() as here:
        here.setenv("TZ", "America/Los_Angeles")
        time.tzset()
        assert burn_down("--since", "2020-03-02", "--json") == 0
        assert burn_down("--since", "2020-03-01", "--json") == 0
    time.tzset()
    none, one = (json.loads(line)["points"] for line in capsys.readouterr().out.splitlines())
    assert (none, [point["date"] for point in one]) == ([], ["2020-03-01"])


def test_lists_of_other_folders_count_where_a_job_leaves_out_tests_by_them(repository, capsys):
    repository.commit(
        {"lists/ex.txt": skip_list({"slow": 7}), "lists/in.txt": skip_list({"wanted": 9})}, "lists", at=MARCH
    )
    site = SiteFolder(repository.folder)
    site.add(
        "jobs/zuul.d/jobs.yaml",
        "    vars:\n      tempest_exclude_lists: [lists/ex.txt]\n      tempest_include_list: lists/in.txt\n",
    )
    assert burn_down("--json") == 0
    assert list(json.loads(capsys.readouterr().out)["points"][-1]["lists"]) == ["lists/ex.txt", A, B]


def test_nothing_has_changed(repository, capsys):
    assert burn_down("--since", "2021-01-01") == 0
    assert capsys.readouterr().out == "Entries: no list has changed\n"


def test_a_site_without_history_is_one_line(tmp_path, capsys):
    SiteFolder(tmp_path)
    assert burn_down("--site", str(tmp_path)) == 1
    assert capsys.readouterr().err == (
        f"{tmp_path}: is in no git repository with a commit: the counts come from its history\n"
    )
