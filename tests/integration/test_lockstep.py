"""Blocks go when what they wait for has merged: real git, a real database, and a Gerrit that a test directs."""

import re
import uuid
from dataclasses import replace

import pytest

from ci.config.site import load_site
from ci.errors import CIError, Refused, Unavailable
from ci.git.ancestry import GitHistory
from ci.git.mirrors import Mirrors
from ci.git.site_repository import Author, GitSiteRepository
from ci.model.change import Change
from ci.model.event import EventType
from ci.model.lockstep import LockstepMode, WaitState
from ci.services.lockstep import (
    AFTER_A_FAILURE_SECONDS,
    REFUSED_PAUSE_SECONDS,
    REGULAR_SECONDS,
    SHORTEST_PAUSE_SECONDS,
    TOPIC,
    Lockstep,
)
from ci.services.pulse import Pulse
from ci.skip_lists.waits import WaitingLists
from ci.store.lockstep import read_statuses
from ci.store.store import SqliteStore
from tests.fakes.ports import StillClock
from tests.fakes.records import change as a_change
from tests.fakes.records import event
from tests.integration.upstream import Upstream, git, settings
from tests.unit.config.conftest import SiteFolder

ONE, OTHER = (f"I{digit * 40}" for digit in "12")
LIST, PIKE_LIST = "skip_lists/a.txt", "skip_lists/pike.txt"
REF = f"refs/for/master%topic={TOPIC}"
HEADER = "# About this list.\n\n"


def entry(n):
    return f"{uuid.UUID(int=n)}  # a.b.C.test_{n}\n"


def block(n, until):
    return f"# reason: number {n}\n# until: {until}\n{entry(n)}"


KEPT = f"# reason: never\n{entry(99)}"


class DirectedGerrit:
    """Shows what was pushed to the site's repository, in the state that a test says; `known` by Change-Id."""

    name = "gerrit"

    def __init__(self, site):
        self.site = site
        self.status = "NEW"
        self.known = {}
        self.failure = None
        self.is_blind = False
        self.asked = []

    def changes_with_id(self, change_id):
        self.asked.append(change_id)
        if self.failure:
            raise self.failure
        found = list(self.known.get(change_id, ()))
        server = self.site.folder / "nova"
        pushed = git(server, "for-each-ref", "--format=%(objectname) %(contents)", "refs/for/")
        if not self.is_blind and f"Change-Id: {change_id}" in pushed:
            commit = pushed.split()[0]
            git(server, "update-ref", "refs/changes/01/1/1", commit)
            found.append(
                Change("gerrit", self.site.project, "master", 1, 1, commit, "refs/changes/01/1/1",
                       url="https://gerrit/1", status=self.status)
            )  # fmt: skip
        return tuple(found)


class World:
    """A site with one list, nova and the site's own repository on a server, and the loop."""

    def __init__(self, server, tmp_path):
        self.folder = SiteFolder(tmp_path / "site")
        self.nova, self.repository = Upstream(tmp_path / "nova"), Upstream(tmp_path / "repository")
        self.gerrit = DirectedGerrit(self.repository)
        self.store, self.clock = SqliteStore(tmp_path / "ci.db"), StillClock(1000.0)
        self.mirrors = Mirrors(settings(server), tmp_path / "mirrors")
        self.line = "base"
        self.mode, self.projects = LockstepMode.PUSH, [self.nova.project]
        self.folder.write("zuul.conf", self.folder.folder.joinpath("zuul.conf").read_text())
        self.folder.write(
            "jobs/zuul.d/jobs.yaml",
            f"- job:\n    name: base\n    parent: null\n    run: playbooks/run.yaml\n"
            f"    vars: {{tempest_exclude_lists: [{LIST}]}}\n",
        )
        self.write({LIST: HEADER + KEPT})

    def close(self):
        self.store.close()
        self.mirrors.close()

    def write(self, lists):
        """Have these lists in the site's folder and in its repository."""
        for name, text in lists.items():
            self.folder.write(name, text)
        git(self.repository.work, "fetch", "-q", str(self.repository.folder / "nova"), "master")
        self.repository.commit(lists, "lists", start=self.repository.tip())
        self.repository.push("master")

    def merge(self, change_id, branch="master", **files):
        """Have a change of nova merged into a branch."""
        start = self.nova.tip(branch)
        commit = self.nova.commit(files or {change_id: branch}, f"Add it\n\nChange-Id: {change_id}", start=start)
        self.nova.push(branch)
        return commit

    def branch(self, name):
        git(self.nova.folder / "nova", "branch", name, "master")

    def service(self):
        self.folder.write(
            "jobs/tenant.yaml",
            "- tenant:\n    name: t\n    source:\n      gerrit:\n        config-projects:\n"
            f"          - {self.repository.project}: {{extra-config-paths: [jobs/zuul.d/]}}\n"
            "        untrusted-projects:\n" + "".join(f"          - {p}: {{include: []}}\n" for p in self.projects),
        )
        self.folder.write(
            "jobs/zuul.d/projects.yaml", f"- project: {{name: {self.nova.project}, check: {{jobs: [{self.line}]}}}}\n"
        )
        layout = load_site(self.folder.folder).layout
        repository = GitSiteRepository(self.mirrors, "gerrit", self.repository.project, None, Author("CI", "c@i"))
        return Lockstep(
            lambda: layout, self.mode, WaitingLists(lambda: self.folder.folder), GitHistory(self.mirrors), repository,
            {"gerrit": self.gerrit}, self.store, Pulse(), self.clock,
        )  # fmt: skip

    def look(self):
        """Have a service that has just started look once; returns the states by Change-Id that is waited for."""
        self.service().step()
        return self.states()

    def states(self):
        return {one.until: one.state for one in self.store.views.lockstep()}

    def note(self):
        (status,) = self.store.views.lockstep()
        return status.note

    def pushed(self):
        return git(self.repository.folder / "nova", "for-each-ref", "--format=%(objectname)", "refs/for/").split()

    def diff(self):
        return git(self.repository.folder / "nova", "diff", "--unified=0", f"{REF}^", REF).splitlines()[4:]


