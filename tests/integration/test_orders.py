"""Orders for a branch: they are events, and the scheduler does what they say."""

import pytest

from ci.cli import root
from ci.config.site import load_site
from ci.model.change import Branch
from ci.services.pulse import Pulse
from ci.services.reporting import Links
from ci.services.scheduler import Scheduler
from ci.store.store import SqliteStore
from tests.fakes.ports import ScriptedGerrit, StillClock
from tests.fakes.records import change
from tests.unit.config.conftest import SiteFolder

JOBS = """\
- job: {name: nightly, run: playbooks/run.yaml, branches: ^master$}
- pipeline: {name: periodic, manager: independent, trigger: {timer: [{time: 0 4 * * *}]}}
- project: {name: nova, periodic: {jobs: [nightly]}}
"""
MASTER = ("--project", "nova", "--ref", "refs/heads/master")


class Desk:
    def __init__(self, folder, capsys):
        self.site = SiteFolder(folder / "site")
        self.site.write("jobs/zuul.d/more.yaml", JOBS)
        self.state, self.capsys = folder / "state", capsys
        self.state.mkdir()
        self.store = SqliteStore(self.state / "ci.db")
        layout = load_site(self.site.folder).layout
        gerrit, links = ScriptedGerrit(change(connection="gerrit")), Links("https://ci.example.org")
        self.scheduler = Scheduler(lambda: layout, {"gerrit": gerrit}, self.store, links, Pulse(), StillClock(2e9))

    def call(self, *arguments, status=0):
        places = ["--site", str(self.site.folder), "--state-dir", str(self.state)]
        assert root.run([*arguments, *places]) == status
        self.scheduler.step("gerrit")
        told = self.capsys.readouterr()
        return told.out + told.err

    def running(self):
        return [(one.id, one.pipeline, one.change) for one in self.store.buildsets.running()]


@pytest.fixture
def desk(tmp_path, capsys):
    desk = Desk(tmp_path, capsys)
    yield desk
    desk.store.close()


def test_a_branch_is_enqueued_enqueued_again_and_dequeued(desk):
    assert "enqueue: branch master of nova" in desk.call("enqueue-ref", "--pipeline", "periodic", *MASTER)
    ((first, *about),) = desk.running()
    assert about == ["periodic", Branch("gerrit", "nova", "master")]
    desk.call("enqueue-ref", "--pipeline", "periodic", *MASTER)
    ((second, *_),) = desk.running()
    assert second != first
    assert "dequeue: branch master of nova" in desk.call("dequeue", *MASTER)
    assert desk.running() == []
    assert "nothing runs or waits for branch master" in desk.call("dequeue", *MASTER, status=1)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("enqueue-ref", "--pipeline", "check", "--project", "nova", "--ref", "master"), 2, "refs/heads/BRANCH"),
        (("enqueue-ref", "--pipeline", "check", "--project", "nova", "--ref", "refs/heads/../x"), 2, "not a branch"),
        (("enqueue-ref", "--pipeline", "night", *MASTER), 2, "no pipeline night: there is"),
        (("enqueue-ref", "--pipeline", "periodic", "--project", "glance", *MASTER[2:]), 2, "no project glance"),
        (("enqueue-ref", "--pipeline", "periodic", *MASTER[:3], "refs/heads/stable/pike"), 1, "gets no jobs"),
        (("dequeue",), 2, "name a change by --change, or a branch by --project and --ref"),
        (("dequeue", "--ref", "refs/heads/master"), 2, "name a change by --change"),
        (("dequeue", "--change", "1,1", *MASTER), 2, "name a change by --change"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_line(desk, arguments, status, told):
    text = desk.call(*arguments, status=status)
    assert told in text
    assert "Traceback" not in text
    assert desk.running() == []
