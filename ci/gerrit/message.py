"""A review's message, made to fit what Gerrit takes."""

from __future__ import annotations

import re

# Gerrit refuses a review, with its vote, when the message has more than 16,384 of its characters (UTF-16 units);
# counted in bytes of UTF-8 the limit is kept on every version and for every script. What Gerrit puts before the
# message (`Patch Set 1: Verified+1`) does not count; the reserve is for servers where it may.
LIMIT_BYTES = 16_384 - 256
_NOTE = "[... {count} lines left out: Gerrit takes no longer message ...]"
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_LINK = re.compile(r"https?://", re.ASCII)
_LINE_BYTES = 2_000


def fitted(message: str, limit_bytes: int = LIMIT_BYTES) -> str:
    """Return the message without characters that are no text, shortened in the middle when it is over the limit.

    The head line, the first line with a link, the start and the end stay; a note says how many lines are gone.
    """
    text = _NOT_TEXT.sub("?", message)
    if _size(text) <= limit_bytes:
        return text
    lines = [_cut(line, _LINE_BYTES) for line in text.split("\n")]
    keep = _kept(lines, limit_bytes - _size(_NOTE) - 20)
    result: list[str] = []
    gap = 0
    for index, line in enumerate([*lines, None]):
        if line is not None and index not in keep:
            gap += 1
            continue
        if gap:
            result.append(_NOTE.format(count=gap) if _NOTE[:5] not in "".join(result) else "[...]")
            gap = 0
        if line is not None:
            result.append(line)
    return "\n".join(result)


def _kept(lines: list[str], room: int) -> set[int]:
    """Choose lines by importance until the room is full: head, link, then from both ends, two above for one below."""
    link = next((index for index, line in enumerate(lines) if _LINK.search(line)), 0)
    order = [0, link]
    top, bottom = 1, len(lines) - 1
    while top <= bottom:
        order += [top, top + 1, bottom]
        top, bottom = top + 2, bottom - 1
    kept: set[int] = set()
    for index in order:
        if index >= len(lines) or index in kept:
            continue
        room -= _size(lines[index]) + 1
        if room < 0:
            break
        kept.add(index)
    return kept


def _cut(line: str, limit_bytes: int) -> str:
    if _size(line) <= limit_bytes:
        return line
    return line.encode()[: limit_bytes - 4].decode(errors="ignore") + " ..."


def _size(text: str) -> int:
    return len(text.encode())
