"""The site's own roles run for real on this machine: local.conf, the hypervisor file, the macvtap agent's plugin."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ci.config.freeze import deep_update
from ci.config.site import load_site
from tests.fakes import devstack as stand_in
from tests.unit.site.wrong import ON_NODE, WRONG

ROOT = Path(__file__).resolve().parents[2]
ROLES = ROOT / "playbooks" / "roles"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def layout():
    return load_site(ROOT).layout


@pytest.fixture
def play(tmp_path):
    """Return a function that runs tasks on hosts, each with variables of its own, and returns Ansible's words."""

    def run(hosts, tasks=(), playbook="play.yaml"):
        common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "lpar_id": "12"}
        inventory = {"all": {"hosts": hosts, "vars": common}}
        (tmp_path / "inventory.yaml").write_text(json.dumps(inventory))
        (tmp_path / "play.yaml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]))
        environment = {
            **os.environ, "ANSIBLE_ROLES_PATH": str(ROLES), "ANSIBLE_LIBRARY": str(ROOT / "playbooks/library"),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "t"),
        }  # fmt: skip
        argv = [str(BIN / "ansible-playbook"), "-i", "inventory.yaml", str(playbook)]
        return subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def recap(done):
    """Return for each host what changed and what failed, as Ansible counts it."""
    lines = re.findall(r"^(\w+) +: .*changed=(\d+).*failed=(\d+)", done.stdout, re.MULTILINE)
    return {host: (int(changed), int(failed)) for host, changed, failed in lines}


def variables(layout, job, branch, **changes):
    return {**deep_update(layout.job_alone(job, branch).variables, changes), "zuul": {"branch": branch}}


def test_the_role_refuses_on_the_node_what_check_refuses_offline(play, layout, tmp_path):
    refused = WRONG | ON_NODE
    hosts, names = {}, dict(enumerate(refused))
    for number, name in names.items():
        wrong = refused[name]
        hosts[f"h{number}"] = variables(layout, wrong.job, wrong.branch, **wrong.changes)
    said = "{{ ansible_failed_result.msg | default(ansible_failed_result | string) }}"
    tasks = [
        {
            "block": [
                {"import_role": {"name": "local_conf", "tasks_from": "text"}},
                {"set_fact": {"said": "NOTHING"}},
            ],
            "rescue": [{"set_fact": {"said": said}}],
        },
        {
            "copy": {
                "content": "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'said'))) | to_json }}",
                "dest": str(tmp_path / "said.json"),
                "mode": "0600",
            },
            "run_once": True,
        },
    ]
    done = play(hosts, tasks)
    assert done.returncode == 0, done.stdout
    told = json.loads((tmp_path / "said.json").read_text())
    assert {names[int(host[1:])]: text for host, text in told.items()} == {
        name: wrong.says for name, wrong in refused.items()
    }


def test_local_conf_is_written_once_and_refused_for_an_unknown_key(play, layout, tmp_path):
    path = tmp_path / "local.conf"
    host = variables(layout, "nova-in-tree", "master") | {"devstack_local_conf_path": str(path)}
    role = [{"import_role": {"name": "local_conf"}}]
    assert recap(play({"node": host}, role)) == {"node": (1, 0)}
    assert path.read_text().splitlines()[1] == "[[local|localrc]]"
    assert "instance_name_template=pvm12-%(display_name).11s-%(uuid).8s\n" in path.read_text()
    assert recap(play({"node": host}, role)) == {"node": (0, 0)}
    host["network"]["l3"] = True
    failed = play({"node": host}, role)
    assert failed.returncode == 2
    assert "network.l3. Supported parameters include: bridge_mappings" in failed.stdout


