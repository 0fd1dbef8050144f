"""Whole builds: shipped playbooks, a real sshd, real Ansible and stestr; the cloud and its tests are stand-ins."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import uuid
from pathlib import Path

import pytest
from lab.sshd_node import SshdNode

from ci.ansible.process import AnsibleRunner
from ci.git.checkout import lay_out
from ci.model.build import BuildSpec, Fault, PreparedProject, Result, ResultCounts
from ci.model.job import FrozenJob, NodeRequest, Nodeset
from ci.model.node import Node
from tests.commit_history import CHANGE, History

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = ROOT / "tests" / "data" / "stand_in"
PROGRAMS = Path(sys.executable).parent
CLASS = "tempest.api.compute.test_servers.ServersTest"
VOLUMES = "tempest.api.compute.test_servers.VolumesTest"
BOOT, PAUSE, STOP, ATTACH = (f"{digit * 8}-1a2b-4c3d-8e4f-5a6b7c8d9e0f" for digit in "abcd")
NO_PAUSE = f"# reason: no pause\n{PAUSE}  # {CLASS}.test_pause\n"
UNTIL = f"# reason: not yet\n# until: {CHANGE}\n{STOP}  # {CLASS}.test_stop\n"
DEPLOY = """\
- name: Deploy
  ansible.builtin.shell: |
    set -e
    mkdir -p {{ workspace }}/results
    conf="{{ tempest_conf | default('/dev/null') }}"
    printf '{"programs": "%s", "tempest_conf": "%s"}' "{{ programs }}" "$conf" > {{ workspace }}/deployment.json
    {{ patch }}
"""
SHARED = """\
workspace: {workspace}
hidden_domains: [vendor.example]
hidden_networks: [10.0.0.0/8]
"""
TEMPEST = """\
#!/bin/sh
export TEMPEST_PID=$$
{patch}
exec "$(dirname "$0")/stestr" "$@"
"""
# The session's sshd is killed, then the module that has started tempest, which goes on.
LOSE_CONNECTION = """echo run >>{runs}
own=$(ps -o sid= -p $$) pid=$$ module=
while [ "$(ps -o comm= -p $pid)" != sshd ]; do
  pid=$(ps -o ppid= -p $pid)
  [ "$(ps -o sid= -p $pid)" = "$own" ] || module="$pid $module"
