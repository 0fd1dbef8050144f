"""Structured logs: every line carries a stable `action` and the ids bound to its thread."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

LOOP_FAILURES = Counter("powervm_ci_loop_failures_total", "Steps of a service loop that failed", ["loop"])
EVENTS = Counter("powervm_ci_events_total", "Events received", ["connection", "type"])
EVENTS_CAUGHT_UP = Counter("powervm_ci_events_caught_up_total", "Events that only a query told", ["connection"])
EVENTS_LOST = Counter("powervm_ci_events_lost_total", "Happenings that Gerrit cannot give back", ["connection"])
REVIEWS = Counter("powervm_ci_reviews_total", "Reviews, by what became of them", ["connection", "outcome"])
BUILDS = Counter("powervm_ci_builds_total", "Builds ended, by result", ["job", "result"])
FREE_BYTES = Gauge("powervm_ci_free_bytes", "Room on the file systems of the state folder", ["folder"])
BUILDS_HELD_BACK = Gauge("powervm_ci_builds_held_back", "1 while no build is taken for want of room")
TESTS_TAKEN = Counter("powervm_ci_tests_taken_total", "Results of tests that were taken into the history")
SKIP_LIST_REMOVALS = Counter(
    "powervm_ci_skip_list_removals_total", "Removals of skip list blocks, by what became of them", ["state"]
)
SITE_UPDATES = Counter("powervm_ci_site_updates_total", "Newer states of the site, by what became of them", ["outcome"])
REMOVED = Counter("powervm_ci_removed_total", "What the janitor has removed", ["what"])


def configure_logging(*, verbose: bool = False, json: bool = False) -> None:
    """Send log lines to standard error: as `key=value` text for people, or as one JSON object a line."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "action", "event"])
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%S.%fZ", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries (paramiko, gerritlib) talk to logging: only what they think is wrong reaches us.
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="%(asctime)s %(name)s %(message)s", force=True)
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    logging.getLogger("gerrit").setLevel(logging.CRITICAL)


def get_logger(room: str) -> FilteringBoundLogger:
    """Return a logger whose lines say which room of the engine speaks."""
    logger: FilteringBoundLogger = structlog.get_logger(room=room)
    return logger
