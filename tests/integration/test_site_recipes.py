"""What the README says about changing the site is enough: its lines are taken as they stand there."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

import json
import re
import shutil
import textwrap

import pytest
from powervm import local_conf

from ci.cli import root
from ci.config.site import load_site
from ci.model.change import Change
from tests import vendor_recipe
from tests.unit.site.conftest import IN_TREE, OUT_OF_TREE, ROOT
from tests.unit.site.written import read

README = (ROOT / "README.md").read_text()
SHIPPED = ("jobs", "nodepool", "playbooks", "skip_lists", "zuul.conf")


@pytest.fixture
def site(tmp_path):
    """Return a copy of the shipped site, to be changed."""
    for name in SHIPPED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    return tmp_path


def printed(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["local-conf", *arguments])
    status = local_conf.main()
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def recipe():
    found = re.search(r"\*\*A new variant in 10 lines\*\*.*?```yaml\n(.*?)```", README, re.DOTALL)
    assert found
    return textwrap.dedent(found[1])


def test_a_new_variant_takes_ten_lines_and_no_python(site, monkeypatch, capsys):
    assert len(recipe().splitlines()) == 10
    (site / "jobs/zuul.d/more.yaml").write_text(recipe())
    assert root.run(["check", "--site", str(site)]) == 0
    words = ["--project", "openstack/nova", "--branch", "master", "--json"]
    capsys.readouterr()
    assert root.run(["freeze-job", "--site", str(site), "nova-out-of-tree-ovs", *words]) == 0
    frozen = json.loads(capsys.readouterr().out)
    assert frozen["variables"]["network"] == {"interface": "eth2", "l2": "ovs", "sriov": False}
    assert not frozen["voting"]
    status, out, _ = printed(
        monkeypatch, capsys, "nova-out-of-tree-ovs", "--branch", "stable/2026.2", "--site", str(site)
    )
    assert status == 0
    assert read(out).mechanism_drivers == ["openvswitch"]
    assert read(out).plugins["nova-powervm"] == "https://opendev.org/openstack/nova-powervm stable/2026.2"


def test_the_difference_that_the_readme_shows_is_the_real_one(site, monkeypatch, capsys):
    (site / "jobs/zuul.d/more.yaml").write_text(recipe())
    shown = re.search(r"\$ scripts/local-conf (diff [^\n]*)\n(.*?)```", README, re.DOTALL)
    assert shown
    status, out, _ = printed(monkeypatch, capsys, *shown[1].split(), "--site", str(site))
    lines = [line.strip() for line in shown[2].splitlines() if line.strip().startswith(("+", "-"))]
    assert status == 0
    assert len(lines) > 5
    assert set(lines) <= set(out.splitlines())


def test_the_vendors_own_gerrit_is_a_second_connection(site):
    conf = site / "zuul.conf"
    head, lines = conf.read_text().split("# [connection vendor]\n")
    vendor, rest = lines.split("\n\n", 1)
    vendor = "\n".join(line.removeprefix("# ") for line in vendor.splitlines())
    conf.write_text(f"{head}[connection vendor]\n{vendor}\n\n{rest}\nsite_source=gerrit\n")
    vendor_recipe.follow(site)
    found = load_site(site)

    def jobs(connection, project, pipeline):
        change = Change(connection, project, "master", 1, 1, "", "", files=("nova/x.py",))
        return [job.name for job in found.layout.select_jobs(pipeline, change).jobs]

    assert list(found.settings.gerrits) == ["opendev", "vendor"]
    assert found.layout.tenant.config_project.connection == "vendor"
    assert jobs("vendor", "x/powervm-ci", "config-check") == ["ci-config-check"]
    assert jobs("opendev", "openstack/nova", "check") == [IN_TREE, OUT_OF_TREE]
    assert found.layout.pipelines["config-check"].connections == {"vendor"}
    assert "opendev" in found.layout.pipelines["check"].connections


@pytest.mark.parametrize("job", [IN_TREE, OUT_OF_TREE])
def test_each_policy_is_one_line(site, job):
    assert f"| `voting: false` in the job `{job}` |" in README
    path = site / "jobs/zuul.d/jobs.yaml"
    text = path.read_text()
    path.write_text(text.replace(f"    name: {job}\n", f"    name: {job}\n    voting: false\n", 1))
    jobs = load_site(site).layout.select_jobs("check", Change("opendev", "openstack/nova", "master", 1, 1, "", "")).jobs
    assert {one.name: one.voting for one in jobs} == {IN_TREE: job != IN_TREE, OUT_OF_TREE: job != OUT_OF_TREE}


@pytest.mark.parametrize("job", ["nova-in-tree-vscsi", "nova-osa"])
def test_what_is_off_is_switched_on_by_one_line(site, job):
    assert f"`- {job}`" in README
    path = site / "jobs/zuul.d/projects.yaml"
    text = path.read_text()
    path.write_text(text.replace("        - nova-out-of-tree\n", f"        - nova-out-of-tree\n        - {job}\n", 1))
    jobs = load_site(site).layout.select_jobs("check", Change("opendev", "openstack/nova", "master", 1, 1, "", "")).jobs
    assert {one.name: one.voting for one in jobs} == {IN_TREE: True, OUT_OF_TREE: True, job: False}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["nova-in-tre", "--branch", "master"], 2, "error: no job nova-in-tre (did you mean `nova-in-tree`?)"),
        (["nova-in-tree", "--branch", "stable/pik"], 2,
         "error: no file of the site names the branch stable/pik (did you mean `stable/pike`?; --any-branch prints what a job has in general)"),
        (["nova-in-tree"], 2, "Error: Missing option '--branch'."),
        (["nova-osa", "--branch", "master"], 1,
         "error: nova-osa has no local.conf: its deployment is osa, not devstack"),
        (["nova-in-tree-vscsi", "--branch", "stable/pike"], 1,
         "error: nova-in-tree-vscsi does not run on stable/pike: no definition of it matches the branch"),
        (["nova-in-tree", "--branch", "master", "--project", "openstack/nova-powervm"], 1,
         "error: nova-in-tree does not run on master: openstack/nova-powervm does not list it"),
        (["nova-in-tree", "--branch", "stable/pike", "--project", "openstack/networking-powervm"], 1,
         "error: nova-in-tree does not run on stable/pike: nova-in-tree: the project's pipeline does not list it for the branch stable/pike"),
        (["nova-in-tree", "--branch", "master", "--project", "openstack/nov"], 2,
         "error: no project openstack/nov in the tenant (did you mean `openstack/nova`?)"),
        (["diff", "nova-in-tree", "nova-in-tree@main"], 2,
         "error: no file of the site names the branch main (known: master, stable/2026.2, stable/pike; --any-branch prints what a job has in general)"),
    ],
)  # fmt: skip
def test_what_has_no_local_conf_is_said(monkeypatch, capsys, words, status, said):
    found, out, err = printed(monkeypatch, capsys, *words)
    assert (found, out) == (status, "")
    assert said in err.splitlines()


def test_a_broken_site_is_said_with_its_places(site, monkeypatch, capsys):
    path = site / "jobs/zuul.d/jobs.yaml"
    path.write_text(path.read_text().replace("l2: sea", "l2: see"))
    status, out, err = printed(monkeypatch, capsys, "nova-in-tree", "--branch", "master", "--site", str(site))
    line = path.read_text().splitlines().index("        l2: see") + 1
    assert (status, out) == (1, "")
    assert err.startswith(f"error: jobs/zuul.d/jobs.yaml:{line}:13: `network.l2` is one L2 plugin: ")


def test_a_role_that_does_not_run_is_said(site, monkeypatch, capsys):
    (site / "playbooks/roles/local_conf/templates/local.conf.j2").write_text("{{ broken")
    status, out, err = printed(monkeypatch, capsys, "nova-in-tree", "--branch", "master", "--site", str(site))
    assert (status, out) == (1, "")
    assert err.startswith(f"error: the role local_conf of {site} did not run:\n")
    assert "Traceback" not in err
