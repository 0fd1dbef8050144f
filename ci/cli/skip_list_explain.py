"""`skip-list explain`: which lists leave out a test, why, since when and until when, and what it did lately."""

from __future__ import annotations

import json
import time
from typing import IO, TYPE_CHECKING, Any

import click

from ci.cli.known_tests import known_tests, tempest_option, tests_option
from ci.cli.tables import utc
from ci.errors import CIError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ci.cli.root import Invocation
    from ci.cli.site_skip_lists import JobSelection, SiteSkipLists
    from ci.model.file_history import Commit
    from ci.skip_lists.explain import Mention, Subject
    from ci.skip_lists.history import Presence

MOST_SUBJECTS = 20
SHORT_COMMIT = 10


@click.command()
@click.argument("test", metavar="ID|NAME")
@tests_option
@tempest_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def explain(invocation: Invocation, test: str, as_json: bool, tests: IO[bytes] | None, tempest: str | None) -> int:
    """Say which lists of the site leave out a test, why, since when and until when, and which jobs run it.

    NAME may be a full name or a part that only one test has; exit status 1 when it is that of none, or of several.
    """
    from ci.cli.site_skip_lists import load_skip_lists  # noqa: PLC0415
    from ci.skip_lists.explain import mentions, subjects  # noqa: PLC0415

    site = load_skip_lists(invocation)
    found = subjects(test, site.lists.values(), known_tests(tests, tempest)[1])
    if len(found) != 1:
        return _not_one(test, found, as_json=as_json)
    subject = found[0]
    entries = mentions(subject.identity, site.lists.values()) if subject.identity else ()
    presences = _presences(invocation, site, subject, entries)
    if as_json:
        click.echo(json.dumps(_as_record(subject, site, entries, presences)))
    else:
        for line in _told(subject, site, entries, presences):
            click.echo(printable(line) if line else "")
    return 0


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
    from ci import bootstrap  # noqa: PLC0415 - slow to import
    from ci.skip_lists.history import ListHistory  # noqa: PLC0415

    try:
        history = bootstrap.site_history(invocation.site)
        if history is None or not entries:
            return None if history is None else {}
        if history.is_cut:
            click.echo("warning: a shallow clone: older commits are missing (git fetch --unshallow)", err=True)
        return ListHistory(history, site.lists).presences(subject.identity, {entry.path for entry in entries})
    except CIError as error:
        click.echo(f"warning: {error}", err=True)
        return None


def _told(
    subject: Subject, site: SiteSkipLists, entries: Sequence[Mention], presences: Mapping[str, Presence] | None
) -> Iterator[str]:
    yield subject.identity or "no ID"
    yield from (f"  {name}" for name in subject.names)
    yield ""
    for entry in entries:
        yield f"{entry.path}:{entry.line}"
        yield f"  reason: {entry.head.get('reason') or 'none is said'}"
        yield from (f"  {key}: {entry.head[key]}{_past(key, entry.head[key])}" for key in _KEYS if key in entry.head)
        yield from _since(entry, presences)
        yield ""
    if not entries:
        yield "No list of the site has it."
        yield ""
    for job in site.jobs:
        skip = job.selection.skip(subject.identity, subject.names)
        where = f" on {', '.join(job.branches)}" if job.branches else ""
        place = f" ({skip.path}:{skip.line})" if skip and skip.path else f": {skip.reason}" if skip else ""
        yield f"{job.job}{where} {'leaves it out' if skip else 'runs it'}{place}"


_KEYS = ("bug", "owner", "until", "expires")


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


def _as_record(
    subject: Subject, site: SiteSkipLists, entries: Sequence[Mention], presences: Mapping[str, Presence] | None
) -> dict[str, Any]:
    return {
        "id": subject.identity,
        "names": subject.names,
        "lists": [_entry_record(entry, site.jobs, (presences or {}).get(entry.path)) for entry in entries],
        "jobs": [_job_record(job, subject) for job in site.jobs],
    }


def _entry_record(entry: Mention, jobs: Sequence[JobSelection], presence: Presence | None) -> dict[str, Any]:
    return {
        "path": entry.path,
        "line": entry.line,
        "block": entry.block_line,
        **{key: entry.head.get(key, "") for key in ("reason", *_KEYS)},
        "jobs": list(dict.fromkeys(job.job for job in jobs if entry.path in job.lists.paths)),
        "since": _commit_record(presence.since) if presence else None,
        "first": _commit_record(presence.first) if presence else None,
    }


def _commit_record(commit: Commit) -> dict[str, Any]:
    return {"commit": commit.id, "at": commit.authored_at, "subject": commit.subject}


def _job_record(job: JobSelection, subject: Subject) -> dict[str, Any]:
    skip = job.selection.skip(subject.identity, subject.names)
    record = {"job": job.job, "branches": job.branches, "runs": skip is None}
    return record | ({"reason": skip.reason, "path": skip.path, "line": skip.line} if skip else {})
