"""Whatever a site holds, `check` ends, says one clear line for each error, and never fails itself."""

import pytest

from ci.cli import root
from tests.unit.cli.odd_files import device, directory, fifo, loop, nowhere
from tests.unit.config.conftest import FILES, SiteFolder

JOBS, CONF, POOL = "jobs/zuul.d/jobs.yaml", "zuul.conf", "nodepool/nodepool.yaml"
BASE = FILES[JOBS]
CONFIGURATION, NODES = FILES[CONF], FILES[POOL]

TEXTS = {
    "a job name that is a path": (JOBS, BASE + "- job: {name: ../../../escape, parent: base}\n", "is no name"),
    "an empty job name": (JOBS, BASE + '- job: {name: "", parent: base}\n', "is no name"),
    "a pipeline name that is a path": (
        "jobs/zuul.d/more.yaml", "- pipeline: {name: ../../x, manager: independent}\n", "is no name",
    ),
    "a playbook with a very long name": (JOBS, f"- job: {{name: base, parent: null, run: {'x' * 5000}}}\n", "shorten"),
    "a playbook that is no YAML": ("playbooks/run.yaml", "- hosts: [\n", "playbooks/run.yaml:2:1: not YAML"),
    "a playbook of random bytes": ("playbooks/run.yaml", bytes(range(128, 256)), "is not UTF-8"),
    "a playbook that is no list": ("playbooks/run.yaml", "hosts: all\n", "is not a list of plays"),
    "an ESC sequence as a key": (JOBS, BASE + '- job: {name: x, parent: base, "\\e[2J\\a": 1}\n', "\\x1b[2J\\x07"),
    "a form feed in zuul.conf": (CONF, "# a\f[evil]\fk=v\n" + CONFIGURATION, "zuul.conf:1:4: holds the control"),
    "a NUL in zuul.conf": (CONF, CONFIGURATION + "tenant_config=a\0b\n", "holds the control character"),
    "an indented key": (CONF, CONFIGURATION.replace("known_hosts=", "   log_dayz=3\nknown_hosts="), "log_dayz"),
    "a section DEFAULT": (CONF, "[DEFAULT]\nx=1\n" + CONFIGURATION, "[DEFAULT] is not read"),
    "a misspelt section": (CONF, CONFIGURATION.replace("[powervm-ci]", "[powervm_ci]"), "did you mean [powervm-ci]"),
    "a connection without a name": (CONF, CONFIGURATION + "[connection ]\ndriver=gerrit\n", "names no connection"),
    "an ssh option as a server": (CONF, CONFIGURATION.replace("review.example.org", "-oProxyCommand=x"), "no host"),
    "a broken address": (CONF, CONFIGURATION + "root_url=http://[::1\n", "not a web address"),
    "an address with a space": (CONF, CONFIGURATION + "root_url=http://a b<script>\n", "not a web address"),
    "an enormous number": (CONF, CONFIGURATION + f"log_days={'9' * 30}\n", "must be a whole number"),
    "digits that are not ASCII": (CONF, CONFIGURATION + "port=\u0661\u0662\n", "must be a whole number"),
    "a large zuul.conf": (CONF, CONFIGURATION + "# x\n" * 400_000, "is larger than"),
    "an ssh option as a node": (POOL, NODES.replace("node-1", "-oProxyCommand=x"), "is no host name"),
    "a template as a user": (POOL, NODES + "            username: \"{{ lookup('pipe', 'id') }}\"\n", "is no host name"),
    "a shell line as a Python": (POOL, NODES + '            python-path: "a b; touch x"\n', "path of a Python"),
    "any number of places": (POOL, NODES + "            max-parallel-jobs: 20000000\n", "1000"),
    "an empty include list": (
        JOBS, BASE.rstrip() + "\n    vars:\n      tempest_include_list: skip_lists/none.txt\n", "selects every test",
    ),
    "two thousand jobs in a circle": (
        JOBS, BASE + "".join(f"- job: {{name: c{n}, parent: c{(n + 1) % 2000}}}\n" for n in range(2000)), "ancestors",
    ),
    "twelve jobs that are all each other's parents": (
        JOBS, BASE + "".join(f"- job: {{name: a{n}, parent: a{m}}}\n" for n in range(12) for m in range(12) if n != m),
        "its own ancestor",
    ),
}  # fmt: skip


def checked(site, capsys, *arguments):
    status = root.run(["check", "--site", str(site.folder), *arguments])
    captured = capsys.readouterr()
    assert "bug:" not in captured.err
    return status, captured.out


@pytest.mark.parametrize("case", TEXTS)
def test_rubbish_in_a_file(tmp_path, capsys, case):
    site = SiteFolder(tmp_path)
    site.write("skip_lists/none.txt", "# reason: nothing\n")
    name, text, expected = TEXTS[case]
    site.write(name, text)
    status, told = checked(site, capsys)
    assert status == 1
    assert expected in told
    assert all(line.isprintable() for line in told.splitlines())
    assert checked(site, capsys, "--json")[0] == 1


@pytest.mark.parametrize("make", [directory, fifo, loop, device, nowhere])
@pytest.mark.parametrize("name", ["skip_lists/x.txt", JOBS, CONF, POOL, "jobs/tenant.yaml", "playbooks/run.yaml"])
def test_what_is_no_file_at_all(tmp_path, capsys, name, make):
    site = SiteFolder(tmp_path)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    make(path)
    status, told = checked(site, capsys)
    assert status == 1
    assert told.count("\n") >= 2
