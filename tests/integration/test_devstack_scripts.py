"""What runs on the node in a build of devstack, against the stand-in: scripts, driver, cloud, logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.carried import module
from tests.fakes import devstack

ROOT = Path(__file__).resolve().parents[2]
PROBLEM = "results/tempest-run.json"
LOCAL_CONF = """\
[[local|localrc]]
VIRT_DRIVER=fake
DATABASE_PASSWORD=secretdatabase
NOVNC_FROM_PACKAGE=True
enable_service n-novnc

[[post-config|$NOVA_CONF]]

[DEFAULT]
compute_driver=powervm.driver.PowerVMDriver
"""


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    return devstack.make_upstream(tmp_path_factory.mktemp("upstream"))


class Stack:
    """A node with sources and a local.conf; `run` is stack.sh as the module runs it."""

    def __init__(self, folder, upstream):
        self.node, self.workspace = devstack.Node(folder / "node"), folder / "workspace"
        self.devstack, self.log = self.node.base_dir / "devstack", folder / "workspace/logs/stack.sh.txt"
        self.runs = 0
        self.workspace.mkdir()
        self.node.base_dir.mkdir(parents=True)
        for path in (upstream / "openstack").iterdir():
            (self.node.base_dir / path.name).symlink_to(path)
        (self.node.base_dir / "devstack").unlink()
        subprocess.run(["cp", "-r", str(upstream / "openstack/devstack"), str(self.devstack)], check=True)
        self.conf(LOCAL_CONF)

    def conf(self, text):
        head = "[[local|localrc]]\n"
        (self.devstack / "local.conf").write_text(text.replace(head, f"{head}DEST={self.node.base_dir}\n"))

    def run(self, timeout_seconds=60, room_mebibytes=1, once=None):
        script = module("deployment.script")
        self.runs += 1
        wanted = script.Script(
            ["./stack.sh"], str(self.devstack), str(self.log), timeout_seconds, once or str(self.runs)
        )
        return script.run(str(self.workspace), wanted, room_mebibytes)

    def cloud(self):
        return module("deployment.cloud").Cloud(
            str(self.devstack), "devstack-admin", f"{devstack.FOLDER}/programs/openstack"
        )


@pytest.fixture
def stack(tmp_path, upstream, monkeypatch):
    made = Stack(tmp_path, upstream)
    for name, value in made.node.environment.items():
        monkeypatch.setenv(name, value)
    return made


STEPS = ("keystone", "glance", "neutron", "nova", "n-cpu", "tempest", "end")


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_is_named_with_the_last_lines(stack, step):
    stack.node.behave(f"fail {step}")
    with pytest.raises(module("deployment.script").ScriptError) as failed:
        stack.run()
    first, *rest = str(failed.value).splitlines()
    assert first.startswith("stack.sh failed (exit status 1): [ERROR] ")
    assert first.endswith(f"{step} does not work; its last lines:")
    assert f"[SUMMARY] {step}" in rest
    assert stack.node.calls("step")[-1] == f"step {step}"


def test_a_step_that_hangs_is_ended_with_all_that_it_started(stack):
    stack.node.behave("hang neutron")
    with pytest.raises(
        module("deployment.script").ScriptError, match=r"stack.sh timed out after 5 s; its last lines:\n"
    ) as failed:
        stack.run(timeout_seconds=5)
    assert str(failed.value).endswith("waiting for neutron")
    recorded = [json.loads(line) for line in (stack.workspace / "processes.jsonl").read_text().splitlines()]
    wait_for(lambda: not living(recorded[-1]["pid"]))


def test_the_deployment_begins_with_the_script_that_says_so(tmp_path):
    def run(**words):
        given = {"workspace": str(tmp_path), "folder": str(tmp_path), "argv": ["true"], "log": str(tmp_path / "log"),
                 "timeout_seconds": 9, "once": str(len(words)), "room_mebibytes": 1, **words}  # fmt: skip
        environment = {**os.environ, "ANSIBLE_LIBRARY": str(ROOT / "playbooks/library"),
                       "ANSIBLE_MODULE_UTILS": str(ROOT / "playbooks/module_utils"),
                       "ANSIBLE_LOCAL_TEMP": str(tmp_path / "t")}  # fmt: skip
        argv = [f"{Path(sys.executable).parent}/ansible", "localhost", "-c", "local", "-m", "deployment_script"]
        subprocess.run([*argv, "-a", json.dumps(given)], env=environment, capture_output=True, check=True)
        return {
            path.name: path.stat().st_size for path in (tmp_path / "begun.json", tmp_path / "reserve") if path.exists()
        }

    assert run() == {}
    begun = run(begins=True, reserve_mebibytes=1)
    assert begun["reserve"] == 1 << 20
    assert json.loads((tmp_path / "begun.json").read_text()) > time.time() - 60
    (tmp_path / "begun.json").write_text("1")
    # a later step, or the same one after a connection that broke
    run(begins=True, reserve_mebibytes=1, title="")
    assert (tmp_path / "begun.json").read_text() == "1"


TASK = "TASK [os_nova : Install it] ****"
FATAL = "fatal: [aio1]: FAILED! => "


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ([TASK, FATAL + "{no}", "PLAY RECAP ****", "aio1 : ok=1"], "os_nova : Install it failed on aio1: {no}"),
        ([TASK, FATAL + '{"rc": 1, "msg": "no\\nway"}'], "os_nova : Install it failed on aio1: no way"),
        ([TASK, FATAL + '{"msg": ""}'], 'os_nova : Install it failed on aio1: {"msg": ""}'),
        ([FATAL + "{}"], "a task failed on aio1: {}"),
        ([TASK, FATAL, "    changed: false", "    msg: no such"], "os_nova : Install it failed on aio1: no such"),
        ([TASK, FATAL + "1", "...ignoring", "TASK [b] *", "ERROR: not Ansible's"], "ERROR: not Ansible's"),
        (["TASK [a] *", FATAL + "1", "TASK [b] *", FATAL + "2", "...ignoring"], "a failed on aio1: 1"),
        (["RUNNING HANDLER [a] *", "fatal: [aio1 -> b]: UNREACHABLE!"], "a could not reach aio1 -> b"),
        (["ERROR! the playbook: x.yml could not be found"], "ERROR! the playbook: x.yml could not be found"),
    ],
)  # fmt: skip
def test_a_playbook_that_fails_is_told_by_its_task(stack, output, says):
    script = module("deployment.script")
    text = "\n".join(output)
    argv = ["sh", "-c", f"cat <<'X'\n{text}\nX\nexit $STATUS", "play.yml"]
    wanted = script.Script(argv, str(stack.devstack), str(stack.log), 60, "once", "play.yml", {"STATUS": "2"})
    with pytest.raises(script.ScriptError) as failed:
        script.run(str(stack.workspace), wanted, 1)
    assert str(failed.value).splitlines()[0] == f"play.yml failed (exit status 2): {says}; its last lines:"


def living(session):
    """Return the processes of a session that are more than an entry waiting for its parent."""
    argv = ["ps", "-s", str(session), "-o", "stat="]
    listed = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    return [line for line in listed.split() if not line.startswith("Z")]


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def interrupted(stack, behaviour):
    """Start stack.sh for the task `once` in a process of its own, and end that as a lost connection ends a module."""
    stack.node.behave(behaviour)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.carried import module; script = module('deployment.script')\n"
        "script.run(sys.argv[2], script.Script(['./stack.sh'], sys.argv[3], sys.argv[4], 60, 'once'), 1)"
    )
    argv = [sys.executable, "-c", program, str(ROOT), str(stack.workspace), str(stack.devstack), str(stack.log)]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as started:
        wait_for(lambda: "step neutron" in stack.node.calls())
        started.kill()


def test_a_script_that_goes_on_is_waited_for_and_not_started_beside_itself(stack):
    interrupted(stack, f"wait-for-{stack.node.folder}/go neutron")
    with ThreadPoolExecutor(1) as pool:
        again = pool.submit(stack.run, once="once")
        (stack.node.folder / "go").touch()
        assert again.result() >= 0
    assert stack.node.calls("stack.sh") == ["stack.sh"]
    assert stack.node.calls("step")[-1] == "step end"


def test_a_script_that_goes_on_too_long_is_ended_all_the_same(stack):
    interrupted(stack, "hang neutron")
    with pytest.raises(module("deployment.script").ScriptError, match=r"stack.sh timed out after 1 s"):
        stack.run(once="once", timeout_seconds=1)


def test_a_script_that_is_gone_without_a_word_is_the_cis_fault(stack):
    interrupted(stack, "killed neutron")
    with pytest.raises(
        module("deployment.verdict").CIFault, match=r"(?s)stack.sh was ended from outside: .*SUMMARY. neutron"
    ):
        stack.run(once="once")
    assert stack.node.calls("stack.sh") == ["stack.sh"]


def test_a_full_disk_is_the_cis_fault_and_can_still_be_told_of(stack):
    verdict = module("deployment.verdict")
    verdict.reserve(str(stack.workspace), 1)
    assert (stack.workspace / "reserve").stat().st_size == 1 << 20
    stack.node.behave("full glance")
    with pytest.raises(
        verdict.CIFault, match=r"(?s)stack.sh failed because the node's disk is full.*No space left on device"
    ) as failed:
        stack.run(room_mebibytes=1 << 40)
    verdict.tell(str(stack.workspace), str(failed.value))
    assert not (stack.workspace / "reserve").exists()
    told = json.loads((stack.workspace / PROBLEM).read_text())
    assert told == {"problem": str(failed.value).splitlines()[0], "stale": []}


def test_a_step_that_needs_room_where_there_is_room_is_the_patchs(stack):
    stack.node.behave("full glance")
    with pytest.raises(module("deployment.script").ScriptError, match="cannot write the data of glance"):
        stack.run()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LOCAL_CONF.replace("post-config", "post_config"), "local.conf: devstack has no phase post_config"),
        (LOCAL_CONF.replace("[DEFAULT]\n", ""), "local.conf: no option of a section: compute_driver="),
        (LOCAL_CONF + "a line\n", "local.conf: no option of a section: a line"),
        (LOCAL_CONF + "[[post-config|$NOVA_CONF]]\n", "local.conf: twice: [[post-config|$NOVA_CONF]]"),
        (LOCAL_CONF + "compute_driver=x\n", "local.conf: twice in $NOVA_CONF: compute_driver"),
        (LOCAL_CONF[LOCAL_CONF.index("[[post") :], "local.conf does not begin with [[local|localrc]]"),
    ],
)
def test_a_local_conf_that_devstack_would_not_take_as_it_is_meant(stack, text, says):
    stack.conf(text)
    with pytest.raises(module("deployment.script").ScriptError) as failed:
        stack.run()
    assert says in str(failed.value).splitlines()[0]


def test_a_clone_of_novnc_is_refused(stack):
    stack.conf(LOCAL_CONF.replace("NOVNC_FROM_PACKAGE=True\n", ""))
    with pytest.raises(module("deployment.script").ScriptError, match="novnc would be cloned"):
        stack.run()


def test_options_are_set_in_files_as_devstack_sets_them(stack):
    stack.conf(LOCAL_CONF + 'debug = "${VIRT_DRIVER}-1"\n\n[pci]\nlist = [{"a": "b"}]\n')
    stack.run()
    nova = (stack.node.folder / "etc/nova/nova.conf").read_text()
    assert "[DEFAULT]\nmy_ip = 10.7.7.7\ncompute_driver = powervm.driver.PowerVMDriver\n" in nova
    assert stack.node.calls("merge") == ["merge post-config $NOVA_CONF"]


def prove(stack, driver="powervm.driver.PowerVMDriver", hypervisor_type="phyp"):
    command = ["journalctl", "--output", "cat", "--unit", "devstack@n-cpu.service"]
    return module("deployment.driver").prove(command, stack.cloud(), driver, hypervisor_type, 0)


def test_the_driver_that_is_meant_is_proven(stack):
    stack.run()
    assert prove(stack).endswith("Loading compute driver 'powervm.driver.PowerVMDriver'")


def test_what_counts_is_the_service_that_runs_now(stack):
    stack.node.behave("driver powervm_ext.driver.PowerVMDriver")
    stack.run()
    stack.node.behave()
    stack.run()
    assert prove(stack)
    with pytest.raises(module("deployment.verdict").CIFault):
        prove(stack, "powervm_ext.driver.PowerVMDriver")


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        ("driver powervm_ext.driver.PowerVMDriver", "its log says INFO nova.virt.driver"),
        ("driver powervm.driver.PowerVMDriverX", "did not load the driver powervm.driver.PowerVMDriver: "),
        ("hypervisor QEMU", "the driver is not the one of phyp: nova has hosts of type QEMU"),
        (
            "fail hypervisor list",
            "nova does not say what host it has: openstack hypervisor list --long: HttpException: 500",
        ),
    ],
)
def test_another_driver_is_the_cis_fault(stack, behaviour, says):
    stack.node.behave(behaviour)
    stack.run()
    with pytest.raises(module("deployment.verdict").CIFault) as found:
        prove(stack)
    assert says in str(found.value)


def test_a_silent_nova_compute_is_no_proof(stack):
    with pytest.raises(module("deployment.verdict").CIFault, match="its log says nothing about a driver"):
        prove(stack)


FLAVOR = {"name": "f", "ram": 512, "disk": 1, "vcpus": 1}


def prepare(cloud):
    network = cloud.network("public", "default", 1012, "192.168.1.0/24")
    image, flavor = cloud.image(""), cloud.flavor(FLAVOR)
    cloud.primer("tempest-primer", image, flavor, network, 60)
    return image, flavor, network


def test_what_tempest_needs_is_made_once(stack):
    for made in (["network public on VLAN 1012", "flavor f", "server tempest-primer"], []):
        cloud = stack.cloud()
        assert prepare(cloud) == ("image-1", "flavor-1", "network-1")
        assert cloud.made == made
    assert len(stack.node.calls("openstack --os-cloud devstack-admin server create")) == 1


def test_a_driver_without_network_gets_a_server_without_one(stack):
    stack.cloud().primer("tempest-primer", "image-1", "flavor-1", "", 60)
    said = stack.node.calls("openstack --os-cloud devstack-admin --os-compute-api-version 2.37 server create")
    assert " --nic none --wait " in said[0]


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        ("fail flavor create", "openstack flavor create --ram: HttpException: 500"),
        ("fail network create", "openstack network create --share: HttpException: 500"),
        ("server ERROR", "the first server, tempest-primer, is ERROR: no room on the pool"),
    ],
)
def test_what_the_cloud_does_not_do_is_said(stack, behaviour, says):
    stack.node.behave(behaviour)
    with pytest.raises(module("deployment.cloud").CloudError) as found:
        prepare(stack.cloud())
    assert says in str(found.value)


def test_an_lpar_id_that_leads_to_no_vlan(stack):
    with pytest.raises(module("deployment.verdict").CIFault, match="network public: VLAN 4095 is none"):
        stack.cloud().network("public", "default", 4095, "192.168.1.0/24")


def test_the_image_is_the_one_that_the_site_names(stack):
    assert stack.cloud().image("powervm") == "image-1"
    with pytest.raises(module("deployment.verdict").CIFault) as found:
        stack.cloud().image("powerwm")
    assert str(found.value) == "`cloud_image`: no active image powerwm (there are: powervm)"


def test_no_image_and_no_client_are_the_cis_fault(stack):
    stack.node.behave("image queued")
    with pytest.raises(module("deployment.verdict").CIFault, match="no active image "):
        stack.cloud().image("")
    cloud = module("deployment.cloud").Cloud(str(stack.devstack), "devstack-admin", "/nothing/openstack")
    with pytest.raises(module("deployment.verdict").CIFault, match=r"the client openstack does not start: .*/nothing"):
        cloud.image("")


def test_the_deployments_tempest_conf_is_kept_but_for_what_the_site_sets(stack, tmp_path):
    source, target = tmp_path / "a.conf", tmp_path / "b.conf"
    source.write_text("[compute]\nimage_ref = old\nfixed_network_name = public\n[identity]\nadmin_password = a%b\n")
    module("deployment.cloud").write_tempest_conf(
        str(source), str(target), {"compute": {"image_ref": "new"}, "x": {"y": 1}}
    )
    assert "".join(target.read_text().split()) == (
        "[compute]image_ref=newfixed_network_name=public[identity]admin_password=a%b[x]y=1"
    )
    assert target.stat().st_mode & 0o777 == 0o600


def test_logs_are_gathered_and_keys_are_not(stack):
    stack.run()
    keys = stack.node.folder / "etc/nova/fernet-keys"
    keys.mkdir()
    (keys / "0").write_text("key")
    (keys / "x.pem").write_text("key")
    (stack.node.folder / "etc/nova/link.conf").symlink_to("/etc/passwd")
    logs = module("deployment.logs")
    sources = logs.Sources(str(stack.devstack), str(stack.node.base_dir), str(stack.node.folder / "etc"),
                           ["nova", "gone"], ["rabbitmq-server.service"], 0, ("devstack@*",))  # fmt: skip
    assert logs.collect(str(stack.workspace), sources) == ["the journal has nothing of rabbitmq-server.service"]
    found = {str(path.relative_to(stack.workspace)) for path in stack.workspace.glob("*/**/*") if path.is_file()}
    assert {path for path in found if not path.startswith("once/")} - {"logs/stack.sh.txt"} == {
        "etc/nova/nova.conf", "results/local.conf", "logs/repositories.txt", "logs/system.txt",
        "logs/screen-n-api.txt", "logs/screen-n-cpu.txt", "logs/screen-q-svc.txt",
    }  # fmt: skip
    assert "2026-01-02T03:04:05.000006+00:00 node" in (stack.workspace / "logs/screen-n-cpu.txt").read_text()
    head = devstack.git(stack.devstack, "rev-parse", "HEAD")
    assert f"devstack\n{head} " in (stack.workspace / "logs/repositories.txt").read_text()


def test_the_journal_is_read_as_root(stack, monkeypatch):
    stack.run()
    monkeypatch.setenv("STAND_IN_USER", "stack")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert prove(stack)
    logs = module("deployment.logs")
    sources = logs.Sources(str(stack.devstack), str(stack.node.base_dir), "/nothing", [], [], 0, ("devstack@*",))
    assert logs.collect(str(stack.workspace), sources) == []
    assert "Loading compute driver" in (stack.workspace / "logs/screen-n-cpu.txt").read_text()


def test_who_is_root_needs_no_sudo_and_who_has_none_does_without(tmp_path, monkeypatch):
    as_root, sudo = module("deployment.root").as_root, tmp_path / "sudo"
    monkeypatch.setenv("PATH", str(tmp_path))
    bounded = ["timeout", "--kill-after=5", "9", "a"]  # by what runs as the one who may
    for account, there, wanted in ((0, True, bounded), (1000, True, ["sudo", "-n", *bounded]), (1000, False, bounded)):
        sudo.touch(0o755) if there else sudo.unlink()
        monkeypatch.setattr("os.geteuid", lambda account=account: account)
        assert as_root(["a"], 9) == wanted


def test_what_is_published_has_no_secrets_addresses_or_names(stack, tmp_path):
    stack.run()
    logs, pack = module("deployment.logs"), module("archive.pack").pack
    logs.collect(str(stack.workspace), logs.Sources(str(stack.devstack), str(stack.node.base_dir),
                 str(stack.node.folder / "etc"), ["nova"], [], 0, ("devstack@*",)))  # fmt: skip
    archive = tmp_path / "p.tar.gz"
    pack(str(stack.workspace), str(archive), 1 << 20, ["vendor.example"], ["10.0.0.0/8"])
    (tmp_path / "out").mkdir()
    module("archive.unpack").unpack(str(archive), str(tmp_path / "out"))
    published = {
        str(path.relative_to(tmp_path / "out")): path.read_text()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    everything = "".join(published.values())
    for hidden in ("secretdatabase", "gAAAAAB", "10.7.7.7", "vendor.example"):
        assert hidden not in everything, hidden
    assert "connection = mysql+pymysql://root:***@address-1/nova" in published["logs/etc/nova/nova.conf.txt"]
    assert 'X-Auth-Token: ***" http://address-1/identity' in published["logs/screen-n-cpu.txt"]
    assert "@host-1:5672" in published["logs/screen-n-cpu.txt"]
    assert "DATABASE_PASSWORD=***" in published["local.conf"]
