"""`skip-list check`: errors, counts, repairs, and whatever is named in the place of a list."""

from __future__ import annotations

import io
import json
import stat
import sys
from uuid import UUID

import pytest

from ci.cli import root
from tests.unit.cli.odd_files import device, directory, fifo, loop, nowhere
from tests.unit.config.conftest import SiteFolder

ONE, SHARED, GONE = (f"{digit * 8}-1111-2222-3333-444444444444" for digit in "abc")
LISTING = f"p.m.T.test_one[id-{ONE}]\np.m.T.test_two[id-{SHARED}]\nq.m.T.test_two[id-{SHARED}]\np.m.T.test_bare\n"
GOOD = f"# reason: r\n{ONE}  # p.m.T.test_one\n"
RENAMED = f"# reason: r\n# owner: x \n{ONE.upper()}  # p.m.T.test_old\n"
JOB = "    vars:\n      tempest_exclude_lists: [skip_lists/a.txt, skip_lists/b.txt]\n"
INCLUDE = "    vars:\n      tempest_include_list: skip_lists/a.txt\n"


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = SiteFolder(tmp_path / "site")
    (tmp_path / "tests.txt").write_text(LISTING)
    return folder


def check(site, *more):
    return root.run(["skip-list", "check", "--site", str(site.folder), *map(str, more)])


def told(capsys):
    captured = capsys.readouterr()
    assert "bug:" not in captured.err
    return captured.out.splitlines()


def test_all_lists_of_the_site(site, capsys):
    site.write("skip_lists/a.txt", GOOD)
    site.write("skip_lists/b.txt", "nonsense\n")
    assert check(site) == 1
    lines = told(capsys)
    assert [line.split(": ")[0] for line in lines[:-1]] == ["skip_lists/b.txt:1:1", "skip_lists/b.txt:1:1"]
    assert lines[-1] == "2 errors in 2 lists, 1 entry, 0 warnings"


def test_a_site_without_lists(site, capsys):
    assert check(site) == 0
    assert told(capsys) == ["OK: 0 lists, 0 entries, 0 warnings"]


@pytest.mark.parametrize(
    ("expression", "runs"), [("q\\.m", 0), ("test_bare", 1), (f"id-{ONE}", 0), ("m.T", 1), ("", 1)]
)
def test_a_job_runs_only_what_its_expression_finds(site, capsys, expression, runs):
    site.add("jobs/zuul.d/jobs.yaml", f"{JOB}      tempest_test_regex: '{expression}'\n")
    site.write("skip_lists/a.txt", GOOD)
    site.write("skip_lists/b.txt", f"# reason: s\n{SHARED}  # p.m.T.test_two, q.m.T.test_two\n")
    assert check(site, "--tests", "tests.txt") == 0
    assert f"base: {runs} of 4 tests run, {4 - runs} are left out (skip_lists/a.txt, skip_lists/b.txt)" in told(capsys)


def test_what_a_job_leaves_out(site, capsys):
    site.add("jobs/zuul.d/jobs.yaml", JOB)
    site.write("skip_lists/a.txt", GOOD)
    site.write("skip_lists/b.txt", f"# reason: s\n{SHARED}  # p.m.T.test_two, q.m.T.test_two\n")
    assert check(site, "--tests", "tests.txt") == 0
    assert told(capsys) == [
        "warning: tests.txt: 1 of 4 tests have no ID, so that no list can name them: p.m.T.test_bare",
        "base: 1 of 4 tests run, 3 are left out (skip_lists/a.txt, skip_lists/b.txt)",
        "OK: 2 lists, 2 entries, 1 warning",
    ]


def test_two_lists_of_a_job_that_are_the_same_are_told_in_few_lines(site, capsys):
    site.add("jobs/zuul.d/jobs.yaml", JOB)
    for name in ("a", "b"):
        site.write(f"skip_lists/{name}.txt", "# reason: r\n" + "".join(f"{UUID(int=n)}  # a.b.c\n" for n in range(80)))
    assert check(site) == 0
    lines = told(capsys)
    assert [line.partition(":")[0] for line in lines] == ["warning"] * 50 + ["OK"]
    assert "; and 30 more like this one" in lines[49]


def test_json(site, capsys):
    site.add("jobs/zuul.d/jobs.yaml", JOB)
    site.write("skip_lists/a.txt", f"# about\n\n# reason: r\n# bug: 1\n{ONE}  # p.m.T.test_old\n")
    site.write("skip_lists/b.txt", f"# reason: s\n{GONE}  # p.m.T.gone\n")
    assert check(site, "--json", "--tests", "tests.txt") == 1
    answer = json.loads(capsys.readouterr().out)
    first, second = answer["files"]
    assert (first["path"], second["path"]) == ("skip_lists/a.txt", "skip_lists/b.txt")
    assert first["entries"] == [{"id": ONE, "line": 5, "names": ["p.m.T.test_old"], "block": 3}]
    assert first["blocks"] == [{"line": 3, "reason": "r", "bug": "1"}]
    assert (first["errors"], first["fixable"]) == ([], 1)
    assert [(one["line"], one["code"]) for one in first["warnings"]] == [(5, "renamed")]
    assert second["errors"] == [
        {"line": 2, "column": 1, "code": "stale-id", "message": f"no test has the ID {GONE}", "hint": "remove it"}
    ]
    assert (answer["tests"], answer["run"], answer["skip"]) == (4, 3, 1)
    assert [job["job"] for job in answer["jobs"]] == ["base"]
    assert check(site, "--json") == 0
    assert json.loads(capsys.readouterr().out)["tests"] is None