@pytest.fixture
def world(server, tmp_path):
    world = World(server, tmp_path)
    yield world
    world.close()


def test_a_site_that_waits_for_nothing_asks_nobody(world):
    assert world.look() == {}
    assert world.gerrit.asked == []
    assert not list(world.mirrors.folder.glob("*/*"))


def test_a_block_stays_until_its_change_has_merged_and_then_its_removal_is_pushed_once(world):
    world.gerrit.known[ONE] = (a_change(),)
    world.write({LIST: HEADER + block(1, ONE) + "\n" + KEPT})
    assert world.look() == {ONE: WaitState.WAITING}
    assert (world.pushed(), world.note()) == ([], "")
    commit = world.merge(ONE)
    assert world.look() == {ONE: WaitState.OPEN}
    (status,) = world.store.views.lockstep()
    assert (status.url, status.path, status.note) == ("https://gerrit/1", LIST, "")
    pushed = world.pushed()
    assert world.diff() == ["@@ -3,4 +2,0 @@", *(f"-{line}" for line in (block(1, ONE) + "\n").splitlines())]
    message = git(world.repository.folder / "nova", "log", "-1", "--format=%B", REF)
    assert f'{world.nova.project} master: {commit[:11]} "Add it"' in message
    assert message.endswith(f"Change-Id: {status.removal_id}")
    assert world.look() == {ONE: WaitState.OPEN}
    assert world.pushed() == pushed


def test_a_push_that_was_not_written_down_is_found_in_gerrit(world):
    world.write({LIST: block(1, ONE)})
    world.merge(ONE)
    world.look()
    pushed = world.pushed()
    world.store.lockstep.keep_only(())  # as after a crash, or with an older database
    world.repository.commit({"other": "x"}, "meanwhile", start=world.repository.tip())
    world.repository.push("master")
    assert world.look() == {ONE: WaitState.OPEN}
    assert world.pushed() == pushed


@pytest.mark.parametrize("is_known", [True, False])
def test_an_abandoned_removal_is_a_no(world, is_known):
    world.write({LIST: block(1, ONE)})
    world.merge(ONE)
    world.look()
    if not is_known:
        world.store.lockstep.keep_only(())
    world.gerrit.status = "ABANDONED"
    pushed = world.pushed()
    assert world.look() == {ONE: WaitState.ABANDONED}
    world.merge(OTHER)
    assert world.look() == {ONE: WaitState.ABANDONED}
    assert world.pushed() == pushed
    world.gerrit.status = "NEW"
    assert world.look() == {ONE: WaitState.OPEN}


