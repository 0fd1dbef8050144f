"""The roles of `deployment: osa` run for real, with a stand-in OpenStack-Ansible: what they refuse, how steps fail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ci.config.freeze import deep_update
from ci.config.site import load_site
from tests.fakes import osa
from tests.unit.site.wrong import WRONG_OSA

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SAID = "{{ ansible_failed_result.msg | default(ansible_failed_result | string) }}"
STEPS = ["bootstrap-ansible", "bootstrap-aio", "setup-hosts", "setup-infrastructure", "setup-openstack"]


@pytest.fixture(scope="module")
def job():
    return load_site(ROOT).layout.job_alone("nova-osa", "master").variables


@pytest.fixture
def said(tmp_path):
    """Return a function that has hosts include a role, and returns what each said when it failed."""

    def run(hosts, role):
        common = {
            "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "lpar_id": "12",
            "zuul": {"build": "b", "branch": "master", "projects": {}}, "environment_of_node": {},
            "workspace": str(tmp_path / "workspace" / "{{ inventory_hostname }}"),
        }  # fmt: skip
        block = [{"include_role": role}, {"set_fact": {"said": "NOTHING"}}]
        all_said = "dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'said')))"
        keep = {"content": f"{{{{ {all_said} | to_json }}}}", "dest": str(tmp_path / "said.json"), "mode": "0600"}
        tasks = [{"block": block, "rescue": [{"set_fact": {"said": SAID}}]}, {"copy": keep, "run_once": True}]
        play = {
            "hosts": "all", "gather_facts": False, "environment": "{{ environment_of_node }}", "tasks": tasks,
        }  # fmt: skip
        (tmp_path / "inventory.yaml").write_text(json.dumps({"all": {"hosts": hosts, "vars": common}}))
        (tmp_path / "play.yaml").write_text(json.dumps([play]))
        playbooks = ROOT / "playbooks"
        environment = {
            **os.environ, "ANSIBLE_ROLES_PATH": str(playbooks / "roles"), "ANSIBLE_LIBRARY": str(playbooks / "library"),
            "ANSIBLE_MODULE_UTILS": str(playbooks / "module_utils"), "ANSIBLE_LOCAL_TEMP": str(tmp_path / "t"),
            "ANSIBLE_FORKS": "8",
        }  # fmt: skip
        argv = [str(BIN / "ansible-playbook"), "-i", "inventory.yaml", "play.yaml"]
        done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads((tmp_path / "said.json").read_text())

    return run


def test_the_role_refuses_on_the_node_what_check_refuses_offline(said, job):
    names = {f"h{number}": name for number, name in enumerate(WRONG_OSA)}
    hosts = {host: deep_update(job, WRONG_OSA[name].changes) for host, name in names.items()}
    told = said({"fine": job, **hosts}, {"name": "osa_variables", "tasks_from": "check"})
    assert told.pop("fine") == "NOTHING"
    assert {names[host]: text for host, text in told.items()} == {name: one.says for name, one in WRONG_OSA.items()}


def test_a_node_that_does_not_fit_and_what_is_not_the_patchs_are_found_in_pre_run(said, job, tmp_path):
    upstream = osa.make_upstream(tmp_path / "upstream")
    hosts = {}
    for name in ("another account", "not new", "another network", "no database"):
        node = osa.Node(tmp_path / name)
        own = {"deployment_sources_base_url": f"file://{upstream}", "environment_of_node": node.environment}
        hosts[name] = {**job, **node.variables, **own}
    node.behave("fail setup-infrastructure.yml")
    hosts["another account"]["osa_account"] = "somebody"
    hosts["another network"] = deep_update(hosts["another network"], {"network": {"l2": "sea"}})
    begun = tmp_path / "not new/opt/osa/.ci-begun"
    begun.parent.mkdir(parents=True)
    begun.touch()
    told = said(hosts, {"name": "deploy_osa", "tasks_from": "prepare"})
    assert told.pop("no database").splitlines()[0] == failed(
        "setup-infrastructure.yml", 2, f"a task {fatal('setup-infrastructure.yml')}"
    )
    account = node.variables["osa_account"]
    assert told == {
        "another account": "OpenStack-Ansible runs as somebody, and the CI logs in as "
        f"{account} (change the node's username)",
        "not new": "This node has the OpenStack of an earlier build, which OpenStack-Ansible cannot take away: "
        f"set it up anew ({begun} says which build)",
        "another network": "`network` of OpenStack-Ansible is OVS alone (write l2: ovs and sriov: false)",
    }
    assert [path.parts[-4] for path in tmp_path.glob("*/opt/osa/openstack-ansible")] == ["no database"]
    assert (node.folder / "etc/openstack_deploy/user_zz_ci.yml").is_file()
    assert not (node.base_dir / ".ci-begun").exists()


def test_a_step_that_fails_or_hangs_is_named_with_what_failed(said, job, tmp_path):
    behaviours = {
        "bootstrap-ansible": "fail bootstrap-ansible.sh", "bootstrap-aio": "fail bootstrap-aio.sh",
        "setup-hosts": "fail setup-hosts.yml", "setup-infrastructure": "fail galera_server : Create galera users",
        "setup-openstack": "fail os_keystone", "late": "hang setup-infrastructure.yml",
    }  # fmt: skip
    upstream = osa.make_upstream(tmp_path / "upstream")
    hosts, nodes = {}, {}
    for name, behaviour in behaviours.items():
        nodes[name] = node = osa.Node(tmp_path / "nodes" / name)
        node.behave(behaviour)
        shutil.copytree(upstream / "openstack", node.base_dir)
        hosts[name] = {**job, **node.variables, "environment_of_node": node.environment, "osa_steps": STEPS}
    hosts["late"]["osa_step_timeout_seconds"] = 5
    told = said(hosts, {"name": "osa_steps"})
    begun = {name: len(node.calls("bootstrap-") + node.calls("openstack-ansible")) for name, node in nodes.items()}
    assert begun == {**{name: number for number, name in enumerate(STEPS, 1)}, "late": 4}
    first = {name: text.splitlines()[0] for name, text in told.items()}
    task = "galera_server : Create galera users"
    assert first == {
        "bootstrap-ansible": failed("bootstrap-ansible.sh", 1, "E: bootstrap-ansible.sh cannot fetch what it needs"),
        "bootstrap-aio": failed("bootstrap-aio.sh", 1, "E: bootstrap-aio.sh cannot fetch what it needs"),
        "setup-hosts": failed("setup-hosts.yml", 2, f"a task {fatal('setup-hosts.yml')}"),
        "setup-infrastructure": failed("setup-infrastructure.yml", 2, f"{task} {fatal(task)}"),
        "setup-openstack": failed("setup-openstack.yml", 2, f"os_keystone : Do all of it {fatal('os_keystone')}"),
        "late": "setup-infrastructure.yml timed out after 5 s; its last lines:",
    }


def failed(step, status, why):
    return f"{step} failed (exit status {status}): {why}; its last lines:"


def fatal(what):
    return f"failed on aio1: {what} does not work"


def test_what_cannot_be_had_for_tempest_is_the_cis_fault_and_published(said, job, tmp_path):
    places = ("cloud_folder", "cloud_tempest_programs", "cloud_tempest_conf")
    own = {name: str(tmp_path / "nothing" / name) for name in places}
    told = said({"h": {**job, **own, "cloud_name": "a", "cloud_client": "openstack"}}, {"name": "cloud_resources"})
    says = "os-testr cannot be installed beside tempest: "
    assert told["h"].startswith(f"The CI, and not the patch: {says}")
    published = json.loads((tmp_path / "workspace/h/results/tempest-run.json").read_text())
    assert published == {"problem": told["h"].removeprefix("The CI, and not the patch: "), "stale": []}
