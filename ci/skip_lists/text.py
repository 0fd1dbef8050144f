"""A list's bytes as lines of text, and the characters that tempest's readers take otherwise than people do."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

BYTE_ORDER_MARK = "\ufeff"
# Text files end a line at the first of these, str.splitlines() at any: stestr reads exclude and include lists so.
_LINE_ENDS = "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_PLAIN = re.compile(r"[\t\x20-\x7e]*+")
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line: its bytes with the end, and its text without; `has_return` for one that ends with CR LF."""

    content: bytes
    text: str
    has_return: bool


def encoding_problem(content: bytes) -> tuple[int, int, str, str] | None:
    """Return line, column, what is wrong and what to do where bytes are not UTF-8; None when they are."""
    hint = "save the file as UTF-8"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or content.count(b"\0") > len(content) // 4:
        return 1, 1, "is UTF-16, not UTF-8: tempest cannot read it", hint
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before.rpartition(b"\n")[2].decode("utf-8")) + 1
        return before.count(b"\n") + 1, column, "is not UTF-8: tempest cannot read it", hint
    return None


def split_lines(content: bytes) -> list[TextLine]:
    """Return the lines of UTF-8 text; joined, their bytes are the content again."""
    parts = content.split(b"\n")
    ended = [_line(part + b"\n", part) for part in parts[:-1]]
    return [*ended, _line(parts[-1], parts[-1])] if parts[-1] else ended


def strange_character(text: str) -> tuple[int, str, str, str] | None:
    """Return column, code, what is wrong and what to do for the first character that does not belong in a list."""
    plain = _PLAIN.match(text)
    index = plain.end() if plain else 0
    if index == len(text):
        return None
    character = text[index]
    name = f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
    if character in _LINE_ENDS:
        message = f"{name} ends a line for tempest: what follows is read as a list entry of its own"
        return index + 1, "line-end-inside", message, "remove it, or begin a new line"
    if character.isascii():
        return index + 1, "control-character", f"{name} is a control character", "remove it"
    hint = "write a plain -" if character in _DASHES else "replace it with plain ASCII"
    message = f"{name} is outside ASCII: tempest reads another character where the locale is not UTF-8"
    if index < text.find("#") or "#" not in text:
        message = f"{name} makes the line leave out nothing"
    return index + 1, "not-ascii", message, hint


def _line(content: bytes, text: bytes) -> TextLine:
    plain = text.rstrip(b"\r")
    return TextLine(content, plain.decode("utf-8"), len(plain) != len(text))
