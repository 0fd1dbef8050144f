"""While there is no room no build gets a node; what waits says so, and goes on by itself."""

import json
import os
from dataclasses import replace

import pytest

from ci import bootstrap
from ci.cli import root
from ci.config.site import load_site
from ci.errors import DiskFull
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


def small_site(folder, min_free_mib):
    site = SiteFolder(folder)
    conf = site.folder / "zuul.conf"
    text = conf.read_text()
    line = f"min_free_mib={min_free_mib}\n"
    conf.write_text(text.replace("[powervm-ci]\n", f"[powervm-ci]\n{line}") if "[powervm-ci]" in text
                    else f"{text}\n[powervm-ci]\n{line}")  # fmt: skip
    return site


def told_by_status(site, state, capsys):
    assert root.run(["status", "--json", "--site", str(site.folder), "--state-dir", str(state)]) == 0
    return json.loads(capsys.readouterr().out)["attention"]


def test_status_says_that_no_build_is_taken(tmp_path, store, capsys):
    site = small_site(tmp_path / "site", 2_000_000_000)
    assert root.run(["status", "--site", str(site.folder), "--state-dir", str(tmp_path)]) == 0
    assert "min_free_mib" in capsys.readouterr().out
    assert "min_free_mib" in str(told_by_status(site, tmp_path, capsys))


def test_status_says_so_until_the_service_takes_builds_again(tmp_path, store, capsys):
    """What is free is between the watermark and the margin above it that a service in need waits for."""
    found = os.statvfs(tmp_path)
    site = small_site(tmp_path / "site", int(found.f_bavail * found.f_frsize / 1.05) >> 20)
    allocator = NodeAllocator(Pool(), store, None, Pulse(), StillClock(), Room())
    store.buildsets.add(buildset(build("b1")), None, 1.0)
    with bootstrap.lock(bootstrap.state_folder(tmp_path)):
        assert told_by_status(site, tmp_path, capsys) == []
        allocator.step()
        capsys.readouterr()  # the log
        assert "min_free_mib" in str(told_by_status(site, tmp_path, capsys))


def test_a_pipe_in_the_place_of_the_lock_is_told_and_holds_nobody_up(tmp_path, store, capsys):
    os.mkfifo(bootstrap.state_folder(tmp_path).lock)
    site = small_site(tmp_path / "site", 1)
    assert root.run(["status", "--site", str(site.folder), "--state-dir", str(tmp_path)]) == 1
    assert "serve.lock is not a plain file: remove it" in capsys.readouterr().err


def test_the_service_fetches_nothing_below_the_watermark_and_removes_what_a_killed_git_has_left(tmp_path):
    site = load_site(small_site(tmp_path / "site", 2_000_000_000).folder)
    site = replace(site, settings=replace(site.settings, node_private_key=tmp_path / "key"))
    rest = tmp_path / "git/host/nova.git/objects/d5/tmp_obj_AbCdEf"
    rest.parent.mkdir(parents=True)
    rest.write_text("huge")
    engine = bootstrap.build_engine(site, bootstrap.state_folder(tmp_path))
    assert not rest.exists()
    engine.store.close()
    project = site.layout.tenant.projects[0]
    mirror = bootstrap.sources(site, bootstrap.state_folder(tmp_path)).mirrors.of(project.connection, project.name)
    with pytest.raises(DiskFull, match=r"not begun: .* MiB free, less than 2000000000"):
        mirror.fetch()
