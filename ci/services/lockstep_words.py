"""What people read about blocks that wait for a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.model.lockstep import WaitState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ci.model.lockstep import WaitStatus

MOST_LINES = 10
# What is to be pushed is so in a moment; what takes longer than this does not mend itself.
PATIENCE_SECONDS = 600.0
_UPDATE = "update the site's folder from its repository"
# By state: what the sentence goes on with, and what to do; `{url}` is the removal's.
_TOLD = {
    WaitState.DUE: (", which has merged: the removal of the block is to be pushed", ""),
    WaitState.OPEN: (", which has merged: the removal of the block is under review at {url}", "review it"),
    WaitState.MERGED: (", which has merged, and so has the removal of the block ({url})", _UPDATE),
    WaitState.BEHIND: (", which has merged, and the site's repository does not have the block any more", _UPDATE),
    WaitState.ABANDONED: (
        ", which has merged, and the removal of the block was abandoned ({url})",
        "remove the block, or its `until:`",
    ),
    WaitState.REFUSED: (", which has merged, and the removal of the block cannot be pushed", "remove it by hand"),
}


def told(status: WaitStatus) -> tuple[str, str] | None:
    """Return what is to be said of a block, and what to do; None when it waits as it should."""
    if status.state is WaitState.WAITING:
        return (f"the block waits for {status.until}: {status.note}", "") if status.note else None
    text, hint = _TOLD[status.state]
    where = status.url or "the site's Gerrit"
    note = f": {status.note}" if status.note else ""
    return f"the block waits for {status.until}{text.format(url=where)}{note}", hint


def attention_lines(statuses: Iterable[WaitStatus], now: float) -> Iterator[str]:
    """Yield a line for each removal that a person must look at: to review it, or because it does not come by itself."""
    lines = []
    for status in statuses:
        is_soon = status.state is WaitState.DUE and now - status.since < PATIENCE_SECONDS
        if status.state is not WaitState.WAITING and not is_soon and (said := told(status)):
            lines.append(f"{status.path}: {said[0]}" + (f" ({said[1]})" if said[1] else ""))
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"{len(lines) - MOST_LINES} more blocks of skip lists wait for changes that have merged"
