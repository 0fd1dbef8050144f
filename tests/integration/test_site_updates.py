"""What is merged in the site's own repository comes into force: real git over a real sshd, and a real database."""

import os
from functools import partial
from pathlib import Path

import pytest

from ci import bootstrap
from ci.config.site import load_site
from ci.git.mirrors import Mirrors
from ci.git.site_repository import Author, GitSiteRepository
from ci.model.event import EventType
from ci.model.site import SiteSource, SiteState
from ci.nodes.static import StaticNodes
from ci.services.attention import attention
from ci.services.build_preparation import BuildPreparation, SiteFiles
from ci.services.folders import Folders
from ci.services.pulse import Pulse
from ci.services.reporting import Links
from ci.services.scheduler import Scheduler
from ci.services.site_in_force import SiteInForce
from ci.services.site_updates import REGULAR_SECONDS, THE_FOLDER, SiteUpdates
from tests.fakes.ports import ScriptedGerrit, StillClock
from tests.fakes.records import change as a_change
from tests.fakes.records import event
from tests.integration.upstream import Upstream, git, settings
from tests.unit.config.conftest import FILES, SiteFolder

SECOND_JOB = "- job:\n    name: second\n    parent: base\n"
BROKEN_JOB = "- job:\n    name: second\n    parnet: base\n"
PROBLEM = "jobs/zuul.d/more.yaml:3:5: unknown key `parnet`"


class World:
    """The folder that the service is started with, its repository on a server, and what takes over from there."""

    def __init__(self, server, tmp_path):
        self.folder, self.upstream = SiteFolder(tmp_path / "site"), Upstream(tmp_path / "repository")
        tenant = FILES["jobs/tenant.yaml"].replace("- site:", f"- {self.upstream.project}:")
        self.folder.write("jobs/tenant.yaml", tenant)
        self.folder.add("zuul.conf", "site_source=gerrit\n")
        self.mirrors = Mirrors(settings(server), tmp_path / "mirrors")
        self.folders, self.clock, self.pulse = Folders(tmp_path / "state"), StillClock(1000.0), Pulse()
        self.folders.state.mkdir()
        self.merge({name: (self.folder.folder / name).read_text() for name in FILES})
        self.start()

    def start(self, source=SiteSource.GERRIT):
        """A service, as after a kill: all that it knows is in the state folder."""
        site = load_site(self.folder.folder)
        self.store = bootstrap.open_store(self.folders)
        last, refusal = bootstrap.last_in_force(site, self.folders, self.store)
        self.in_force = SiteInForce(last)
        repository = GitSiteRepository(self.mirrors, "gerrit", self.upstream.project, None, Author("CI"))
        load = partial(bootstrap.state_of_site, site, self.folders)
        self.updates = SiteUpdates(
            source, self.in_force, repository, load, self.store, self.folders, self.pulse, self.clock
        )
        self.updates.begin(refusal)

    def close(self):
        self.store.close()
        self.mirrors.close()

    def merge(self, files, start=None):
        commit = self.upstream.commit(files, "a change of the site", start=start)
        self.upstream.push("master")
        return commit

    def look(self, seconds=REGULAR_SECONDS):
        self.clock.time += seconds
        return self.updates.step()

    @property
    def state(self):
        return self.store.site.get()

    @property
    def jobs(self):
        return sorted(self.in_force.layout().jobs)

    def attention(self):
        return attention((), (), (), "", (), self.clock.now(), (), self.state)


@pytest.fixture
def world(server, tmp_path):
    world = World(server, tmp_path)
    yield world
    world.close()


def test_the_newest_commit_is_taken_over_at_the_start(world):
    assert (world.in_force.layout().commit, world.state.commit) == ("", "")
    world.updates.step()
    tip = world.upstream.tip()
    assert world.state == SiteState(tip, 1000.0)
    assert (world.in_force.layout().commit, world.in_force.folder()) == (tip, world.folders.site(tip))
    assert (world.in_force.folder() / "playbooks/run.yaml").read_text() == FILES["playbooks/run.yaml"]
    assert not (world.in_force.folder() / ".git").exists()


@pytest.mark.parametrize("name", ["zuul.conf", "jobs"])
def test_a_merged_link_out_of_the_site_is_refused(world, name, tmp_path):
    world.updates.step()
    outside, link = tmp_path / "outside", world.upstream.work / name
    link.rename(outside)
    link.symlink_to(outside)
    tip = world.merge({})
    world.look()
    told = name if name != "jobs" else "jobs/tenant.yaml"
    assert world.state.refused == tip
    assert world.state.reason.startswith(f"{told}: leads out of the site (keep the file itself in the site's folder)")