def test_json_of_warnings_alone_is_fine(site, capsys):
    site.write("skip_lists/a.txt", f"# reason: r\n{ONE}#p.m.T.test_one\n")
    assert check(site, "--json") == 0
    answer = json.loads(capsys.readouterr().out)["files"][0]
    assert [(one["line"], one["code"]) for one in answer["warnings"]] == [(2, "spacing")]


def test_a_listing_on_standard_input(site, capsys, monkeypatch):
    site.write("skip_lists/a.txt", GOOD)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LISTING.encode())))
    assert check(site, "--tests", "-") == 0
    assert "together: 3 of 4 tests run, 1 are left out (skip_lists/a.txt)" in told(capsys)


def test_an_include_list_that_is_named_alone_is_known_as_one(site, capsys):
    site.add("jobs/zuul.d/jobs.yaml", INCLUDE)
    site.write("skip_lists/a.txt", "\n")
    assert check(site, site.folder / "skip_lists/a.txt") == 1
    assert "an include list without an ID selects every test" in told(capsys)[0]
    site.write("skip_lists/a.txt", GOOD)
    assert check(site, "--tests", "tests.txt") == 0
    assert "base: 1 of 4 tests run, 3 are left out (skip_lists/a.txt)" in told(capsys)


def test_files_outside_of_any_site(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(GOOD)
    assert root.run(["skip-list", "check", "a.txt", "a.txt"]) == 0
    assert told(capsys) == ["OK: 1 list, 1 entry, 0 warnings"]


def test_no_site_and_no_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert root.run(["skip-list", "check"]) == 1
    assert "zuul.conf: " in capsys.readouterr().err


def test_a_broken_site_still_has_its_lists(site, capsys):
    site.write("skip_lists/a.txt", GOOD)
    site.write("jobs/zuul.d/more.yaml", "- jop: {}\n")
    assert check(site) == 0
    captured = capsys.readouterr()
    assert captured.out == "OK: 1 list, 1 entry, 0 warnings\n"
    assert captured.err.count("\n") == 1
    assert "jobs/zuul.d/more.yaml:1:3" in captured.err


def test_repairs_are_written_and_told_once(site, capsys):
    site.write("skip_lists/a.txt", RENAMED)
    (site.folder / "skip_lists/a.txt").chmod(0o640)
    assert check(site, "--tests", "tests.txt") == 1
    assert told(capsys)[-1] == "1 line can be repaired by --fix"
    assert check(site, "--fix", "--tests", "tests.txt") == 0
    assert told(capsys)[0].startswith("fixed: skip_lists/a.txt:3:1: now ")
    path = site.folder / "skip_lists/a.txt"
    assert path.read_text() == f"# reason: r\n# owner: x \n{ONE}  # p.m.T.test_one\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(path.parent.iterdir()) == [path]
    before = path.stat()
    assert check(site, "--fix", "--tests", "tests.txt") == 0
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not any(line.startswith("fixed") for line in told(capsys))


def test_a_link_is_read_and_not_repaired(site, tmp_path, capsys):
    (tmp_path / "real.txt").write_text(RENAMED)
    (tmp_path / "link.txt").symlink_to("real.txt")
    assert check(site, "--fix", "--json", "link.txt") == 1
    errors = json.loads(capsys.readouterr().out)["files"][0]["errors"]
    assert [error["code"] for error in errors] == ["not-fixed", "capital-id"]
    assert (tmp_path / "real.txt").read_text() == RENAMED
    assert (tmp_path / "link.txt").is_symlink()


def test_a_list_in_a_folder_that_cannot_be_written(site, monkeypatch, capsys):
    site.write("skip_lists/a.txt", RENAMED)

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ci.skip_lists.files.tempfile.mkstemp", full)
    assert check(site, "--fix") == 1
    assert "skip_lists/a.txt: cannot be written: No space left on device" in told(capsys)
    assert (site.folder / "skip_lists/a.txt").read_text() == RENAMED


def large(path):
    path.write_bytes(b"#\n" * (5 << 20))


@pytest.mark.parametrize(
    ("make", "code"),
    [(directory, "not-a-file"), (fifo, "not-a-file"), (device, "not-a-file"),
     (loop, "unreadable"), (nowhere, "unreadable"), (large, "too-large")],
)  # fmt: skip
@pytest.mark.parametrize("more", [(), ("--fix",)])
def test_what_is_no_list_at_all(site, tmp_path, capsys, make, code, more):
    make(tmp_path / "x.txt")
    site.write("skip_lists/a.txt", GOOD)
    assert check(site, "--json", *more, "x.txt", site.folder / "skip_lists/a.txt") == 1
    first, second = json.loads(capsys.readouterr().out)["files"]
    assert [error["code"] for error in first["errors"]] == [code]
    assert len(second["entries"]) == 1


def test_a_list_of_the_site_that_leads_out_of_it(site, tmp_path, capsys):
    (tmp_path / "out.txt").write_text(GOOD)
    (site.folder / "skip_lists").mkdir()
    (site.folder / "skip_lists/a.txt").symlink_to(tmp_path / "out.txt")
    assert check(site, "--json") == 1
    errors = json.loads(capsys.readouterr().out)["files"][0]["errors"]
    assert [error["code"] for error in errors] == ["outside-site"]


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (("--tests", "tests.txt", "--tempest"), 2, "give one of them"),
        (("--tests", "none.txt"), 2, "none.txt"),
        (("--tests", "empty.txt"), 1, "empty.txt: names no test"),
        (("--tempest", "/nowhere"), 1, "there is no tempest in /nowhere"),
        (("--no-such-option",), 2, "--no-such-option"),
    ],
)
def test_wrong_use(site, tmp_path, capsys, arguments, status, expected):
    (tmp_path / "empty.txt").write_text("noise\n")
    site.write("skip_lists/a.txt", GOOD)
    assert check(site, *arguments) == status
    assert expected in capsys.readouterr().err


