"""`skip-list explain`: with and without jobs, history and known tests."""

from __future__ import annotations

import json

import pytest

from ci.cli import root
from tests.site_repository import SiteRepository
from tests.unit.config.conftest import SiteFolder
from tests.unit.skip_lists.lists import identity, skip_list

ONE, TWO = identity(1), identity(2)
LIST = f"""\
# reason: broken \x1b[31m
# bug: 12
# owner: ann
# until: I{"a" * 40}
# expires: 2020-01-01
{ONE}  # a.b.C.test_one, a.b.D.test_one
{TWO}  # a.b.C.test_two
"""
JOBS = """\
- job:
    name: small
    parent: base
    vars:
      tempest_exclude_lists: [skip_lists/a.txt]
- job:
    name: chosen
    parent: base
    branches: stable/pike
    vars:
      tempest_include_list: lists/in.list
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    site = SiteFolder(tmp_path)
    site.write("skip_lists/a.txt", LIST.replace(" \x1b[31m", ""))
    site.write("lists/in.list", skip_list({"wanted": 1}))
    site.add("jobs/zuul.d/jobs.yaml", JOBS)
    monkeypatch.chdir(tmp_path)
    return site


def explain(*arguments):
    return root.run(["skip-list", "explain", *arguments])


def test_a_test_with_all_that_is_said_of_it(site, capsys):
    assert explain("test_two") == 0
    assert capsys.readouterr().out.splitlines() == [
        TWO,
        "  a.b.C.test_two",
        "",
        "skip_lists/a.txt:7",
        "  reason: broken",
        "  bug: 12",
        "  owner: ann",
        f"  until: I{'a' * 40}",
        "  expires: 2020-01-01 (past)",
        "  since: not known: the site is in no git repository",
        "",
        "chosen on stable/pike leaves it out: not in the include list lists/in.list",
        "small leaves it out (skip_lists/a.txt:7)",
        "",
        "No results yet.",
    ]


def test_since_when_it_is_there(site, tmp_path, capsys):
    repository = SiteRepository(tmp_path)
    repository.commit({}, "begin \x1b[31m", at=1_600_000_000)
    assert explain(ONE) == 0
    told = capsys.readouterr().out
    assert "  since: 2020-09-13 12:26:40Z" in told
    assert f"{repository.git('rev-parse', '--short=10', 'HEAD')} begin \\x1b[31m" in told


def test_what_is_not_committed_yet(site, tmp_path, capsys):
    SiteRepository(tmp_path).commit({"skip_lists/a.txt": "# nothing\n"}, "begin")
    site.write("skip_lists/a.txt", LIST.replace(" \x1b[31m", ""))
    assert explain(TWO) == 0
    assert "  since: not committed yet" in capsys.readouterr().out


def test_json(site, tmp_path, capsys):
    commit = SiteRepository(tmp_path).commit({}, "begin", at=1_600_000_000)
    assert explain(ONE, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    since = {"commit": commit, "at": 1_600_000_000, "subject": "begin"}
    head = {"reason": "broken", "bug": "12", "owner": "ann", "until": f"I{'a' * 40}", "expires": "2020-01-01"}
    assert told["id"] == ONE
    assert told["names"] == ["a.b.C.test_1", "a.b.C.test_one", "a.b.D.test_one"]
    assert told["lists"][1] == {
        "path": "skip_lists/a.txt", "line": 6, "is_include": False, "block": 1, **head, "jobs": ["small"],
        "since": since, "first": since,
    }  # fmt: skip
    assert (told["lists"][0]["path"], told["lists"][0]["jobs"]) == ("lists/in.list", ["chosen"])
    assert told["lists"][0]["is_include"]
    assert told["jobs"] == [
        {"job": "chosen", "branches": ["stable/pike"], "runs": True},
        {"job": "small", "branches": [], "runs": False, "reason": "broken", "path": "skip_lists/a.txt", "line": 6},
    ]


def test_a_part_of_several_names_is_not_one_test(site, capsys):
    assert explain("a.b.C") == 1
    assert capsys.readouterr().err.splitlines() == [
        "2 IDs have a test a.b.C: name one of them",
        f"{ONE}  a.b.C.test_1, a.b.C.test_one, a.b.D.test_one",
        f"{TWO}  a.b.C.test_two",
    ]
    assert explain("a.b.C", "--json") == 1
    assert [one["id"] for one in json.loads(capsys.readouterr().out)["matches"]] == [ONE, TWO]


def test_a_name_that_nothing_knows(site, capsys):
    assert explain("none\x1b") == 1
    told = capsys.readouterr().err
    assert told.startswith(
        "no list of the site names a test none\\x1b: give its ID, or say which tests there are by --t"
    )


def test_a_test_that_no_list_has(site, capsys):
    site.write("tests.txt", f"a.b.C.test_nine[id-{identity(9)}]\na.b.C.test_bare\n")
    assert explain("test_nine", "--tests", "tests.txt") == 0
    told = capsys.readouterr().out
    assert "No list of the site has it.\n" in told
    assert "\nsmall runs it\n" in told
    assert explain("test_bare", "--tests", "tests.txt") == 0
    assert capsys.readouterr().out.startswith("no ID\n  a.b.C.test_bare\n")


def test_lists_are_explained_also_where_the_rest_of_the_site_is_broken(site, capsys):
    site.write("zuul.conf", "")
    assert explain(TWO) == 0
    told = capsys.readouterr()
    assert "skip_lists/a.txt:7" in told.out
    assert told.err.startswith("warning: jobs are not known: ")


def test_errors_of_lists_are_told(site, capsys):
    site.write("skip_lists/a.txt", LIST)
    assert explain(TWO) == 0
    assert capsys.readouterr().err.startswith("warning: skip_lists/a.txt:1:")
