"""Times of day mean here what they mean on Zuul."""

from datetime import UTC, datetime

import pytest

from ci.model.cron import Cron, cron_problem


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def told(seconds):
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%a %Y-%m-%d %H:%M:%S")


NOON = at("2017-11-03 12:00:00")  # a Friday


@pytest.mark.parametrize(
    ("text", "following"),
    [
        ("0 3 * * *", "Sat 2017-11-04 03:00:00"),
        ("*/15 * * * *", "Fri 2017-11-03 12:15:00"),
        ("0 12 * * *", "Sat 2017-11-04 12:00:00"),
        ("0 0 * * 0", "Mon 2017-11-06 00:00:00"),
        ("0 0 * * sun", "Sun 2017-11-05 00:00:00"),
        ("0 0 13 * 4", "Fri 2018-04-13 00:00:00"),
        ("0 12 * * * 30", "Fri 2017-11-03 12:00:30"),
        ("0 13 * * * 30 600", "Fri 2017-11-03 13:00:30"),
    ],
)
def test_the_next_time(text, following):
    assert cron_problem(text) is None
    assert told(Cron(text).next_after(NOON)) == following


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("daily", "five fields"),
        ("@daily", "five fields"),
        ("0 3 * *", "five fields"),
        ("0 3 * * * 0 0 0", "five fields"),
        ("61 3 * * *", "61"),
        ("0 3 * * 7", "7"),
        ("0 3 * foo *", "foo"),
        ("*/0 3 * * *", "higher than 0"),
        ("0 0 30 2 *", "no such day"),
        ("0 3 * * * 0 -5", "jitter '-5'"),
        ("0 3 * * * 0 x", "jitter 'x'"),
    ],
)
def test_what_is_no_time_is_told_and_not_raised(text, problem):
    assert problem in cron_problem(text)


def test_the_last_time_is_found_however_often_a_timer_goes_off():
    for text in ("* * * * * *", "* * * * *", "0 * * * *", "0-29 * * * * *", "59 11 * * *", "0 12 * * *"):
        last = Cron(text).last_in(NOON - 86_400, NOON)
        assert NOON - 3600 <= last <= NOON
        assert Cron(text).next_after(last) > NOON


def test_the_end_of_a_span_belongs_to_it_and_its_beginning_does_not():
    hourly = Cron("0 * * * *")
    assert hourly.last_in(NOON - 1, NOON) == NOON
    assert hourly.last_in(NOON, NOON + 3599) is None
    assert Cron("0 3 * * *").last_in(NOON, NOON + 60) is None
    assert Cron("0 3 1 1 *").last_in(0.0, NOON) is None


def test_the_jitter_is_the_same_each_time_and_another_for_another_branch():
    cron = Cron("0 3 * * * 0 600")
    delays = {branch: cron.delay_seconds("periodic", "nova", branch) for branch in ("master", "stable/pike")}
    assert delays["master"] != delays["stable/pike"]
    assert all(0 <= delay <= 600 for delay in delays.values())
    assert cron.delay_seconds("periodic", "nova", "master") == delays["master"]
    assert Cron("0 3 * * *").delay_seconds("master") == 0