def test_one_that_gerrit_does_not_show_any_more_is_not_made_again(world):
    world.write({LIST: block(1, ONE)})
    world.merge(ONE)
    world.look()
    world.gerrit.is_blind = True
    git(world.repository.folder / "nova", "update-ref", "-d", REF)
    assert world.look() == {ONE: WaitState.OPEN}
    assert world.note() == "Gerrit does not show it any more"
    assert world.pushed() == []


def test_the_site_s_folder_that_is_behind_is_told_of(world):
    world.write({LIST: HEADER + block(1, ONE) + "\n" + KEPT})
    old = (world.folder.folder / LIST).read_text()
    world.merge(ONE)
    world.write({LIST: HEADER + KEPT})
    world.folder.write(LIST, old)
    assert world.look() == {ONE: WaitState.BEHIND}
    assert world.pushed() == []
    world.folder.write(LIST, HEADER + KEPT)
    assert world.look() == {}


def test_a_merged_removal_is_over_when_the_site_s_folder_has_it(world):
    world.write({LIST: HEADER + block(1, ONE) + "\n" + KEPT})
    world.merge(ONE)
    world.look()
    world.gerrit.status = "MERGED"
    git(world.repository.folder / "nova", "update-ref", "refs/heads/master", REF)
    assert world.look() == {ONE: WaitState.MERGED}
    assert world.note() == ""
    old = (world.folder.folder / LIST).read_text()
    world.folder.write(LIST, git(world.repository.folder / "nova", "show", f"master:{LIST}") + "\n")
    assert world.look() == {}
    world.write({LIST: old})  # a person puts the block back
    assert world.look() == {ONE: WaitState.MERGED}
    assert "again" in world.note()
    assert len(world.pushed()) == 1


def test_each_branch_that_uses_the_list_must_have_the_change(world):
    world.write({LIST: block(1, ONE)})
    world.branch("stable/pike")
    world.merge(ONE)
    assert world.look() == {ONE: WaitState.WAITING}
    assert f"but not in {world.nova.project} stable/pike:" in world.note()
    assert world.pushed() == []
    world.merge(ONE, "stable/pike")
    assert world.look() == {ONE: WaitState.OPEN}


def test_a_branch_that_uses_another_list_holds_nothing(world):
    world.folder.add(
        "jobs/zuul.d/jobs.yaml",
        f"- job:\n    name: base\n    branches: ^stable/\n    vars: {{tempest_exclude_lists: [{PIKE_LIST}]}}\n",
    )
    world.write({LIST: block(1, ONE), PIKE_LIST: block(2, ONE)})
    world.branch("stable/pike")
    world.merge(ONE)
    world.look()
    by_list = {one.path: one.state for one in world.store.views.lockstep()}
    assert by_list == {LIST: WaitState.OPEN, PIKE_LIST: WaitState.WAITING}


def test_a_list_that_only_a_line_of_a_pipeline_names_counts_too(world):
    world.folder.write("jobs/zuul.d/jobs.yaml", "- job: {name: base, parent: null, run: playbooks/run.yaml}\n")
    world.line = f"base: {{vars: {{tempest_exclude_lists: [{LIST}]}}}}"
    world.write({LIST: block(1, ONE)})
    world.merge(ONE)
    assert world.look() == {ONE: WaitState.OPEN}


def test_a_change_of_a_required_project_counts_where_that_is_tested_along(world, server, tmp_path):
    driver = Upstream(tmp_path / "driver")
    world.projects.append(driver.project)
    world.folder.write(
        "jobs/zuul.d/jobs.yaml",
        f"- job:\n    name: base\n    parent: null\n    run: playbooks/run.yaml\n"
        f"    required-projects: [{driver.project}]\n    vars: {{tempest_exclude_lists: [{LIST}]}}\n",
    )
    world.branch("stable/pike")  # which the driver does not have: its default branch is tested there
    world.write({LIST: block(1, ONE)})
    assert world.look() == {ONE: WaitState.WAITING}
    driver.commit({"x": "y"}, f"Drive\n\nChange-Id: {ONE}")
    driver.push("master")
    assert world.look() == {ONE: WaitState.OPEN}


def test_a_change_that_was_reverted_is_waited_for(world):
    world.write({LIST: block(1, ONE)})
    world.merge(ONE)
    git(world.nova.work, "revert", "--no-edit", "HEAD", date="1700000001 +0000")
    world.nova.push("master")
    assert world.look() == {ONE: WaitState.WAITING}


