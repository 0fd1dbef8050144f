"""Blocks that wait for a change: found in the site's lists, and taken out of a list once the change has merged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ci.errors import CIError, Finding
from ci.model.lockstep import Wait
from ci.skip_lists.files import read_list
from ci.skip_lists.head import KEYS
from ci.skip_lists.parse import parse_skip_list

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ci.skip_lists.model import Block, SkipList

_HEAD_LINE = re.compile(rf"#\s*({'|'.join(KEYS)}):".encode())
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


class WaitingLists:
    """Keeps `ci.ports.SkipLists` over the lists of the site that is in force; `folder` says where that lies."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder

    def waits(self, path: str) -> tuple[Wait, ...]:
        content = read_list(self._folder() / path, path)
        if isinstance(content, Finding):
            raise CIError(str(content))
        return waits(_sound(path, content))

    def without(self, wait: Wait, content: bytes) -> bytes | None:
        return without(wait, content)


def waits(skip_list: SkipList) -> tuple[Wait, ...]:
    """Return what a list waits for, in the order in which it is first said."""
    blocks: dict[str, list[Block]] = {}
    for block in skip_list.blocks:
        if until := block.head.get("until"):
            blocks.setdefault(until, []).append(block)
    return tuple(_wait(skip_list.path, until, waiting) for until, waiting in blocks.items())


def without(wait: Wait, content: bytes) -> bytes | None:
    """Return a list without the blocks of a wait, all else byte for byte; None when it does not have just these.

    A block's blank line goes with it. Raises `CIError` when the list has errors: what its blocks are is then not clear.
    """
    skip_list = _sound(wait.path, content)
    blocks = [block for block in skip_list.blocks if block.head.get("until") == wait.until]
    if not blocks or _wait(wait.path, wait.until, blocks).ids != wait.ids:
        return None
    lines = _LINE.findall(content)
    for block in reversed(blocks):
        _cut(lines, block)
    return b"".join(lines)


def _sound(path: str, content: bytes) -> SkipList:
    skip_list = parse_skip_list(path, content)
    if skip_list.findings:
        raise CIError(f"the list has errors, the first one: {skip_list.findings[0]}")
    return skip_list


def _wait(path: str, until: str, blocks: Sequence[Block]) -> Wait:
    ids = sorted({entry.id for block in blocks for entry in block.entries})
    return Wait(path, until, tuple(ids), tuple(block.line for block in blocks))


def _cut(lines: list[bytes], block: Block) -> None:
    """Take a block's lines out, and a blank line beside it where two would be left, or one at an end of the file."""
    start, end = block.line - 1, block.entries[-1].line
    if start == 0:  # what stands there above the head is about the whole file
        start = next((n for n in range(end) if _HEAD_LINE.match(lines[n])), start)
    is_blank_before = start == 0 or not lines[start - 1].strip()
    if end < len(lines):
        end += is_blank_before and not lines[end].strip()
    elif start and is_blank_before:
        start -= 1
    del lines[start:end]
