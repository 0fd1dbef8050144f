"""Gerrit's events and query rows as records of the model."""

from __future__ import annotations

import re

from ci.gerrit.fields import Fields, load_object
from ci.gerrit.keys import comment_key, comment_text, key_stem, other_key, patchset_key, state_key
from ci.model.change import Account, Approval, Change
from ci.model.event import Event, EventType

# An operator's orders come from the command line: a server that sends one is not obeyed.
_TYPES = {kind.value: kind for kind in EventType} | {
    kind.value: EventType.OTHER for kind in (EventType.ENQUEUE, EventType.DEQUEUE)
}
_ACTORS = {
    EventType.PATCHSET_CREATED: "uploader",
    EventType.COMMENT_ADDED: "author",
    EventType.CHANGE_ABANDONED: "abandoner",
    EventType.CHANGE_RESTORED: "restorer",
    EventType.CHANGE_MERGED: "submitter",
    EventType.WIP_STATE_CHANGED: "changer",
    EventType.PRIVATE_STATE_CHANGED: "changer",
}
# What happens once: no second is part of their keys.
TIMELESS = frozenset({EventType.PATCHSET_CREATED, EventType.CHANGE_MERGED})
PATCHSET_LEVEL = "/PATCHSET_LEVEL"
# Entries of a patch set's file list that are no files.
_MAGIC_FILES = frozenset({"/COMMIT_MSG", "/MERGE_LIST", PATCHSET_LEVEL})
NUMBER_MAX = 2**31 - 1
SECOND_MAX = 2**36
VOTE_MAX = 1000

_TYPE_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)
_REVISION = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_STATUS = re.compile(r"[A-Z]{1,20}")
_WEB_ADDRESS = re.compile(r"https?://[^\s\x00-\x1f\"'<>\\]{1,2000}")
# Names become arguments of git and parts of folders: a part never starts with "-" or ".", nothing is empty.
_NAME_PART = r"[^-./\s\x00-\x1f\x7f\\:?*\[~^][^/\s\x00-\x1f\x7f\\:?*\[~^]*"
_NAME = re.compile(rf"(?!.*\.\.)(?!.*@\{{)(?!.*\.lock(?:/|$)){_NAME_PART}(?:/{_NAME_PART})*")
_NAME_LENGTH = 500


def parse_event(connection: str, line: str, received_at: float) -> Event:
    """Read one line of `gerrit stream-events`; raises MalformedJSON, and nothing else, for a line that is no event.

    `received_at` (seconds since the epoch) stands in where old servers do not say when the event was created.
    """
    raw = line.strip()
    fields = load_object(raw)
    type_name = fields.matching("type", _TYPE_NAME, "type of an event")
    kind = _TYPES.get(type_name, EventType.OTHER)
    created_at = fields.integer("eventCreatedOn", 0, SECOND_MAX, int(received_at))
    if kind is EventType.OTHER:
        return Event(connection, kind, type_name, other_key(type_name, created_at, raw), created_at, raw=raw)
    change = _change(connection, fields.child("change"), fields.child("patchSet"))
    author = account(fields.optional_child(_ACTORS[kind]))
    if kind is EventType.COMMENT_ADDED:
        message, patchset_texts = fields.text("comment", ""), _patchset_texts(fields)
        comment = comment_text(message, patchset_texts)
        natural_key = comment_key(change, author, created_at, message, patchset_texts)
    else:
        comment, natural_key = "", event_state_key(kind, change, created_at)
    return Event(
        connection,
        kind,
        type_name,
        natural_key,
        created_at,
        change=change,
        author=author,
        comment=comment,
        approvals=_approvals(fields, author),
        raw=raw,
        same_as=() if kind in TIMELESS else (key_stem(natural_key),),
    )


def query_row(line: str) -> Fields | None:
    """Read one line of a query's answer; None for the closing line that only counts. Raises MalformedJSON."""
    fields = load_object(line)
    return None if fields.text("type", "") == "stats" else fields


