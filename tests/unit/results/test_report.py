"""What comes back from a build's report, and that a hostile one costs little."""

import json
import os
from pathlib import Path

import pytest

from ci.model.history import RanTest, Verdict
from ci.results import report as report_module
from ci.results.outcome import REPORT_NAME, _write, summarize
from ci.results.report import JsonReports
from ci.results.subunit import TestRun as SubunitRun

ID = "585e934c-448e-43c4-acbf-d06a9b899997"
OTHER = "c3d4e5f6-a7b8-9012-cdef-123456789012"


def write(folder, *tests):
    """Write a report as builds do."""
    _write(folder, tests, summarize(tests, ""), None)


def rows(folder, *tests):
    lines = [json.dumps(test) for test in tests]
    (folder / REPORT_NAME).write_text('{"passed": 1, "tests": [\n' + ",\n".join(lines) + "\n]}\n")


def row(name="a.B.c", identity=ID, status="success"):
    return {"id": "x", "name": name, "idempotent_id": identity, "status": status, "seconds": 1.0, "traceback": ""}


def read(folder):
    return [(one.name, one.idempotent_id, one.verdict) for one in JsonReports().read(folder)]


def test_what_a_build_writes_comes_back(tmp_path):
    write(
        tmp_path,
        SubunitRun(f"a.B.good[id-{ID},smoke]", "success"),
        SubunitRun(f"a.B.bad[id-{OTHER}]", "fail", details={"traceback": b'"quoted"\nline\n'}),
        SubunitRun("a.B.left_out", "skip"),
        SubunitRun("a.B.hung"),
        SubunitRun("a.B.known_to_fail", "xfail"),
    )
    assert JsonReports().read(tmp_path) == (
        RanTest("a.B.good", ID, Verdict.PASSED),
        RanTest("a.B.bad", OTHER, Verdict.FAILED),
        RanTest("a.B.left_out", "", Verdict.SKIPPED),
        RanTest("a.B.hung", "", Verdict.FAILED),
        RanTest("a.B.known_to_fail", "", Verdict.PASSED),
    )


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        (("success", "fail"), Verdict.FAILED),
        (("fail", "success"), Verdict.FAILED),
        (("skip", "success"), Verdict.PASSED),
    ],
)
def test_a_test_that_ran_twice_counts_once_and_by_its_worst_run(tmp_path, statuses, verdict):
    rows(tmp_path, *(row(status=status) for status in statuses))
    assert read(tmp_path) == [("a.B.c", ID, verdict)]


def test_names_are_cut_and_made_printable(tmp_path):
    rows(tmp_path, row("\u202e\ud800" + "x" * 5000, "y" * 5000), row("  "))
    ((name, identity, _),) = read(tmp_path)
    assert name == "??" + "x" * 498
    assert identity == "y" * 36


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"name": "a", "status": "success"}',
        b'{"name": 1, "idempotent_id": [], "status": {}}',
        b'{"name": "a", "idempotent_id": "", "status": "exists"}',
        b"null\n1\n[]\n" + b'{"a": ' * 5000,
    ],
)
def test_rubbish_tells_of_no_test(tmp_path, content):
    (tmp_path / REPORT_NAME).write_bytes(content)
    assert read(tmp_path) == []


def test_a_line_that_is_too_long_is_passed_over_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(report_module, "MAX_LINE_BYTES", 200)
    first, made_up, last = (json.dumps(row(name)) for name in ("first", "made.up", "last"))
    # what would be taken for a line of its own if reading went on in the middle
    (tmp_path / REPORT_NAME).write_text(f"{first},\n{'x' * 400}{made_up}\n{last}\n")
    assert [name for name, _, _ in read(tmp_path)] == ["first", "last"]


def test_more_tests_than_there_can_be_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(report_module, "MOST_TESTS", 3)
    rows(tmp_path, *(row(f"t{n}") for n in (0, 1, 1, 2, 2, 3, 4)))
    assert [name for name, _, _ in read(tmp_path)] == ["t0", "t1", "t2"]


def test_a_file_of_nothing_but_rubbish_is_soon_given_up(tmp_path):
    (tmp_path / REPORT_NAME).write_text(
        f"{json.dumps(row('first'))}\n" + f"{'[' * 999}\n" * 1001 + json.dumps(row("last"))
    )
    assert [name for name, _, _ in read(tmp_path)] == ["first"]


def test_a_report_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    rows(tmp_path, row())
    monkeypatch.setattr(report_module, "MAX_REPORT_BYTES", 10)
    assert read(tmp_path) == []


def test_links_pipes_and_folders_are_not_followed(tmp_path):
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "logs"
    elsewhere.mkdir()
    folder.mkdir()
    rows(elsewhere, row())
    place = folder / REPORT_NAME
    assert read(folder) == []
    place.symlink_to(elsewhere / REPORT_NAME)
    assert read(folder) == []
    place.unlink()
    os.mkfifo(place)
    assert read(folder) == []
    place.unlink()
    place.mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert read(folder) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert read(tmp_path / "nowhere") == []
