"""Real builds: a process of its own, real ansible-playbook, a real sshd as the node."""

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
from ci.ansible.process import AnsibleRunner
from ci.model.build import BuildSpec, ProcessIdentity, Result
from ci.model.codec import to_json
from ci.model.job import FrozenJob, NodeGroup, NodeRequest, Nodeset
from ci.model.node import Node
from tests.unit.results.test_subunit import stream

DEADLINE_SECONDS = 60.0
PLAY = """\
- name: {name}
  hosts: all
  gather_facts: false
  tasks:
"""


def play(name, *tasks):
    return PLAY.format(name=name) + "".join(f"    - {json.dumps(task)}\n" for task in tasks)


def command(text, **keywords):
    return {"name": text.split()[0], "ansible.builtin.command": text, **keywords}


def wait_for(condition, what):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen in {DEADLINE_SECONDS} s")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with SshdNode(tmp_path_factory.mktemp("sshd"), addresses=("127.0.0.2", "127.0.0.3")) as node:
        yield node


class Lab:
    """A site, its nodes and a runner; `marks` is a file on the node that playbooks write to."""

    def __init__(self, folder, sshd):
        self.folder = folder
        self.sshd = sshd
        self.marks = folder / "marks"
        self.site = folder / "site"
        (self.site / "playbooks").mkdir(parents=True)
        self.runner = AnsibleRunner(test_reader="ci.results.outcome:read_tests")

    def playbook(self, name, *tasks):
        path = self.site / "playbooks" / f"{name}.yaml"
        path.write_text(play(name, *tasks))
        return f"playbooks/{name}.yaml"

    def mark(self, text):
        return {"name": "mark", "ansible.builtin.shell": f"echo {text} >> {self.marks}"}

    def marked(self):
        return self.marks.read_text().split() if self.marks.exists() else []

    def node(self, address="127.0.0.2", **changes):
        fields = {
            "name": address,
            "provider": "static",
            "labels": ("powervm",),
            "username": self.sshd.username,
            "port": self.sshd.port,
            "host_keys": (self.sshd.host_key,),
            "python_path": "/usr/bin/python3",
        }
        return Node(**{**fields, **changes})

    def spec(self, name="build", node=None, zuul=None, **job):
        folder = self.folder / name
        nodeset = Nodeset((NodeRequest("compute", "powervm"),))
        return BuildSpec(
            build_id=name,
            attempt=1,
            folder=str(folder),
            log_folder=str(folder / "logs"),
            site=str(self.site),
            job=FrozenJob("nova-in-tree", **{"nodeset": nodeset, **job}),
            nodes=(node or self.node(),),
            private_key=str(self.sshd.private_key),
            zuul=zuul or {},
        )

    def run(self, spec):
        process = self.runner.start(spec)
        return self.runner.wait(spec, process, threading.Event())

    def log(self, spec):
        return Path(spec.log_folder, "job-output.txt").read_text()

    def events(self, spec):
        return [json.loads(line) for line in Path(spec.folder, "task-events.jsonl").read_text().splitlines()]


@pytest.fixture
def lab(tmp_path, sshd):
    made = Lab(tmp_path, sshd)
    yield made
    assert not [pid for folder in tmp_path.iterdir() for pid in leftovers.of_build(folder)]


def test_all_phases_of_a_good_build(lab):
    spec = lab.spec(
        pre_run=(lab.playbook("pre", lab.mark("pre")),),
        run=(lab.playbook("run", lab.mark("run")), lab.playbook("again", lab.mark("again"))),
        post_run=(lab.playbook("post", lab.mark("{{ zuul_success }}")),),
        cleanup_run=(lab.playbook("cleanup", lab.mark("cleanup")),),
    )
    outcome = lab.run(spec)
    assert (outcome.result, outcome.error) == (Result.SUCCESS, "")
    assert lab.marked() == ["pre", "run", "again", "True", "cleanup"]
    assert [(event["phase"], event["playbook"], event["status"]) for event in lab.events(spec)] == [
        ("pre-run", "playbooks/pre.yaml", "changed"),
        ("run", "playbooks/run.yaml", "changed"),
        ("run", "playbooks/again.yaml", "changed"),
        ("post-run", "playbooks/post.yaml", "changed"),
        ("cleanup-run", "playbooks/cleanup.yaml", "changed"),
    ]
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} \| compute \| changed$", lab.log(spec), re.MULTILINE)
    assert lab.log(spec).count("START: ") == lab.log(spec).count("END RESULT_NORMAL: ") == 5
    # As few processes as the meanings allow.
    assert 0 < outcome.ended_at - outcome.started_at < DEADLINE_SECONDS