@pytest.fixture
def devstack(tmp_path):
    """Return a repository with the layout of devstack, of a branch that has hypervisor-fake alone."""
    folder = tmp_path / "stack" / "devstack"
    (folder / "lib" / "nova_plugins").mkdir(parents=True)
    (folder / "lib" / "nova_plugins" / "hypervisor-fake").write_text("devstack's own\n")
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "devstack"]):
        subprocess.run([*git, *words], check=True)
    return folder


def test_the_hypervisor_file_is_provided_where_the_branch_has_none(play, devstack):
    hosts = {
        "powervm": {"virt_driver": "powervm"},
        "fake": {"virt_driver": "fake"},
        "unsaid": {},
        "null": {"virt_driver": None},
        "wrong": {"virt_driver": "powerwm"},
    }
    for host in hosts.values():
        host["devstack_base_dir"] = str(devstack.parent)
    role = [{"include_role": {"name": "hypervisor_plugin"}}]
    done = play(hosts, role)
    assert recap(done) == {"powervm": (1, 0), "fake": (0, 0), "unsaid": (0, 0), "null": (0, 0), "wrong": (0, 1)}
    plugins = devstack / "lib" / "nova_plugins"
    assert sorted(path.name for path in plugins.iterdir()) == ["hypervisor-fake", "hypervisor-powervm"]
    assert (plugins / "hypervisor-fake").read_text() == "devstack's own\n"
    ours = (ROLES / "hypervisor_plugin/files/hypervisor-powervm").read_text()
    assert (plugins / "hypervisor-powervm").read_text() == ours
    assert "neither this branch's devstack nor this role has lib/nova_plugins/hypervisor-powerwm" in done.stdout
    (plugins / "hypervisor-powervm").write_text("of an earlier build\n")
    assert recap(play({"powervm": hosts["powervm"]}, role)) == {"powervm": (1, 0)}
    assert recap(play({"powervm": hosts["powervm"]}, role)) == {"powervm": (0, 0)}
    assert (plugins / "hypervisor-powervm").read_text() == ours


def test_a_hypervisor_file_of_the_branch_itself_is_left_alone(play, devstack):
    path = devstack / "lib" / "nova_plugins" / "hypervisor-powervm"
    path.write_text("devstack's own\n")
    subprocess.run(["git", "-C", str(devstack), "add", str(path)], check=True)
    host = {"virt_driver": "powervm", "devstack_base_dir": str(devstack.parent)}
    assert recap(play({"node": host}, [{"include_role": {"name": "hypervisor_plugin"}}])) == {"node": (0, 0)}
    assert path.read_text() == "devstack's own\n"


def test_the_plugin_of_the_macvtap_agent_is_there_only_when_it_is_asked_for(play, tmp_path):
    for asked in (False, True):
        host = {"network": {"macvtap": asked}, "devstack_base_dir": str(tmp_path / "stack")}
        assert play({"node": host}, [{"include_role": {"name": "macvtap_agent"}}]).returncode == 0
        assert (tmp_path / "stack/macvtap-agent/devstack/plugin.sh").is_file() == asked


def test_plugins_are_of_the_changes_branch_where_no_other_is_said(play, tmp_path, monkeypatch):
    for name in ("library", "module_utils"):
        monkeypatch.setenv(f"ANSIBLE_{name.upper()}", str(ROOT / "playbooks" / name))
    place = stand_in.make_upstream(tmp_path / "upstream") / "openstack"
    plugins = {name: f"file://{place}/{name}" for name in ("nova-powervm", "horizon")}
    host = {
        "deployment_base_dir": str(tmp_path / "opt/stack"),
        "deployment_sources_cache": str(tmp_path / "cache"),
        "deployment_sources_projects": {},
        "local_conf_plugins": {**plugins, "ceilometer": f"file://{place}/ceilometer master"},
        "workspace": str(tmp_path),
        "zuul": {"branch": "stable/pike", "projects": {}},
    }
    prepare = yaml.safe_load((ROLES / "deploy_devstack/tasks/prepare.yaml").read_text())
    task = [one for one in prepare if one["name"] == "Have the sources"]
    for said, branch in ((None, "stable/pike"), ("master", "master")):
        done = play({"node": host | {"devstack_plugin_ref": said}}, task)
        assert done.returncode == 0, done.stdout
        commit = stand_in.git(place / "nova-powervm", "rev-parse", branch)[:12]
        assert f"/nova-powervm {branch} {commit} from upstream" in done.stdout
        assert "/ceilometer master " in done.stdout
        assert ("/horizon has no branch stable/pike: master is used" in done.stdout) == (branch != "master")


