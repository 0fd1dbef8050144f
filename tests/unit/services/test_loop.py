from __future__ import annotations

import threading

import pytest

from ci.errors import Unavailable
from ci.services.loop import AFTER_A_FAILURE_SECONDS, AT_ONCE_SECONDS, SHORTEST_REST_SECONDS, for_each, run_loop
from ci.services.pulse import Pulse


class Script:
    """A step that gives the answers of a list, one after the other, and notes the pauses between them."""

    def __init__(self, *answers: float | Exception | None) -> None:
        self._answers = list(answers)
        self.pauses: list[float] = []
        self.stop = threading.Event()
        self.stop.wait = self._wait  # type: ignore[method-assign,assignment]

    def run(self) -> list[float]:
        pulse = Pulse()
        pulse.wait = lambda _, timeout_seconds: self.pauses.append(timeout_seconds)  # type: ignore[method-assign]
        run_loop("test", self._step, pulse, self.stop)
        return self.pauses

    def _step(self) -> float | None:
        answer = self._answers.pop(0)
        if not self._answers:
            self.stop.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0.0)
        return False


def test_a_step_that_has_more_to_do_is_called_again_without_a_rest():
    assert Script(AT_ONCE_SECONDS, 0.0005, 0.0, 5.0).run() == [SHORTEST_REST_SECONDS, 1.0]


@pytest.mark.parametrize(("delay", "pause"), [(None, 1.0), (0.2, 0.2), (3600.0, 1.0)])
def test_a_loop_rests_and_then_looks_when_the_step_said_or_each_second(delay, pause):
    assert Script(delay).run() == [SHORTEST_REST_SECONDS, pause]


@pytest.mark.parametrize("error", [Unavailable("no answer"), ValueError("nobody foresaw this")])
def test_a_loop_goes_on_after_a_failure_and_a_pause(error):
    assert Script(error, AT_ONCE_SECONDS).run() == [AFTER_A_FAILURE_SECONDS]


def test_one_item_that_fails_does_not_hold_up_the_others():
    done = []

    def act(item: int) -> None:
        if item == 2:
            raise ValueError("two")
        done.append(item)

    with pytest.raises(ValueError, match="two"):
        for_each(act, [1, 2, 3])
    assert done == [1, 3]