def test_variables_are_those_of_zuul_and_foreign_text_is_no_template(lab):
    check = {
        "name": "check",
        "ansible.builtin.assert": {
            "that": [
                "zuul.change == '12'",
                "zuul.message == '{' ~ '{ 1/0 }' ~ '}'",
                "deployment == 'pip'",
                "zuul.executor.work_root.endswith('/build/work')",
                "zuul.executor.log_root.endswith('/build/logs')",
                "nodepool.label == 'powervm'",
                "groups.controllers == ['compute']",
                "inventory_hostname == 'compute'",
            ]
        },
    }
    nodeset = Nodeset((NodeRequest("compute", "powervm"),), (NodeGroup("controllers", ("compute",)),))
    spec = lab.spec(
        zuul={"change": "12", "message": "{{ 1/0 }}"},
        run=(lab.playbook("run", check),),
        variables={"deployment": "pip"},
        nodeset=nodeset,
    )
    assert lab.run(spec).error == ""


def test_a_failing_run_names_its_task_and_post_and_cleanup_still_run(lab):
    spec = lab.spec(
        run=(lab.playbook("run", command("/bin/false")), lab.playbook("never", lab.mark("never"))),
        post_run=(lab.playbook("post", lab.mark("{{ zuul_success }}")),),
        cleanup_run=(lab.playbook("cleanup", lab.mark("cleanup")),),
    )
    outcome = lab.run(spec)
    assert outcome.result == Result.FAILURE
    expected = "task '/bin/false' failed on compute: non-zero return code (run playbooks/run.yaml)"
    assert outcome.error == expected
    assert lab.marked() == ["False", "cleanup"]


def test_a_failing_pre_run_asks_for_another_attempt(lab):
    spec = lab.spec(
        pre_run=(lab.playbook("pre", command("/bin/false")),),
        run=(lab.playbook("run", lab.mark("run")),),
        post_run=(lab.playbook("post", lab.mark("{{ zuul_will_retry }}")),),
    )
    outcome = lab.run(spec)
    assert outcome.result is None
    assert outcome.error.startswith("task '/bin/false' failed on compute: ")
    assert outcome.error.endswith(" (pre-run playbooks/pre.yaml)")
    assert lab.marked() == ["True"]


def test_a_rescued_failure_is_none(lab):
    tasks = {"block": [command("/bin/false")], "rescue": [lab.mark("rescued")]}
    assert lab.run(lab.spec(run=(lab.playbook("run", tasks, command("/bin/true")),))).result == Result.SUCCESS
    assert lab.marked() == ["rescued"]


def test_an_unreachable_node_asks_for_another_attempt(lab):
    node = lab.node(port=1)
    outcome = lab.run(lab.spec(node=node, run=(lab.playbook("run", command("/bin/true")),)))
    assert outcome.result is None
    assert "unreachable on compute" in outcome.error
    assert "Connection refused" in outcome.error