def test_the_patching_list_is_told_of_any_deployments_folder(play, tmp_path, monkeypatch):
    for name in ("library", "module_utils"):
        monkeypatch.setenv(f"ANSIBLE_{name.upper()}", str(ROOT / "playbooks" / name))
    (tmp_path / "list.yaml").write_text("{}\n")
    host = {"deployment_base_dir": str(tmp_path / "opt/osa"), "patching_list": f"{tmp_path.name}/list.yaml"}
    done = play({"node": host}, [{"include_role": {"name": "patching_list"}}])
    assert recap(done) == {"node": (0, 0)}, done.stdout


def test_what_earlier_builds_have_installed_is_removed_and_nothing_behind_a_link(play, tmp_path):
    kept = {"behind": tmp_path / "elsewhere/venv/bin/python", "linked": tmp_path / "other/bin/python"}
    for path in (tmp_path / "plain/data/venv/bin/python", tmp_path / "plain/data/glance/image", *kept.values()):
        path.parent.mkdir(parents=True)
        path.touch()
    (tmp_path / "behind").mkdir()
    (tmp_path / "behind/data").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "linked/data").mkdir(parents=True)
    (tmp_path / "linked/data/venv").symlink_to(tmp_path / "other")
    hosts = {name: {"devstack_base_dir": str(tmp_path / name)} for name in ("plain", "behind", "linked", "new")}
    for host in hosts.values():
        host["remove_venv_become"] = False
    done = play(hosts, [{"include_role": {"name": "remove_venv"}}])
    assert recap(done) == {"plain": (1, 0), "behind": (0, 1), "linked": (1, 0), "new": (0, 0)}
    assert "/behind/data is a link, and nothing is removed behind one" in done.stdout
    assert [path.name for path in (tmp_path / "plain/data").iterdir()] == ["glance"]
    assert not (tmp_path / "linked/data/venv").is_symlink()
    assert all(path.exists() for path in kept.values())


