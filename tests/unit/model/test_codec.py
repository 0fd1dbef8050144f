"""What is written comes back as what it was."""

import pytest

from ci.model.change import Branch
from ci.model.codec import from_json, ref_from_json, to_json
from ci.model.event import Event, EventType
from tests.fakes.records import change, event


@pytest.mark.parametrize(
    "about",
    [
        change(),
        change(files=None, subject=""),
        change(dependencies=(change(number=1), change(number=2))),
        Branch("gerrit", "nova", "master"),
    ],
)
def test_a_change_and_a_branch_are_told_apart(about):
    assert ref_from_json(to_json(about)) == about


def test_an_event_of_a_branch():
    branch = Branch("gerrit", "nova", "master")
    one = Event("gerrit", EventType.TIMER, "timer", "key", 1, pipeline="periodic", branch=branch)
    assert from_json(Event, to_json(one)) == one
    assert one.about == branch
    assert event().about == change()
