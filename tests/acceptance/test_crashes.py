"""A service that is killed again and again loses nothing and tells nothing twice; and the judge of that is no fool.

The long run is `scripts/bench crash`; here are a few kills by the same harness.
"""

import sys

import pytest
from lab import crash
from lab.crash_stage import stage

pytestmark = pytest.mark.gerrit

SEED = 20260


def say(text):
    sys.stdout.write(f"{text}\n")


def test_kills_at_points_of_all_kinds_lose_and_double_nothing(real_gerrit):
    say(f"seed {SEED}")
    with stage(say, SEED, gerrit=real_gerrit) as running:
        outcome = crash.kills(running, SEED, 8, say, record_seconds=6, settle_seconds=60)
    assert outcome.problems == []
    assert outcome.figures["kills_at_points"] >= 4
    assert outcome.figures["changes"] >= 5
    assert all(seconds <= crash.RECOVERY_LIMIT_SECONDS for seconds in outcome.figures["recoveries_seconds"])


@pytest.mark.parametrize(
    ("plant", "only", "word"),
    [
        ("resend", ("gerrit.post_review:carried-out",), "told twice"),
        ("lose-events", ("events.add:", "listener."), "has no review"),
    ],
)
def test_a_planted_error_is_found(real_gerrit, plant, only, word):
    say(f"seed {SEED}")
    with stage(say, SEED, gerrit=real_gerrit) as running:
        running.plant = plant
        outcome = crash.kills(running, SEED, 3, say, only=only, record_seconds=6, settle_seconds=12)
    assert any(word in problem for problem in outcome.problems), outcome.problems