done
kill -9 $module
"""


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with SshdNode(tmp_path_factory.mktemp("sshd")) as node:
        yield node


class Lab:
    """The shipped site with a deployment that only leaves programs for tempest, and what a patch may do to a node."""

    def __init__(self, folder, sshd):
        # Of its own: what clean-up ends by this name may be other tests' on the same machine.
        self.folder, self.sshd, self.name = folder, sshd, uuid.uuid4().hex
        self.site, self.history = folder / "site", History(folder / "nova")
        shutil.copytree(ROOT / "playbooks", self.site / "playbooks")
        (self.site / "playbooks/group_vars/all.yaml").write_text(SHARED.format(workspace=folder / self.name))
        (self.site / "skip_lists").mkdir()
        self.role("main", DEPLOY)
        self.role("prepare", "- ansible.builtin.debug:\n    msg: prepared\n")
        self.programs("")

    def role(self, name, text):
        path = self.site / "playbooks/roles/deploy_stand_in/tasks" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def programs(self, behaviour, patch=""):
        """Write the programs that the role runs; `patch` is done before tempest runs its tests, $5 is its list."""
        folder = self.folder / "programs"
        folder.mkdir(exist_ok=True)
        shared = f"export PYTHONPATH={STAND_IN} PYTHONDONTWRITEBYTECODE=1 BEHAVIOUR={behaviour}\n"
        scripts = {
            "python": f'#!/bin/sh\n{shared}exec {sys.executable} "$@"\n',
            "stestr": f'#!/bin/sh\n{shared}exec {PROGRAMS}/stestr "$@"\n',
            "tempest": TEMPEST.format(patch=patch),
        }
        for name, text in scripts.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def build(self, *excludes, patch="", **variables):
        names = [f"skip_lists/{number}.txt" for number in range(len(excludes))]
        for name, text in zip(names, excludes, strict=True):
            (self.site / name).write_text(text)
        spec = self.spec(
            {"deployment": "stand_in", "programs": f"{self.folder}/programs", "patch": patch,
             "tempest_exclude_lists": names, **variables}
        )  # fmt: skip
        runner = AnsibleRunner(test_reader="ci.results.outcome:read_tests")
        return runner.wait(spec, runner.start(spec), threading.Event())

    def spec(self, variables):
        folder, commit = self.folder / "build", self.history.git("rev-parse", "HEAD")
        project = PreparedProject("openstack/nova", "review.opendev.org", "master", commit)
        prepared = folder / "work/src" / project.canonical_name
        lay_out(prepared, self.history.folder / ".git", {"master": commit}, "master")
        node = Node("127.0.0.2", "static", ("powervm",), self.sshd.username, self.sshd.port, (self.sshd.host_key,),
                    sys.executable)  # fmt: skip
        job = FrozenJob(
            "nova-in-tree", nodeset=Nodeset((NodeRequest("compute", "powervm"),)), variables=variables,
            pre_run=("playbooks/nova_pre.yaml",), run=("playbooks/nova_run.yaml",),
            post_run=("playbooks/base_post.yaml",), cleanup_run=("playbooks/base_cleanup.yaml",),
        )  # fmt: skip
        return BuildSpec(
            self.name, 1, str(folder), str(folder / "logs"), str(self.site), job, (node,),
            str(self.sshd.private_key),
            {"build": self.name, "projects": {project.canonical_name: {
                "canonical_name": project.canonical_name, "src_dir": f"src/{project.canonical_name}"}}},
        )  # fmt: skip

    def log(self, name):
        return (self.folder / "build/logs" / name).read_text()

    def told(self, name):
        return json.loads(self.log(name))


@pytest.fixture
def lab(tmp_path, sshd):
    return Lab(tmp_path, sshd)


def test_what_runs_and_what_does_not_is_published_with_the_reasons(lab):
    gone = "# reason: gone\n12345678-1a2b-4c3d-8e4f-5a6b7c8d9e0f  # a.B.test_gone\n"
    outcome = lab.build(NO_PAUSE, gone)
    assert (outcome.result, outcome.error) == (Result.SUCCESS, "")
    assert outcome.counts == ResultCounts(passed=3)
    assert lab.log("tests-run.txt").splitlines() == [
        f"{CLASS}.test_boot[id-{BOOT},smoke]",
        f"{CLASS}.test_stop[compute,id-{STOP}]",
        f"{VOLUMES}.test_attach[id-{ATTACH}]",
    ]
    assert lab.log("tests-skipped.txt") == f"{CLASS}.test_pause[id-{PAUSE}]  # no pause (skip_lists/0.txt:1)\n"
    assert lab.told("skip-list.json")["excluded"] == ["12345678-1a2b-4c3d-8e4f-5a6b7c8d9e0f", PAUSE]
    audit = lab.told("tests.json")["audit"]
    assert (audit["chosen"], audit["left_out"], audit["errors"]) == (3, 1, [])
    assert audit["stale"] == ["skip_lists/1.txt:2: 12345678-1a2b-4c3d-8e4f-5a6b7c8d9e0f  # a.B.test_gone"]
    assert f"{audit['stale'][0]}" in lab.log("job-output.txt")


def test_a_test_whose_change_is_in_the_source_runs_by_itself(lab):
    assert lab.build(NO_PAUSE, UNTIL).counts == ResultCounts(passed=2)
    assert f"{CLASS}.test_stop[" in lab.log("tests-skipped.txt")
    shutil.rmtree(lab.folder / "build")
    commit = lab.history.commit("Stop servers", Change_Id=CHANGE)
    assert lab.build(NO_PAUSE, UNTIL).counts == ResultCounts(passed=3)
    assert f"{CLASS}.test_stop[" not in lab.log("tests-skipped.txt")
    told = f"1 tests run again: {CHANGE} is in review.opendev.org/openstack/nova ({commit[:12]})"
    assert told in lab.log("job-output.txt")


def test_an_include_list_less_the_exclude_lists(lab):
    (lab.site / "skip_lists/vscsi.txt").write_text(
        f"# reason: vSCSI\n{PAUSE}  # {CLASS}.test_pause\n{STOP}  # {CLASS}.test_stop\n"
    )
    outcome = lab.build(NO_PAUSE, tempest_include_list="skip_lists/vscsi.txt")
    assert (outcome.result, outcome.counts) == (Result.SUCCESS, ResultCounts(passed=1))
    assert lab.log("tests-run.txt") == f"{CLASS}.test_stop[compute,id-{STOP}]\n"


def test_a_list_that_cannot_be_used_stops_the_build_in_pre_run(lab):
    outcome = lab.build(f"# reason: r\n{PAUSE.upper()}  # {CLASS}.test_pause\n")
    assert (outcome.result, outcome.fault) == (None, Fault.PRE_RUN)
    assert "skip_lists/0.txt:2: is not the ID of a test and its name" in outcome.error
    assert "Deploy" not in lab.log("job-output.txt")


def test_failed_tests_of_a_whole_run_are_the_patchs(lab):
    lab.programs("fail,no-volumes")
    (lab.folder / "tempest.conf").write_text("[auth]\nadmin_password = secretadmin\n")
    outcome = lab.build(NO_PAUSE, tempest_conf=f"{lab.folder}/tempest.conf")
    assert outcome.result == Result.FAILURE, outcome.error
    assert "1 of 3 tests failed" in outcome.error
    assert [test.name for test in outcome.failed_tests] == [f"{CLASS}.test_boot"]
    assert outcome.failed_tests[0].reason.endswith("no server at address-1, host-1, with ***")
    assert lab.told("tests.json")["audit"]["errors"] == []
    for name in ("testrepository.subunit", "testr_results.html", "tests.json"):
        content = (lab.folder / "build/logs" / name).read_bytes()
        assert not any(hidden in content for hidden in (b"10.1.2.3", b"vendor.example", b"secretadmin")), name


def test_a_class_whose_set_up_fails_is_the_patchs(lab):
    lab.programs("broken-volumes")
    outcome = lab.build(NO_PAUSE)
    assert outcome.result == Result.FAILURE
    assert [test.name for test in outcome.failed_tests] == [f"setUpClass ({VOLUMES})"]


def test_a_deployment_that_fails_before_tempest_begins_is_the_patchs(lab):
    outcome = lab.build(NO_PAUSE, patch="false")
    assert outcome.result == Result.FAILURE
    assert "task 'deploy_stand_in : Deploy' failed" in outcome.error


def test_a_worker_that_dies_is_the_cis_fault_also_after_failures(lab):
    lab.programs("worker-dies,fail")
    outcome = lab.build(NO_PAUSE)
    assert outcome.result == Result.ERROR
    assert outcome.error.startswith("the test results are cut short: 1 tests did not finish")
    assert f"{CLASS}.test_stop" in outcome.error


def test_tempest_that_is_killed_is_the_cis_fault_and_what_it_had_recorded_is_kept(lab):
    lab.programs("tempest-dies")
    outcome = lab.build(NO_PAUSE)
    assert outcome.result == Result.ERROR
    codes = {error["code"] for error in lab.told("tests.json")["audit"]["errors"]}
    assert codes <= {"results", "tempest", "no-result"}
    assert "tempest" in codes


def test_a_skipped_test_that_ran_is_the_cis_fault_whatever_else_failed_and_whatever_the_node_says(lab):
    forged = '{"excluded": [], "included": null}'
    lab.programs(
        "fail", patch=f"echo '{CLASS}.test_pause[id-{PAUSE}]' >> $5; echo '{forged}' > ../results/skip-list.json"
    )
    outcome = lab.build(NO_PAUSE)
    assert outcome.result == Result.ERROR
    assert outcome.error.startswith(f"test {CLASS}.test_pause is on the skip list and ran")
    assert lab.told("skip-list.json")["excluded"] == [PAUSE]
    assert "the name is the executor's own" in lab.log("job-output.txt")


def test_a_connection_that_breaks_while_tempest_runs_makes_no_second_run(lab):
    runs, left = lab.folder / "runs", lab.folder / lab.name / "tempest/.stestr"
    left.mkdir(parents=True)  # by an attempt that nobody has cleaned up after
    (left / "0").write_text("test: a.B.old\nsuccess: a.B.old\n")
    lab.programs("fail", patch=LOSE_CONNECTION.format(runs=runs))
    outcome = lab.build(NO_PAUSE)
    assert outcome.result == Result.FAILURE, outcome.error
    assert [test.name for test in outcome.failed_tests] == [f"{CLASS}.test_boot"]
    assert runs.read_text() == "run\n"
    assert lab.told("tests.json")["audit"]["errors"] == []


def test_a_full_disk_is_the_cis_fault_whatever_failed(lab):
    run = lab.site / "playbooks/module_utils/tempest_run/run.py"
    run.write_text(run.read_text().replace("ROOM_BYTES = 64 << 20", "ROOM_BYTES = 1 << 60"))
    lab.programs("fail")
    outcome = lab.build(NO_PAUSE)
    assert outcome.result == Result.ERROR
    assert outcome.error.startswith("tempest: the node's disk is full (")


def test_tempest_without_any_result_is_the_cis_fault(lab):
    lab.programs("", patch="exit 3")
    outcome = lab.build(NO_PAUSE)
    assert outcome.result == Result.ERROR
    assert outcome.error.startswith("tempest left no results")
