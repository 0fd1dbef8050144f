"""The tasks of a build as lines of JSON, no more of them than anybody wants to read or to keep."""

from __future__ import annotations

import errno
import json
from typing import IO, Any

from ci.model.build import MAX_TASK_EVENTS


class TaskEvents:
    """Writes one line for each result of a task; the rest is counted, and the count is the last line."""

    def __init__(self, file: IO[str], max_rows: int = MAX_TASK_EVENTS) -> None:
        self._file = file
        self._left = max_rows - 1  # room for the count
        self._passed_over = 0
        self._last: dict[str, Any] = {}
        self.is_out_of_room = False

    def add(self, row: dict[str, Any]) -> None:
        """Write a row of JSON values."""
        if self._left <= 0:
            self._passed_over += 1
            self._last = row
            return
        self._left -= 1
        self._write(row)

    def close(self) -> None:
        """Say how many there were that are not written."""
        if self._passed_over:
            told = {"task": f"({self._passed_over} more results of tasks are not listed)", "role": "", "message": ""}
            self._write({**self._last, **told})

    def _write(self, row: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            self.is_out_of_room = True  # the build goes on to its clean-up; what it says then is its own fault no more
