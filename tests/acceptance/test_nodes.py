"""Machines that fail, are drained or kept: nothing of it is charged to the patch."""

import json
import sqlite3
import subprocess
from contextlib import closing

import pytest
from lab.service import Service
from lab.sshd_node import SshdNode, free_port
from lab.trivial_site import write_trivial_site

from tests.acceptance.conftest import CI_USER, Stage, ask, until

pytestmark = pytest.mark.gerrit

CLEANUP = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Leave a mark that says that the clean-up has run
      ansible.builtin.command:
        argv: [sh, -c, 'echo cleaned >"$0/cleaned-up"', "{{ zuul.executor.log_root }}"]
      delegate_to: localhost
"""


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """A machine whose sshd can be stopped without the others."""
    with SshdNode(tmp_path_factory.mktemp("bad"), ("127.0.0.5",)) as bad:
        yield bad


@pytest.fixture(scope="module")
def stage(real_gerrit, bad, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    with SshdNode(tmp_path_factory.mktemp("good"), ("127.0.0.4",)) as good:
        key = real_gerrit.key(CI_USER)
        site = write_trivial_site(
            folder / "site", real_gerrit, key, good, port=free_port(("127.0.0.1",)), jobs=("quick-one",)
        )
        # the same key opens the second machine, which has a port and a host key of its own
        (bad.folder / "authorized_keys").write_bytes((good.folder / "id_ed25519.pub").read_bytes())
        pool = site.folder / "nodepool" / "nodepool.yaml"
        first = pool.read_text().partition("          - name: 127.0.0.4")
        entry = (first[1] + first[2]).replace("127.0.0.4", "127.0.0.5").replace(good.host_key, bad.host_key)
        pool.write_text(first[0] + entry.replace(f"{good.port}", f"{bad.port}") + first[1] + first[2])
        (site.folder / "playbooks" / "cleanup.yaml").write_text(CLEANUP)
        jobs = site.folder / "jobs" / "zuul.d" / "lab.yaml"
        jobs.write_text(
            jobs.read_text().replace(
                "    timeout: 300\n", "    cleanup-run: playbooks/cleanup.yaml\n    timeout: 300\n"
            )
        )
        repository = real_gerrit.repository("openstack/nova", folder / "developer").clone()
        with Service(site.folder, folder / "state", port=site.port) as service:
            stage = Stage(real_gerrit, good, service, repository, repository.head)
            stage.connected()
            yield stage


def machines(stage):
    return {one["machine"]: one for one in ask(stage.service, "nodes")}


def end_pauses(stage):
    """Let the pauses of the machines and of the builds end now."""
    with closing(sqlite3.connect(stage.service.state / "ci.db", timeout=30)) as database, database:
        database.execute("update nodes set retry_at = 0 where state = 'ready'")
        database.execute("update builds set retry_at = 0 where state = 'waiting'")


def passes(stage):
    number = stage.push("pass")
    stage.review(number)
    assert stage.vote(number) == 1
    return stage.builds(number)


def test_a_machine_that_is_down_is_set_aside_and_builds_go_to_the_other(stage, bad):
    stage.service.call("nodes", "drain", "127.0.0.4")
    bad.stop()
    try:
        number = stage.push("pass")
        for failures in (1, 2, 3):
            until(
                f"{failures} failures: {machines(stage)}",
                lambda failures=failures: machines(stage)["lab/127.0.0.5"]["failures"] == failures,
            )
            end_pauses(stage)
        one = machines(stage)["lab/127.0.0.5"]
        assert one["state"] == "set-aside"
        assert "Connection refused" in one["reason"]
        until(
            f"the build waits: {stage.builds(number)}",
            lambda: [b for b in stage.builds(number) if b["state"] == "waiting"],
        )
        assert stage.vote(number) is None
        stage.service.call("nodes", "enable", "127.0.0.4")
        end_pauses(stage)
        stage.review(number)
        assert stage.vote(number) == 1
        assert passes(stage)[0]["result"] == "SUCCESS"
    finally:
        bad.start()
    assert machines(stage)["lab/127.0.0.5"]["state"] == "set-aside"
    stage.service.call("nodes", "enable", "127.0.0.5")
    assert machines(stage)["lab/127.0.0.5"]["state"] == "ready"


def test_a_build_waits_visibly_while_all_machines_are_drained(stage):
    for name in ("127.0.0.4", "127.0.0.5"):
        stage.service.call("nodes", "drain", name, "--reason", "new disks")
    number = stage.push("pass")
    (build,) = until("the build says why it waits", lambda: [b for b in stage.builds(number) if b["error"]])
    assert build["state"] == "waiting"
    assert "lab/127.0.0.4 is draining (new disks)" in build["error"]
    stage.service.call("nodes", "enable", "127.0.0.4")
    stage.review(number)
    assert stage.vote(number) == 1
    stage.service.call("nodes", "enable", "127.0.0.5")


def test_run_respects_what_is_drained(stage):
    number = stage.push("pass")
    stage.review(number)
    for name in ("127.0.0.4", "127.0.0.5"):
        stage.service.call("nodes", "drain", name)
    arguments = stage.service.command("run", "quick-one", "--change", f"{number},1")
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    for name in ("127.0.0.4", "127.0.0.5"):
        stage.service.call("nodes", "enable", name)
    assert done.returncode == 1
    assert "is draining" in done.stderr
    assert "Traceback" not in done.stderr


def held(stage):
    (one,) = json.loads(stage.service.call("autohold-list", "--json"))
    return one["nodes"]


def test_an_autohold_keeps_the_node_of_a_failed_build_until_it_is_deleted_and_cleaned_up(stage):
    stage.service.call("autohold", "--project", "openstack/nova", "--job", "quick-one", "--reason", "to look at it")
    passes(stage)
    assert held(stage) == []
    number = stage.push("fail")
    stage.review(number)
    assert stage.vote(number) == -1
    (build,) = stage.builds(number)
    (kept,) = held(stage)
    assert kept["build"] == build["id"]
    cleaned = until("the logs", lambda: next(stage.service.state.glob(f"logs/*/{number}/1/check/quick-one/*"), None))
    assert not (cleaned / "cleaned-up").exists()
    (use,) = [use for one in machines(stage).values() for use in one["used_by"]]
    assert (use["held_build"], use["held_reason"]) == (build["id"], "to look at it")
    # the other machine goes on, also over a restart
    stage.service.kill()
    stage.service.start()
    stage.connected()
    passes(stage)
    assert held(stage) == [kept]
    stage.service.call("autohold-delete", "1")
    until("the node is free", lambda: not any(one["used_by"] for one in machines(stage).values()))
    assert (cleaned / "cleaned-up").exists()
    assert stage.service.call("autohold-list", "--json") == "[]\n"