def change_from_query(connection: str, row: Fields, patchset: int | None = None) -> Change:
    """Return the asked-for patch set (the current one when None) from a row of `gerrit query`; raises MalformedJSON.

    The row has `currentPatchSet`, or `patchSets` with every one, each with approvals and files where asked for.
    """
    numbered = numbered_patchsets(row)
    current = max(numbered)
    number = current if patchset is None else patchset
    if number not in numbered:
        row.fail("patchSets", f"no patch set {number}")
    return _change(connection, row, numbered[number], is_current=number == current)


def numbered_patchsets(row: Fields) -> dict[int, Fields]:
    """Return the patch sets that a row of `gerrit query` has, by number: at least one, or MalformedJSON is raised."""
    found = row.children("patchSets") or (row.child("currentPatchSet"),)
    return {fields.integer("number", 1, NUMBER_MAX): fields for fields in found}


def _change(connection: str, change: Fields, patchset: Fields, *, is_current: bool = True) -> Change:
    number = change.integer("number", 1, NUMBER_MAX)
    patchset_number = patchset.integer("number", 1, NUMBER_MAX)
    ref = f"refs/changes/{number % 100:02d}/{number}/{patchset_number}"
    if patchset.text("ref", ref) != ref:
        patchset.fail("ref", f"{ref} expected")
    address = change.text("url", "")
    return Change(
        connection=connection,
        project=_name(change, "project"),
        branch=_name(change, "branch"),
        number=number,
        patchset=patchset_number,
        revision=patchset.matching("revision", _REVISION, "commit"),
        ref=ref,
        subject=change.text("subject", ""),
        url=address if _WEB_ADDRESS.fullmatch(address) else "",
        topic=change.optional_text("topic"),
        message=change.text("commitMessage", ""),
        owner=account(change.optional_child("owner")) or Account(),
        status=change.matching("status", _STATUS, "state of a change") if "status" in change else "NEW",
        is_current=is_current,
        wip=change.flag("wip"),
        private=change.flag("private"),
        files=_files(patchset),
        approvals=_approvals(patchset, None),
        parents=patchset.matching_list("parents", _REVISION, "commit"),
    )


def _name(fields: Fields, name: str) -> str:
    value = fields.text(name)
    if len(value) > _NAME_LENGTH or not _NAME.fullmatch(value):
        fields.fail(name, "not a name that git knows")
    return value


def _files(patchset: Fields) -> tuple[str, ...] | None:
    if "files" not in patchset:
        return None
    # Of a renamed file the new name only: so does Zuul.
    paths = (file.text("file") for file in patchset.children("files"))
    return tuple(path for path in paths if path not in _MAGIC_FILES)


def account(fields: Fields | None) -> Account | None:
    """Return an account; None where there is none."""
    if fields is None:
        return None
    return Account(fields.optional_text("username"), fields.optional_text("name"), fields.optional_text("email"))


def _approvals(fields: Fields, author: Account | None) -> tuple[Approval, ...]:
    # SUBM is how Gerrit notes who submitted a change: no vote.
    return tuple(
        Approval(
            label=approval.text("type"),
            value=approval.integer("value", -VOTE_MAX, VOTE_MAX),
            by=account(approval.optional_child("by")) or author or Account(),
            granted_at=approval.integer("grantedOn", 0, SECOND_MAX, 0),
        )
        for approval in fields.children("approvals")
        if approval.text("type") != "SUBM"
    )


def _patchset_texts(fields: Fields) -> list[str]:
    beside = fields.optional_child("patchSetComments")
    return [comment.text("message", "") for comment in beside.children(PATCHSET_LEVEL)] if beside else []


def event_state_key(kind: EventType, change: Change, second: int) -> str:
    """Return the natural key of an event that is no comment, about `change` as the event left it."""
    if kind is EventType.PATCHSET_CREATED:
        return patchset_key(change)
    if kind is EventType.CHANGE_MERGED:
        return state_key(kind.value, change, None)
    state = ""
    if kind is EventType.WIP_STATE_CHANGED:
        state = "wip" if change.wip else "ready"
    elif kind is EventType.PRIVATE_STATE_CHANGED:
        state = "private" if change.private else "public"
    return state_key(kind.value, change, second, state)
