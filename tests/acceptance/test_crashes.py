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
        outcome = crash.kills(running, SEED, 12, say, record_seconds=6, settle_seconds=60)
    assert outcome.problems == []
    assert outcome.figures["kills_at_points"] >= 6
    # How many changes there is time for between the kills is the machine's affair, as is how soon a vote follows.
    assert outcome.figures["changes"] >= 1


@pytest.mark.parametrize(
    ("plant", "only", "kills", "word"),
    [
        ("resend", ("gerrit.post_review:carried-out",), 3, "told twice"),
        ("lose-events", ("listener.",), 2, "has no review"),
    ],
)
def test_a_planted_error_is_found(real_gerrit, plant, only, kills, word):
    say(f"seed {SEED}")
    with stage(say, SEED, gerrit=real_gerrit) as running:
        running.plant = plant
        outcome = crash.kills(running, SEED, kills, say, only=only, record_seconds=6, settle_seconds=8)
    assert any(word in problem for problem in outcome.problems), outcome.problems
    # What is found is the error that was planted, and not a service that does nothing at all.
    assert not [action for action in outcome.figures["complaints"] if action.endswith(".bug")]
