"""Builds are asked to leave their nodes, and nodes are freed only after clean-up; leases of nobody are found."""

import os

import pytest

from ci.errors import CIError
from ci.model.build import HOLD_FILE, BuildOutcome, BuildSpec, ProcessIdentity, Result
from ci.model.codec import to_json
from ci.model.hold import Autohold
from ci.model.job import NodeRequest
from ci.processes import own_name, start_time
from ci.services.folders import Folders
from ci.services.leases import EVERY_SECONDS, LeaseCheck, give_back_lost_nodes, keep_off_strays
from ci.services.node_holds import NodeHolds
from ci.services.pulse import Pulse
from ci.store.store import SqliteStore
from tests.fakes.ports import StillClock
from tests.fakes.records import build, buildset, job, node

WISH = Autohold("gerrit", "openstack/nova", "nova-in-tree", "to look")


class CleaningRunner:
    """A `JobRunner` that only cleans up, as the test says."""

    def __init__(self):
        self.cleaned = []
        self.answers = []

    def clean_up(self, spec, stop):
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, CIError):
            raise answer
        self.cleaned.append(spec.build_id)
        return answer


class Lab:
    """The database, the folders and the service around them."""

    def __init__(self, folder):
        self.clock = StillClock()
        self.store = SqliteStore(folder / "ci.db")
        self.folders = Folders(folder)
        self.runner = CleaningRunner()
        self.holds = NodeHolds(self.runner, self.store, self.folders, Pulse(), self.clock)

    def start(self, build_id="b1", *, spec=True):
        self.store.buildsets.add(buildset(build(build_id)), None, 1.0)
        self.store.buildsets.lease(
            self.store.buildsets.build(build_id), [(NodeRequest("node", "powervm"), node())], 2.0
        )
        one = self.store.buildsets.build(build_id)
        folder = self.folders.build(one)
        if spec:
            folder.mkdir(parents=True)
            text = to_json(BuildSpec(build_id, 1, str(folder), "logs", "site", job(), (node(),), "key"))
            (folder / "spec.json").write_text(text)
        self.store.buildsets.run(one, ProcessIdentity(7, 99), 3.0)
        return self.store.buildsets.build(build_id)

    def is_marked(self, one):
        return (self.folders.build(one) / HOLD_FILE).exists()

    def fail(self, one):
        outcome = BuildOutcome(Result.FAILURE, 3.0, 4.0, "", is_held=True)
        with self.store.transaction():
            hold = self.store.holds.keep(one, self.clock.now())
            self.store.buildsets.end_build(one, Result.FAILURE, outcome, "", self.clock.now())
        return hold

    def step(self):
        """Step and wait for the threads that this has started."""
        self.holds.step()
        for thread in list(self.holds._threads.values()):
            thread.join(10)


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    yield lab
    lab.holds.stop()
    lab.store.close()


def test_a_build_that_a_request_fits_is_marked_and_unmarked_when_it_is_withdrawn(lab):
    one = lab.start()
    lab.step()
    assert not lab.is_marked(one)
    number = lab.store.holds.request(WISH, 1.0)
    lab.step()
    assert lab.is_marked(one)
    lab.store.holds.withdraw(number, 2.0)
    lab.step()
    assert not lab.is_marked(one)


def test_a_mark_of_an_earlier_service_is_taken_away(lab):
    one = lab.start()
    lab.folders.ask_to_hold(one)
    lab.step()
    assert not lab.is_marked(one)


def test_a_build_is_marked_before_its_folder_is_there(lab):
    lab.store.holds.request(WISH, 1.0)
    one = lab.start(spec=False)
    lab.step()
    assert lab.is_marked(one)


def test_kept_nodes_stay_until_their_time_is_over_and_are_freed_after_clean_up(lab):
    lab.store.holds.request(WISH, 1.0)
    hold = lab.fail(lab.start())
    lab.step()
    assert lab.runner.cleaned == []
    lab.clock.time = hold.expires_at
    lab.step()
    assert lab.runner.cleaned == ["b1"]
    assert lab.store.buildsets.leased_node_ids() == frozenset()
    assert lab.store.holds.requests() == ()


def test_a_build_that_nobody_wants_to_look_at_any_more_is_cleaned_up_at_once(lab):
    number = lab.store.holds.request(WISH, 1.0)
    one = lab.start()
    lab.store.holds.withdraw(number, 1.0)
    lab.fail(one)
    lab.step()
    assert lab.runner.cleaned == ["b1"]
    assert lab.store.buildsets.leased_node_ids() == frozenset()


