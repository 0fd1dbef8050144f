"""Removes what no longer waits: a skip list's block whose change has merged goes by a change to the site's repository.

The state is reconciled and no event is chased: whatever was missed, or done by others, is seen at the next look.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from ci.errors import LINK_FAILURES, CIError, Interrupted, Refused, Unavailable, printable
from ci.model.lockstep import LockstepMode, Removal, WaitState, WaitStatus
from ci.observability import SKIP_LIST_REMOVALS, get_logger
from ci.services.list_places import ListPlaces, named_lists
from ci.services.lockstep_decisions import Outcome, Sight, after_merge, before_merge, removal_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ci.config.layout import Layout
    from ci.model.lockstep import Place, SiteFile, Wait
    from ci.ports import ChangeHistory, Clock, Gerrit, SiteRepository, SkipLists, Store
    from ci.services.pulse import Pulse

REGULAR_SECONDS = 3600.0
AFTER_A_FAILURE_SECONDS = 300.0
# Merges come in bursts: one look is enough for all of them.
SHORTEST_PAUSE_SECONDS = 5.0
REFUSED_PAUSE_SECONDS = 6 * 3600.0
TOPIC = "skip-list-lockstep"


class Lockstep:
    """Looks soon after a merge, at the start, and regularly."""

    def __init__(
        self, layout: Callable[[], Layout], mode: LockstepMode, lists: SkipLists, history: ChangeHistory,
        repository: SiteRepository | None, gerrits: Mapping[str, Gerrit], store: Store, pulse: Pulse, clock: Clock,
    ) -> None:  # fmt: skip
        """`repository` is None where the tenant names no repository of the site's own."""
        self._layout = layout
        self._mode = mode
        self._lists = lists
        self._history = history
        self._repository = repository
        self._gerrits = gerrits
        self._store = store
        self._pulse = pulse
        self._clock = clock
        self._due_at = 0.0
        self._not_before = 0.0
        self._merges = 0
        self._failure: CIError | None = None
        self._stop = threading.Event()
        self._log = get_logger("lockstep")

    def step(self) -> float:
        """Look at everything when it is time to; returns after how many seconds to come again."""
        merges = self._store.events.newest_merge()
        if merges != self._merges:
            self._due_at = min(self._due_at, self._not_before)
        now = self._clock.now()
        if now < self._due_at:
            return self._due_at - now
        if self._stop.is_set():
            return REGULAR_SECONDS
        self._merges = merges
        self._due_at = now + AFTER_A_FAILURE_SECONDS
        self._not_before = now + SHORTEST_PAUSE_SECONDS
        try:
            self._look()
        except Interrupted:
            return REGULAR_SECONDS  # the service stops
        self._due_at = self._clock.now() + REGULAR_SECONDS
        return REGULAR_SECONDS

    def stop(self) -> None:
        """End what git does; the next service looks at everything again."""
        self._stop.set()

    def _look(self) -> None:
        waits = self._waits() if self._mode is not LockstepMode.OFF else ()
        self._store.lockstep.keep_only([wait.removal_id for wait in waits])
        if not waits:
            return
        self._failure = None
        known = self._store.lockstep.all()
        try:
            found = ListPlaces(self._layout(), self._history, self._stop).find()
            sights = [(wait, self._sight(wait, found.get(wait.path, ()), waits)) for wait in waits]
        except Interrupted:
            raise
        except CIError as error:
            note = f"where it has merged is not known: {error}"
            for wait in waits:
                if known.get(wait.removal_id) is None or known[wait.removal_id].state is WaitState.WAITING:
                    self._keep(wait, known.get(wait.removal_id), Outcome(WaitState.WAITING, note))
            raise
        used = [(wait, sight) for wait, sight in sights if sight.places]
        self._store.lockstep.keep_only([wait.removal_id for wait, _ in used])
        for wait, sight in used:
            self._look_at(wait, sight, known.get(wait.removal_id))
        if self._failure:
            raise self._failure

    def _waits(self) -> tuple[Wait, ...]:
        found: list[Wait] = []
        for path in named_lists(self._layout()):
            try:
                found += self._lists.waits(path)
            except CIError as error:  # `check` says more
                self._log.warning("a list is not looked at", action="lockstep.list", path=path, error=str(error))
        return tuple(found)

    def _sight(self, wait: Wait, places: Sequence[Place], waits: Sequence[Wait]) -> Sight:
        """Find out where the change of a wait has merged; all waits are looked for in one go over each history."""
        every = {one.until for one in waits}
        merged = {}
        for place in places:
            for connection, project, tip in place.tips:
                found = self._history.merged(connection, project, tip, every)
                if wait.until in found:
                    merged[place] = found[wait.until]
                    break
        return Sight(tuple(places), merged)

    def _look_at(self, wait: Wait, sight: Sight, known: WaitStatus | None) -> None:
        fate = "" if sight.merged else self._fate(wait, sight)
        outcome = before_merge(sight, fate)
        if outcome is None:
            try:
                outcome = self._removed(wait, sight, known)
            except Interrupted:
                raise
            except LINK_FAILURES as error:
                self._failure = error
                outcome = self._still(known, str(error))
            except Refused as error:
                outcome = Outcome(WaitState.REFUSED, str(error), retry_at=self._clock.now() + REFUSED_PAUSE_SECONDS)
            except CIError as error:  # git's own
                self._failure = error
                outcome = self._still(known, str(error))
        self._keep(wait, known, outcome)

    def _still(self, known: WaitStatus | None, note: str) -> Outcome:
        """Return the outcome when the next step could not be taken, and is tried again."""
        if known is None or known.state in {WaitState.WAITING, WaitState.DUE}:
            return Outcome(WaitState.DUE, note)
        return Outcome(known.state, known.note, known.url, known.retry_at)

    def _fate(self, wait: Wait, sight: Sight) -> str:
        """Say why the change that is waited for will not merge by itself; "" when it may, or that is not known."""
        try:
            connections = dict.fromkeys(place.connection for place in sight.places)
            changes = [change for one in connections for change in self._gerrits[one].changes_with_id(wait.until)]
        except CIError:
            return ""
        if not changes:
            return f"{', '.join(connections)} shows no such change: correct its `until:`"
        if all(change.status == "ABANDONED" for change in changes):
            gone = ", ".join(change.url or f"{change.project} {change.number}" for change in changes)
            return f"it was abandoned ({gone}): correct its `until:`"
        return ""

    def _removed(self, wait: Wait, sight: Sight, known: WaitStatus | None) -> Outcome:
        """Have the removal made, if nobody has yet, and return what is to be said of it."""
        project = self._layout().tenant.config_project
        if self._repository is None or project is None:
            raise Refused("the tenant file names no config project, the repository of the site's own files")
        removal = self._removal(wait, self._repository)
        outcome = after_merge(removal, known, self._mode, self._clock.now())
        if outcome is None:
            return self._push(wait, sight, self._repository)
        if outcome.state is WaitState.MERGED and self._shortened(wait, self._repository):
            return replace(outcome, note=f"but the block is in {project.name} again")
        return outcome

    def _removal(self, wait: Wait, repository: SiteRepository) -> Removal | None:
        """Return the removal as Gerrit has it; of several, on branches of the site, the one that got furthest."""
        project = self._layout().tenant.config_project
        assert project is not None  # noqa: S101 - the caller has seen it
        found = self._gerrits[project.connection].changes_with_id(wait.removal_id)
        ours = [change for change in found if change.project == project.name]
        if not ours:
            return None
        change = min(ours, key=lambda one: (one.status != "MERGED", not one.is_open))
        return Removal(change, repository.conflict(change, self._stop) if change.is_open else "")

    def _shortened(self, wait: Wait, repository: SiteRepository) -> tuple[SiteFile, bytes] | None:
        """Return the list as the site's repository has it and without the blocks; None when it does not have them."""
        file = repository.file(wait.path, self._stop)
        if file is None:
            return None
        try:
            content = self._lists.without(wait, file.content)
        except CIError as error:
            raise Refused(f"{wait.path} in the site's repository: {error}") from error
        return None if content is None else (file, content)

    def _push(self, wait: Wait, sight: Sight, repository: SiteRepository) -> Outcome:
        shortened = self._shortened(wait, repository)
        if shortened is None:
            return Outcome(WaitState.BEHIND)
        file, content = shortened
        repository.propose(file, content, removal_message(wait, sight), TOPIC, self._stop)
        try:
            removal = self._removal(wait, repository)
        except Unavailable:
            removal = None
        return Outcome(WaitState.OPEN, url=removal.change.url if removal else "")

    def _keep(self, wait: Wait, known: WaitStatus | None, outcome: Outcome) -> None:
        """Write down what is new about a wait, for people."""
        note = printable(outcome.note)
        is_same = known is not None and known.state is outcome.state
        since = known.since if known and is_same else self._clock.now()
        status = WaitStatus(
            wait.removal_id, wait.path, wait.until, outcome.state, note, outcome.url, since, outcome.retry_at
        )
        if status == known:
            return
        self._store.lockstep.put(status)
        is_trouble = outcome.state in {WaitState.REFUSED, WaitState.ABANDONED} or note
        if not is_same or (known and known.note != note):
            report = self._log.warning if is_trouble else self._log.info
            report(
                "a block waits for a change", action=f"lockstep.{outcome.state}", path=wait.path, until=wait.until,
                note=note, url=outcome.url,
            )  # fmt: skip
        if not is_same and outcome.state not in {WaitState.WAITING, WaitState.DUE}:
            SKIP_LIST_REMOVALS.labels(outcome.state).inc()
        self._pulse.beat()
