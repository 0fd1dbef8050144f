"""Natural keys: the same happening has the same key, whether the stream or a query tells of it."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.model.change import Account, Change

# How Gerrit counts comments in place of their text.
_COMMENT_COUNT = re.compile(r"\(\d{1,6} comments?\)", re.ASCII)
_HEAD = re.compile(r"^Patch Set \d{1,9}:[^\n]*", re.ASCII)


def patchset_key(change: Change) -> str:
    """Key of a patchset-created event."""
    return f"patchset-created {change.project} {change.name} {change.revision}"


def comment_key(
    change: Change, author: Account | None, second: int, message: str, patchset_texts: Sequence[str] = ()
) -> str:
    """Key of a comment-added event, from the message and the comments at patch set level made with it.

    Gerrit's stream has these in place of the message, in an order of its own; its list of messages has a count instead.
    So they alone count where there are any, as words in no order; the head line, which the stream leaves a vote out
    of, counts where there is nothing else.
    """
    who = (author.username or author.email or author.name or "") if author else ""
    words = " ".join(patchset_texts).split() or _HEAD.sub("", message, count=1).split() or message.split()
    digest = hashlib.sha256(" ".join(sorted(words)).encode()).hexdigest()[:24]
    return f"comment-added {change.project} {change.name} {second} {digest} {who}"


def state_key(type_name: str, change: Change, second: int, state: str = "") -> str:
    """Key of an event that tells of a change's new state."""
    return f"{type_name} {change.project} {change.name} {second} {state}".rstrip()


def other_key(type_name: str, second: int, raw: str) -> str:
    """Key of an event that nothing is known of but its text."""
    return f"{type_name} {second} {hashlib.sha256(raw.encode()).hexdigest()[:24]}"


def comment_text(message: str, patchset_texts: Sequence[str] = ()) -> str:
    r"""Return a comment as the page shows it: head line, texts at patch set level, the rest of the message.

    A comment made in the web page arrives as `Patch Set 1:\n\n(1 comment)` with its text beside it, or with the text
    in place of the count, as servers differ. Here both become `Patch Set 1:\n\ntext`.
    """
    missing = [text for text in patchset_texts if text.strip() and text.strip() not in message]
    if not missing:
        return message
    head, body = "", message
    if found := _HEAD.match(message):
        head, body = found.group(), message[found.end() :]
    parts = [head, *(text.strip() for text in missing), _COMMENT_COUNT.sub("", body, count=1).strip()]
    return "\n\n".join(part for part in parts if part)
