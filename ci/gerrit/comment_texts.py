"""The texts of comments at patch set level, which the list of a change's messages only counts."""

from __future__ import annotations

import calendar
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ci.gerrit.parsing import PATCHSET_LEVEL, SECOND_MAX, account, numbered_patchsets
from ci.model.change import Account

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.gerrit.fields import Fields

_COUNT = re.compile(r"\((\d{1,6}) comments?\)(?:\n|\Z)", re.ASCII)
_UTC = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One of a change's messages, by its place among them; two that say the same are two.

    Of a review, `head` is what stands behind `Patch Set N:` and `body` what comes below; 0 and "" of others.
    """

    position: int
    second: int
    author: Account | None
    text: str
    patchset: int = 0
    head: str = ""
    body: str = ""

    @property
    def is_review(self) -> bool:
        return self.patchset > 0

    @property
    def comments(self) -> int:
        """How many comments were made with it; their text is elsewhere."""
        found = _COUNT.match(self.body)
        return int(found[1]) if found else 0


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts at patch set level that were made with one message, and those that the stream leaves out of it."""

    told: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()


@dataclass(slots=True)
class _Batch:
    """What was published at once."""

    author: Account | None
    second: int
    texts: list[tuple[int, str]] = field(default_factory=list)  # patch set, text


def same_account(one: Account | None, other: Account | None) -> bool:
    """Whether two accounts are the same, by the best that is known of both."""
    if one is None or other is None:
        return one is other
    for mine, theirs in ((one.username, other.username), (one.email, other.email)):
        if mine and theirs:
            return mine == theirs
    return one.name == other.name


def texts_by_time(messages: Sequence[Message], comments: Fields, created: dict[int, int]) -> dict[Message, Texts]:
    """Find each message's texts among the comments as REST tells them; `created` is the second of each patch set."""
    batches = _batches(comments)
    found = {}
    for message in messages:
        if not message.comments:
            continue
        mine = [b for b in batches if b.second == message.second and same_account(b.author, message.author)]
        if not mine:
            found[message] = Texts()
            continue
        # With several in one second: the count tells, but for comments on lines, which it counts too.
        batch = min(mine, key=lambda b: (len(b.texts) != message.comments, len(b.texts) > message.comments))
        batches.remove(batch)
        found[message] = _divided(message, batch.texts, created)
    return found


def texts_by_order(messages: Sequence[Message], row: Fields) -> dict[Message, Texts | None]:
    """Find each message's texts among the comments as a query tells them: without a time. None: it cannot be told.

    Those of one author on one patch set come in the order in which they were made.
    """
    found: dict[Message, Texts | None] = {}
    patchsets = numbered_patchsets(row)
    for message in messages:
        if not message.comments:
            continue
        peers = [
            m for m in messages
            if m.comments and m.patchset == message.patchset and same_account(m.author, message.author)
        ]  # fmt: skip
        written = {
            number: [
                (comment.text("file", "") == PATCHSET_LEVEL, comment.text("message", ""))
                for comment in fields.children("comments")
                if same_account(account(comment.optional_child("reviewer")), message.author)
            ]
            for number, fields in patchsets.items()
            if number <= message.patchset
        }
        own = written.pop(message.patchset)
        may_be_older = not own and any(is_text for texts in written.values() for is_text, _ in texts)
        texts = [text for is_text, text in own if is_text]
        found[message] = None if may_be_older else _matched(peers.index(message), peers, texts)
    return found


def _matched(position: int, peers: list[Message], texts: list[str]) -> Texts | None:
    if not texts:
        return Texts()
    if len(peers) == 1:
        return Texts(tuple(texts))
    if len(texts) == len(peers) and all(peer.comments == 1 for peer in peers):
        return Texts((texts[position],))
    return None


def _batches(comments: Fields) -> list[_Batch]:
    batches: dict[object, _Batch] = {}
    for comment in comments.children(PATCHSET_LEVEL):
        who, second = account(comment.optional_child("author")), _second(comment)
        key = comment.optional_text("change_message_id") or (who, second)
        batch = batches.setdefault(key, _Batch(who, second))
        batch.texts.append((comment.integer("patch_set", 1, SECOND_MAX), comment.text("message", "")))
    return list(batches.values())


def _second(comment: Fields) -> int:
    moment = comment.matching("updated", _UTC, "time in UTC")
    try:
        return calendar.timegm(time.strptime(moment[:19], "%Y-%m-%d %H:%M:%S"))
    except ValueError:
        comment.fail("updated", "no time")


def _divided(message: Message, texts: list[tuple[int, str]], created: dict[int, int]) -> Texts:
    """Drafts on an older patch set that a push publishes are not in the stream; those of a review are."""
    by_push = message.second == created.get(message.patchset)
    told = tuple(text for patchset, text in texts if patchset == message.patchset or not by_push)
    return Texts(told, tuple(text for patchset, text in texts if patchset != message.patchset and by_push))
