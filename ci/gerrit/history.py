"""What a change's row of a query tells of its past: events as the stream would have told them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ci.gerrit.comment_texts import Message, Texts, same_account, texts_by_order, texts_by_time
from ci.gerrit.keys import comment_key, comment_stem, comment_text, key_stem
from ci.gerrit.parsing import SECOND_MAX, TIMELESS, account, change_from_query, event_state_key, numbered_patchsets
from ci.model.change import Account, Approval
from ci.model.event import Event, EventSource, EventType, Lost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.gerrit.fields import Fields
    from ci.model.change import Change

_REVIEW = re.compile(r"Patch Set (\d{1,9}):([^\n]*)(?:\n|\Z)", re.ASCII)
_VOTES = re.compile(r"(?: (?:-[A-Za-z][\w-]*|[A-Za-z][\w-]*[+-]\d{1,3}))*", re.ASCII)
_VOTE = re.compile(r" ([A-Za-z][\w-]*?)([+-]\d{1,3})(?=[ ,.]|\Z)| -([A-Za-z][\w-]*)", re.ASCII)
_UPLOAD_WITH_VOTES = re.compile(r"Uploaded patch set (\d{1,9}):([^\n]*?)\.?(?:\n|\Z)", re.ASCII)
_MERGED = "change has been successfully "  # "merged", "cherry-picked as", "rebased and submitted as" ...
# What Gerrit writes when a state changes; what people write comes below a head line.
_STATES: dict[str, tuple[EventType, dict[str, object]]] = {
    _MERGED: (EventType.CHANGE_MERGED, {"status": "MERGED"}),
    "abandoned": (EventType.CHANGE_ABANDONED, {"status": "ABANDONED"}),
    "restored": (EventType.CHANGE_RESTORED, {"status": "NEW"}),
    "set work in progress": (EventType.WIP_STATE_CHANGED, {"wip": True}),
    "set ready for review": (EventType.WIP_STATE_CHANGED, {"wip": False}),
    "set private": (EventType.PRIVATE_STATE_CHANGED, {"private": True}),
    "unset private": (EventType.PRIVATE_STATE_CHANGED, {"private": False}),
}
# What Gerrit says in place of a message when a review starts and nothing else is said.
_READY = "This change is ready for review."


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of one change since a second: events and what cannot be told, in no order."""

    events: tuple[Event, ...]
    lost: tuple[Lost, ...]


def counts_comments(row: Fields, since: int) -> bool:
    """Whether a message of the time in question only counts comments; raises MalformedJSON."""
    return any(message.comments for message in _messages(row) if message.second >= since)


def past_of(connection: str, row: Fields, comments: Fields | None, since: int) -> Past:
    """Read a row with `patchSets` and `comments`; raises MalformedJSON.

    `comments` are those that REST tells of, None when it does not. `since` in Gerrit's seconds since the epoch.
    """
    return _Reader(connection, row, since).read(comments)


