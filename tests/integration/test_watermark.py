"""While there is no room no build gets a node; what waits says so, and goes on by itself."""

import json

import pytest

from ci.cli import root
from ci.model.build import BuildState
from ci.services.node_allocator import NO_ROOM, NodeAllocator
from ci.services.pulse import Pulse
from ci.store.store import SqliteStore
from tests.fakes.ports import StillClock
from tests.fakes.records import build, buildset, event, node
from tests.unit.config.conftest import SiteFolder


class Room:
    text = "too full"

    def shortage(self):
        return self.text


class Pool:
    def nodes(self):
        return (node(),)


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(tmp_path / "ci.db")
    yield store
    store.close()


def test_no_lease_below_the_watermark_and_events_go_on(store):
    room = Room()
    allocator = NodeAllocator(Pool(), store, None, Pulse(), StillClock(), room)
    store.buildsets.add(buildset(build("b1")), None, 1.0)
    allocator.step()
    waiting = store.buildsets.build("b1")
    assert waiting.state is BuildState.WAITING
    assert NO_ROOM in waiting.error
    assert store.events.add([event()], 2.0) == 1
    room.text = ""
    allocator.step()
    assert store.buildsets.build("b1").state is BuildState.STARTING


def test_status_says_that_no_build_is_taken(tmp_path, store, capsys):
    site = SiteFolder(tmp_path / "site")
    conf = site.folder / "zuul.conf"
    text = conf.read_text()
    line = "min_free_mib=2000000000\n"
    conf.write_text(text.replace("[powervm-ci]\n", f"[powervm-ci]\n{line}") if "[powervm-ci]" in text
                    else f"{text}\n[powervm-ci]\n{line}")  # fmt: skip
    assert root.run(["status", "--site", str(site.folder), "--state-dir", str(tmp_path)]) == 0
    assert "min_free_mib" in capsys.readouterr().out
    assert root.run(["status", "--json", "--site", str(site.folder), "--state-dir", str(tmp_path)]) == 0
    assert "min_free_mib" in json.dumps(json.loads(capsys.readouterr().out))
