"""A stand-in for the command openstack-ansible: it deploys nothing, and refuses what the real roles would refuse."""

import configparser
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import yaml

# ruff: noqa: T201 - its output is what it is run for

NODE, CONFIG = Path(os.environ["STAND_IN"]), Path(os.environ["OSA_CONFIG_DIR"])
TASKS = {
    "setup-hosts.yml": ["openstack_hosts : Install host packages"],
    "setup-infrastructure.yml": ["galera_server : Create galera users"],
    "setup-openstack.yml": ["os_keystone", "os_nova", "os_neutron", "os_tempest"],
}


class Refused(Exception):
    """A role would fail here."""


def note(line):
    """Record a call."""
    with (NODE / "calls").open("a") as stream:
        stream.write(f"{line}\n")


def variables():
    """Return the user variables: the last file counts, in the order of a locale that skips punctuation."""
    found = {}
    for path in sorted(CONFIG.glob("user_*.yml"), key=lambda path: re.sub("[^a-z0-9]", "", path.name)):
        found |= yaml.safe_load(path.read_text()) or {}
    return found


def behave(step):
    """Do what the test says of a step."""
    path = NODE / "behaviour"
    for line in path.read_text().splitlines() if path.exists() else []:
        if line == f"fail {step}":
            raise Refused(f"{step} does not work")
        if line == f"hang {step}":
            print(f"waiting for {step}", flush=True)
            time.sleep(300)


def need(is_so, says):
    """Refuse what a role would refuse."""
    if not is_so:
        raise Refused(says)


def clone(place, name):
    """Clone as pip does; return the folder."""
    url, _, ref = place.removeprefix("git+").partition("#")[0].rpartition("@")
    target = NODE / "installed" / name
    for words in (["clone", "--quiet", url, str(target)], ["-C", str(target), "checkout", "--quiet", ref]):
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        need(done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}")
    return target


def write(path, options):
    """Write an ini file."""
    parser = configparser.RawConfigParser()
    parser.optionxform = str
    parser.read_dict({name: values for name, values in options.items() if values})
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        parser.write(stream)


def os_nova(given):
    """Install nova and the driver, configure them, let nova-compute say what it has loaded."""
    virt_type = given["nova_virt_type"]
    need(
        virt_type in given.get("nova_supported_virt_types", ["qemu", "kvm", "ironic"]), "Unsupported Virt Type Provided"
    )
    tasks = NODE / f"ansible/roles/os_nova/tasks/drivers/{virt_type}/nova_compute_{virt_type}.yml"
    need(tasks.is_file() and yaml.safe_load(tasks.read_text()), f"Could not find or access {tasks.name}")
    nova = clone(f"git+{given['nova_git_repo']}@{given['nova_git_install_branch']}#egg=nova", "nova")
    note(f"nova {'patched' if (nova / 'patched.py').exists() else 'as upstream'}")
    for place in given["nova_user_pip_packages"]:
        clone(place, place.rpartition("=")[2])
        note(f"beside nova: {place.rpartition('=')[2]}")
    driver = given.get("nova_compute_driver", given["nova_virt_types"][virt_type]["nova_compute_driver"])
    secrets = {"connection": f"mysql+pymysql://nova:{given['nova_container_mysql_password']}@10.7.7.7/nova"}
    options = {"DEFAULT": {"compute_driver": driver, "my_ip": "10.7.7.7"}, "database": secrets}
    for section, values in given["nova_nova_conf_overrides"].items():
        options.setdefault(section, {}).update(values)
    write(NODE / "etc/nova/nova.conf", options)
    path = NODE / "behaviour"
    said = (
        [line.split()[1] for line in path.read_text().splitlines() if line.startswith("driver ")]
        if path.exists()
        else []
    )
    run_service("nova-compute", f"Loading compute driver '{(said or [options['DEFAULT']['compute_driver']])[0]}'")
    run_service("nova-scheduler", "Starting scheduler node")


def os_neutron(given):
    """Configure neutron with the mappings."""
    need(given["neutron_plugin_type"] == "ml2.ovs", f"the AIO was made for ml2.ovs, not {given['neutron_plugin_type']}")
    networks = given["neutron_provider_networks"]
    names = {entry.partition(":")[0] for entry in networks["network_vlan_ranges"].split(",")}
    mapped = dict(entry.split(":") for entry in networks["network_mappings"].split(","))
    need(names <= mapped.keys(), f"no bridge for {names - mapped.keys()}")
    need(given["tempest_public_net_physical_name"] in mapped, "the public network is on none of them")
    write(NODE / "etc/neutron/plugins/ml2/ml2_conf.ini", {"ml2": {"type_drivers": given["neutron_ml2_drivers_type"]},
          "ovs": {"bridge_mappings": networks["network_mappings"]}})  # fmt: skip
    run_service("neutron-openvswitch-agent", "Agent initialized successfully")


def os_tempest(given):
    """Install tempest, configure it, and do not run it."""
    need(given["tempest_install"] and not given["tempest_run"], "tempest would run here")
    programs = NODE / f"openstack/venvs/tempest-{given['venv_tag']}/bin"
    programs.mkdir(parents=True, exist_ok=True)
    python = f"export PYTHONPATH={NODE}/tempest PYTHONDONTWRITEBYTECODE=1\nexec {os.environ['STAND_IN_PYTHON']}"
    for name in ("python", "stestr", "tempest", "subunit2html"):
        (programs / name).write_text(f'#!/bin/sh\n{python}/{"stestr" if name == "tempest" else name} "$@"\n')
        (programs / name).chmod(0o755)
    options = {"identity": {"admin_password": given["keystone_auth_admin_password"]}}
    for section, values in given["tempest_tempest_conf_overrides"].items():
        options.setdefault(section, {}).update(values)
    write(Path(given["tempest_workspace"]) / "etc/tempest.conf", options)


def os_keystone(given):
    """Stand on what came before."""
    need((NODE / "done-setup-infrastructure.yml").exists(), "there is no database")


def run_service(name, line):
    """Have a unit, and what it says in the journal."""
    for folder in ("running", "journal"):
        (NODE / folder).mkdir(exist_ok=True)
    (NODE / f"running/{name}.service").touch()
    with (NODE / f"journal/{name}.service").open("a") as stream:
        stream.write(f"INFO nova.virt.driver [-] {line}\n")


def main():
    """Run one playbook of those that the folder has."""
    playbook = sys.argv[1]
    need(Path(playbook).is_file(), f"the playbook: {playbook} could not be found")
    note(f"openstack-ansible {playbook}")
    behave(playbook)
    for task in TASKS[playbook]:
        print(f"TASK [{task}{'' if ':' in task else ' : Do all of it'}] ****", flush=True)
        behave(task)
        globals().get(task, lambda _: None)(variables())
    (NODE / f"done-{playbook}").touch()


if __name__ == "__main__":
    try:
        main()
    except Refused as refused:
        print(f'fatal: [aio1]: FAILED! => {{"changed": false, "msg": "{refused}"}}\n\nPLAY RECAP ****')
        print("".join(f"aio1_container-{number} : ok=1 failed=0\n" for number in range(40)))
        print("EXIT NOTICE [Playbook execution failure] ****")
        sys.exit(2)
    print("EXIT NOTICE [Playbook execution success] ****")
