"""How often something was tried, as tenacity's wait strategies want to know it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a wait strategy looks at: the number of tries that failed, from 1."""

    attempt_number: int
