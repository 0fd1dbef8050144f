"""Timers of pipelines: each goes off for one project, on all of its branches that have jobs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timer:
    """The time of a pipeline, for one project; `cron` is the line as the site has it."""

    pipeline: str
    cron: str
    connection: str
    project: str
