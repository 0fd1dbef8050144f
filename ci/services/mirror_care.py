"""Keeps the mirrors small, in a loop of its own: packing one may take a quarter of an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ci.ports import Clock, SourceKeeper, Store

EVERY_SECONDS = 600.0
SOON_SECONDS = 1.0


class MirrorCare:
    """Tidies one mirror at a time; the next one soon after, and all of them again after ten minutes."""

    def __init__(self, sources: SourceKeeper, store: Store, clock: Clock) -> None:
        self._sources = sources
        self._store = store
        self._clock = clock
        self._due_at = 0.0

    def step(self) -> float:
        """Tidy the next mirror when it is time; returns after how many seconds to come again."""
        if self._clock.now() >= self._due_at:
            self._due_at = self._clock.now() + SOON_SECONDS  # also when it fails
            if self._sources.tidy(self._open_buildset_ids, lambda: False):
                self._due_at = self._clock.now() + EVERY_SECONDS
        return max(0.05, self._due_at - self._clock.now())

    def _open_buildset_ids(self) -> set[str]:
        return {build.buildset_id for build in self._store.buildsets.open_builds()}
