"""The shipped lists against the tempest that the nodes run: no stale ID, no wrong name, read by stestr as by us."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from lab.tempest import tempest_environment

from ci.cli import root
from ci.config.site import load_site
from ci.model.change import Change
from ci.skip_lists.parse import parse_skip_list

ROOT = Path(__file__).resolve().parents[2]
INCLUDE_LIST = "skip_lists/include/nova-in-tree-vscsi.txt"


@pytest.fixture(scope="module")
def tempest():
    return tempest_environment()


@pytest.fixture(scope="module")
def workspace(tempest, tmp_path_factory):
    """Return a function that runs a program of tempest in a workspace, and gives the lines that it prints."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("tempest")

    def run(program, *arguments):
        environment = {"PATH": f"{tempest / 'bin'}:{os.environ['PATH']}", "HOME": str(home), "LC_ALL": "C.UTF-8"}
        argv = [str(tempest / "bin" / program), *arguments]
        done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    run("tempest", "init", ".")
    return run


@pytest.fixture(scope="module")
def tests(workspace):
    return workspace("stestr", "list")


def job_lists(job, branch):
    change = Change("opendev", "openstack/nova", branch, 1, 1, "", "", files=("nova/virt/driver.py",))
    jobs = load_site(ROOT).layout.select_jobs("check", change).jobs
    return next(one for one in jobs if one.name == job).variables["tempest_exclude_lists"]


def ids(names):
    return {entry for name in names for entry in parse_skip_list(name, (ROOT / name).read_bytes()).ids}


def is_one_of(test, identities):
    return any(tag.removeprefix("id-") in identities for tag in test.partition("[")[2].rstrip("]").split(","))


def test_the_lists_have_no_stale_id_and_no_wrong_name(tempest, tests, capsys):
    assert root.run(["skip-list", "check", "--json", "--site", str(ROOT), "--tempest", str(tempest)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["path"] for one in told["files"] if one["errors"] or one["warnings"]] == []
    assert {one["path"] for one in told["files"]} == {
        str(path.relative_to(ROOT)) for path in ROOT.glob("skip_lists/**/*.txt")
    }
    assert told["tests"] == len(tests) > 1500


@pytest.mark.parametrize(
    ("job", "branch", "fewest", "most"),
    [
        ("nova-in-tree", "master", 150, 250),
        ("nova-in-tree", "stable/pike", 175, 280),
        ("nova-out-of-tree", "master", 40, 80),
    ],
)
def test_stestr_leaves_out_what_the_lists_say_and_no_more(workspace, tests, tmp_path, job, branch, fewest, most):
    names = job_lists(job, branch)
    together = tmp_path / "exclude.txt"
    together.write_bytes(b"".join((ROOT / name).read_bytes() for name in names))
    run = workspace("stestr", "list", "--exclude-list", str(together))
    skipped = set(tests) - set(run)
    assert skipped == {test for test in tests if is_one_of(test, ids(names))}
    assert fewest < len(skipped) < most


def test_stestr_runs_what_the_include_list_says_and_no_more(workspace, tests):
    run = workspace("stestr", "list", "--include-list", str(ROOT / INCLUDE_LIST))
    assert set(run) == {test for test in tests if is_one_of(test, ids([INCLUDE_LIST]))}
    assert any("AttachVolumeTestJSON.test_attach_detach_volume" in test for test in run)
