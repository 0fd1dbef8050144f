"""The role of LPAR clean-up, by real ansible-playbook and the real engine, against the REST stand-in."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment
from lab.sshd_node import SshdNode

from ci.ansible.phases import CLEANUP_TIMEOUT_SECONDS
from ci.model.build import Result
from tests.integration.test_ansible import Lab, command

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "playbooks/roles/lpar_cleanup"
VERSIONS = ROLE / "files/constraints.txt"
MODULE = ROOT / "playbooks/library/lpar_cleanup.py"
LPARCFG = "lparcfg 1.9\nserial_number=IBM,02{serial}\nsystem_type=IBM,8286-42A\npartition_id={node}\nR4=0x32\n"
INVENTORY = "node ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n"


@pytest.fixture
def variables(guests, rest, tmp_path):
    """What the role is told on a node of the system."""
    lparcfg = tmp_path / "lparcfg"
    lparcfg.write_text(LPARCFG.format(serial=guests.system.serial, node=5))
    return {
        "lpar_cleanup_lparcfg": str(lparcfg),
        "lpar_cleanup_python": sys.executable,
        "lpar_cleanup_host": "127.0.0.1",
        "lpar_cleanup_protocol": "http",
        "lpar_cleanup_port": rest.port,
        "lpar_cleanup_power_off_seconds": 1,
        "lpar_cleanup_confirm_seconds": 0,
        "lpar_cleanup_services": [],
        "zuul": {"build": "b1", "executor": {"log_root": str(tmp_path)}},
    }


@pytest.fixture
def play(tmp_path):
    """Run a playbook on the node."""
    (tmp_path / "inventory").write_text(INVENTORY)
    program = Path(sys.executable).with_name("ansible-playbook")

    def run(playbook, variables, **environment):
        argv = [program, "-i", tmp_path / "inventory", "-e", json.dumps(variables), f"playbooks/{playbook}"]
        environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", **environment}
        return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_nodes_lpars_go_and_console_and_logs_tell_of_it(play, guests, rest, variables, tmp_path):
    guests.add(51)
    before = guests.system.state()
    guests.add(5)
    done = play("lpar_cleanup.yaml", variables)
    assert done.returncode == 0, done.stdout
    assert guests.system.state() == before
    assert "removed: 1 LPARs and" in done.stdout
    log = (tmp_path / "lpar-cleanup-before-node.txt").read_text()
    assert log.startswith("removed: 1 LPARs and")
    assert log.endswith("not touched:\n  1 LPARs of node 51: they are another node's\n")
    again = play("lpar_cleanup.yaml", variables | {"zuul_success": "True"})
    assert (tmp_path / "lpar-cleanup-after-node.txt").read_text().startswith("removed: 0 LPARs and 0 things")
    assert again.returncode == 0
    assert [int(count) for count in re.findall(r"changed=(\d+)", done.stdout)] == [2]  # the LPARs, and the report
    assert [int(count) for count in re.findall(r"changed=(\d+)", again.stdout)] == [1]


def test_what_is_left_does_not_fail_the_build_and_is_seen(play, guests, rest, variables, tmp_path):
    guests.system.behaviour[guests.add(5)] = "stuck"
    done = play("lpar_cleanup.yaml", variables)
    assert done.returncode == 0, done.stdout
    assert "WARNING: 1 things are left on the system" in done.stdout
    assert "HSCL0DB4" in (tmp_path / "lpar-cleanup-before-node.txt").read_text()


def test_what_may_not_leave_the_site_is_in_neither_logs_nor_console(play, guests, rest, variables, tmp_path):
    guests.add(5, rich=False)
    vios = f"VirtualIOServer/{guests.system.vioses[1]}"
    guests.system.change(vios, PartitionName="vios2.vendor.example", PartitionState="not activated")
    hidden = {"hidden_domains": ["vendor.example"], "hidden_networks": ["127.0.0.0/8"]}
    done = play("lpar_cleanup.yaml", variables | hidden)
    assert done.returncode == 0, done.stdout
    log = tmp_path / "lpar-cleanup-before-node.txt"
    assert "VIOS host-1: it is not activated" in log.read_text()
    assert "vendor.example" not in log.read_text() + done.stdout
    gone = {"lpar_cleanup_port": 1, "lpar_cleanup_timeout_seconds": 1}
    for host, options in (("127.0.0.2", hidden), ("rest-server.invalid", {})):
        done = play("lpar_cleanup.yaml", variables | options | gone | {"lpar_cleanup_host": host})
        assert "WARNING: 1 things are left on the system" in log.read_text()
        assert host not in log.read_text() + done.stdout


def test_a_report_from_which_nothing_can_be_hidden_is_not_published(play, guests, rest, variables, tmp_path):
    done = play("lpar_cleanup.yaml", variables | {"hidden_networks": ["10.0.0.0/33"]})
    assert done.returncode == 0, done.stdout
    assert "WARNING: The text cannot be published: '10.0.0.0/33' does not appear to be" in done.stdout
    assert not (tmp_path / "lpar-cleanup-before-node.txt").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lpar_cleanup_port": 1, "lpar_cleanup_timeout_seconds": 1}, "Connection refused"),
        ({"lpar_cleanup_python": "/usr/bin/python3"}, "pypowervm cannot be used: No module named"),
        ({"lpar_cleanup_python": "/no/python"}, "WARNING: the LPAR clean-up itself failed"),
        ({"lpar_cleanup_orphans": "all"}, "WARNING: the LPAR clean-up itself failed: value of orphans must be one of"),
    ],
)
def test_a_clean_up_that_is_not_possible_is_seen_and_does_not_fail_the_build(
    play, guests, variables, tmp_path, change, said
):
    guests.add(5)
    before = guests.system.state()
    done = play("lpar_cleanup.yaml", variables | change)
    assert done.returncode == 0, done.stdout
    assert guests.system.state() == before
    assert said in (tmp_path / "lpar-cleanup-before-node.txt").read_text()


def test_a_rest_server_that_hangs_ends_with_the_time_of_the_clean_up(play, guests, rest, variables, tmp_path):
    guests.add(5)
    rest.hold("GET .*/ManagedSystem$")
    done = play("lpar_cleanup.yaml", variables | {"lpar_cleanup_timeout_seconds": 1})
    assert done.returncode == 0, done.stdout
    assert "its time is over" in (tmp_path / "lpar-cleanup-before-node.txt").read_text()


def test_a_machine_that_is_no_lpar_is_left_alone_and_says_so(play, rest, variables):
    done = play("lpar_cleanup.yaml", variables | {"lpar_cleanup_lparcfg": "/none/lparcfg"})
    assert done.returncode == 0, done.stdout
    assert "No LPAR of a PowerVM system: there is no /none/lparcfg" in done.stdout
    assert rest.requests == []


def test_a_node_that_does_not_tell_its_id_touches_nothing(play, rest, variables, tmp_path):
    Path(variables["lpar_cleanup_lparcfg"]).write_text("partition_id=5;rm\n")
    done = play("lpar_cleanup.yaml", variables)
    assert done.returncode == 0, done.stdout
    assert "tells no LPAR id" in (tmp_path / "lpar-cleanup-before-node.txt").read_text()
    assert rest.requests == []


def test_a_dry_run_changes_nothing(play, guests, rest, variables):
    guests.add(5)
    before = guests.system.state()
    done = play("lpar_cleanup.yaml", variables | {"lpar_cleanup_dry_run": True})
    assert done.returncode == 0, done.stdout
    assert guests.system.state() == before
    assert "would be removed: 1 LPARs and" in done.stdout


def test_a_password_is_read_on_the_node_and_shown_nowhere(play, guests, variables, tmp_path):
    guests.add(5)
    (tmp_path / "password").write_text("hunter2\n")
    account = {"lpar_cleanup_username": "ci", "lpar_cleanup_password_file": str(tmp_path / "password")}
    with guests.served(tmp_path, password="hunter2") as rest:
        done = play("lpar_cleanup.yaml", variables | account | {"lpar_cleanup_port": rest.port}, ANSIBLE_VERBOSITY="4")
    assert "removed: 1 LPARs" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr + (tmp_path / "lpar-cleanup-before-node.txt").read_text()


@pytest.fixture
def own(variables):
    """What the role is told that has to make its own Python, in a folder of the account."""
    with tempfile.TemporaryDirectory(prefix=".powervm-ci-", dir=Path.home()) as folder:
        cache = f"~/{Path(folder).name}/pypowervm"
        yield variables | {"lpar_cleanup_python": "", "lpar_cleanup_install_seconds": 600, "lpar_cleanup_cache": cache}


def venv_of(own):
    """The folder of the Python with the versions of today."""
    return Path(own["lpar_cleanup_cache"]).expanduser() / hashlib.sha256(VERSIONS.read_bytes()).hexdigest()[:16]


def test_the_role_makes_itself_a_python_with_pypowervm_whatever_an_earlier_build_was_cut_in(play, guests, own):
    guests.add(5)
    venv = venv_of(own)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    of_last_year, of_yesterday = venv.with_name("0" * 16), venv.with_name("1" * 16)
    of_yesterday.mkdir()
    of_last_year.mkdir()
    os.utime(of_last_year, (0, 0))
    done = play("lpar_cleanup.yaml", own)
    assert "removed: 1 LPARs" in done.stdout, done.stdout
    assert (of_last_year.exists(), of_yesterday.exists()) == (False, True)
    ready = (venv / "ready").stat()
    assert "removed: 0 LPARs" in play("lpar_cleanup.yaml", own).stdout
    assert (venv / "ready").stat().st_mtime_ns == ready.st_mtime_ns
    # as after the node got another python3
    (package,) = venv.glob("lib/python3.*/site-packages/pypowervm")
    package.rename(package.with_name("of_another_python"))
    assert "removed: 0 LPARs" in play("lpar_cleanup.yaml", own).stdout
    assert package.exists()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"lpar_cleanup_install_seconds": 0.1}, "it took more than 0.1 s"),
        ({}, "ERROR: Cannot install pypowervm because"),
        ({"lpar_cleanup_cache": "/proc/none"}, "There was an issue creating /proc/none"),
        ({"zuul_success": "True"}, "it is made ahead of a run, and is not there"),
    ],
)
def test_without_a_python_of_its_own_the_build_goes_on_and_it_is_seen(play, guests, own, tmp_path, change, why):
    guests.add(5)
    before = guests.system.state()
    done = play("lpar_cleanup.yaml", own | change, PIP_NO_INDEX="1")
    assert done.returncode == 0, done.stdout
    assert guests.system.state() == before
    assert f"WARNING: no Python with pypowervm: {why}" in done.stdout
    report = "after" if "zuul_success" in change else "before"
    log = (tmp_path / f"lpar-cleanup-{report}-node.txt").read_text()
    assert log.startswith(f"WARNING: no Python with pypowervm: {why}")
    assert not (venv_of(own) / "ready").exists()
    assert venv_of(own).exists() == ("zuul_success" not in change and "lpar_cleanup_cache" not in change)


@pytest.mark.parametrize("policy", ["report", "remove"])
def test_the_sweep_fails_only_where_people_must_look(play, guests, variables, tmp_path, policy):
    guests.add(51)
    before = guests.system.state()
    guests.add(77)
    done = play("lpar_sweep.yaml", variables | {"lpar_cleanup_orphans": policy})
    if policy == "report":
        assert done.returncode == 2
        assert "1 things are left on the system" in done.stdout
        assert "node 77 has no LPAR any more" in done.stdout
    else:
        assert done.returncode == 0, done.stdout
        assert guests.system.state() == before
    assert [path.name for path in tmp_path.glob("lpar-*.txt")] == ["lpar-sweep-node.txt"]


def test_a_sweep_that_could_not_run_says_so(play, guests, variables):
    done = play("lpar_sweep.yaml", variables | {"lpar_cleanup_python": "/no/python"})
    assert done.returncode == 2
    assert "The clean-up did not run, see above" in done.stdout


def test_what_cannot_be_kept_in_the_logs_is_on_the_console_at_least(play, guests, variables, tmp_path):
    guests.add(5)
    (tmp_path / "lpar-cleanup-before-node.txt").mkdir()
    done = play("lpar_cleanup.yaml", variables)
    assert done.returncode == 0, done.stdout
    assert "removed: 1 LPARs" in done.stdout
    assert "WARNING: this is not in the logs: " in done.stdout


def test_a_build_that_times_out_is_cleaned_up_after(guests, variables, tmp_path):
    guests.add(51)
    before = guests.system.state()
    guests.add(5)
    del variables["zuul"]
    with SshdNode(tmp_path / "sshd", addresses=("127.0.0.2",)) as sshd:
        lab = Lab(tmp_path / "lab", sshd)
        for name in ("library", "lpar_cleanup.yaml", "module_utils", "roles"):
            (lab.site / "playbooks" / name).symlink_to(ROOT / "playbooks" / name)
        run = lab.playbook("run", command("sleep 600"))
        spec = lab.spec(
            timeout_seconds=2,
            variables=variables,
            run=(run,),
            cleanup_run=("playbooks/lpar_cleanup.yaml",),
            zuul={"build": "b1"},
        )
        outcome = lab.run(spec)
    assert outcome.result == Result.TIMED_OUT
    assert guests.system.state() == before
    assert "removed: 1 LPARs and" in lab.log(spec)
    assert "removed: 1 LPARs and" in Path(spec.log_folder, "lpar-cleanup-after-compute.txt").read_text()


def test_in_cleanup_run_its_bounds_are_within_those_of_the_playbook():
    role = yaml.safe_load((ROLE / "vars/main.yaml").read_text())
    assert role["lpar_cleanup_stop_seconds"] + role["lpar_cleanup_after_seconds"] + 30 < CLEANUP_TIMEOUT_SECONDS


def test_in_cleanup_run_the_time_that_a_job_gives_it_is_cut(play, guests, rest, variables, tmp_path):
    guests.add(5)
    rest.hold("GET .*/ManagedSystem$")
    given = {"zuul_success": "True", "lpar_cleanup_timeout_seconds": 1200, "lpar_cleanup_after_seconds": 1}
    done = play("lpar_cleanup.yaml", variables | given | {"lpar_cleanup_services": ["powervm-ci-none.service"]})
    assert done.returncode == 0, done.stdout
    assert "its time is over" in (tmp_path / "lpar-cleanup-after-node.txt").read_text()


def test_vlans_are_removed_where_networks_are_made():
    role, networks = (
        yaml.safe_load((one / "defaults/main.yaml").read_text()) for one in (ROLE, ROLE.with_name("cloud_resources"))
    )
    offsets = [network["vlan_offset"] for network in networks["cloud_networks"]]
    templated = NativeEnvironment().from_string(role["lpar_cleanup_vlan_offsets"]).render()
    module = yaml.safe_load(re.search(r'DOCUMENTATION = """(.*?)"""', MODULE.read_text(), re.DOTALL)[1])
    assert list(templated) == module["options"]["vlan_offsets"]["default"] == offsets
    assert f'"vlan_offsets": {{"type": "list", "elements": "int", "default": {offsets}}}' in MODULE.read_text()