def bash(script, *arguments, **environment):
    argv = ["bash", "-eu", "-c", script, "bash", *arguments]
    done = subprocess.run(
        argv, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_hypervisor_file_defines_what_devstack_calls():
    calls = "install configure start stop cleanup"
    script = (
        'pip_install() { echo "pip $*"; }; getent() { return 2; }; sudo() { echo "sudo $*"; }\n'
        'add_user_to_group() { echo "$1 in $2"; }\n'
        f'source "$1"; for call in {calls}; do "${{call}}_nova_hypervisor"; done'
    )
    path = ROLES / "hypervisor_plugin/files/hypervisor-powervm"
    assert bash(script, str(path), STACK_USER="stack") == [
        "pip pypowervm", "sudo groupadd pvm_admin", "stack in pvm_admin",
    ]  # fmt: skip


def test_the_plugin_runs_the_macvtap_agent_with_a_file_of_its_own():
    script = (
        'is_service_enabled() { [ "$1" = "$ENABLED" ]; }; echo_summary() { :; }\n'
        'run_process() { echo "run $*"; }; stop_process() { echo "stop $*"; }\n'
        'source "$1" stack install; source "$1" stack extra; source "$1" unstack ""; source "$1" clean ""'
    )
    path = ROLES / "macvtap_agent/files/plugin.sh"
    own = "/bin/neutron-macvtap-agent --config-file /n.conf --config-file /etc/neutron/plugins/ml2/macvtap_agent.ini"
    common = {"NEUTRON_BIN_DIR": "/bin", "NEUTRON_CONF": "/n.conf"}
    assert bash(script, str(path), ENABLED="neutron-macvtap-agent", **common) == [
        f"run neutron-macvtap-agent {own}", "stop neutron-macvtap-agent",
    ]  # fmt: skip
    assert bash(script, str(path), ENABLED="q-agt", **common) == []


# What devstack does with the sections after the first: each line becomes a command, read (backslashes go) and evaluated.
MERGE = r"""
iniset() { printf '%s\n' "$4"; }
while IFS= read -r line; do
  case "$line" in
    *=*) read a <<<"iniset FILE SECTION ${line%%=*} \"${line#*=}\""; eval "$a" ;;
  esac
done
"""
ODD = 'a "b" \\c `touch x` $(touch x) $NAME'


def test_devstack_reads_back_what_the_job_said(play, layout, tmp_path):
    path = tmp_path / "local.conf"
    host = variables(
        layout, "nova-out-of-tree", "master",
        devstack_localrc={"ODD": ODD}, devstack_local_conf={"post-config": {"$NOVA_CONF": {"odd": {"odd": ODD}}}},
    )  # fmt: skip
    done = play({"node": {**host, "devstack_local_conf_path": str(path)}}, [{"import_role": {"name": "local_conf"}}])
    assert done.returncode == 0, done.stdout
    localrc, _, rest = path.read_text().partition("[[post-config|")
    recorded = (
        'enable_plugin() { :; }; enable_service() { :; }; disable_service() { :; }; source "$1"; printf "%s\\n" "$ODD"'
    )
    (tmp_path / "localrc").write_text(localrc.partition("]]\n")[2])
    assert bash(recorded, str(tmp_path / "localrc"), NAME="name") == [ODD.replace("$NAME", "name")]
    argv = ["bash", "-eu", "-c", MERGE]
    merged = subprocess.run(argv, input=rest, cwd=tmp_path, env={"PATH": os.environ["PATH"], "NAME": "name"},
                            capture_output=True, text=True, check=True).stdout.splitlines()  # fmt: skip
    assert ODD.replace("$NAME", "name") in merged
    assert '[{"physical_network": "default"}]' in merged
    assert "pvm12-%(display_name).11s-%(uuid).8s" in merged
    assert not (tmp_path / "x").exists()


def test_pip_installs_nova_and_no_other_project_as_nova(play):
    def host(*names):
        projects = {f"g/{name}": {"name": name, "src_dir": f"src/g/{name}"} for name in names}
        return {"workspace": "/w", "zuul": {"project": next(iter(projects.values())), "projects": projects}}

    hosts = {"nova": host("openstack/nova"), "driver": host("openstack/nova-powervm", "openstack/nova")}
    tasks = [
        {"include_vars": str(ROLES / "deploy_pip/vars/main.yaml")},
        {"assert": {"that": "deploy_pip_source == '/w/src/g/openstack/nova'"}},
    ]
    done = play(hosts, tasks)
    assert done.returncode == 0, done.stdout
    done = play(
        {"node": host("openstack/nova-powervm")}, [{"include_role": {"name": "deploy_pip", "tasks_from": "prepare"}}]
    )
    assert done.returncode == 2
    assert (
        "`deployment`: pip installs openstack/nova from the build's own sources, where it is not (add it to"
        in done.stdout
    )


def test_a_deployment_that_is_not_there_is_said_in_pre_run(play, layout):
    host = variables(layout, "nova-in-tree", "master", deployment="kolla")
    done = play({"node": {**host, "zuul": {"build": "b"}}}, playbook=ROOT / "playbooks" / "nova_pre.yaml")
    assert done.returncode == 2
    assert "deployment: kolla is not there yet: this site has no role deploy_kolla" in done.stdout
