"""The top of every service loop: the only place that survives what nobody expected."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from ci.errors import CIError
from ci.observability import LOOP_FAILURES, get_logger

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from ci.services.pulse import Pulse

T = TypeVar("T")

# A beat wakes a loop at once; it looks by itself too, for what another process has written.
LOOK_AGAIN_SECONDS = 1.0
AFTER_A_FAILURE_SECONDS = 2.0
# A loop that has more to do than it did in one step says so by so short a delay.
AT_ONCE_SECONDS = 0.001
# Another one rests three times as long as its look took it, within these bounds: many beats in a row cost one look.
SHORTEST_REST_SECONDS = 0.03
LONGEST_REST_SECONDS = 0.2


def run_loop(name: str, step: Callable[[], float | None], pulse: Pulse, stop: threading.Event) -> None:
    """Call `step` after each beat until `stop` is set; `step` returns after how many seconds to look again at most.

    It is called again at once, without a rest, when that is `AT_ONCE_SECONDS` or less: so it must have got on.
    """
    log = get_logger(name)
    while not stop.is_set():
        seen = pulse.beats
        began = time.thread_time()
        try:
            delay_seconds = step()
        except CIError as error:
            log.error("step failed", action="loop.failed", error=str(error))  # noqa: TRY400 - one line, as expected
        except Exception:
            log.exception("unexpected failure; going on", action="loop.bug")
        else:
            if delay_seconds is not None and delay_seconds <= AT_ONCE_SECONDS:
                continue
            rest_seconds = 3 * (time.thread_time() - began)
            stop.wait(min(max(rest_seconds, SHORTEST_REST_SECONDS), LONGEST_REST_SECONDS))
            pulse.wait(seen, min(delay_seconds or LOOK_AGAIN_SECONDS, LOOK_AGAIN_SECONDS))
            continue
        LOOP_FAILURES.labels(name).inc()
        stop.wait(AFTER_A_FAILURE_SECONDS)


def for_each(act: Callable[[T], None], items: Iterable[T]) -> None:
    """Act on every item, also when one before it fails: the last failure is raised at the end.

    Otherwise one event or review that nobody foresaw would hold up all that come after it.
    """
    failure: Exception | None = None
    for item in items:
        try:
            act(item)
        except Exception as error:  # noqa: BLE001 - raised again below, for the loop to log
            failure = error
    if failure is not None:
        raise failure
