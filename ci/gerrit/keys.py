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
_SECOND_DIGITS = 11


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
    words = " ".join(patchset_texts).split() or _HEAD.sub("", message, count=1).split() or message.split()
    digest = hashlib.sha256(" ".join(sorted(words)).encode()).hexdigest()[:24]
    return f"{comment_stem(change, author)}{digest} {_padded(second)}"


def comment_stem(change: Change, author: Account | None) -> str:
    """How the keys of all comments begin that an account made on a patch set."""
    who = (author.username or author.email or author.name or "") if author else ""
    return f"comment-added {change.project} {change.name} {'_'.join(who.split())} "


def state_key(type_name: str, change: Change, second: int | None, state: str = "") -> str:
    """Key of an event that tells of a change's new state; `second` None for what happens once to a change.

    The patch set is no part of it: a query does not tell of which one it was the state.
    """
    parts = [type_name, change.project, str(change.number), state, "" if second is None else _padded(second)]
    return " ".join(part for part in parts if part)


def key_stem(natural_key: str) -> str:
    """The key without its second: what the keys of the same happening by other clocks begin with."""
    return natural_key[:-_SECOND_DIGITS]


def _padded(second: int) -> str:
    return f"{second:0{_SECOND_DIGITS}d}"


def other_key(type_name: str, second: int, raw: str) -> str:
    """Key of an event that nothing is known of but its text."""
    return f"{type_name} {second} {hashlib.sha256(raw.encode()).hexdigest()[:24]}"


def comment_text(message: str, patchset_texts: Sequence[str] = ()) -> str:
    r"""Return a comment as the page shows it: head line, texts at patch set level, the rest of the message.

    A comment made in the web page arrives as `Patch Set 1:\n\n(1 comment)` with its text beside it, or with the text
    in place of the count, as servers differ. Here both become `Patch Set 1:\n\ntext`.
    """
    head, body = "", message
    if found := _HEAD.match(message):
        head, body = found.group(), message[found.end() :]
    paragraphs = f"\n\n{body.strip()}\n\n"
    missing = [text for text in patchset_texts if text.strip() and f"\n\n{text.strip()}\n\n" not in paragraphs]
    if not missing:
        return message
    parts = [head, *(text.strip() for text in missing), _COMMENT_COUNT.sub("", body, count=1).strip()]
    return "\n\n".join(part for part in parts if part)
