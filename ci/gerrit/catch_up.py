"""What happened while nobody listened, asked by `gerrit query`, page by page."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.errors import Refused, Unavailable
from ci.gerrit.fields import Fields, MalformedJSON, load_object, shortened
from ci.gerrit.history import counts_comments, past_of
from ci.gerrit.keys import other_key
from ci.gerrit.parsing import SECOND_MAX
from ci.model.event import Event, EventSource, EventType, Lost, Missed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.gerrit.connection import CommandLine
    from ci.gerrit.history import Past
    from ci.gerrit.rest import RestReader

PAGE_CHANGES = 50
# A change that disappears between two pages moves the others up: the next page begins this much earlier.
PAGE_OVERLAP = 5
PROJECTS_AT_ONCE = 50
ANSWER_SECONDS = 120.0
_LONGEST_PAGE_COUNT = 10_000
# Plain between {} in Gerrit's query language and between '' on its command line: no brace, no quote, no backslash.
_PROJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+@~ -]{0,499}")
_OPTIONS = "--comments --patch-sets --all-approvals --commit-message"


@dataclass(frozen=True, slots=True)
class _Page:
    rows: list[tuple[str, Fields]]
    garbage: list[tuple[str, MalformedJSON]]
    has_more: bool


class Catcher:
    """Asks one Gerrit over ssh, and over HTTP for the texts that ssh tells without a time (`rest` None: never)."""

    def __init__(self, commands: CommandLine, connection: str, rest: RestReader | None) -> None:
        self._commands = commands
        self._connection = connection
        self._rest = rest

    def newest_update(self, projects: Sequence[str]) -> int:
        """Return Gerrit's own time of the last update of a change of the projects, 0 for none; see the port."""
        newest = 0
        for terms in _terms(projects):
            for _, row in self._page(f"limit:1 {terms}").rows:
                try:
                    newest = max(newest, row.integer("lastUpdated", 0, SECOND_MAX))
                except MalformedJSON as error:
                    raise Unavailable(f"gerrit query: the answer is garbage: {error}") from error
        return newest

    def missed(self, since: int, projects: Sequence[str]) -> Missed:
        """Return what happened in the projects since that second of Gerrit's; see the port."""
        # Asked first: what happens while we page is for the next time.
        newest = self.newest_update(projects)
        pasts: list[Past] = []
        lost: list[Lost] = []
        seen: set[int] = set()
        for terms in _terms(projects):
            for page in self._pages(f"{terms} 'after:\"{_utc(since)}\"'"):
                lost += [self._malformed(text, error) for text, error in page.garbage]
                pasts += self._pasts(page.rows, since, frozenset(projects), seen, lost)
        events = [event for past in pasts for event in past.events]
        lost += [one for past in pasts for one in past.lost]
        return Missed(tuple(sorted(events, key=_order)), tuple(lost), newest or None)

    def _pasts(
        self, rows: list[tuple[str, Fields]], since: int, projects: frozenset[str], seen: set[int], lost: list[Lost]
    ) -> Iterator[Past]:
        fresh = []
        for text, row in rows:
            try:
                number = row.integer("number", 1, SECOND_MAX)
                if number not in seen and row.text("project") in projects:
                    fresh.append((text, number, row, counts_comments(row, since)))
                seen.add(number)
            except MalformedJSON as error:
                lost.append(self._malformed(text, error))
        asked = [number for _, number, _, counts in fresh if counts]
        comments = self._rest.comments_of(asked) if self._rest else {}
        for text, number, row, _ in fresh:
            try:
                yield self._past(row, comments.get(number), since)
            except MalformedJSON as error:
                lost.append(self._malformed(text, error))

    def _past(self, row: Fields, comments: Fields | None, since: int) -> Past:
        if comments is not None:
            try:
                return past_of(self._connection, row, comments, since)
            except MalformedJSON:
                pass  # garbage over HTTP does not spoil what ssh tells
        return past_of(self._connection, row, None, since)

    def _malformed(self, text: str, error: MalformedJSON) -> Lost:
        event = Event(
            self._connection, EventType.OTHER, "query-row", other_key("query-row", 0, text), 0, raw=text[:1000],
            source=EventSource.QUERY,
        )  # fmt: skip
        return Lost(event, f"a row of a query is no change: {error}")

    def _pages(self, terms: str) -> Iterator[_Page]:
        start = 0
        for _ in range(_LONGEST_PAGE_COUNT):
            page = self._page(f"{_OPTIONS} --start {start} limit:{PAGE_CHANGES} {terms}")
            yield page
            count = len(page.rows) + len(page.garbage)
            if not page.has_more or count <= PAGE_OVERLAP:
                return
            start += count - PAGE_OVERLAP
        raise Unavailable(f"gerrit query: no end after {_LONGEST_PAGE_COUNT} pages")

    def _page(self, arguments: str) -> _Page:
        """Run a query; nothing that others wrote may be part of `arguments`."""
        result = self._commands.run(f"gerrit query --format=JSON {arguments}", timeout_seconds=ANSWER_SECONDS)
        if result.status:
            raise Unavailable(f"gerrit query: exit status {result.status}: {shortened(result.stderr.strip(), 200)}")
        return _read(result.stdout)


def _read(answer: str) -> _Page:
    rows: list[tuple[str, Fields]] = []
    garbage: list[tuple[str, MalformedJSON]] = []
    stats: Fields | None = None
    for line in answer.split("\n"):
        if not line.strip():
            continue
        try:
            row = load_object(line)
            kind = row.text("type", "")
            has_more = kind == "stats" and row.flag("moreChanges")
        except MalformedJSON as error:
            garbage.append((line, error))
            continue
        if kind == "error":  # a query that Gerrit does not like ends with status 0 and this line
            raise Refused(f"gerrit query: {shortened(row.text('message', ''), 200)}")
        if kind == "stats":
            stats, more = row, has_more
        else:
            rows.append((line, row))
    if stats is None:
        raise Unavailable("gerrit query: the answer has no end")
    return _Page(rows, garbage, more)


def _terms(projects: Sequence[str]) -> Iterator[str]:
    for project in projects:
        if not _PROJECT.fullmatch(project):
            raise Refused(f"project {shortened(project)}: a name that Gerrit cannot be asked for")
    for start in range(0, len(projects), PROJECTS_AT_ONCE):
        names = " OR ".join(f"project:{{{project}}}" for project in projects[start : start + PROJECTS_AT_ONCE])
        yield f"'({names})'"


def _utc(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime(second))


def _order(event: Event) -> tuple[int, int]:
    """In one second by change; what one change tells is in order already, and sorting keeps that."""
    return event.created_at, event.change.number if event.change else 0