def test_a_change_that_will_not_merge_is_told_of(world):
    world.write({LIST: block(1, ONE)})
    world.look()
    assert world.note() == "gerrit shows no such change: correct its `until:`"
    world.gerrit.known[ONE] = (a_change(status="ABANDONED"), a_change(status="NEW"))
    world.look()
    assert world.note() == ""
    world.gerrit.known[ONE] = (a_change(status="ABANDONED"),)
    world.look()
    assert world.note() == "it was abandoned (https://review.example.org/4711): correct its `until:`"
    world.gerrit.failure = Unavailable("no answer")
    world.look()
    assert world.note() == ""


def test_two_changes_have_removals_of_their_own(world):
    world.write({LIST: block(1, ONE) + "\n" + block(2, OTHER)})
    world.gerrit.known[OTHER] = (a_change(),)
    world.merge(ONE)
    assert world.look() == {ONE: WaitState.OPEN, OTHER: WaitState.WAITING}


def test_where_only_warnings_are_wanted_nothing_is_pushed(world):
    world.mode = LockstepMode.WARN
    world.write({LIST: block(1, ONE)})
    world.merge(ONE)
    assert world.look() == {ONE: WaitState.DUE}
    assert (world.pushed(), world.note()) == ([], "lockstep=warn in zuul.conf")
    world.mode = LockstepMode.OFF
    assert world.look() == {}


# --- what goes wrong


def test_a_gerrit_that_is_away_is_asked_again_soon(world):
    world.write({LIST: block(1, ONE)})
    world.merge(ONE)
    world.gerrit.failure = Unavailable("no answer")
    service = world.service()
    with pytest.raises(Unavailable):
        service.step()
    assert (world.states(), world.note()) == ({ONE: WaitState.DUE}, "no answer")
    world.gerrit.failure = None
    assert service.step() == AFTER_A_FAILURE_SECONDS
    assert world.pushed() == []
    world.clock.time += AFTER_A_FAILURE_SECONDS
    assert service.step() == REGULAR_SECONDS
    assert world.states() == {ONE: WaitState.OPEN}
    world.gerrit.failure = Unavailable("no answer")
    world.clock.time += REGULAR_SECONDS
    with pytest.raises(Unavailable):
        service.step()
    assert (world.states(), world.note()) == ({ONE: WaitState.OPEN}, "")


def test_a_push_that_is_refused_is_told_once_and_tried_again_seldom(world, capsys):
    hook = world.repository.folder / "nova/hooks/pre-receive"
    world.write({LIST: block(1, ONE)})
    world.merge(ONE)
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'ERROR: no rights here' >&2\nexit 1\n")
    hook.chmod(0o700)
    service = world.service()
    assert service.step() == REGULAR_SECONDS
    assert world.states() == {ONE: WaitState.REFUSED}
    assert "no rights here" in world.note()
    hook.unlink()
    world.clock.time += REGULAR_SECONDS
    service.step()
    assert world.states() == {ONE: WaitState.REFUSED}
    assert world.look() == {ONE: WaitState.REFUSED}  # nor does a new service try at once
    world.clock.time += REFUSED_PAUSE_SECONDS
    service.step()
    assert world.states() == {ONE: WaitState.OPEN}


def test_a_site_without_a_repository_that_can_be_reached_is_one_clear_line(world):
    world.write({LIST: block(1, ONE)})
    world.merge(ONE)
    world.repository.folder.rename(world.repository.folder.with_name("gone"))
    world.gerrit.changes_with_id = lambda _: ()
    assert world.look() == {ONE: WaitState.REFUSED}
    assert "does not appear to be a git repository" in world.note()


def test_a_site_without_a_repository_at_all_is_one_clear_line(world):
    world.write({LIST: block(1, ONE)})
    world.merge(ONE)
    service = world.service()
    service._repository = None
    service.step()
    assert world.states() == {ONE: WaitState.REFUSED}
    assert world.note().startswith("the tenant file names no config project")


def test_a_list_with_errors_in_the_repository_is_left_to_people(world):
    world.write({LIST: block(1, ONE)})
    world.merge(ONE)
    world.repository.commit({LIST: block(1, ONE) + "nonsense\n"}, "oh", start=world.repository.tip())
    world.repository.push("master")
    assert world.look() == {ONE: WaitState.REFUSED}
    assert f"{LIST} in the site's repository: the list has errors" in world.note()


