"""`skip-list candidates`: skipped tests that would pass, and tests that fail on many changes, with the figures."""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from ci.errors import UsageError, printable
from ci.model.history import FailingTest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ci.cli.root import Invocation
    from ci.config.list_use import ListUse
    from ci.config.site import Site
    from ci.model.history import SumResults
    from ci.ports import TestHistory

DEFAULT_DAYS = 30


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


@click.command()
@click.option("--job", metavar="JOB", help="Only of this job (default: of all that have a skip list).")
@click.option("--min-passes", type=click.IntRange(1), default=3, show_default=True,
              help="A skipped test must have passed in so many builds, and failed in none.")  # fmt: skip
@click.option("--min-changes", type=click.IntRange(2), default=3, show_default=True,
              help="A test must have failed on so many different changes, and passed on others.")  # fmt: skip
@click.option("--days", type=click.IntRange(1, 3660), default=DEFAULT_DAYS, show_default=True,
              help="Results of so many days.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def candidates(
    invocation: Invocation, job: str | None, min_passes: int, min_changes: int, days: int, as_json: bool
) -> int:
    """Say which skipped tests would pass, and which tests fail at random.

    The skipped tests are run by a job whose tempest_include_list is the skip list. A test that failed on several
    changes and passed on others is printed as it would stand in a skip list.
    """
    from ci import bootstrap  # noqa: PLC0415 - slow to import
    from ci.config.list_use import lists_of_jobs  # noqa: PLC0415

    site = invocation.load_site()
    uses = lists_of_jobs(site.layout)
    names = [name for name, use in uses.items() if use.excludes]
    if job is not None and job not in names:
        raise UsageError(f"no job {job} with a skip list: there is {', '.join(names) or 'none'}")
    store = bootstrap.open_store(bootstrap.existing_state_folder(site.settings.state_dir))
    since = datetime.fromtimestamp(time.time(), UTC).date() - timedelta(days=days)
    question = Question(since, min_passes, min_changes)
    found = [_of_job(site, uses, name, store.test_history, question) for name in ([job] if job else names)]
    if as_json:
        click.echo(json.dumps({"since": since.isoformat(), "jobs": [_record(one) for one in found]}))
        return 0
    for text in _told(found, question) if found else ["No job has a skip list (tempest_exclude_lists)."]:
        click.echo(text)
    return 0


def _of_job(site: Site, uses: Mapping[str, ListUse], job: str, history: TestHistory, question: Question) -> Found:
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
        would_pass, seen = _would_pass(site, excludes, run_by, history, question)
        notes.append(f"{seen} skipped tests were run since {question.since}")
    if not (tested := history.tested(job, question.since)).changes:
        notes.append(f"{job} has tested no change since {question.since}")
        return Found(job, run_by, tuple(would_pass), (), tuple(notes))
    notes.append(f"{job} has tested {tested.changes} changes in {tested.builds} builds since {question.since}")
    failing = history.failing_on_changes(job, question.since, question.min_changes)
    return Found(job, run_by, tuple(would_pass), failing, tuple(notes))


def _would_pass(
    site: Site, paths: frozenset[str], run_by: Sequence[str], history: TestHistory, question: Question
) -> tuple[list[WouldPass], int]:
    """Return the entries whose tests all pass, and how many of the skipped tests were run at all."""
    from ci.skip_lists.parse import parse_skip_list  # noqa: PLC0415

    found: list[WouldPass] = []
    seen: set[str] = set()
    for path in sorted(paths):
        skipped = parse_skip_list(path, (site.folder / path).read_bytes())
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


def _told(found: Sequence[Found], question: Question) -> Iterator[str]:
    """Yield the lines for people."""
    for number, one in enumerate(found):
        yield from ("",) if number else ()
        yield f"# {one.job}, results since {question.since}"
        yield from (f"# note: {note}" for note in one.notes)
        yield ""
        yield f"# Skipped tests that would pass ({question.min_passes} passes or more, no failure): " + (
            f"{len(one.would_pass)}" if one.would_pass else "none"
        )
        for entry in one.would_pass:
            yield f"{entry.path}:{entry.line}: {entry.id}  # {printable(', '.join(entry.tests))}"
            yield f"    passed in {entry.passed} builds, last {entry.last_day} ({entry.last_build})" + (
                f"; skipped because: {printable(entry.reason)}" if entry.reason else ""
            )
        yield ""
        yield f"# Tests that failed on {question.min_changes} changes or more, and passed on others: " + (
            f"{len(one.failing)}" if one.failing else "none"
        )
        for test in one.failing:
            yield from _block(test)


def _block(test: FailingTest) -> Iterator[str]:
    """Yield a test as a block of a skip list; one without an ID cannot be in one and stays a comment."""
    builds = ", ".join(build[:10] for build in test.builds)
    figures = (
        f"on {test.failed_changes} of {test.changes} changes, in {test.failed} of {test.failed + test.passed} builds"
        f" ({test.failure_rate:.1%}), last {test.last_day} ({builds})"
    )
    if test.idempotent_id:
        yield f"# reason: fails at random: {figures}"
        yield f"{test.idempotent_id}  # {printable(test.test)}"
    else:
        yield f"# without an ID, so no list can skip it: {printable(test.test)}: fails at random: {figures}"
    yield ""


def _record(one: Found) -> Mapping[str, Any]:
    return {
        "job": one.job,
        "run_by": one.run_by,
        "notes": one.notes,
        "would_pass": [
            dataclasses.asdict(entry) | {"last_day": entry.last_day.isoformat()} for entry in one.would_pass
        ],
        "failing": [
            dataclasses.asdict(test) | {"last_day": test.last_day.isoformat(), "failure_rate": test.failure_rate}
            for test in one.failing
        ],
    }
