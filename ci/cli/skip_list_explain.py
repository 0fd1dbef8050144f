"""`skip-list explain`: which lists leave out a test, why, since when and until when, and what it did lately."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import click

from ci.cli.listing_options import asked_tests, tempest_option, tests_option
from ci.cli.site_skip_lists import JobSkips, SiteSkipLists, load_skip_lists, site_history
from ci.cli.tables import utc
from ci.errors import CIError, printable
from ci.model.history import DayResults
from ci.skip_lists.explain import Mention, Subject, mentions, subjects
from ci.skip_lists.history import ListHistory, Presence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.cli.root import Invocation
    from ci.model.file_history import Commit
    from ci.ports import TestHistory

MOST_SUBJECTS = 20
MOST_DAYS = 10
SHORT_COMMIT = 10
_OTHER_KEYS = ("bug", "owner", "until", "expires")


@dataclass(frozen=True, slots=True)
class Answer:
    """All that is known of a test; `presences` is None where there is no history, `results` where none are kept."""

    subject: Subject
    site: SiteSkipLists
    entries: Sequence[Mention]
    presences: Mapping[str, Presence] | None
    results: Sequence[DayResults] | None


@click.command()
@click.argument("test", metavar="ID|NAME")
@tests_option
@tempest_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def explain(invocation: Invocation, test: str, as_json: bool, tests: IO[bytes] | None, tempest: str | None) -> int:
    """Say which lists leave out a test, why, since when and until when, which jobs run it, and what it did lately.

    NAME may be a full name or a part that only one test has; exit status 1 when it is that of none, or of several.
    """
    site = load_skip_lists(invocation)
    history = _test_history(invocation, site)
    found = subjects(test, site.lists.values(), asked_tests(tests, tempest)) or _with_results(test, history)
    if len(found) != 1:
        return _not_one(test, found, as_json=as_json)
    subject = found[0]
    entries = mentions(subject.identity, site.lists.values()) if subject.identity else ()
    presences = _presences(invocation, site, subject, entries)
    results = history.last_results(subject.identity or subject.names[0], MOST_DAYS) if history else None
    answer = Answer(subject, site, entries, presences, results)
    if as_json:
        click.echo(json.dumps(_as_record(answer)))
    else:
        for line in _told(answer):
            click.echo(printable(line))
    return 0


def _test_history(invocation: Invocation, site: SiteSkipLists) -> TestHistory | None:
    from ci import bootstrap  # noqa: PLC0415 - slow to import

    state_dir = site.site.settings.state_dir if site.site else invocation.state_dir
    if not state_dir:
        return None
    try:
        folder = bootstrap.existing_state_folder(state_dir)
    except CIError:
        return None  # no CI has run yet, and lists can be explained all the same
    try:
        return bootstrap.open_store(folder).test_history
    except CIError as error:
        click.echo(f"warning: the results cannot be read: {printable(str(error))}", err=True)
        return None


def _with_results(name: str, history: TestHistory | None) -> tuple[Subject, ...]:
    """Return a test that no list names and that has run."""
    results = history.last_results(name, 1) if history else ()
    return tuple(Subject(one.idempotent_id, (one.test,)) for one in results)


def _not_one(text: str, found: Sequence[Subject], *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"matches": [{"id": one.identity, "names": one.names} for one in found]}))
    elif not found:
        hint = "give its ID, or say which tests there are by --tests FILE or --tempest"
        click.echo(printable(f"no list of the site names a test {text}: {hint}"), err=True)
    else:
        click.echo(printable(f"{len(found)} IDs have a test {text}: name one of them"), err=True)
        for one in found[:MOST_SUBJECTS]:
            click.echo(printable(f"{one.identity or 'no ID'}  {', '.join(one.names)}"), err=True)
        if len(found) > MOST_SUBJECTS:
            click.echo(f"... and {len(found) - MOST_SUBJECTS} more", err=True)
    return 1


def _presences(
    invocation: Invocation, site: SiteSkipLists, subject: Subject, entries: Sequence[Mention]
) -> dict[str, Presence] | None:
    """Return since when each list has the ID; None where there is no history."""
    try:
        history = site_history(invocation)
        if history is None:
            return None
        return ListHistory(history, site.lists).presences(subject.identity, {entry.path for entry in entries})
    except CIError as error:
        click.echo(f"warning: {printable(str(error))}", err=True)
        return None


def _told(answer: Answer) -> Iterator[str]:
    yield answer.subject.identity or "no ID"
    yield from (f"  {name}" for name in answer.subject.names)
    yield ""
    for entry in answer.entries:
        yield f"{entry.path}:{entry.line}" + (" (an include list)" if entry.path in answer.site.includes else "")
        yield f"  reason: {entry.head.get('reason') or 'none is said'}"
        yield from (
            f"  {key}: {entry.head[key]}{_past(key, entry.head[key])}" for key in _OTHER_KEYS if key in entry.head
        )
        yield from _since(entry, answer.presences)
        yield ""
    if not answer.entries:
        yield "No list of the site has it."
        yield ""
    yield from (_job(job, answer.subject) for job in answer.site.jobs)
    yield ""
    yield from _results(answer.results)


def _job(job: JobSkips, subject: Subject) -> str:
    skip = job.selection.skip(subject.identity, subject.names)
    where = f" on {', '.join(job.branches)}" if job.branches else ""
    if skip is None:
        return f"{job.job}{where} runs it"
    why = f" ({skip.path}:{skip.line})" if skip.path else f": {skip.reason}"
    return f"{job.job}{where} leaves it out{why}"


def _results(results: Sequence[DayResults] | None) -> Iterator[str]:
    if not results:
        yield "No results yet."
        return
    yield "Last results, by day (UTC):"
    several = len({one.test for one in results}) > 1
    for one in results:
        counts = f"{one.passed} passed, {one.failed} failed, {one.skipped} skipped"
        name = f" {one.test}" if several else ""
        yield f"  {one.day} {one.job} on {one.branch}: {counts} (last build {one.last_build}){name}"


def _past(key: str, value: str) -> str:
    return " (past)" if key == "expires" and value < time.strftime("%Y-%m-%d", time.gmtime()) else ""


def _since(entry: Mention, presences: Mapping[str, Presence] | None) -> Iterator[str]:
    if presences is None:
        yield "  since: not known: the site is in no git repository"
    elif entry.path not in presences:
        yield "  since: not committed yet"
    else:
        presence = presences[entry.path]
        yield f"  since: {_commit(presence.since)}"
        if presence.first != presence.since:
            yield f"  for the first time: {_commit(presence.first)}"


def _commit(commit: Commit) -> str:
    return f"{utc(commit.authored_at)} {commit.id[:SHORT_COMMIT]} {commit.subject}"


def _as_record(answer: Answer) -> dict[str, Any]:
    presences, jobs = answer.presences or {}, answer.site.jobs
    return {
        "id": answer.subject.identity,
        "names": answer.subject.names,
        "lists": [
            {"is_include": entry.path in answer.site.includes, **_entry_record(entry, jobs, presences.get(entry.path))}
            for entry in answer.entries
        ],
        "jobs": [_job_record(job, answer.subject) for job in jobs],
        "results": [dataclasses.asdict(one) | {"day": one.day.isoformat()} for one in answer.results or ()],
    }


def _entry_record(entry: Mention, jobs: Sequence[JobSkips], presence: Presence | None) -> dict[str, Any]:
    return {
        "path": entry.path,
        "line": entry.line,
        "block": entry.block_line,
        **{key: entry.head.get(key, "") for key in ("reason", *_OTHER_KEYS)},
        "jobs": list(dict.fromkeys(job.job for job in jobs if entry.path in job.lists.paths)),
        "since": _commit_record(presence.since) if presence else None,
        "first": _commit_record(presence.first) if presence else None,
    }


def _commit_record(commit: Commit) -> dict[str, Any]:
    return {"commit": commit.id, "at": commit.authored_at, "subject": commit.subject}


def _job_record(job: JobSkips, subject: Subject) -> dict[str, Any]:
    skip = job.selection.skip(subject.identity, subject.names)
    record = {"job": job.job, "branches": job.branches, "runs": skip is None}
    return record | ({"reason": skip.reason, "path": skip.path, "line": skip.line} if skip else {})
