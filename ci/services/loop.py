"""The top of every service loop: the only place that survives what nobody expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.errors import CIError
from ci.observability import LOOP_FAILURES, get_logger

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from ci.services.pulse import Pulse

LOOK_AGAIN_SECONDS = 1.0
AFTER_A_FAILURE_SECONDS = 2.0


def run_loop(name: str, step: Callable[[], float | None], pulse: Pulse, stop: threading.Event) -> None:
    """Call `step` after each beat until `stop` is set; `step` returns after how many seconds to look again at most."""
    log = get_logger(name)
    while not stop.is_set():
        seen = pulse.beats
        try:
            delay_seconds = step()
        except CIError as error:
            log.error("step failed", action="loop.failed", error=str(error))  # noqa: TRY400 - one line, as expected
            delay_seconds = AFTER_A_FAILURE_SECONDS
            LOOP_FAILURES.labels(name).inc()
        except Exception:
            log.exception("unexpected failure; going on", action="loop.bug")
            delay_seconds = AFTER_A_FAILURE_SECONDS
            LOOP_FAILURES.labels(name).inc()
        if not stop.is_set():
            pulse.wait(seen, min(delay_seconds or LOOK_AGAIN_SECONDS, LOOK_AGAIN_SECONDS))
