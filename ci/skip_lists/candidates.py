"""What skip lists should lose and get: skipped tests that would pass, and tests that fail on many changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ci.errors import Finding, SiteError
from ci.model.history import FailingTest
from ci.skip_lists.files import read_list
from ci.skip_lists.parse import parse_skip_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ci.config.list_use import ListUse
    from ci.model.history import SumResults
    from ci.ports import TestHistory


@dataclass(frozen=True, slots=True)
class WouldPass:
    """An entry of a skip list whose tests passed whenever a job ran them; `passed` of the test that did so least."""

    path: str
    line: int
    block: int
    reason: str
    id: str
    tests: tuple[str, ...]
    passed: int
    last_day: date
    last_build: str


@dataclass(frozen=True, slots=True)
class Found:
    """The candidates of one job: to be run again, and to be skipped; `notes` say what there is no data for."""

    job: str
    run_by: tuple[str, ...]
    would_pass: tuple[WouldPass, ...]
    failing: tuple[FailingTest, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What makes a candidate: results since a day, so many passes and no failure, failures on so many changes."""

    since: date
    min_passes: int
    min_changes: int


def candidates_of_job(
    folder: Path, uses: Mapping[str, ListUse], job: str, history: TestHistory, question: Question
) -> Found:
    """Return the candidates of a job that has skip lists; `folder` is the site's, `uses` what its jobs name."""
    excludes = uses[job].excludes
    run_by = tuple(name for name, use in uses.items() if use.includes & excludes)
    would_pass: list[WouldPass] = []
    notes: list[str] = []
    if not run_by:
        notes.append(f"no job runs what {job} skips: make one with tempest_include_list: {min(excludes)}")
    elif not any(history.tested(name, question.since).builds for name in run_by):
        pipelines = sorted({pipeline for name in run_by for pipeline in uses[name].pipelines})
        notes.append(
            f"{', '.join(run_by)} has run no tests since {question.since}: it runs in {' and '.join(pipelines)}"
        )
    else:
        would_pass, seen = _would_pass(folder, excludes, run_by, history, question)
        notes.append(f"{seen} skipped tests were run since {question.since}")
    if not (tested := history.tested(job, question.since)).changes:
        notes.append(f"{job} has tested no change since {question.since}")
        return Found(job, run_by, tuple(would_pass), (), tuple(notes))
    notes.append(f"{job} has tested {tested.changes} changes in {tested.builds} builds since {question.since}")
    failing = history.failing_on_changes(job, question.since, question.min_changes)
    return Found(job, run_by, tuple(would_pass), failing, tuple(notes))


def _would_pass(
    folder: Path, paths: frozenset[str], run_by: Sequence[str], history: TestHistory, question: Question
) -> tuple[list[WouldPass], int]:
    """Return the entries whose tests all pass, and how many of the skipped tests were run at all."""
    found: list[WouldPass] = []
    seen: set[str] = set()
    for path in sorted(paths):
        content = read_list(folder / path, path)
        if isinstance(content, Finding):
            raise SiteError([content])
        skipped = parse_skip_list(path, content)
        by_id: dict[str, list[SumResults]] = {}
        for one in history.sums(skipped.ids, run_by, question.since):
            by_id.setdefault(one.idempotent_id, []).append(one)
        for block in skipped.blocks:
            for entry in block.entries:
                sums = [one for one in by_id.get(entry.id, []) if one.passed or one.failed]
                seen |= {one.test for one in sums}
                if sums and all(one.passed >= question.min_passes and not one.failed for one in sums):
                    last = max(sums, key=lambda one: one.last_day)
                    found.append(
                        WouldPass(
                            path=path, line=entry.line, block=block.line, reason=block.head.get("reason", ""),
                            id=entry.id, tests=tuple(sorted({one.test for one in sums})),
                            passed=min(one.passed for one in sums), last_day=last.last_day, last_build=last.last_build,
                        )
                    )  # fmt: skip
    return found, len(seen)
