"""`skip-list diff`: jobs with all their lists put together, and lists by their paths."""

from __future__ import annotations

import json

import pytest

from ci.cli import root
from tests.unit.config.conftest import SiteFolder
from tests.unit.skip_lists.lists import identity, skip_list

JOBS = """\
- job:
    name: tempest
    parent: base
    abstract: true
- job:
    name: small
    parent: tempest
    vars:
      tempest_exclude_lists: [skip_lists/common.txt, skip_lists/small.txt]
- job:
    name: small
    branches: stable/pike
    vars:
      tempest_exclude_lists: [skip_lists/common.txt, skip_lists/small.txt, skip_lists/pike.txt]
- job:
    name: full
    parent: tempest
    vars:
      tempest_exclude_lists: [skip_lists/common.txt]
- job:
    name: chosen
    parent: tempest
    vars:
      tempest_include_list: skip_lists/small.txt
- job:
    name: only-pike
    parent: tempest
    branches: stable/pike
    vars:
      tempest_include_list: skip_lists/pike.txt
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    site = SiteFolder(tmp_path)
    site.write("skip_lists/common.txt", skip_list({"common": 2}))
    site.write("skip_lists/small.txt", skip_list({"small": 2, "few": 1}, first=3))
    site.write("skip_lists/pike.txt", skip_list({"pike": 1}, first=6))
    site.add("jobs/zuul.d/jobs.yaml", JOBS)
    site.add("jobs/zuul.d/projects.yaml", "        - small\n        - full\n")
    monkeypatch.chdir(tmp_path)
    return site


def diff(*arguments):
    return root.run(["skip-list", "diff", *arguments])


def record(capsys, *arguments):
    assert diff(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def ids(side):
    return [entry["id"] for group in side["reasons"] for entry in group["entries"]]


def test_two_jobs_by_reason(site, capsys):
    assert diff("small", "full") == 0
    assert capsys.readouterr().out.splitlines() == [
        "small leaves out and full runs: 3",
        "",
        "  small (2)",
        f"    {identity(3)}  a.b.C.test_3",
        f"    {identity(4)}  a.b.C.test_4",
        "",
        "  few (1)",
        f"    {identity(5)}  a.b.C.test_5",
        "",
        "full leaves out and small runs: 0",
        "",
        "Both leave out 2",
    ]


def test_json(site, capsys):
    site.write("skip_lists/small.txt", f"# reason: r\n# bug: 12\n# until: I{'a' * 40}\n{identity(3)}  # a.b.C.test_3\n")
    told = record(capsys, "full", "small")
    assert (told["a"], told["b"], told["both_skip"], told["both_run"]) == ("full", "small", 2, 0)
    assert told["a_skips_b_runs"] == {"count": 0, "reasons": []}
    entry = {"id": identity(3), "names": ["a.b.C.test_3"], "path": "skip_lists/small.txt", "line": 4, "bug": "12",
             "until": f"I{'a' * 40}"}  # fmt: skip
    assert told["b_skips_a_runs"] == {"count": 1, "reasons": [{"reason": "r", "count": 1, "entries": [entry]}]}


def test_a_branch_has_its_own_lists(site, capsys):
    assert ids(record(capsys, "small", "full", "--branch", "stable/pike")["a_skips_b_runs"]) == [
        identity(3), identity(4), identity(5), identity(6),
    ]  # fmt: skip


def test_an_include_list_against_exclude_lists(site, capsys):
    told = record(capsys, "chosen", "small")
    assert ids(told["a_skips_b_runs"]) == []
    assert ids(told["b_skips_a_runs"]) == [identity(3), identity(4), identity(5)]
    assert told["both_skip"] == 2


def test_known_tests_show_what_no_list_names(site, capsys):
    site.write("tests.txt", f"a.b.C.test_3[id-{identity(3)}]\na.b.C.test_9[id-{identity(9)}]\n")
    told = record(capsys, "chosen", "small", "--tests", "tests.txt")
    assert ids(told["a_skips_b_runs"]) == [identity(9)]
    assert told["a_skips_b_runs"]["reasons"][0]["reason"] == "not in the include list skip_lists/small.txt"
    assert ids(told["b_skips_a_runs"]) == [identity(3)]


def test_a_job_of_another_branch_is_taken_where_it_is_the_only_one(site, capsys):
    assert ids(record(capsys, "only-pike", "full")["b_skips_a_runs"]) == []
    assert diff("only-pike", "full", "--branch", "master") == 2
    assert "the job only-pike is not for master: name one by --branch (stable/pike)" in capsys.readouterr().err


def test_lists_by_path_need_no_site(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(skip_list({"a": 2}))
    (tmp_path / "b.txt").write_text(skip_list({"b": 2}, first=2))
    told = record(capsys, "a.txt", "b.txt")
    assert (ids(told["a_skips_b_runs"]), ids(told["b_skips_a_runs"])) == ([identity(1)], [identity(3)])


def test_a_list_against_a_job(site, capsys):
    assert ids(record(capsys, "skip_lists/pike.txt", "full")["a_skips_b_runs"]) == [identity(6)]


def test_what_is_neither_a_job_nor_a_list_is_told(site, capsys):
    assert diff("smal", "full") == 2
    told = capsys.readouterr().err
    assert told == "no list smal, and no job of that name that has lists (did you mean `small`?)\n"
    assert diff("xyz", "zyx") == 2
    known = capsys.readouterr().err.partition("known: ")[2].rstrip(")\n").split(", ")
    assert len(known) == len(set(known)) > 1


def test_a_list_with_errors_is_not_compared(site, capsys):
    site.write("skip_lists/small.txt", "# reason: r\n.*\n")
    assert diff("small", "full") == 1
    assert "skip_lists/small.txt:2:1: leaves out every test, or nearly" in capsys.readouterr().err