def test_a_list_with_errors_in_the_site_holds_up_no_other(world):
    world.folder.write(
        "jobs/zuul.d/jobs.yaml",
        f"- job:\n    name: base\n    parent: null\n    run: playbooks/run.yaml\n"
        f"    vars: {{tempest_exclude_lists: [{PIKE_LIST}, ./{LIST}]}}\n",
    )
    world.write({LIST: block(1, ONE), PIKE_LIST: "nonsense\n"})
    world.merge(ONE)
    assert world.look() == {ONE: WaitState.OPEN}


def test_while_a_project_cannot_be_read_nothing_is_removed_and_that_is_said(world):
    world.write({LIST: block(1, ONE)})
    world.merge(ONE)
    place = world.nova.folder / "nova"
    place.rename(place.with_name("gone"))
    with pytest.raises(Refused):
        world.look()
    assert world.states() == {ONE: WaitState.WAITING}
    assert world.note().startswith("where it has merged is not known: ")
    place.with_name("gone").rename(place)
    assert world.look() == {ONE: WaitState.OPEN}
    place.rename(place.with_name("gone"))
    with pytest.raises(CIError):
        world.look()
    assert world.states() == {ONE: WaitState.OPEN}


def test_a_project_that_gerrit_does_not_have_holds_nothing_up(world):
    world.projects = [*world.projects, "no/such"]
    world.write({LIST: block(1, ONE)})
    world.folder.write("jobs/zuul.d/other.yaml", f"- project: {{name: no/such, check: {{jobs: [{world.line}]}}}}\n")
    world.merge(ONE)
    assert world.look() == {ONE: WaitState.OPEN}


def test_an_open_removal_that_conflicts_says_so_and_is_left_alone(world):
    world.write({LIST: block(1, ONE)})
    world.merge(ONE)
    world.look()
    pushed = world.pushed()
    old = (world.folder.folder / LIST).read_text()
    world.write({LIST: old.replace("number 1", "another reason")})
    assert world.look() == {ONE: WaitState.OPEN}
    assert f"conflicts in {LIST}" in world.note()
    assert world.pushed() == pushed


# --- when it looks


def test_it_looks_soon_after_a_merge_and_otherwise_now_and_then(world):
    world.write({LIST: block(1, ONE)})
    service = world.service()
    assert service.step() == REGULAR_SECONDS
    world.merge(ONE)
    world.clock.time += 1
    service.step()
    assert world.states() == {ONE: WaitState.WAITING}
    world.store.events.add([event(EventType.CHANGE_MERGED, key="m1")], 1.0)
    assert service.step() == SHORTEST_PAUSE_SECONDS - 1
    world.clock.time += SHORTEST_PAUSE_SECONDS - 1
    assert service.step() == REGULAR_SECONDS
    assert world.states() == {ONE: WaitState.OPEN}
    asked = len(world.gerrit.asked)
    world.store.events.add([event(key="p1")], 1.0)
    world.clock.time += 60
    service.step()
    assert len(world.gerrit.asked) == asked
    world.clock.time += REGULAR_SECONDS
    service.step()
    assert len(world.gerrit.asked) > asked


def test_a_service_that_stops_ends_what_git_does(world):
    world.write({LIST: block(1, ONE)})
    service = world.service()
    service.stop()
    assert service.step() == REGULAR_SECONDS
    assert world.states() == {}


# --- what others read of it


def test_a_database_is_read_without_being_made_or_changed(world, tmp_path):
    assert read_statuses(tmp_path / "none.db") == {}
    assert not (tmp_path / "none.db").exists()
    world.write({LIST: block(1, ONE)})
    world.look()
    (status,) = read_statuses(tmp_path / "ci.db").values()
    assert (status,) == world.store.views.lockstep()
    world.store.close()  # the last one: nothing is left beside it
    before = sorted(tmp_path.glob("ci.db*"))
    assert list(read_statuses(tmp_path / "ci.db").values()) == [status]
    assert sorted(tmp_path.glob("ci.db*")) == before == [tmp_path / "ci.db"]
    world.store.lockstep.put(replace(status, note="x"))
    assert read_statuses(tmp_path / "ci.db")[status.removal_id].note == "x"


def test_an_old_database_or_none_at_all_says_what_it_is(tmp_path):
    import sqlite3  # noqa: PLC0415

    sqlite3.connect(tmp_path / "old.db").close()
    (tmp_path / "old.db").touch()
    assert read_statuses(tmp_path / "old.db") == {}
    (tmp_path / "rubbish.db").write_text("rubbish " * 1000)
    with pytest.raises(CIError, match=re.escape("not a database of this CI, or damaged")):
        read_statuses(tmp_path / "rubbish.db")