class _Reader:
    def __init__(self, connection: str, row: Fields, since: int) -> None:
        self._connection = connection
        self._row = row
        self._since = since
        self._patchsets = numbered_patchsets(row)
        self._created = {n: p.integer("createdOn", 0, SECOND_MAX, 0) for n, p in self._patchsets.items()}
        self._changes: dict[int, Change] = {}
        self._current = self._change(max(self._patchsets))
        self._messages = _messages(row)
        self._merged_at = {m.second for m in self._messages if m.text.lower().startswith(_MERGED)}
        self._lost: list[Lost] = []

    def read(self, comments: Fields | None) -> Past:
        events = [(event.created_at, -1, event) for event in self._patchset_events()]
        told = [*self._states(), *self._votes_of_uploads(), *self._comment_events(comments)]
        events += [(event.created_at, message.position, event) for message, event in told]
        events.sort(key=lambda each: each[:2])  # in one second a patch set comes before what is said of it
        return Past(tuple(event for _, _, event in events), tuple(self._lost))

    def _change(self, patchset: int) -> Change:
        if patchset not in self._changes:
            self._changes[patchset] = change_from_query(self._connection, self._row, patchset)
        return self._changes[patchset]

    def _event(
        self, kind: EventType, change: Change, second: int, author: Account | None, natural_key: str = "",
        same_as: tuple[str, ...] = (), comment: str = "", approvals: tuple[Approval, ...] = (),
    ) -> Event:  # fmt: skip
        natural_key = natural_key or event_state_key(kind, change, second)
        stems = () if kind in TIMELESS else (key_stem(natural_key), *same_as)
        return Event(
            self._connection, kind, kind.value, natural_key, second, change=change, author=author, comment=comment,
            approvals=approvals, source=EventSource.QUERY, same_as=stems,
        )  # fmt: skip

    def _patchset_events(self) -> Iterator[Event]:
        for number, fields in sorted(self._patchsets.items()):
            created = self._created[number]
            # A strategy that writes a commit of its own when it merges: no event tells of that patch set.
            if created < self._since or (created in self._merged_at and number == self._current.patchset > 1):
                continue
            change = self._change(number)
            uploader = account(fields.optional_child("uploader"))
            event = self._event(EventType.PATCHSET_CREATED, change, created, uploader)
            if change.is_current:
                yield event
            else:
                reason = f"patch set {change.name} was superseded by {self._current.name}"
                self._lost.append(Lost(event, reason))

    def _states(self) -> Iterator[tuple[Message, Event]]:
        for message in self._recent():
            first_line = message.text.partition("\n")[0].strip().lower()
            if message.is_review and message.body.strip() == _READY:
                first_line = "set ready for review"
            elif first_line.startswith(_MERGED):
                first_line = _MERGED
            if first_line not in _STATES:
                continue
            kind, state = _STATES[first_line]
            # Who sees it now may not have seen how it was hidden: nobody was told.
            if state != {"private": True} or self._current.private:
                change = replace(self._change(self._patchset_at(message.second)), **state)  # type: ignore[arg-type]
                yield message, self._event(kind, change, message.second, message.author)

    def _recent(self) -> Iterator[Message]:
        return (message for message in self._messages if message.second >= self._since)

    def _patchset_at(self, second: int) -> int:
        return max((n for n, created in self._created.items() if created <= second), default=min(self._created))

    def _votes_of_uploads(self) -> Iterator[tuple[Message, Event]]:
        """A push may vote: the stream tells of that as of a comment without words."""
        for message in self._recent():
            found = _UPLOAD_WITH_VOTES.match(message.text)
            if found and int(found[1]) in self._patchsets:
                change, author, second = self._change(int(found[1])), message.author, message.second
                key, votes = comment_key(change, author, second, ""), _head_votes(found[2])
                approvals = _approvals(change, author, second, votes)
                yield message, self._event(EventType.COMMENT_ADDED, change, second, author, key, approvals=approvals)

    def _comment_events(self, comments: Fields | None) -> Iterator[tuple[Message, Event]]:
        reviews = [m for m in self._messages if m.is_review and m.patchset in self._patchsets]
        texts: dict[Message, Texts | None] = {}
        if comments is None:
            texts = texts_by_order(reviews, self._row)
        else:
            texts.update(texts_by_time(reviews, comments, self._created))
        for message in reviews:
            if message.second < self._since:
                continue
            change, known = self._change(message.patchset), texts.get(message, Texts())
            if known is not None:
                yield message, self._comment_event(message, change, known)
                continue
            untold = self._comment_event(message, change, Texts())
            untold = replace(untold, same_as=(comment_stem(change, message.author),))
            self._lost.append(Lost(untold, f"the text of a comment on {change.name} cannot be told from others"))

    def _comment_event(self, message: Message, change: Change, texts: Texts) -> Event:
        author, second = message.author, message.second
        key = comment_key(change, author, second, message.text, texts.told)
        others = {comment_key(change, author, second, message.text, texts.told + texts.untold)}
        others.add(comment_key(change, author, second, message.text))
        return self._event(
            EventType.COMMENT_ADDED, change, second, author, key,
            same_as=tuple(sorted(key_stem(other) for other in others - {key})),
            comment=comment_text(message.text, texts.told),
            approvals=_approvals(change, author, second, _head_votes(message.head)),
        )  # fmt: skip


def _messages(row: Fields) -> list[Message]:
    """Return all messages; of those with words behind `Patch Set N:` Gerrit itself is the author: no reviews."""
    found = []
    for position, comment in enumerate(row.children("comments")):
        second, text = comment.integer("timestamp", 0, SECOND_MAX), comment.text("message", "")
        author, head = account(comment.optional_child("reviewer")), _REVIEW.match(text)
        if head and _VOTES.fullmatch(head[2]):
            body = text[head.end() :].lstrip("\n")
            found.append(Message(position, second, author, text, int(head[1]), head[2], body))
        else:
            found.append(Message(position, second, author, text))
    return found


def _head_votes(head: str) -> dict[str, int]:
    """Return the votes that Gerrit names in a head line; nothing that people write stands there."""
    return {given or taken: int(value or 0) for given, value, taken in _VOTE.findall(head)}


def _approvals(change: Change, author: Account | None, second: int, votes: dict[str, int]) -> tuple[Approval, ...]:
    """Return the author's votes at that second: what stands from before, and what was given with it.

    A vote that was changed later is only in the head line any more; one that was given again is not in that.
    """
    who = author or Account()
    before = [a for a in change.approvals if same_account(a.by, who) and a.granted_at <= second]
    kept = [approval for approval in before if approval.label not in votes]
    return (*kept, *(Approval(label, value, who, second) for label, value in votes.items()))
