"""How long something took, in the form that the tools of OpenStack know."""

import pytest

from ci.model.duration import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0m 00s"), (59.6, "1m 00s"), (62, "1m 02s"), (3723, "1h 02m 03s"), (360000, "100h 00m 00s")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text
