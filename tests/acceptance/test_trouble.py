"""What is not the patch's fault costs it nothing, and nothing is lost or told twice."""

import json
import subprocess

import pytest
from lab.service import Service
from lab.site import CI_USER
from lab.sshd_node import free_port
from lab.trivial_site import write_trivial_site

from tests.acceptance.conftest import until

pytestmark = pytest.mark.gerrit


def test_a_service_killed_in_the_middle_adopts_its_builds_and_votes_once(stage):
    number = stage.push("hang")
    running = stage.wait_for_builds(number, "running", 2)
    stage.service.kill()
    stage.service.start()
    stage.connected()
    assert {build["id"] for build in stage.wait_for_builds(number, "running", 2)} == {b["id"] for b in running}
    assert stage.push_next("pass") == number
    stage.review(number)
    assert stage.vote(number) == 1
    assert {b["attempt"] for b in stage.builds(number)} == {1}
    assert len(stage.reviews(number)) == 1


def test_a_stopped_service_ends_cleanly_and_its_builds_go_on(stage):
    number = stage.push("hang")
    stage.wait_for_builds(number, "running", 2)
    assert stage.service.stop() == 0
    stage.service.start()
    stage.connected()
    stage.service.call("dequeue", "--change", str(number))
    assert {build["attempt"] for build in stage.wait_for_builds(number, "CANCELED", 2)} == {1}


def test_nodes_that_refuse_ssh_cost_the_patch_nothing_and_are_waited_for(stage):
    stage.nodes.stop()
    try:
        number = stage.push("pass")
        until("an attempt failed", lambda: [b for b in stage.builds(number) if b["attempt"] > 1 or b["error"]])
        assert stage.reviews(number) == []
    finally:
        stage.nodes.start()
    stage.review(number)
    assert stage.vote(number) == 1


def test_a_second_service_on_the_same_state_says_so_and_ends(stage):
    second = subprocess.run(stage.service.command("serve"), capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert "another powervm-ci serve" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_changed_host_key_is_an_alarm_and_the_pages_still_answer(stage, tmp_path):
    site = write_trivial_site(
        tmp_path / "site", stage.gerrit, stage.gerrit.key(CI_USER), stage.nodes, port=free_port(("127.0.0.1",))
    )
    wrong = tmp_path / "known_hosts"
    wrong.write_text(stage.gerrit.known_hosts_line().replace(stage.gerrit.host_key(), stage.nodes.host_key))
    conf = site.folder / "zuul.conf"
    conf.write_text(conf.read_text().replace(str(stage.gerrit.known_hosts), str(wrong)))
    with Service(site.folder, tmp_path / "state", port=site.port) as service:
        (one,) = until("an alarm", lambda: [c for c in service.status()["connections"] if c["state"] == "alarm"])
    assert "host key" in one["reason"]
    assert "Traceback" not in service.log.read_text()


def test_a_gerrit_that_is_not_there_is_waited_for(stage, tmp_path):
    site = write_trivial_site(
        tmp_path / "site", stage.gerrit, stage.gerrit.key(CI_USER), stage.nodes, port=free_port(("127.0.0.1",))
    )
    conf = site.folder / "zuul.conf"
    conf.write_text(conf.read_text().replace(f"port={stage.gerrit.ssh_port}", f"port={free_port(('127.0.0.1',))}"))
    with Service(site.folder, tmp_path / "state", port=site.port) as service:
        until("down", lambda: [c for c in service.status()["connections"] if c["state"] == "down"])
        status = json.loads(service.call("status", "--json"))
    assert status["running"]
    assert "Traceback" not in service.log.read_text()
