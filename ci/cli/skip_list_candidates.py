"""`skip-list candidates`: skipped tests that would pass, and tests that fail on many changes, with the figures."""

from __future__ import annotations

import dataclasses
import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from ci.errors import UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ci.cli.root import Invocation
    from ci.model.history import FailingTest
    from ci.skip_lists.candidates import Found, Question

DEFAULT_DAYS = 30


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
    from ci.skip_lists.candidates import Question, candidates_of_job  # noqa: PLC0415

    site = invocation.load_site()
    uses = lists_of_jobs(site.layout)
    names = [name for name, use in uses.items() if use.excludes]
    if job is not None and job not in names:
        raise UsageError(f"no job {job} with a skip list: there is {', '.join(names) or 'none'}")
    store = bootstrap.open_store(bootstrap.existing_state_folder(site.settings.state_dir))
    since = datetime.fromtimestamp(time.time(), UTC).date() - timedelta(days=days)
    question = Question(since, min_passes, min_changes)
    wanted = [job] if job else names
    found = [candidates_of_job(site.folder, uses, name, store.test_history, question) for name in wanted]
    if as_json:
        click.echo(json.dumps({"since": since.isoformat(), "jobs": [_record(one) for one in found]}))
        return 0
    for text in _told(found, question) if found else ["No job has a skip list (tempest_exclude_lists)."]:
        click.echo(text)
    return 0


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