def test_a_merged_change_comes_into_force_as_a_whole(world):
    world.updates.step()
    beats = world.pulse.beats
    nodes = FILES["nodepool/nodepool.yaml"].replace("node-1", "node-2")
    tip = world.merge({"jobs/zuul.d/more.yaml": SECOND_JOB, "nodepool/nodepool.yaml": nodes})
    world.look()
    assert (world.jobs, world.state.commit) == (["base", "second"], tip)
    assert [node.name for node in world.in_force.nodes()] == ["node-2"]
    assert world.pulse.beats > beats
    assert world.attention() == ()


def test_a_merge_is_looked_for_at_once_and_a_push_that_tells_no_event_within_a_minute(world):
    world.updates.step()
    first = world.merge({"jobs/zuul.d/more.yaml": SECOND_JOB})
    world.look(REGULAR_SECONDS - 1)
    assert world.state.commit != first
    merged = event(EventType.CHANGE_MERGED)
    world.store.events.add([merged], 1000.0)
    world.look(0)
    assert world.state.commit == first
    second = world.merge({"jobs/zuul.d/more.yaml": SECOND_JOB.replace("second", "other")})
    world.look()
    assert world.state.commit == second


def test_a_state_with_errors_is_refused_and_the_one_before_stays(world):
    world.updates.step()
    good = world.state.commit
    broken = world.merge({"jobs/zuul.d/more.yaml": BROKEN_JOB})
    world.look()
    assert (world.state.commit, world.in_force.layout().commit, world.jobs) == (good, good, ["base"])
    assert world.state.refused == broken
    assert world.state.reason.startswith(PROBLEM)
    (line,) = world.attention()
    assert line.startswith(f"Commit {broken[:10]} of the site is refused, the state before stays: {PROBLEM}")
    mended = world.merge({"jobs/zuul.d/more.yaml": SECOND_JOB})
    world.look()
    assert (world.state.commit, world.state.refused, world.jobs) == (mended, "", ["base", "second"])
    assert world.attention() == ()


def test_a_refused_commit_is_read_once_and_again_when_somebody_asks(world, monkeypatch):
    world.updates.step()
    world.merge({"jobs/zuul.d/more.yaml": BROKEN_JOB})
    world.look()
    read = []
    monkeypatch.setattr(bootstrap, "load_other_state", lambda *_: read.append(1) or world.folder.load())
    world.look()
    assert read == []
    world.updates.look_now()
    world.look(0)
    assert read == [1]


def test_a_revert_to_what_is_in_force_ends_the_refusal(world):
    world.updates.step()
    good = world.state.commit
    world.merge({"jobs/zuul.d/more.yaml": BROKEN_JOB})
    world.look()
    git(world.upstream.work, "reset", "-q", "--hard", good)
    world.upstream.push("master")
    world.look()
    assert (world.state.commit, world.state.refused, world.state.reason) == (good, "", "")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"skip_lists/a.txt": "# reason: x\nnot an id\n"}, "skip_lists/a.txt:2:1: "),
        ({"jobs/tenant.yaml": FILES["jobs/tenant.yaml"]}, "names another config project"),
        ({"jobs/tenant.yaml": FILES["jobs/tenant.yaml"].replace("gerrit:", "vendor:")}, "jobs/tenant.yaml:4:7: "),
        ({"nodepool/nodepool.yaml": "- x\n"}, "nodepool/nodepool.yaml:1:1: "),
        ({"jobs/zuul.d/jobs.yaml": "\0"}, "jobs/zuul.d/jobs.yaml:"),
    ],
)
def test_whatever_check_would_find_is_refused(world, files, reason):
    world.updates.step()
    good = world.state.commit
    world.merge(files)
    world.look()
    assert reason in world.state.reason
    assert world.in_force.layout().commit == good


def test_the_next_service_begins_with_the_last_good_state(world):
    world.updates.step()
    tip = world.merge({"jobs/zuul.d/more.yaml": SECOND_JOB})
    world.look()
    world.merge({"jobs/zuul.d/more.yaml": BROKEN_JOB})
    world.look()
    since = world.state.since
    world.store.close()
    world.start()
    assert (world.jobs, world.in_force.layout().commit) == (["base", "second"], tip)
    assert (world.state.commit, world.state.since) == (tip, since)
    world.updates.step()
    assert world.state.reason.startswith(PROBLEM)


def test_a_state_that_is_no_longer_to_be_read_leaves_the_folder_in_force_and_says_so(world):
    world.updates.step()
    tip = world.state.commit
    world.store.close()
    (world.folders.site(tip) / "jobs/zuul.d/jobs.yaml").write_text("x")
    world.start()
    assert world.in_force.layout().commit == ""
    assert (world.state.commit, world.state.refused) == ("", tip)
    assert "jobs/zuul.d/jobs.yaml:1:1" in world.state.reason


