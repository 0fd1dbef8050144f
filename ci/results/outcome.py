"""The tests of a build, from the log folder: what failed, how many, and one file that programs can read."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ci.model.build import FailedTest, ResultCounts, TestReport
from ci.results.audit import audit
from ci.results.files import is_plain, open_plainly
from ci.results.subunit import PASSED, Stream, read_stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.results.audit import Audit
    from ci.results.subunit import TestRun

STREAM_NAME = "testrepository.subunit"
REPORT_NAME = "tests.json"
MAX_FAILED_TESTS = 50
MAX_STREAMS = 20
MAX_STREAM_BYTES = 1 << 30
MAX_FILES_SEEN = 100_000
MAX_AUDIT_ERRORS = 1000
MAX_REASON = 300
MAX_NAME = 500

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def read_tests(log_folder: Path) -> TestReport:
    """Read every `testrepository.subunit` below the folder and write `tests.json` into it.

    The report has no counts where there is no such file. A stream that is empty, cut short or no stream at all is a
    problem of the report, as is one too large to be true, and whatever an audit finds where a build has lists of tests.
    """
    tests: list[TestRun] = []
    problems: list[str] = []
    for path in _streams(log_folder):
        stream = _read(path)
        tests += stream.tests
        problems.append(stream.problem)
    problem = next(filter(None, problems), "") if problems else None
    audited = audit(log_folder, tests, problem)
    if audited and not audited.has_begun:
        return TestReport(unbegun="the build has lists of tests, and tempest did not begin")
    if audited is None and problem is None:
        return TestReport()
    report = summarize(tests, audited.problem if audited else problem or "")
    if problem is None:
        report = replace(report, counts=None)
    _write(log_folder, tests, report, audited)
    return report


def _read(path: Path) -> Stream:
    with open_plainly(path) as file:
        if os.fstat(file.fileno()).st_size > MAX_STREAM_BYTES:
            return Stream((), "the test results are larger than any real ones")
        return read_stream(file)


def summarize(tests: Sequence[TestRun], problem: str) -> TestReport:
    """Return the first failed tests and the counts; a class whose set-up failed counts as one failure."""
    failed = [test for test in tests if test.has_failed]
    return TestReport(
        failed_tests=tuple(
            FailedTest(one_line(test.name, MAX_NAME), test.idempotent_id, _reason(test))
            for test in failed[:MAX_FAILED_TESTS]
        ),
        counts=ResultCounts(
            passed=sum(test.status in PASSED for test in tests),
            failed=len(failed),
            skipped=sum(test.status == "skip" for test in tests),
        ),
        problem=one_line(problem, MAX_NAME),
    )


def _streams(log_folder: Path) -> Iterator[Path]:
    seen = found = 0
    for folder, folders, files in os.walk(log_folder, followlinks=False):
        folders.sort()
        seen += len(files)
        path = Path(folder, STREAM_NAME)
        # Whoever wrote the logs on the node may have left a link or a pipe under this name.
        if STREAM_NAME in files and is_plain(path):
            yield path
            found += 1
        if seen > MAX_FILES_SEEN or found >= MAX_STREAMS:
            return


def _write(log_folder: Path, tests: Sequence[TestRun], report: TestReport, audited: Audit | None) -> None:
    temporary = log_folder / f".{REPORT_NAME}.new"
    temporary.unlink(missing_ok=True)
    # "x" and a rename: neither follows a link that the node's logs may have brought.
    with temporary.open("x", encoding="utf-8") as file:
        _dump(file, tests, report, audited)
    temporary.rename(log_folder / REPORT_NAME)


def _dump(file: IO[str], tests: Sequence[TestRun], report: TestReport, audited: Audit | None) -> None:
    counts = report.counts or ResultCounts()
    head = {"passed": counts.passed, "failed": counts.failed, "skipped": counts.skipped, "problem": report.problem}
    head |= {"audit": _audit_row(audited) if audited else None}
    file.write(json.dumps(head)[:-1] + ', "tests": [\n')
    file.write(",\n".join(json.dumps(_row(test)) for test in tests))
    file.write("\n]}\n")


def _audit_row(audited: Audit) -> dict[str, object]:
    return {
        "chosen": audited.chosen,
        "left_out": audited.left_out,
        "errors": [asdict(error) for error in audited.errors[:MAX_AUDIT_ERRORS]],
        "error_count": len(audited.errors),
        "stale": audited.stale,
    }


def _row(test: TestRun) -> dict[str, object]:
    return {
        "id": test.id,
        "name": test.name,
        "idempotent_id": test.idempotent_id,
        "status": "fail" if test.has_failed else test.status,
        "seconds": test.seconds,
        "traceback": test.detail,
    }


def _reason(test: TestRun) -> str:
    lines = [line for line in test.detail.splitlines() if line.strip()]
    return one_line(lines[-1], MAX_REASON) if lines else ""


def one_line(text: str, limit: int) -> str:
    """Return a hostile text as one printable line, cut."""
    return _UNPRINTABLE.sub("?", text.strip())[:limit]
