"""Which loops have ended that should not."""

import threading

import pytest

from ci.services.loop_threads import LoopThreads


class Ended(BaseException):
    """What no loop survives."""


def fail():
    raise Ended


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_loop_that_ended_is_named_until_the_service_stops():
    threads, stop = LoopThreads(), threading.Event()
    threads.start("listener opendev", stop.wait)
    assert threads.dead() == ()
    threads.start("executor", fail)
    for thread in threading.enumerate():
        if thread.name == "executor":
            thread.join(10)
    assert threads.dead() == ("executor",)
    stop.set()
    threads.stop(10)
    assert threads.dead() == ()


def test_a_loop_that_hangs_does_not_hold_up_the_stop_for_ever():
    threads, stop = LoopThreads(), threading.Event()
    for name in "abc":
        threads.start(name, stop.wait)
    threads.stop(0.05)
    stop.set()
