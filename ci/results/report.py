"""Reads `tests.json` of a build back: the log folder is published, and a node may have brought a file of that name."""

from __future__ import annotations

import json
import os
import stat
from typing import IO, TYPE_CHECKING, Any

from ci.model.history import RanTest, Verdict
from ci.observability import get_logger
from ci.results.files import open_plainly
from ci.results.outcome import MAX_NAME, REPORT_NAME, one_line
from ci.results.subunit import PASSED

if TYPE_CHECKING:
    from pathlib import Path

MOST_TESTS = 10_000
MAX_REPORT_BYTES = 512 << 20
# A test has a line of its own; the longest has a traceback of 32 KiB, all of it escaped.
MAX_LINE_BYTES = 1 << 20
# Two of ours tell of no test, and a few may be too long; to take each of them apart would last.
MOST_STRANGE_LINES = 1000
LONGEST_IDEMPOTENT_ID = 36
_VERDICTS = {**dict.fromkeys(PASSED, Verdict.PASSED), "fail": Verdict.FAILED, "skip": Verdict.SKIPPED}
# Of several runs of a test in one build.
_WORST_FIRST = (Verdict.FAILED, Verdict.PASSED, Verdict.SKIPPED)


class JsonReports:
    """Keeps `ci.ports.ResultReader`; reads line by line, so that no report is ever in memory as a whole."""

    def __init__(self) -> None:
        self._log = get_logger("results")

    def read(self, log_folder: Path) -> tuple[RanTest, ...]:
        path = log_folder / REPORT_NAME
        try:
            with open_plainly(path) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_REPORT_BYTES:
                    self._log.warning("no report that can be read", action="results.refused", path=str(path))
                    return ()
                found, cut = _read(file)
        except FileNotFoundError:
            return ()
        except OSError as error:  # a link, a file of somebody else: what is there is not ours
            self._log.warning("no report that can be read", action="results.refused", path=str(path), error=str(error))
            return ()
        if cut:
            self._log.warning(f"{cut}: the rest is not counted", action="results.cut", path=str(path))
        return found


def _read(file: IO[bytes]) -> tuple[tuple[RanTest, ...], str]:
    """Return the tests, and why the rest of the file was not read ("" where all was)."""
    found: dict[tuple[str, str], Verdict] = {}
    strange = 0
    is_rest = False  # of a line that is too long
    while line := file.readline(MAX_LINE_BYTES):
        is_whole = line.endswith(b"\n") or len(line) < MAX_LINE_BYTES
        test = _test(line) if is_whole and not is_rest else None
        is_rest = not is_whole
        if test is None:
            strange += 1
            if strange > MOST_STRANGE_LINES:
                return _ran(found), "too many lines that tell of no test"
            continue
        name, identity, verdict = test
        known = found.get((name, identity))
        if known is None and len(found) >= MOST_TESTS:
            return _ran(found), "too many tests"
        found[name, identity] = verdict if known is None else min(known, verdict, key=_WORST_FIRST.index)
    return _ran(found), ""


def _ran(found: dict[tuple[str, str], Verdict]) -> tuple[RanTest, ...]:
    return tuple(RanTest(name, identity, verdict) for (name, identity), verdict in found.items())


def _test(line: bytes) -> tuple[str, str, Verdict] | None:
    """Return name, idempotent ID and verdict of a line; None for one that tells of no test."""
    try:
        row: Any = json.loads(line.strip().removesuffix(b","))
    except (ValueError, RecursionError):  # the report's first and last line, and rubbish
        return None
    if not isinstance(row, dict):
        return None
    name, identity, status = row.get("name"), row.get("idempotent_id"), row.get("status")
    if not (isinstance(name, str) and isinstance(identity, str) and isinstance(status, str)):
        return None
    verdict, name = _VERDICTS.get(status), one_line(name, MAX_NAME)
    return (name, one_line(identity, LONGEST_IDEMPOTENT_ID), verdict) if name and verdict else None
