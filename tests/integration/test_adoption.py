"""A service that is killed at any line loses no build, runs none twice, and leaves no node uncleaned."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from lab.sshd_node import SshdNode

from ci.ansible import leftovers
from ci.ansible.limits import NICENESS, OOM_SCORE
from ci.ansible.process import AnsibleRunner
from ci.errors import AuthenticationFailed, CIError, DiskFull, Interrupted, MergeConflict, Refused, Unavailable
from ci.model.build import BuildOutcome, BuildsetState, BuildState, Fault, PreparedProject, Result
from ci.model.codec import to_json
from ci.model.job import FrozenJob, NodeRequest, Nodeset
from ci.model.node import Node
from ci.services.build_preparation import BuildPreparation, SiteFiles
from ci.services.executor import Executor
from ci.services.folders import Folders
from ci.services.pulse import Pulse
from ci.store.store import SqliteStore
from tests.fakes.ports import StillClock
from tests.fakes.records import build, buildset, change

DEADLINE_SECONDS = 90.0
PLAY = "- hosts: all\n  gather_facts: false\n  tasks:\n"


def wait_for(condition, what):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen in {DEADLINE_SECONDS} s")


class Prober:
    """Finds what a test says."""

    def __init__(self):
        self.answer = ""

    def problem(self, node):
        return self.answer

    def ended(self, build, outcome):
        pass


class Sources:
    """Prepares nothing but a file, as often as it is asked."""

    def __init__(self):
        self.failure = None
        self.count = 0
        self.waits = threading.Event()

    def prepare(self, about, required, folder, *, buildset_id, interrupt=None):
        self.count += 1
        if self.failure == "hang":
            self.waits.set()
            assert interrupt.wait(DEADLINE_SECONDS)
            raise Interrupted("told to stop")
        if self.failure:
            raise self.failure
        folder.mkdir(parents=True, exist_ok=True)
        return (PreparedProject(about.project, "review.example.org", about.branch, about.revision),)


class Scheduler:
    """Writes down what it is told."""

    def __init__(self):
        self.ended = []

    def attempt_ended(self, one, outcome):
        self.ended.append(outcome)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with SshdNode(tmp_path_factory.mktemp("sshd")) as node:
        yield node


class Lab:
    """A site, a database with one build that has its node, and services one after the other over them."""

    def __init__(self, folder, sshd):
        self.folder, self.sshd = folder, sshd
        self.marks = folder / "marks"
        self.site = folder / "site"
        (self.site / "playbooks").mkdir(parents=True)
        self.folders = Folders(folder / "state")
        self.folders.state.mkdir()
        self.store = SqliteStore(self.folders.database)
        self.runner = AnsibleRunner(test_reader="", cancel_limit_seconds=5)
        self.sources, self.prober, self.scheduler = Sources(), Prober(), Scheduler()

    def playbook(self, name, *lines):
        tasks = "".join(f"    - {json.dumps({'name': 'task', 'ansible.builtin.shell': line})}\n" for line in lines)
        (self.site / f"playbooks/{name}.yaml").write_text(PLAY + tasks)
        return (f"playbooks/{name}.yaml",)

    def mark(self, text):
        return f"echo {text} >> {self.marks}"

    def marked(self):
        return self.marks.read_text().split() if self.marks.exists() else []

    def add_build(self, **job):
        known = {"cleanup_run": self.playbook("cleanup", self.mark("cleanup")), "nodeset": self.nodeset}
        frozen = FrozenJob("nova-in-tree", **{**known, **job})
        self.store.buildsets.add(buildset(build("b" * 32, of=frozen)), None, 1.0)
        (waiting,) = self.store.buildsets.open_builds()
        fields = ("127.0.0.2", "static", ("powervm",), self.sshd.username, self.sshd.port, (self.sshd.host_key,))
        node = Node(*fields, "/usr/bin/python3")
        self.store.buildsets.lease(waiting, [(frozen.nodeset.nodes[0], node)], 2.0)

    @property
    def nodeset(self):
        return Nodeset((NodeRequest("compute", "powervm"),))

    def build(self):
        return self.store.buildsets.build("b" * 32)

    def preparation(self):
        files = SiteFiles(self.site, self.sshd.private_key, "openstack", disk_limit_mib=64, memory_limit_mib=1024)
        return BuildPreparation(files, self.sources, self.folders)

    def spec(self):
        one = self.build()
        about = self.store.buildsets.get(one.buildset_id)
        nodes = self.store.buildsets.nodes_of_build(one.id)
        return self.preparation().spec(one, about.change, about.pipeline, nodes)

    def service(self):
        return Executor(
            self.preparation(),
            self.runner,
            self.prober,
            self.store,
            self.scheduler,
            self.folders,
            Pulse(),
            StillClock(),
        )

    def ended(self, service):
        """Let a service work until it has told of an end."""
        wait_for(lambda: service.step() or self.scheduler.ended, "the end of the attempt")
        service.stop()
        return self.scheduler.ended[-1]

    def console(self):
        (path,) = self.folders.logs.rglob("job-output.txt")
        return path.read_text()


@pytest.fixture
def lab(tmp_path, sshd):
    made = Lab(tmp_path, sshd)
    yield made
    spec = made.spec()
    assert leftovers.of_build(Path(spec.folder)) == leftovers.of_build(Path(spec.folder, "cleanup")) == []


def begun(lab):
    return wait_for(lambda: "begun" in lab.marked(), "the first task")


def test_a_build_runs_once_though_the_service_died_before_it_wrote_it_down(lab):
    lab.add_build(run=lab.playbook("run", lab.mark("begun"), "sleep 2", lab.mark("done")))
    # What a service had done when it died between posix_spawn and its own commit.
    lab.sources.prepare(change(), (), Path(lab.spec().folder, "work/src"), buildset_id="s1")
    process = lab.runner.start(lab.spec())
    source = Path(lab.spec().folder, "work/src")
    (source / "precious").touch()
    service = lab.service()
    outcome = lab.ended(service)
    assert outcome.result == Result.SUCCESS
    assert lab.marked() == ["begun", "done", "cleanup"]
    assert lab.sources.count == 1
    assert (source / "precious").exists()
    assert lab.build().process == process


def test_a_build_is_found_before_it_has_written_its_name(lab, monkeypatch):
    lab.add_build(run=lab.playbook("run", lab.mark("begun")))
    monkeypatch.setattr("ci.ansible.process.attempt_files.read_identity", lambda path: None)
    process = lab.runner.start(lab.spec())
    assert lab.runner.started(lab.spec()) == process
    assert lab.runner.wait(lab.spec(), process, threading.Event()).result == Result.SUCCESS


def test_nothing_was_started_where_only_the_spec_was_written(lab):
    lab.add_build(run=lab.playbook("run", lab.mark("begun")))
    folder = Path(lab.spec().folder)
    assert lab.runner.started(lab.spec()) is None
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(to_json(lab.spec()))
    assert lab.runner.started(lab.spec()) is None


def test_a_build_that_ended_while_no_service_ran_is_collected(lab):
    lab.add_build(run=lab.playbook("run", lab.mark("begun")))
    spec = lab.spec()
    process = lab.runner.start(spec)
    os.waitid(os.P_PID, process.pid, os.WEXITED)
    assert lab.ended(lab.service()).result == Result.SUCCESS
    assert lab.marked() == ["begun", "cleanup"]
    Path(spec.folder, "process.json").unlink()  # as an older version left it
    assert lab.ended(lab.service()).result == Result.SUCCESS
    assert lab.marked() == ["begun", "cleanup"]


def test_a_service_that_is_killed_leaves_its_builds_to_the_next(lab):
    lab.add_build(run=lab.playbook("run", lab.mark("begun"), "sleep 3", lab.mark("done")))
    (lab.folder / "spec").write_text(to_json(lab.spec()))
    script = (
        "import pathlib, sys, time, ci.ansible.process as p, ci.model.build as b, ci.model.codec as c\n"
        f"spec = c.from_json(b.BuildSpec, pathlib.Path({str(lab.folder / 'spec')!r}).read_text())\n"
        "p.AnsibleRunner(test_reader='').start(spec)\n"
        "print('started', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as dying:
        assert dying.stdout.readline() == b"started\n"
        dying.kill()
    assert lab.ended(lab.service()).result == Result.SUCCESS
    assert lab.marked() == ["begun", "done", "cleanup"]


def test_a_lost_build_is_cleaned_up_after_before_its_nodes_go_back(lab):
    lab.add_build(run=lab.playbook("run", lab.mark("begun"), "sleep 60"))
    service = lab.service()
    service.step()
    begun(lab)
    os.kill(lab.build().process.pid, signal.SIGKILL)
    outcome = lab.ended(service)
    assert (outcome.result, outcome.fault) == (None, Fault.LOST)
    assert lab.marked() == ["begun", "cleanup"]
    assert "its cleanup-run follows" in lab.console()


def test_a_cleanup_survives_the_service_and_is_done_at_most_twice(lab):
    lab.add_build(
        run=lab.playbook("run", lab.mark("begun"), "sleep 60"),
        cleanup_run=lab.playbook("slow", lab.mark("cleaning"), "sleep 3", lab.mark("cleaned")),
    )
    spec, stopped = lab.spec(), threading.Event()
    process = lab.runner.start(spec)
    begun(lab)
    os.kill(process.pid, signal.SIGKILL)
    assert lab.runner.wait(spec, process, threading.Event()).fault == Fault.LOST
    first = lab.runner._start_cleanup(spec)
    assert lab.runner._start_cleanup(spec) == first
    wait_for(lambda: "cleaning" in lab.marked(), "the cleanup")
    stopped.set()
    assert not lab.runner.clean_up(spec, stopped)
    lab.runner.wait(spec, process, threading.Event())  # the next service finds the lost build again
    assert lab.runner.clean_up(spec, threading.Event())
    assert lab.marked() == ["begun", "cleaning", "cleaned"]
    assert lab.runner._start_cleanup(spec) is None

    Path(spec.folder, "cleanup-ended").unlink()
    second = lab.runner._start_cleanup(spec)
    wait_for(lambda: lab.marked().count("cleaning") == 2, "the second cleanup")
    os.kill(second.pid, signal.SIGKILL)
    os.waitpid(second.pid, 0)
    leftovers.kill(Path(spec.folder, "cleanup"))
    assert lab.runner._start_cleanup(spec) is None


def test_a_failed_build_that_somebody_wants_to_see_is_held_and_cleaned_up_later(lab):
    lab.add_build(run=lab.playbook("run", lab.mark("begun"), "sleep 1; false"), post_run=lab.playbook("post", "true"))
    service = lab.service()
    service.step()
    begun(lab)
    lab.folders.ask_to_hold(lab.build())
    outcome = lab.ended(service)
    assert (outcome.result, outcome.is_held) == (Result.FAILURE, True)
    assert lab.marked() == ["begun"]
    assert lab.store.buildsets.nodes_of_build(lab.build().id) == ()
    assert len(lab.store.buildsets.leased_node_ids()) == 1
    assert lab.runner.clean_up(lab.spec(), threading.Event())
    assert lab.marked() == ["begun", "cleanup"]


def test_a_build_that_is_canceled_as_it_ends_is_not_held_but_cleaned_up(lab, monkeypatch):
    lab.add_build(run=lab.playbook("run", lab.mark("begun"), "sleep 1; false"))
    wait = lab.runner.wait

    def canceled_at_the_end(*arguments):
        outcome = wait(*arguments)
        lab.store.buildsets.ask_to_cancel(lab.build(), "a newer patch set")
        return outcome

    monkeypatch.setattr(lab.runner, "wait", canceled_at_the_end)
    service = lab.service()
    service.step()
    begun(lab)
    lab.folders.ask_to_hold(lab.build())
    assert lab.ended(service).is_held is False
    assert lab.marked() == ["begun", "cleanup"]
    assert lab.store.holds.held() == ()


def test_a_build_that_goes_well_is_not_held(lab):
    lab.add_build(run=lab.playbook("run", lab.mark("begun"), "sleep 1"))
    service = lab.service()
    service.step()
    begun(lab)
    lab.folders.ask_to_hold(lab.build())
    outcome = lab.ended(service)
    assert (outcome.result, outcome.is_held, lab.marked()) == (Result.SUCCESS, False, ["begun", "cleanup"])
    assert lab.runner._start_cleanup(lab.spec()) is None


@pytest.mark.parametrize(
    ("error", "result", "fault"),
    [
        (Unavailable("no answer"), None, Fault.SOURCE),
        (AuthenticationFailed("key rejected"), None, Fault.SOURCE),
        (CIError("git is missing"), None, Fault.SOURCE),
        (DiskFull("no room"), None, Fault.DISK),
        (Refused("no such ref"), Result.ERROR, None),
        (MergeConflict("conflicts in a.py"), Result.MERGE_CONFLICT, None),
    ],
)
def test_what_keeps_the_source_away_is_told_apart(lab, error, result, fault):
    lab.add_build()
    lab.sources.failure = error
    outcome = lab.ended(lab.service())
    assert (outcome.result, outcome.fault, outcome.error) == (result, fault, str(error))


def test_a_node_that_is_not_fit_is_counted_and_nothing_is_fetched(lab):
    lab.add_build()
    lab.prober.answer = "/ has 3 MiB free"
    outcome = lab.ended(lab.service())
    assert (outcome.fault, outcome.error) == (Fault.NODE, "node static/127.0.0.2: / has 3 MiB free")
    assert lab.sources.count == 0
    condition = lab.store.nodes.all()["static/127.0.0.2"]
    assert (condition.failures, condition.is_ill) == (1, True)


def test_a_build_that_reached_run_clears_its_machine_and_one_that_lost_it_does_not(lab):
    lab.add_build(run=lab.playbook("run", "true"))
    lab.store.nodes.failed("static/127.0.0.2", "was down", 1.0, is_ill=True)
    service = lab.service()
    assert lab.ended(service).result == Result.SUCCESS
    assert lab.store.nodes.all()["static/127.0.0.2"].failures == 0
    gone = BuildOutcome(None, 1.0, 2.0, "unreachable", fault=Fault.UNREACHABLE, unreachable=("compute",))
    service._judge_nodes(lab.build(), gone)
    assert lab.store.nodes.all()["static/127.0.0.2"].failures == 1
    assert lab.store.buildsets.get("s1").state is BuildsetState.RUNNING


def test_a_source_that_hangs_is_let_go_of_when_the_build_is_canceled(lab):
    lab.add_build(run=lab.playbook("run", lab.mark("begun")))
    lab.sources.failure = "hang"
    service = lab.service()
    service.step()
    assert lab.sources.waits.wait(DEADLINE_SECONDS)
    lab.store.buildsets.ask_to_cancel(lab.build(), "a new patch set")
    outcome = lab.ended(service)
    assert (outcome.result, outcome.fault, lab.marked()) == (Result.CANCELED, None, [])


def test_a_failure_of_our_own_is_tried_again_after_a_pause_not_at_once(lab, monkeypatch):
    lab.add_build(run=lab.playbook("run", lab.mark("begun")))
    looks = []

    def started(spec):
        looks.append(spec)
        raise ValueError("a bug")

    monkeypatch.setattr(lab.runner, "started", started)
    service = lab.service()
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        service.step()
    service.stop()
    assert len(looks) == 1
    assert lab.build().state is BuildState.STARTING


def test_a_build_that_writes_too_much_is_ended_and_cut_and_still_cleans_up(lab):
    write = f"{lab.mark('begun')}; dd if=/dev/zero of={{{{ zuul.executor.log_root }}}}/big bs=1M count=100; sleep 60"
    lab.add_build(run=lab.playbook("run", write), post_run=lab.playbook("post", lab.mark("post")))
    outcome = lab.ended(lab.service())
    assert outcome.result == Result.TIMED_OUT
    assert re.search(r"over its limit: it has written \d+ MiB here, and 64 MiB is the limit", outcome.error)
    assert lab.marked() == ["begun", "post", "cleanup"]
    (big,) = lab.folders.logs.rglob("big")
    assert big.stat().st_size < 64 << 20
    assert big.read_bytes().endswith(b"[cut here: the build wrote more than it may]\n")


def test_a_playbook_that_wants_more_memory_than_there_may_be_fails_and_harms_nobody(lab):
    (lab.site / "playbooks/bomb.yaml").write_text(
        PLAY + "    - {name: bomb, ansible.builtin.debug: {msg: \"{{ ('x' * 2000000000) | length }}\"}}\n"
    )
    lab.add_build(run=("playbooks/bomb.yaml",))
    outcome = lab.ended(lab.service())
    assert outcome.result == Result.FAILURE
    assert "task 'bomb' failed on compute" in outcome.error
    assert lab.marked() == ["cleanup"]


def test_a_builds_processes_give_way_to_the_service(lab):
    local = {"name": "look", "ansible.builtin.shell": "cat /proc/self/oom_score_adj; nice", "delegate_to": "localhost"}
    (lab.site / "playbooks/look.yaml").write_text(f"{PLAY}    - {json.dumps(local)}\n")
    lab.add_build(run=("playbooks/look.yaml",))
    assert lab.ended(lab.service()).result == Result.SUCCESS
    shown = [int(line.rpartition(" ")[2]) for line in lab.console().splitlines() if line[-1:].isdigit()]
    assert shown[:2] == [OOM_SCORE, os.nice(0) + NICENESS]


def test_a_result_of_another_version_is_read(lab):
    lab.add_build(run=lab.playbook("run", "true"))
    assert lab.ended(lab.service()).result == Result.SUCCESS
    path = Path(lab.spec().folder, "result.json")
    fields = json.loads(path.read_text())
    older = {name: fields[name] for name in ("result", "started_at", "ended_at", "error")}
    for other in ({**fields, "weather": "fine"}, older):
        path.write_text(json.dumps(other))
        assert lab.runner.wait(lab.spec(), lab.build().process, threading.Event()).result == Result.SUCCESS
