"""Mirrors are tidied apart from all else, one after the other."""

import pytest

from ci.services.mirror_care import EVERY_SECONDS, SOON_SECONDS, MirrorCare
from ci.store.store import SqliteStore
from tests.fakes.ports import StillClock
from tests.fakes.records import build, buildset


class Keeper:
    """Has so many mirrors to tidy."""

    def __init__(self):
        self.left, self.kept, self.error = 2, None, None

    def tidy(self, open_buildset_ids, may_go_on):
        self.kept = set(open_buildset_ids())
        if self.error:
            raise self.error
        assert not may_go_on()
        self.left -= 1
        return self.left <= 0


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(tmp_path / "ci.db")
    yield store
    store.close()


def test_one_mirror_at_a_time_and_all_of_them_again_later(store):
    store.buildsets.add(buildset(build("f" * 32), buildset_id="open"), None, 1.0)
    keeper, clock = Keeper(), StillClock()
    care = MirrorCare(keeper, store, clock)
    assert care.step() == SOON_SECONDS
    care.step()
    assert (keeper.left, keeper.kept) == (1, {"open"})
    clock.time += SOON_SECONDS
    assert care.step() == EVERY_SECONDS


def test_one_that_fails_is_not_tried_without_a_pause(store):
    keeper, clock = Keeper(), StillClock()
    keeper.error = RuntimeError("git")
    care = MirrorCare(keeper, store, clock)
    with pytest.raises(RuntimeError):
        care.step()
    assert care.step() == SOON_SECONDS
