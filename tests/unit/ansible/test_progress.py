"""Which playbook an event belongs to, and what a reader is told of it."""

import io
import json

import pytest

from ci.ansible.console import ConsoleLog
from ci.ansible.discretion import Discretion
from ci.ansible.progress import Progress, Step
from ci.ansible.task_events import TaskEvents
from ci.model.build import Phase

STEPS = (Step(Phase.PRE_RUN, "same.yaml"), Step(Phase.RUN, "same.yaml"))


@pytest.fixture
def progress(tmp_path):
    with ConsoleLog(tmp_path) as console:
        yield Progress(STEPS, console, TaskEvents(io.StringIO()), Discretion({}))


def send(progress, kind, **fields):
    return progress.handle(json.dumps({"event": kind, **fields}).encode())


def result(progress, status, **fields):
    event = {"host": "compute", "task": "list", "role": "", "status": status, "started": 1.0, "ended": 3.5}
    send(progress, "result", **{**event, "message": "", "details": "", **fields})


def rows(progress):
    return [json.loads(line) for line in progress.task_events._file.getvalue().splitlines()]


def test_the_order_tells_two_runs_of_one_playbook_apart(progress):
    assert send(progress, "playbook", path="/site/same.yaml")
    result(progress, "ok")
    send(progress, "stats", hosts={"compute": {"ok": 1}})
    assert send(progress, "playbook", path="/site/same.yaml")
    result(progress, "ok")
    assert [row["phase"] for row in rows(progress)] == ["pre-run", "run"]
    assert rows(progress)[0]["seconds"] == 2.5


def test_a_failure_names_phase_playbook_task_host_and_the_first_line(progress):
    send(progress, "playbook", path="")
    result(progress, "failed", role="deploy", message="no such package\nlong story")
    assert progress.failure == "no such package (task 'deploy : list' failed on compute, pre-run same.yaml)"
    result(progress, "failed", message="non-zero return code")
    assert progress.failure == "task 'list' failed on compute: non-zero return code (pre-run same.yaml)"


def test_a_first_line_that_only_announces_is_told_with_the_last_one(progress):
    send(progress, "playbook", path="")
    result(progress, "failed", message="nova-compute ended; the end of its log:\n  File x\nNameError: no such name\n\n")
    assert progress.failure.startswith("nova-compute ended; the end of its log: NameError: no such name (task ")
    assert rows(progress)[0]["message"] == "nova-compute ended; the end of its log: NameError: no such name"
    result(progress, "failed", message="alone:")
    assert progress.failure.startswith("alone: (")


def test_an_unreachable_node_is_told_with_sshs_own_complaint(progress):
    send(progress, "playbook", path="")
    result(progress, "unreachable", message="Make sure it can be reached over ssh: @@@@\nHost key verification failed.")
    assert progress.unreachable == {"compute"}
    assert progress.failure.startswith("Host key verification failed (task 'list' unreachable on compute, ")


def test_an_ignored_failure_is_none(progress):
    send(progress, "playbook", path="")
    result(progress, "ignored", message="never mind")
    assert progress.failure == ""


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"null", b'{"event": 3}', b'{"event": "no such"}', b'{"event": "class"}', b"\xff"]
)
def test_a_line_that_is_no_event_is_passed_over(progress, line):
    assert progress.handle(line) is False