def test_nodes_are_not_freed_when_the_service_stops_in_the_middle_of_clean_up(lab):
    lab.fail(lab.start())
    lab.runner.answers = [False]
    lab.step()
    assert lab.store.buildsets.leased_node_ids() == {node().id}


def test_clean_up_that_was_cut_off_is_gone_on_with_by_the_next_service(lab):
    lab.fail(lab.start())
    lab.runner.answers = [False]
    lab.step()
    lab.holds = NodeHolds(lab.runner, lab.store, lab.folders, Pulse(), lab.clock)
    lab.step()
    assert lab.store.buildsets.leased_node_ids() == frozenset()


def test_clean_up_that_cannot_be_started_is_tried_again_after_a_pause(lab):
    lab.fail(lab.start())
    lab.runner.answers = [CIError("no room")]
    lab.step()
    lab.step()
    assert lab.store.buildsets.leased_node_ids() == {node().id}
    lab.clock.time += 30
    lab.step()
    assert lab.store.buildsets.leased_node_ids() == frozenset()


def test_nodes_whose_folder_is_gone_are_freed_and_that_is_told(lab):
    hold = lab.fail(lab.start(spec=False))
    lab.step()
    assert lab.store.buildsets.leased_node_ids() == frozenset()
    assert lab.store.views.steps(hold.holder)[-1].reason == "without cleanup-run: its folder is gone"


def test_leases_of_nobody_are_given_back_and_no_others(lab):
    lab.start()
    for slot, holder in ((1, "run-1-2"), (2, f"run-{own_name()}"), (3, "ended"), (4, "hold-9")):
        lab.store.buildsets.hold_nodes(holder, [(NodeRequest("node", "powervm"), node(slot=slot))], 4.0)
    assert give_back_lost_nodes(lab.store, lab.store.views) == 3
    assert set(lab.store.views.leases().values()) == {"b1", f"run-{own_name()}"}


def test_leases_are_checked_once_a_minute(lab):
    check = LeaseCheck(lab.store, lab.store.views, Pulse(), lab.clock)
    check.step()
    lab.store.buildsets.hold_nodes("nobody", [(NodeRequest("node", "powervm"), node())], 4.0)
    check.step()
    assert lab.store.buildsets.leased_node_ids() == {node().id}
    lab.clock.time += EVERY_SECONDS
    check.step()
    assert lab.store.buildsets.leased_node_ids() == frozenset()


def test_an_expiry_says_when_to_look_again(lab):
    lab.store.holds.request(WISH, 1.0)
    hold = lab.fail(lab.start())
    assert lab.holds.step() == pytest.approx(hold.expires_at - lab.clock.now())


class StartedRunner:
    """A `JobRunner` that knows which attempts were started, by build."""

    def __init__(self, **processes):
        self.processes = processes

    def started(self, spec):
        return self.processes.get(spec.build_id)


def stray(lab, build_id, slot):
    folder = lab.folders.builds / build_id / "1"
    folder.mkdir(parents=True)
    spec = BuildSpec(build_id, 1, str(folder), "logs", "site", job(), (node(slot=slot),), "key")
    (folder / "spec.json").write_text(to_json(spec))


def test_nodes_of_builds_that_an_older_database_knows_nothing_of_are_kept_off_till_these_end(lab):
    """After a restore: what was started since the backup still runs."""
    lab.start()  # known, and running on slot 0
    for slot, build_id in enumerate(("lives", "ended", "never"), 1):
        stray(lab, build_id, slot)
    (lab.folders.builds / "rubbish" / "1").mkdir(parents=True)
    (lab.folders.builds / "rubbish" / "1" / "spec.json").write_text("[")
    own = ProcessIdentity(os.getpid(), start_time(os.getpid()))
    runner = StartedRunner(lives=own, ended=ProcessIdentity(1, 2), b1=own)
    assert keep_off_strays(lab.store, lab.folders, runner, 5.0) == 1
    assert keep_off_strays(lab.store, lab.folders, runner, 6.0) == 0
    assert lab.store.views.leases() == {node().id: "b1", node(slot=1).id: f"run-{own_name()}"}
    assert give_back_lost_nodes(lab.store, lab.store.views) == 0
