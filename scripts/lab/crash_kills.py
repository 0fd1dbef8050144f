"""Kills the service again and again while a developer works: at named points, at random moments, and builds as well."""

import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from .crash_check import reviewed_buildsets
from .crash_stage import DueReview, Stage
from .site import CI_USER

FIRST_START = (
    "sqlitestore.__init__:before",
    "sqlitestore.__init__:after",
    "gerrit.newest_update:before",
    "gerrit.newest_update:sent",
    "gerrit.newest_update:carried-out",
    "gerrit.newest_update:after",
    "gerrit.missed:before",
    "catchup.before_stream:before",
    "catchup.before_stream:after",
)
LIFE_SECONDS = 5.0
RECOVERY_LIMIT_SECONDS = 120.0  # a starved machine takes long; what takes longer is stuck
RANDOM_SHARE = 0.12
BUILD_KILL_SHARE = 0.12
MOST_HITS = 3


@dataclass
class Kills:
    """What was killed where, and how soon the votes that were due then could be read."""

    at_points: Counter[str] = field(default_factory=Counter)
    at_random: int = 0
    of_builds: int = 0
    in_vain: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.at_points.total() + self.at_random


class Killer:
    """Chooses where to kill by the points that were passed, those first that no life has ended at yet."""

    def __init__(self, stage: Stage, seed: int, *, life_seconds: float = LIFE_SECONDS) -> None:
        self._stage = stage
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._life_seconds = life_seconds
        self.done = Kills()

    def record(self, seconds: float) -> None:
        """Live on without a kill point, to learn which points there are; the end of it is a kill at random."""
        self._stage.wait(seconds)
        self._stage.kill()
        self.done.at_random += 1

    def kill_first_starts(self) -> None:
        """Kill the service where it makes its database and first looks at Gerrit, each time a little further."""
        for point in FIRST_START:
            self._stage.start(point)
            if self._stage.wait_until_listening():
                self.done.at_points[point] += 1
            else:
                self.end_life()

    def kill_once(self, only: Iterable[str] = ()) -> str:
        """Live until the next kill; returns where it was. `only`: at points that begin so."""
        self._stage.flow.check()
        due = self._due()
        point, hit = self._choose(tuple(only), interrupted=any(review.state == "sending" for review in due))
        # The look-up of a review that was under way comes at once: what is to be killed there cannot be measured.
        measured = bool(due) and not point.startswith("gerrit.has_review:")
        began = self._stage.start(point, hit, armed=not measured)
        if measured:
            self._measure(due, began)
            self._stage.armed.touch()
        if self._random.random() < BUILD_KILL_SHARE:
            self._stage.wait(self._random.uniform(0.5, 1.5))
            self.done.of_builds += bool(self._stage.kill_a_build())
        return self._end(point)

    def end_life(self) -> None:
        """Kill the service that runs now, if one does."""
        if self._stage.process is not None:
            self._stage.kill()
            self.done.at_random += 1

    def _end(self, point: str) -> str:
        if not point:
            return self._end_at_random()
        if self._stage.process is None or self._stage.wait_until_listening() or self._stage.wait(self._life_seconds):
            self.done.at_points[point] += 1
            return point
        self.done.in_vain[point] += 1
        return self._end_at_random()

    def _end_at_random(self) -> str:
        if self._random.random() < 0.7 and self._stage.process is not None:
            self._stage.wait_until_listening()
        self._stage.wait(self._random.uniform(0.1, self._life_seconds / 2))
        self._stage.kill()
        self.done.at_random += 1
        return "a random moment"

    def _choose(self, only: tuple[str, ...], *, interrupted: bool) -> tuple[str, int]:
        points = sorted(point for point in self._stage.passed if not only or point.startswith(only))
        if interrupted and self._random.random() < 0.4:
            points = ["gerrit.has_review:before", "gerrit.has_review:sent", "gerrit.has_review:after"]
        elif not points or (not only and self._random.random() < RANDOM_SHARE):
            return "", 1
        weights = [8 / (1 + 4 * self.done.at_points[point] + 2 * self.done.in_vain[point]) for point in points]
        point = self._random.choices(points, weights)[0]
        if not self.done.at_points[point]:
            return point, 1
        per_life = self._stage.passed[point] / max(1, self._stage.lives - 1)
        return point, self._random.randint(1, max(1, min(MOST_HITS, int(per_life))))

    def _due(self) -> list[DueReview]:
        """Return the reviews that were due at the kill and are not in Gerrit, where the kill was at a worst point."""
        return [review for review in self._stage.due_reviews() if not self._is_there(review)]

    def _is_there(self, review: DueReview) -> bool:
        detail = self._stage.gerrit.rest.detail(review.number)
        return review.buildset in reviewed_buildsets(detail, CI_USER)

    def _measure(self, due: list[DueReview], began: float) -> None:
        """Wait until each review that was due can be read in Gerrit, or is no longer wanted."""
        waiting = list(due)
        while waiting:
            still = {review.buildset for review in self._stage.due_reviews()}
            for review in list(waiting):
                if self._is_there(review):
                    self.done.recoveries.append(time.monotonic() - began)
                    waiting.remove(review)
                elif review.buildset not in still and not self._is_there(review):
                    waiting.remove(review)
            if waiting and time.monotonic() - began > RECOVERY_LIMIT_SECONDS:
                named = ", ".join(f"change {review.number} (buildset {review.buildset})" for review in waiting)
                self.done.problems.append(f"not posted {RECOVERY_LIMIT_SECONDS:.0f} s after a restart: {named}")
                return
            time.sleep(0.05)