def test_a_node_with_another_host_key_is_unreachable(lab, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    key = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    outcome = lab.run(lab.spec(node=lab.node(host_keys=(key,)), run=(lab.playbook("run", command("/bin/true")),)))
    assert outcome.result is None
    assert "Host key verification failed" in outcome.error


def test_a_node_without_a_host_key_is_refused(lab):
    outcome = lab.run(lab.spec(node=lab.node(host_keys=()), run=(lab.playbook("run", command("/bin/true")),)))
    assert outcome.result == Result.ERROR
    assert outcome.error == "node 127.0.0.2 has no host-key in nodepool.yaml: it cannot be told from another machine"


def test_a_timeout_ends_the_run_and_post_still_runs(lab):
    spec = lab.spec(
        run=(lab.playbook("run", lab.mark("begun"), command("/bin/sleep 45")),),
        post_run=(lab.playbook("post", lab.mark("post")),),
        timeout_seconds=10,
    )
    started = time.monotonic()
    outcome = lab.run(spec)
    assert (outcome.result, outcome.error) == (Result.TIMED_OUT, "timed out (run playbooks/run.yaml)")
    assert lab.marked() == ["begun", "post"]
    assert time.monotonic() - started < 40


def test_each_post_playbook_has_the_post_timeout_for_itself(lab):
    spec = lab.spec(
        run=(lab.playbook("run", command("/bin/true")),),
        post_run=(lab.playbook("slow", command("/bin/sleep 45")), lab.playbook("next", lab.mark("next"))),
        post_timeout_seconds=8,
    )
    outcome = lab.run(spec)
    assert (outcome.result, outcome.error) == (Result.POST_FAILURE, "timed out (post-run playbooks/slow.yaml)")
    assert lab.marked() == ["next"]


def test_a_failing_post_playbook_keeps_no_later_one_from_running(lab):
    spec = lab.spec(
        run=(lab.playbook("run", command("/bin/true")),),
        post_run=(lab.playbook("bad", command("/bin/false")), lab.playbook("next", lab.mark("{{ zuul_success }}"))),
        cleanup_run=(lab.playbook("cleanup", lab.mark("cleanup")),),
    )
    outcome = lab.run(spec)
    assert outcome.result == Result.POST_FAILURE
    assert outcome.error.startswith("task '/bin/false' failed on compute: ")
    assert outcome.error.endswith(" (post-run playbooks/bad.yaml)")
    assert lab.marked() == ["False", "cleanup"]


def test_a_canceled_build_stops_and_cleans_up(lab):
    spec = lab.spec(
        run=(lab.playbook("run", lab.mark("begun"), command("/bin/sleep 45")),),
        post_run=(lab.playbook("post", lab.mark("post")),),
        cleanup_run=(lab.playbook("cleanup", lab.mark("cleanup")),),
    )
    process = lab.runner.start(spec)
    wait_for(lab.marked, "the first task")
    lab.runner.cancel(spec, process)
    outcome = lab.runner.wait(spec, process, threading.Event())
    assert outcome.result == Result.CANCELED
    assert lab.marked() == ["begun", "cleanup"]


def test_a_stubborn_playbook_with_grandchildren_is_killed_all_the_same(lab):
    endless = "trap '' TERM HUP INT; while :; do sleep 1; done"
    script = f'(setsid sh -c "{endless}" &); echo begun >> {lab.marks}; {endless}'
    task = {"name": "stubborn", "ansible.builtin.shell": script, "delegate_to": "localhost"}
    spec = lab.spec(run=(lab.playbook("run", task),))
    process = lab.runner.start(spec)
    wait_for(lab.marked, "the first task")
    lab.runner.cancel(spec, process)
    assert lab.runner.wait(spec, process, threading.Event()).result == Result.CANCELED
    assert leftovers.of_build(Path(spec.folder)) == []


def test_a_killed_process_still_has_an_outcome_and_leaves_nothing_behind(lab):
    task = {
        "name": "sleep",
        "ansible.builtin.shell": f"echo begun >> {lab.marks}; sleep 45",
        "delegate_to": "localhost",
    }
    spec = lab.spec(run=(lab.playbook("run", task),))
    process = lab.runner.start(spec)
    wait_for(lab.marked, "the first task")
    os.kill(process.pid, signal.SIGKILL)
    outcome = lab.runner.wait(spec, process, threading.Event())
    assert (outcome.result, outcome.error) == (None, "the build's process was killed by signal 9 without a result")
    wait_for(lambda: not leftovers.of_build(Path(spec.folder)), "the end of what was left")


def test_another_service_adopts_a_running_build(lab):
    spec = lab.spec(run=(lab.playbook("run", lab.mark("begun"), command("/bin/sleep 2")),))
    script = (
        "import sys, ci.ansible.process as p, ci.model.build as b, ci.model.codec as c\n"
        "spec = c.from_json(b.BuildSpec, sys.stdin.read())\n"
        "print(c.to_json(p.AnsibleRunner(test_reader='').start(spec)))\n"
    )
    text = to_json(spec)
    done = subprocess.run([sys.executable, "-c", script], input=text, capture_output=True, text=True, check=True)
    process = ProcessIdentity(**json.loads(done.stdout))
    stopped = threading.Event()
    stopped.set()
    assert lab.runner.wait(spec, process, stopped) is None
    assert AnsibleRunner(test_reader="").wait(spec, process, threading.Event()).result == Result.SUCCESS


def test_a_pid_in_use_by_another_process_is_not_taken_for_the_build(lab):
    spec = lab.spec(run=(lab.playbook("run", command("/bin/true")),))
    process = lab.runner.start(spec)
    other = ProcessIdentity(os.getpid(), process.start_time)
    lab.runner.cancel(spec, other)
    assert lab.runner.wait(spec, process, threading.Event()).result == Result.SUCCESS
    assert lab.runner.wait(spec, other, threading.Event()).result == Result.SUCCESS


def test_a_missing_playbook_is_an_error_before_anything_runs(lab):
    spec = lab.spec(pre_run=(lab.playbook("pre", lab.mark("pre")),), run=("playbooks/gone.yaml",))
    outcome = lab.run(spec)
    assert outcome.result == Result.ERROR
    assert outcome.error == f"job nova-in-tree: playbook playbooks/gone.yaml does not exist in {lab.site}"
    assert lab.marked() == []


def test_a_broken_playbook_is_the_sites_fault_not_the_patchs(lab):
    (lab.site / "playbooks/broken.yaml").write_text("- hosts: all\n  tasks: [}\n")
    spec = lab.spec(run=(lab.playbook("run", lab.mark("run")), "playbooks/broken.yaml"))
    outcome = lab.run(spec)
    assert outcome.result == Result.ERROR
    assert outcome.error.endswith(" (run playbooks/broken.yaml)")
    assert lab.marked() == ["run"]


def test_a_long_output_is_all_there(lab):
    task = {"name": "lines", "ansible.builtin.shell": "seq 1 60000"}
    spec = lab.spec(run=(lab.playbook("run", task),))
    assert lab.run(spec).result == Result.SUCCESS
    assert re.findall(r"\| compute \| (\d+)$", lab.log(spec), re.MULTILINE) == [str(n) for n in range(1, 60001)]


def test_a_playbook_that_floods_ansibles_own_output_is_held_out(lab):
    (lab.site / "playbooks/filter_plugins").mkdir()
    (lab.site / "playbooks/filter_plugins/flood.py").write_text(
        "import os\n"
        "class FilterModule:\n"
        "    def filters(self):\n"
        "        return {'flood': lambda size: [os.write(1, b'x' * 99 + b'\\n') for _ in range(size)] and 'done'}\n"
    )
    task = {"name": "flood", "ansible.builtin.debug": {"msg": "{{ 1200000 | flood }}"}}
    spec = lab.spec(run=(lab.playbook("run", task),))
    assert lab.run(spec).result == Result.SUCCESS
    assert Path(spec.log_folder, "job-output.txt").stat().st_size < 101 * 1024 * 1024


def test_hostile_text_stays_text_and_no_log_stays_hidden(lab):
    evil = {"name": "evil \u202e name", "ansible.builtin.shell": "printf 'a\\033[2Jb\\rc\\342\\200\\256d\\n'"}
    secret = {"name": "secret", "ansible.builtin.command": "echo hunter2", "no_log": True}
    failing = {"name": "failing", "ansible.builtin.command": "ls hunter2", "no_log": True}
    spec = lab.spec(run=(lab.playbook("run", evil, secret, failing),))
    outcome = lab.run(spec)
    text = lab.log(spec)
    assert "compute | ab\\x0dc\\u202ed\n" in text
    assert "\u202e" not in text
    everything = text + Path(spec.folder, "task-events.jsonl").read_text() + outcome.error
    assert "hunter2" not in everything.replace("ls hunter2", "")
    assert "(hidden by no_log)" in outcome.error


def test_what_the_site_hides_is_in_nothing_that_a_build_says(lab):
    (lab.site / "playbooks/group_vars").mkdir()
    (lab.site / "playbooks/group_vars/all.yaml").write_text(
        "hidden_domains: ['vendor.example']\nhidden_networks: ['10.0.0.0/8', 'fd00::/8']\n"
    )
    said = "ci-7.vendor.example fd00::1 10.1.2.3 {{ password }} +X_PASSWORD=unknown authorization: Basic dW5rbm93bg"
    tasks = [command(f"echo {said}"), {"name": "tell", "ansible.builtin.fail": {"msg": said}}]
    spec = lab.spec(run=(lab.playbook("run", *tasks),), variables={"password": "secretadmin"})
    outcome = lab.run(spec)
    hidden = "host-1 address-2 address-1 *** +X_PASSWORD=*** authorization: Basic ***"
    assert outcome.error.startswith(f"{hidden} (task 'tell' failed on compute")
    assert lab.events(spec)[-1]["message"] == hidden
    everything = lab.log(spec) + Path(spec.folder, "task-events.jsonl").read_text()
    for hidden in ("vendor.example", "10.1.2.3", "fd00::1", "secretadmin", "unknown", "dW5rbm93bg"):
        assert hidden not in everything, hidden


def test_tests_are_read_and_a_cut_stream_is_no_success(lab):
    whole = stream(("a.b.C.test_one[id-c3d4e5f6-a7b8-9012-cdef-123456789012]", "success", {}))
    (lab.folder / "whole.subunit").write_bytes(whole)
    copy = command(f"cp {lab.folder}/whole.subunit {{{{ zuul.executor.log_root }}}}/testrepository.subunit")
    run, post = lab.playbook("run", command("/bin/true")), lab.playbook("post", {**copy, "delegate_to": "localhost"})
    outcome = lab.run(lab.spec("whole", run=(run,), post_run=(post,)))
    assert (outcome.result, outcome.counts.passed) == (Result.SUCCESS, 1)

    (lab.folder / "whole.subunit").write_bytes(whole[:-4])
    outcome = lab.run(lab.spec("cut", run=(run,), post_run=(post,)))
    assert (outcome.result, outcome.error[:34]) == (Result.ERROR, "the test results are cut short: 1 ")

    failed = stream(("a.b.C.test_one", "fail", {"traceback": "x\nValueError: no password=hunter2"}))
    (lab.folder / "whole.subunit").write_bytes(failed)
    outcome = lab.run(lab.spec("failed", run=(run,), post_run=(post,)))
    assert (outcome.result, outcome.failed_tests[0].reason) == (Result.FAILURE, "ValueError: no password=***")


def test_a_role_may_push_with_git_from_here_by_the_builds_own_ssh(lab):
    source = lab.folder / "source"
    subprocess.run(["git", "init", "-q", "-b", "master", source], check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "x"], cwd=source, check=True)
    url = f"ssh://{lab.sshd.username}@127.0.0.2:{lab.sshd.port}{lab.folder}/target"
    make = command(f"git init -q --bare {lab.folder}/target")
    push = {**command(f"git -C {source} push -q {url} HEAD:refs/builds/1"), "delegate_to": "localhost"}
    logins = lab.sshd.log.read_text().count("Accepted publickey")
    assert lab.run(lab.spec(run=(lab.playbook("run", make, push),))).error == ""
    assert lab.sshd.log.read_text().count("Accepted publickey") == logins + 1


def test_nothing_of_the_services_environment_reaches_a_build(lab, monkeypatch):
    monkeypatch.setenv("SERVICE_SECRET", "hunter2")
    task = {**command("env"), "delegate_to": "localhost"}
    spec = lab.spec(run=(lab.playbook("run", task),))
    assert lab.run(spec).result == Result.SUCCESS
    assert "SERVICE_SECRET" not in lab.log(spec)
    assert "PATH=" in lab.log(spec)