def program(path, text):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


INIT = 'mkdir "$2" && test "$LC_ALL" = C.UTF-8 && test "$HOME" = "$PWD"'


def test_an_installed_tempest_is_asked(site, tmp_path, capsys):
    program(tmp_path / "venv/bin/tempest", INIT)
    program(tmp_path / "venv/bin/stestr", f"test ! -e .stestr && cat {tmp_path}/tests.txt; echo noise >&2")
    site.write("skip_lists/a.txt", GOOD)
    for named in ("venv", "venv/bin", "venv/bin/tempest"):
        assert check(site, "--tempest", named) == 0
        captured = capsys.readouterr()
        assert "together: 3 of 4 tests run" in captured.out
        assert captured.err.splitlines() == [f"asking {tmp_path}/venv/bin/tempest for its tests ...", "4 tests"]


def test_a_list_behind_tempest_is_no_program(site, tmp_path, capsys, monkeypatch):
    program(tmp_path / "venv/bin/tempest", INIT)
    program(tmp_path / "venv/bin/stestr", f"cat {tmp_path}/tests.txt")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv/bin/python"))
    (tmp_path / "a.txt").write_text(GOOD)
    assert check(site, "--tempest", "a.txt") == 0
    assert "together: 3 of 4 tests run, 1 are left out (a.txt)" in told(capsys)


@pytest.mark.parametrize(
    ("tempest", "stestr", "expected"),
    [
        (INIT, None, "there is no stestr beside"),
        ("echo no plug-in >&2; exit 3", "true", "init workspace` ended with status 3: no plug-in"),
        (INIT, "echo 'ImportError: x'; exit 1", "stestr list` ended with status 1: ImportError: x"),
        (INIT, "kill -9 $$", "stestr list` ended with status -9: it says nothing"),
        (INIT, "true", "names no test"),
    ],
)
def test_a_tempest_that_fails(site, tmp_path, capsys, tempest, stestr, expected):
    program(tmp_path / "venv/bin/tempest", tempest)
    if stestr:
        program(tmp_path / "venv/bin/stestr", stestr)
    site.write("skip_lists/a.txt", GOOD)
    assert check(site, "--tempest", "venv") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 2
    assert expected in captured.err


def test_a_list_that_one_job_leaves_out_and_another_runs(site, capsys):
    site.add("jobs/zuul.d/jobs.yaml", JOB)
    site.write("jobs/zuul.d/skipped.yaml", "- job:\n    name: skipped\n    parent: base\n    vars:\n"
               "      tempest_exclude_lists: []\n      tempest_include_list: skip_lists/b.txt\n")  # fmt: skip
    site.write("skip_lists/a.txt", GOOD)
    site.write("skip_lists/b.txt", f"# reason: s\n{SHARED}  # p.m.T.test_two, q.m.T.test_two\n")
    assert check(site, "--tests", "tests.txt") == 0
    lines = told(capsys)
    assert "base: 1 of 4 tests run, 3 are left out (skip_lists/a.txt, skip_lists/b.txt)" in lines
    assert "skipped: 2 of 4 tests run, 2 are left out (skip_lists/b.txt)" in lines
    assert check(site, "--tests", "tests.txt", site.folder / "skip_lists/b.txt") == 0
    assert any(line.startswith("together: 2 of 4 tests run, 2 are left out") for line in told(capsys))
    assert check(site, "--json", "--tests", "tests.txt") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["run"], [one["include"] for one in answer["files"]]) == (1, [False, False])
