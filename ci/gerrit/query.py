"""What Gerrit knows of a change, asked by `gerrit query`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ci.errors import Refused, Unavailable
from ci.gerrit.fields import MalformedJSON, shortened
from ci.gerrit.parsing import change_from_query, numbered_patchsets, query_row

if TYPE_CHECKING:
    from ci.gerrit.connection import CommandLine
    from ci.gerrit.fields import Fields
    from ci.model.change import Approval, Change

_CHANGE_ID = re.compile(r"I[0-9a-f]{40}")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_DEPENDENCIES = "--dependencies"
_MESSAGE_HEAD = re.compile(r"Patch Set (\d{1,9}):", re.ASCII)


def read_change(commands: CommandLine, connection: str, number: int, patchset: int | None) -> Change:
    """Return one patch set of a change as it is now; raises Refused when it is not there or not for us to see."""
    options = "--files --commit-message"
    # The files of every patch set cost the server a comparison each: they are only asked for when an old one is.
    # Which of its parents are patch sets of changes comes along: mostly none, and nobody has to ask for them.
    change = _change(commands, connection, number, None, f"--current-patch-set {_DEPENDENCIES} {options}")
    if patchset is None or patchset == change.patchset:
        return change
    if patchset > change.patchset:
        raise Refused(f"change {number}: no patch set {patchset}; the last one is {change.patchset}")
    return _change(commands, connection, number, patchset, f"--patch-sets --all-approvals {options}")


def read_changes_with_id(commands: CommandLine, connection: str, change_id: str) -> tuple[Change, ...]:
    """Return the changes that have a Change-Id, one for each project and branch; () when we see none."""
    if not _CHANGE_ID.fullmatch(change_id):
        raise Refused(f"not a Change-Id: {change_id[:60]!r}")
    rows = _rows(commands, f"--current-patch-set change:{change_id}")
    try:
        return tuple(change_from_query(connection, row) for row in rows)
    except MalformedJSON as error:
        raise Unavailable(f"changes with {change_id}: Gerrit's answer is garbage: {error}") from error


def read_changes_at(commands: CommandLine, connection: str, project: str, commit: str) -> tuple[Change, ...]:
    """Return the changes of a project that have a commit as one of their patch sets, as that one; () for none."""
    if not _COMMIT.fullmatch(commit):
        raise Refused(f"not a commit: {commit[:60]!r}")
    rows = _rows(commands, f"--patch-sets --all-approvals --commit-message commit:{commit}")
    found = []
    try:
        for row in rows:
            numbers = (number for number, one in numbered_patchsets(row).items() if one.text("revision", "") == commit)
            change = change_from_query(connection, row, next(numbers, None))
            if (change.project, change.revision) == (project, commit):
                found.append(change)
    except MalformedJSON as error:
        raise Unavailable(f"changes at {commit}: Gerrit's answer is garbage: {error}") from error
    return tuple(found)


def is_visible(commands: CommandLine, number: int) -> bool:
    """Whether our account sees the change at all."""
    return bool(_rows(commands, f"change:{int(number)}"))


def read_approvals(commands: CommandLine, connection: str, number: int, patchset: int) -> tuple[Approval, ...]:
    """Return the votes on one patch set of a change."""
    return _change(commands, connection, number, patchset, "--patch-sets --all-approvals").approvals


def has_message(commands: CommandLine, user: str, number: int, patchset: int, marker: str) -> bool:
    """Whether one of the user's messages on that patch set contains `marker`."""
    row = _row(commands, number, "--comments")
    try:
        for comment in row.children("comments"):
            reviewer = comment.optional_child("reviewer")
            text = comment.text("message", "")
            head = _MESSAGE_HEAD.match(text)
            ours = reviewer is not None and reviewer.optional_text("username") == user
            if ours and head and int(head[1]) == patchset and marker in text:
                return True
    except MalformedJSON as error:
        raise Unavailable(f"change {number}: Gerrit's answer is garbage: {error}") from error
    return False


def _change(commands: CommandLine, connection: str, number: int, patchset: int | None, options: str) -> Change:
    row = _row(commands, number, options)
    try:
        change = change_from_query(connection, row, patchset)
        if _DEPENDENCIES not in options:
            return change
        stands_on = {one.text("revision", "") for one in row.children("dependsOn")}
        return replace(change, parents=tuple(parent for parent in change.parents if parent in stands_on))
    except MalformedJSON as error:
        raise Unavailable(f"change {number}: Gerrit's answer is garbage: {error}") from error


def _row(commands: CommandLine, number: int, options: str) -> Fields:
    rows = _rows(commands, f"{options} change:{int(number)}")
    if not rows:
        raise Refused(f"change {number}: there is none, or our account may not see it")
    return rows[0]


def _rows(commands: CommandLine, arguments: str) -> list[Fields]:
    """Run a query; nothing that others wrote may be part of `arguments`."""
    result = commands.run(f"gerrit query --format=JSON {arguments}")
    if result.status:
        raise Unavailable(f"gerrit query: exit status {result.status}: {shortened(result.stderr.strip(), 200)}")
    rows = []
    try:
        for line in result.stdout.split("\n"):
            row = query_row(line) if line.strip() else None
            if row is not None:
                # A query that Gerrit does not like ends with status 0 and this line.
                if row.text("type", "") == "error":
                    raise Refused(f"gerrit query: {shortened(row.text('message', ''), 200)}")
                rows.append(row)
    except MalformedJSON as error:
        raise Unavailable(f"gerrit query: the answer is garbage: {error}") from error
    return rows
