"""A steady flow of changes, patch sets, rechecks, abandons and restores whose right answers are known."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from . import crash_check
from .gerrit import Gerrit
from .gerrit_repository import Repository
from .site import CI_USER

DEVELOPER = "developer"
LATEST = 6


@dataclass
class Pushed:
    """A change of ours: the right value for each of its patch sets, and whether it was abandoned."""

    number: int
    commit: str
    verdicts: dict[int, int] = field(default_factory=dict)
    is_open: bool = True
    touched_at: float = 0.0


class Flow:
    """Acts as a developer; `seconds` are how long the builds of light services take, from - to."""

    def __init__(
        self, gerrit: Gerrit, repository: Repository, seed: int, *, seconds: tuple[float, float] = (0.0, 1.5)
    ) -> None:
        self._rest, self._developer = gerrit.rest, gerrit.rest_as(DEVELOPER)
        self._repository = repository
        self._base = repository.head
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._seconds = seconds
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._turn = threading.Lock()
        self.changes: dict[int, Pushed] = {}
        self.actions = 0
        self.failure: Exception | None = None

    def start(self, interval_seconds: float) -> None:
        """Act in a thread, each so many seconds on the average, until `stop`."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, args=(interval_seconds,), name="flow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the action that is under way; raises what made an action fail."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.check()

    def check(self) -> None:
        """Raise what made an action fail."""
        if self.failure is not None:
            raise self.failure

    def paused(self) -> AbstractContextManager[object]:
        """Hold the flow up for as long as the context lasts: a Gerrit that is down cannot say what it took."""
        return self._turn

    def restore_all(self) -> None:
        """Leave no change abandoned: what is closed would need no answer."""
        for change in self.changes.values():
            if not change.is_open:
                self._restore(change)

    def problems(self, race_seconds: float = crash_check.RACE_SECONDS) -> list[crash_check.Problem]:
        """Judge all changes by what Gerrit says now."""
        found: list[crash_check.Problem] = []
        for change in list(self.changes.values()):
            judge = crash_check.Judge(change.number, CI_USER, change.verdicts, race_seconds)
            found += judge.judge(self._rest.detail(change.number))
        return found

    def step(self) -> None:
        """Do one thing."""
        with self._turn:
            self._random.choices(*self._choices())[0]()
            self.actions += 1

    def _run(self, interval_seconds: float) -> None:
        while not self._stop.wait(self._random.uniform(0.3, 1.7) * interval_seconds):
            try:
                self.step()
            except Exception as error:  # noqa: BLE001 - told by stop()
                self.failure = error
                return

    def _choices(self) -> tuple[list[Callable[[], None]], list[int]]:
        actions: list[tuple[Callable[[], None], int]] = [(self._push, 5)]
        if self.changes:
            actions += [(self._amend, 3), (self._recheck, 4), (self._abandon, 2)]
        if any(not change.is_open for change in self.changes.values()):
            actions.append((self._restore_one, 3))
        return [action for action, _ in actions], [weight for _, weight in actions]

    def _push(self) -> None:
        self._repository.reset(self._base)
        value, text = self._verdict()
        self._repository.commit({"verdict": text}, f"A patch that deserves {value:+d}")
        number, patchset, commit = self._repository.push_change()
        self.changes[number] = Pushed(number, commit, {patchset: value}, touched_at=time.monotonic())

    def _amend(self) -> None:
        """Push the next patch set, mostly of a change whose builds may still run."""
        latest = [change for change in self._latest() if change.is_open]
        change = latest[-1] if latest and self._random.random() < 0.5 else self._one_of(latest)
        if change is None:
            return
        self._repository.reset(change.commit)
        value, text = self._verdict()
        self._repository.amend({"verdict": text})
        number, patchset, change.commit = self._repository.push_change()
        if number != change.number:
            raise RuntimeError(f"change {number} instead of {change.number}")
        change.verdicts[patchset] = value
        change.touched_at = time.monotonic()

    def _recheck(self) -> None:
        """Ask for another run where all is answered: only then is it exact how many reviews there must be."""
        change = self._answered()
        if change is not None:
            self._developer.comment(change.number, "recheck", as_web_page=self._random.random() < 0.5)
            change.touched_at = time.monotonic()

    def _abandon(self) -> None:
        """Abandon a change that is answered or, now and then, one whose builds run."""
        running = self._random.random() < 0.3
        change = self._one_of([c for c in self._latest() if c.is_open]) if running else self._answered()
        if change is not None:
            self._rest.abandon(change.number)
            change.is_open = False

    def _restore_one(self) -> None:
        closed = self._one_of([change for change in self.changes.values() if not change.is_open])
        if closed is not None:
            self._restore(closed)

    def _restore(self, change: Pushed) -> None:
        self._rest.restore(change.number)
        change.is_open = True
        change.touched_at = time.monotonic()

    def _verdict(self) -> tuple[int, str]:
        value = 1 if self._random.random() < 0.6 else -1
        words = ["pass" if value > 0 else "fail-one", f"seconds-{self._random.uniform(*self._seconds):.2f}"]
        return value, "\n".join([*words, f"serial-{self._random.getrandbits(48)}", ""])

    def _latest(self) -> list[Pushed]:
        return sorted(self.changes.values(), key=lambda change: change.touched_at)[-LATEST:]

    def _answered(self) -> Pushed | None:
        change = self._one_of([change for change in self.changes.values() if change.is_open])
        if change is None:
            return None
        judge = crash_check.Judge(change.number, CI_USER, change.verdicts)
        return None if judge.judge(self._rest.detail(change.number)) else change

    def _one_of(self, changes: list[Pushed]) -> Pushed | None:
        return self._random.choice(changes) if changes else None
