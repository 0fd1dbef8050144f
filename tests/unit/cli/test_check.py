"""`check`: all errors of all files, as text and as JSON."""

from __future__ import annotations

import json

import pytest

from ci.cli import root
from tests.unit.config.conftest import SiteFolder

LIST = "skip_lists/a.txt"
ID = "d3114f03-1a2b-4c3d-8e4f-5a6b7c8d9e0f"


@pytest.fixture
def site(tmp_path):
    return SiteFolder(tmp_path)


def check(site, *more):
    return root.run(["check", "--site", str(site.folder), *more])


def test_a_good_site(site, capsys):
    assert check(site) == 0
    assert capsys.readouterr().out == "OK: 1 connection, 1 pipeline, 2 projects, 1 job, 1 node, 0 skip lists\n"


def test_every_error_and_the_sum(site, capsys):
    site.write("jobs/zuul.d/more.yaml", "- job: {name: x, parent: y}\n- jop: {}\n")
    site.write(LIST, "nonsense\n")
    assert check(site) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines[:-2]] == [
        "jobs/zuul.d/more.yaml:1:26", "jobs/zuul.d/more.yaml:2:3", f"{LIST}:1:1", f"{LIST}:1:1",
    ]  # fmt: skip
    assert lines[-2:] == [
        "4 errors in 2 files", "What builds on these is checked when they are mended: there may be more.",
    ]  # fmt: skip


def test_json(site, capsys):
    site.write("jobs/zuul.d/more.yaml", "- jop: {}\n")
    assert check(site, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["errors"] == [
        {"path": "jobs/zuul.d/more.yaml", "line": 1, "column": 3, "message": "unknown section `jop`",
         "hint": "did you mean `job`?", "code": ""}
    ]  # fmt: skip


def test_json_of_a_good_site(site, capsys):
    (site.folder / "key").unlink()
    assert check(site, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["errors"], told["found"]["jobs"], len(told["warnings"])) == ([], 1, 1)


def test_a_list_elsewhere_that_a_job_names_is_read_too(site, capsys):
    site.add("jobs/zuul.d/jobs.yaml", "    vars:\n      tempest_exclude_lists: [lists/b.txt]\n")
    site.write("lists/b.txt", ".*\n")
    assert check(site) == 1
    assert "lists/b.txt:1:1: leaves out every test, or nearly" in capsys.readouterr().out


def test_a_list_that_only_a_project_names_is_read_too(site, capsys):
    site.write(
        "jobs/zuul.d/projects.yaml",
        "- project:\n    name: nova\n    check:\n      jobs:\n        - base:\n            vars:\n"
        "              tempest_exclude_lists: [lists/b.txt]\n",
    )
    site.write("lists/b.txt", ".*\n")
    assert check(site) == 1
    assert "lists/b.txt:1:1: leaves out every test, or nearly" in capsys.readouterr().out


def test_warnings_of_lists_are_told_and_are_no_errors(site, capsys):
    site.write(LIST, f"# reason: r\n# expires: 2020-01-31\n{ID} # a.b.C.test\n")
    assert check(site) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in lines[:2]] == [f"{LIST}:2:3", f"{LIST}:3:1"]
    assert lines[-1].endswith("1 skip list")
    assert check(site, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [warning["code"] for warning in told["warnings"]] == ["expired", "spacing"]


def test_an_include_list_that_selects_everything(site, capsys):
    site.add("jobs/zuul.d/jobs.yaml", "    vars:\n      tempest_include_list: skip_lists/a.txt\n")
    site.write(LIST, "# reason: none yet\n\n")
    assert check(site, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert [error["code"] for error in told["errors"]] == ["empty-include-list"]


def test_a_test_that_two_lists_of_a_job_leave_out(site, capsys):
    site.add("jobs/zuul.d/jobs.yaml", "    vars:\n      tempest_exclude_lists: [skip_lists/b.txt, skip_lists/a.txt]\n")
    for name in (LIST, "skip_lists/b.txt", "skip_lists/c.txt"):
        site.write(name, f"# reason: r\n{ID}  # a.b.C.test\n")
    assert check(site) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 2
    assert told[0].startswith(
        f"warning: {LIST}:2:1: {ID} is also in skip_lists/b.txt:2, which the job base reads with this list"
    )