def test_a_server_that_does_not_answer_leaves_all_as_it_is_and_is_told_of(world):
    world.updates.step()
    before = world.state
    server = world.upstream.folder / "nova"
    server.rename(world.upstream.folder / "away")
    world.look()
    assert world.state.trouble
    assert world.state.commit == before.commit
    world.look()
    world.look()
    (line,) = world.attention()
    assert line.startswith("The site's repository cannot be read since 1970-01-01 00:17 UTC: ")
    (world.upstream.folder / "away").rename(server)
    world.look()
    assert world.state == before


def test_other_settings_are_told_to_need_a_restart(world):
    world.updates.step()
    tip = world.merge({"zuul.conf": FILES["zuul.conf"] + "name=Another CI\n"})
    world.look()
    assert world.state.restart.startswith(f"zuul.conf is another one since {tip[:10]}")
    assert world.in_force.site.settings.name == "Third-Party CI"
    world.merge({"jobs/zuul.d/more.yaml": SECOND_JOB})
    world.look()
    assert world.state.restart
    world.store.close()
    world.start()
    assert world.state.restart == ""


def test_the_paths_of_the_settings_lead_into_the_state_in_force(world):
    world.folder.add("zuul.conf", "node_check=check.sh\n")
    world.folder.write("check.sh", "true\n")
    world.store.close()
    world.start()
    world.merge({"check.sh": "false\n"})
    world.updates.step()
    assert world.in_force.node_check().read_text() == "false\n"
    used = world.in_force.site.settings
    assert (used.known_hosts, used.state_dir) == (
        world.folder.load().settings.known_hosts, world.folder.load().settings.state_dir
    )  # fmt: skip


def test_what_a_kill_left_is_removed_and_no_half_folder_counts(world):
    world.folders.sites.mkdir()
    rest = world.folders.sites / ".begun-x"
    rest.mkdir()
    (rest / "zuul.conf").touch()
    world.updates.step()
    assert [path.name for path in world.folders.sites.iterdir()] == [world.state.commit]


def test_links_and_odd_names_are_written_as_they_are_committed(world):
    (world.upstream.work / "link").symlink_to("playbooks/run.yaml")
    world.merge({"skip_lists/ä b'\".md": "x\n", ".gitattributes": "*.md filter=evil\n"})
    world.updates.step()
    folder = world.in_force.folder()
    assert os.readlink(folder / "link") == "playbooks/run.yaml"  # noqa: PTH115 - as it is written
    assert (folder / "skip_lists/ä b'\".md").read_text() == "x\n"


def test_a_folder_counts_anew_when_somebody_asks(world):
    world.store.close()
    world.start(SiteSource.FOLDER)
    world.folder.write("jobs/zuul.d/more.yaml", SECOND_JOB)
    world.look()
    assert world.jobs == ["base"]
    world.updates.look_now()
    world.look(0)
    assert (world.jobs, world.state.commit) == (["base", "second"], "")
    world.folder.write("jobs/zuul.d/more.yaml", BROKEN_JOB)
    world.updates.look_now()
    world.look(0)
    assert world.jobs == ["base", "second"]
    assert world.state.refused == THE_FOLDER
    (line,) = world.attention()
    assert line.startswith(f"The site's folder is refused, the state before stays: {PROBLEM}")


def test_nodes_come_from_the_state_in_force(world):
    nodes = StaticNodes(world.in_force.nodes)
    world.updates.step()
    world.merge({"nodepool/nodepool.yaml": FILES["nodepool/nodepool.yaml"].replace("node-1", "node-2")})
    world.look()
    assert [node.name for node in nodes.nodes()] == ["node-2"]


def test_builds_keep_the_state_that_they_were_made_with(world):
    layouts = []
    gerrit = ScriptedGerrit(a_change(project="nova"))
    scheduler = Scheduler(
        world.in_force.layout, {"gerrit": gerrit}, world.store, Links("https://ci"), world.pulse, world.clock
    )
    for number, files in ((1, {}), (2, {"playbooks/run.yaml": "- hosts: none\n"})):
        if files:
            world.merge(files)
        world.look()
        gerrit.current = a_change(project="nova", number=number)
        world.store.events.add([event(key=str(number), about=gerrit.current)], 1.0)
        scheduler.step("gerrit")
        layouts.append(world.state.commit)
    builds = world.store.buildsets.open_builds()
    assert [build.site for build in builds] == layouts
    key = world.folder.folder / "key"
    preparation = BuildPreparation(SiteFiles(world.folder.folder, key, "t"), None, world.folders)
    specs = [preparation.spec(build, gerrit.current, "check") for build in builds]
    texts = [(Path(spec.site) / "playbooks/run.yaml").read_text() for spec in specs]
    assert texts == ["- hosts: all\n", "- hosts: none\n"]
