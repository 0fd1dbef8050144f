"""Running a clean-up in a process of its own, which is killed when its time is over.

The client of the REST API waits for some answers without an end, and polls hung jobs in threads that outlive all else.
"""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

GRACE_SECONDS = 2.0


def run_bounded(work: Callable[[Callable[[dict[str, Any]], None]], None], seconds: float) -> tuple[list[Any], str]:
    """Call `work` with a function that takes records; return these, and why it did not end by itself ("" if it did).

    At most `seconds` pass, and a moment; what was told until then is returned in any case.
    """
    ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_work, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()
    records: list[dict[str, Any]] = []
    try:
        why = _listen(ours, records, time.monotonic() + seconds)
        process.join(0.0 if why else GRACE_SECONDS)
    finally:
        process.kill()
        process.join()
        ours.close()
    return records, why


def _listen(pipe: Connection, records: list[dict[str, Any]], end: float) -> str:
    while pipe.poll(max(0.0, end - time.monotonic())):
        try:
            record = pipe.recv()
        except EOFError:
            return "its process ended"
        if record["what"] == "end":
            return str(record["why"])
        records.append(record)
    return "its time is over"


def _work(work: Callable[[Callable[[dict[str, Any]], None]], None], pipe: Connection) -> None:
    try:
        work(pipe.send)
    except Exception as error:
        pipe.send({"what": "end", "why": f"{type(error).__name__}: {error}"})
        raise
    pipe.send({"what": "end", "why": ""})
