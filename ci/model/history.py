"""What the tests did over time, in figures: by test, job, branch and day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Verdict(StrEnum):
    """What a test did in one build; a test that ran more than once has failed when one run failed."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class RanTest:
    """A test in one build: full name without the tags, idempotent ID ("" where it has none)."""

    name: str
    idempotent_id: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class DayResults:
    """In how many builds of a job on a branch a test passed, failed and was skipped on one day (UTC).

    `last_build` is the beginning of the id of the latest of these builds.
    """

    test: str
    idempotent_id: str
    job: str
    branch: str
    day: date
    passed: int
    failed: int
    skipped: int
    last_build: str


@dataclass(frozen=True, slots=True)
class SumResults:
    """What a test did in all builds of one job since some day; `last_day` and `last_build` tell of the latest one."""

    test: str
    idempotent_id: str
    job: str
    passed: int
    failed: int
    skipped: int
    last_day: date
    last_build: str


@dataclass(frozen=True, slots=True)
class Amount:
    """In how many builds, and of how many changes, a job has run tests."""

    builds: int
    changes: int


@dataclass(frozen=True, slots=True)
class FailingTest:
    """A test that failed on several changes of a job: on `failed_changes` of the `changes` that the job tested.

    `passed` and `failed` count builds. `builds` are the ids of the latest ones in which it failed, newest first.
    """

    test: str
    idempotent_id: str
    job: str
    failed_changes: int
    changes: int
    passed: int
    failed: int
    last_day: date
    builds: tuple[str, ...]

    @property
    def failure_rate(self) -> float:
        """The part of the builds in which it failed, of those in which it ran."""
        return self.failed / max(1, self.failed + self.passed)
