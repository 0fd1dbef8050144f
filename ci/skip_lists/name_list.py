"""Reads old lists: test names, regular expressions or IDs, one a line, with comments and sections."""

from __future__ import annotations

import codecs
import re
from itertools import chain
from typing import TYPE_CHECKING

from ci.errors import Finding
from ci.skip_lists.foreign import ForeignBlock, ForeignList, Wanted
from ci.skip_lists.head import KEYS
from ci.skip_lists.names import ID, NAMES, split_names

if TYPE_CHECKING:
    from collections.abc import Iterator

_ID_WITHOUT_DASHES = re.compile(r"([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})", re.IGNORECASE)
_HEAD = re.compile(rf"({'|'.join(KEYS)})\s*:\s*(.*)", re.IGNORECASE)
_BANNER = re.compile(r"[\W_]*")
_LICENCE = re.compile(r"copyright|licen[cs]e|spdx", re.IGNORECASE)
_INNER_MARK = re.compile(r"\s#+\s")
_BULLET = re.compile(r"[-*]\s+")
_QUOTED = re.compile(r"(['\"`])(.*)\1,?")
_TRACKER_URL = re.compile(r"https?://[^\s,;)>\]]*(?:launchpad\.net|bugs\.|bugzilla|storyboard)[^\s,;)>\]]*[^\s,;.)>\]]")
_BUG_NUMBER = re.compile(r"\b(?:bug|lp)\s*[:/#]*\s*(\d{5,})\b", re.IGNORECASE)
_DASHES = dict.fromkeys(chain(range(0x2010, 0x2016), (0x2212,)), "-")
_INVISIBLE = dict.fromkeys((0xAD, 0xFEFF, *range(0x200B, 0x2010), *range(0x2060, 0x2065)))
_DOTS_OF_A_FULL_NAME = 2
# What is longer is no sentence of a person's, and these expressions go over it again and again.
_LONGEST_SEARCHED = 2000


def read_name_list(path: str, content: bytes) -> ForeignList:
    """Read a list of names, regular expressions or IDs; a comment above tests is their reason."""
    reader = _Reader()
    text, encoding = _decoded(content)
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        reader.line(number, line)
    reader.end_paragraph()
    result = ForeignList(path, reader.blocks)
    if encoding:
        result.notes.append(
            Finding(path, 0, 0, f"is not UTF-8, and was read as {encoding}", "look at what is not ASCII")
        )
    return result


def bug_in(text: str) -> str:
    """Return the one bug that a text speaks of, as it stands there; "" when there is none, or more than one."""
    text = text[:_LONGEST_SEARCHED]
    found = set(_TRACKER_URL.findall(text)) or set(_BUG_NUMBER.findall(text))
    return found.pop() if len(found) == 1 else ""


class _Reader:
    def __init__(self) -> None:
        self.blocks: list[ForeignBlock] = []
        self._section: dict[str, str] = {}
        self._comments: list[str] = []
        self._block: ForeignBlock | None = None

    def line(self, number: int, line: str) -> None:
        text, mark, comment = line.translate(_INVISIBLE).partition("#")
        if text.strip():
            self._tests(text.translate(_DASHES).strip(), comment.strip(), number, line)
        elif mark:
            self._comments.append(comment.rstrip())
        else:
            self.end_paragraph()

    def end_paragraph(self) -> None:
        """A comment that stands alone is kept, and is the title of what follows."""
        if self._comments:
            head, _ = _head(self._comments)
            self.blocks.append(ForeignBlock(comments=[comment.removeprefix(" ") for comment in self._comments]))
            if not _LICENCE.search(head.get("reason", "")):
                self._section = head
        self._comments, self._block = [], None

    def _tests(self, text: str, comment: str, number: int, line: str) -> None:
        head, others = _head(self._comments)
        if self._block is None or head:
            self._block = ForeignBlock({**self._section, **head} if head else dict(self._section))
            self.blocks.append(self._block)
        self._block.comments.extend(others)
        self._comments = []
        column = len(line) - len(line.lstrip()) + 1
        self._block.wanted.extend(_wanted(text, comment, number, column, line.strip()))


def _decoded(content: bytes) -> tuple[str, str]:
    """Return bytes as text, and as what they were read where they are no UTF-8."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace"), "UTF-16"
    try:
        return content.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        return content.decode("latin-1"), "Latin-1"


def _head(comments: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return what comments say as a block's head, and those that are none of it, such as tests that are disabled."""
    head: dict[str, str] = {}
    prose: list[str] = []
    others: list[str] = []
    for comment in comments:
        text = comment.strip(" \t#")
        if found := _HEAD.fullmatch(text):
            key = found[1].lower()
            if head.setdefault(key, found[2]) != found[2]:
                others.append(text)
        elif _INNER_MARK.search(text) or ID.match(text) or _is_name(text):
            others.append(text)
        elif not _BANNER.fullmatch(text):
            prose.append(text)
    if prose and "reason" in head:
        others = [*prose, *others]
    elif prose:
        head["reason"] = _joined(prose)
    if bug := bug_in(head.get("reason", "")):
        head.setdefault("bug", bug)
    return head, others


def _joined(lines: list[str]) -> str:
    """Return lines as one; where a line ends without a sign and the next begins a sentence, a full stop is put."""
    return re.sub(r"(?<=\w)\n(?=[A-Z])", ". ", "\n".join(lines)).replace("\n", " ")


def _wanted(text: str, comment: str, number: int, column: int, source: str) -> Iterator[Wanted]:
    """Yield what a line asks for: each ID in it, or else the name or expression that it is."""
    text = _BULLET.sub("", text, count=1) if _BULLET.match(text) else text
    if quoted := _QUOTED.fullmatch(text):
        text = quoted[2]
    names = split_names(comment) if NAMES.fullmatch(comment) and all(map(_is_name, comment.split())) else ()
    reason = "" if names else comment
    if found := _ID_WITHOUT_DASHES.fullmatch(text):
        text = "-".join(found.groups())
    if not ID.search(text):
        yield Wanted(text, number, column, source, "", names, reason)
        return
    for part in text.split("|") if "(" not in text else [text]:
        identities = [identity.lower() for identity in ID.findall(part)]
        beside = tuple(word for word in split_names(ID.sub(" ", part)) if _is_name(word))
        if not identities and part.strip():
            yield Wanted(part.strip(), number, column, source, "", (), reason)
        for identity in identities:
            yield Wanted(part, number, column, source, identity, names or beside, reason)


def _is_name(text: str) -> bool:
    """Whether a text is one test's name, in full or its last part."""
    word = text.strip(",")
    return bool(NAMES.fullmatch(word)) and (
        (word.count(".") >= _DOTS_OF_A_FULL_NAME and " " not in word) or bool(re.fullmatch(r"test_\w+", word))
    )
