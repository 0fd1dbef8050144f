"""`explain`: what each event of a recorded stream starts, and why the rest stays out."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

import click

from ci.cli.words import plural
from ci.config.reading import suggestion
from ci.errors import CIError, UsageError, printable
from ci.gerrit.fields import MalformedJSON
from ci.gerrit.parsing import parse_event
from ci.model.change import Approval, Change
from ci.model.depends_on import as_change_id, headers, named
from ci.model.event import EventType
from ci.services.dependencies import places
from ci.services.triggers import judge

if TYPE_CHECKING:
    from ci.cli.root import Invocation
    from ci.config.layout import Layout
    from ci.config.site import Site
    from ci.model.event import Event

MAX_SHOWN_NEEDS = 20
MAX_SHOWN_HEADER = 200
_STATUS_AFTER = {
    EventType.CHANGE_ABANDONED: "ABANDONED",
    EventType.CHANGE_RESTORED: "NEW",
    EventType.CHANGE_MERGED: "MERGED",
}


@click.command()
@click.option(
    "--events", type=click.File("rb"), required=True, metavar="FILE", help="stream-events lines; - for stdin."
)
@click.option("--connection", help="Connection that the events are from (default: the first one).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each line.")
@click.pass_obj
def explain(invocation: Invocation, events: IO[bytes], connection: str | None, as_json: bool) -> int:
    """Say for each line of a recorded `gerrit stream-events` what it would start.

    The state of a change is what the lines before tell: newer patch sets, abandoned, restored, votes. A line that is no
    event is said and passed over; the exit status is 1 then.
    """
    site = invocation.load_site()
    name = _connection(site, connection)
    explainer = Explainer(site, name, getattr(events, "name", "<stdin>"))
    broken = False
    for number, line in enumerate(events, 1):
        if not line.strip():
            continue
        explanation = explainer.explain(number, line.decode("utf-8", "replace"))
        broken = broken or explanation.type is None
        click.echo(json.dumps(dataclasses.asdict(explanation)) if as_json else explanation.told())
    if explainer.without_files:
        count = plural(explainer.without_files, "event")
        click.echo(
            f"note: {count} did not say which files changed: `files` and `irrelevant-files` had no say", err=True
        )
    return 1 if broken else 0


def _connection(site: Site, name: str | None) -> str:
    gerrits = site.settings.gerrits
    if name is None:
        return next(iter(gerrits))
    if name not in gerrits:
        raise UsageError(f"no connection {name} ({suggestion(name, gerrits)})")
    return name


@dataclass(frozen=True, slots=True)
class Explanation:
    """What line `n` starts; `type` is None for a line that is no event."""

    n: int
    type: str | None
    pipelines: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    why_not: list[str] = field(default_factory=list)
    depends_on: list[str] = field(default_factory=list)

    def told(self) -> str:
        """Return the text for people."""
        head = f"{self.n}: {self.type or 'not an event'}"
        if self.pipelines:
            head += f" starts {', '.join(self.jobs) or 'no jobs'} in {', '.join(self.pipelines)}"
        lines = [*(f"Depends-On: {one}" for one in self.depends_on), *self.why_not]
        return "\n".join([head, *(f"    {line}" for line in lines)])


@dataclass(slots=True)
class _Known:
    """What the lines so far tell about a change."""

    patchset: int = 0
    status: str = "NEW"
    files: dict[int, tuple[str, ...]] = field(default_factory=dict)
    approvals: dict[tuple[str, str | None], Approval] = field(default_factory=dict)


class Explainer:
    """Follows a stream of events and says what each starts."""

    def __init__(self, site: Site, connection: str, file: str) -> None:
        """Follow the events of one connection; `file` names where they are read from, for errors."""
        self._layout: Layout = site.layout
        self._connection = connection
        self._own_users = {name: gerrit.user for name, gerrit in site.settings.gerrits.items()}
        self._places = places(site.settings.gerrits)
        self._file = file
        self._changes: dict[int, _Known] = {}
        self.without_files = 0

    def explain(self, number: int, line: str) -> Explanation:
        """Explain one line; `number` counts from 1."""
        try:
            event = parse_event(self._connection, line, 0.0)
        except CIError as error:
            column = error.column if isinstance(error, MalformedJSON) else 1
            reason = error.reason if isinstance(error, MalformedJSON) else str(error)
            return Explanation(number, None, why_not=[f"{self._file}:{number}:{column}: {reason}"])
        change = self._learn(event)
        explanation = Explanation(number, event.type_name)
        for pipeline in self._layout.pipelines.values():
            if not pipeline.triggers:  # only its timer starts it
                continue
            judgement = judge(pipeline, event, change, event.created_at, self._own_users)
            if not judgement.starts or change is None:
                explanation.why_not.extend(judgement.reasons)
                continue
            selection = self._layout.select_jobs(pipeline.name, change)
            explanation.why_not.extend(selection.why_not)
            if selection.jobs:
                self.without_files += change.files is None
                explanation.pipelines.append(pipeline.name)
                explanation.jobs.extend(job.name for job in selection.jobs)
        if explanation.jobs and change is not None:
            explanation.depends_on.extend(self._needs(header) for header in headers(change.message)[:MAX_SHOWN_NEEDS])
        return explanation

    def _needs(self, header: str) -> str:
        """Say which change a `Depends-On` line means; what that one needs in turn only its Gerrit knows."""
        shown = printable(header[:MAX_SHOWN_HEADER])
        if as_change_id(header):
            return f"{shown} (a Change-Id, in {self._connection})"
        found = named(header, self._places)
        return (
            f"{shown} (change {found[1]} of {found[0]})" if found else f"{shown} (no change of these Gerrits: ignored)"
        )

    def _learn(self, event: Event) -> Change | None:
        """Bring what is known up to the event and return its change in that state."""
        change = event.change
        if change is None:
            return None
        known = self._changes.setdefault(change.number, _Known(status=change.status))
        if change.patchset > known.patchset:
            known.patchset = change.patchset
            known.approvals.clear()
        if event.type in _STATUS_AFTER:
            known.status = _STATUS_AFTER[event.type]
        elif _says_status(event):
            known.status = change.status
        if change.files is not None:
            known.files[change.patchset] = change.files
        if change.patchset == known.patchset:
            for approval in (*change.approvals, *event.approvals):
                granted = dataclasses.replace(approval, granted_at=approval.granted_at or event.created_at)
                known.approvals[(approval.label, approval.by.username)] = granted
        return dataclasses.replace(
            change,
            status=known.status,
            is_current=change.patchset == known.patchset,
            files=known.files.get(change.patchset),
            approvals=tuple(known.approvals.values()),
        )


def _says_status(event: Event) -> bool:
    return "status" in json.loads(event.raw).get("change", {})
