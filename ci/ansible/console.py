"""The live console log of a build, `job-output.txt`, in the form that readers of Zuul's logs know."""

from __future__ import annotations

import errno
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from ci.model.build import CONSOLE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

MAX_BYTES = 100 * 1024 * 1024
MAX_LINE = 10_000

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# Control characters, and those that turn the direction of text: a log must look like what it is.
_UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str, limit: int = MAX_LINE) -> str:
    """Return text from outside as one harmless line of at most `limit` characters, and a mark where it was cut."""
    if len(text) > limit:
        text = f"{text[:limit]}..."
    return _UNPRINTABLE.sub(_visible, without_colours(text.rstrip("\r\n")))


def without_colours(text: str) -> str:
    """Return text without what a terminal would take for colours."""
    return _COLOURS.sub("", text)


def one_line(text: str, limit: int = 300) -> str:
    """Return the first line of a text that is not blank, cleaned."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return clean(first.strip(), limit)


def gist(text: str, limit: int = 300) -> str:
    """Return the first line of a text; where that only announces what follows, also the last one, which says most."""
    first, last = one_line(text, limit), one_line("\n".join(reversed(text.splitlines())), limit)
    return clean(f"{first} {last}", 2 * limit) if first.endswith(":") and last != first else first


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004  # as Python writes them


class ConsoleLog:
    """Writes lines with their time, each batch at once; full after `MAX_BYTES`, which it says.

    Lines that find no room on the disk are lost: the build still has to clean up.
    """

    def __init__(self, log_folder: Path, max_bytes: int = MAX_BYTES) -> None:
        # The folder also takes files from the nodes: never follow a link that lies there.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(log_folder / CONSOLE_FILE, flags, 0o644)
        self._left = max_bytes - os.fstat(self._file).st_size
        self._is_full = False
        self.is_out_of_room = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def say(self, text: str = "") -> None:
        """Write a line of our own, or a blank one."""
        self._write([text])

    def say_for(self, host: str, lines: Iterable[str]) -> None:
        """Write lines that belong to a host."""
        name = clean(host, 100)
        self._write(f"{name} | {line}" for line in lines)

    def _write(self, lines: Iterable[str]) -> None:
        if self._is_full:
            return
        stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        batch = "".join(f"{stamp} | {clean(line)}\n" for line in lines).encode()
        if len(batch) > self._left:
            self._is_full = True
            end = batch.rfind(b"\n", 0, max(0, self._left)) + 1
            batch = batch[:end] + f"{stamp} | [the log is cut here: it has reached its largest size]\n".encode()
        self._left -= len(batch)
        self._store(batch)

    def _store(self, batch: bytes) -> None:
        view = memoryview(batch)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            self.is_out_of_room = True
