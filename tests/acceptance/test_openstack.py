"""Real nova patches, real OpenStack, real tempest: what the demonstration shows, read back from Gerrit and the logs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lab import nova_repository
from lab.demo import Demo

pytestmark = [pytest.mark.gerrit, pytest.mark.openstack]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    demo = Demo(tmp_path_factory.mktemp("demo"))
    try:
        demo.set_up()
        yield demo
    finally:
        demo.stop()


def logs(demo, number):
    """Return the log folders of a change's builds, by job."""
    return {build["job"]: Path(build["log_folder"]) for build in demo.builds(number)}


def read_tests(folder):
    return json.loads((folder / "tests.json").read_text())["tests"]


@pytest.fixture(scope="module")
def good(demo):
    number = demo.push(nova_repository.good_patch())
    return number, demo.wait_for_vote(number, "good")


def test_a_good_patch_passes_both_jobs(demo, good):
    number, message = good
    assert demo.vote(number) == 1
    for job in ("nova-in-tree", "nova-out-of-tree"):
        assert f"- {job} " in message
        tests = read_tests(logs(demo, number)[job])
        assert len(tests) > 20
        assert {test["status"] for test in tests} <= {"success", "skip"}


def test_each_job_ran_nova_from_the_patch_with_its_own_driver(demo, good):
    loaded = {"nova-in-tree": "fake.MediumFakeDriver", "nova-out-of-tree": "powervm_ext.driver.PowerVMDriver"}
    for job, folder in logs(demo, good[0]).items():
        compute = (folder / "logs" / "nova-compute.txt").read_text(errors="replace")
        assert f"Loading compute driver '{loaded[job]}'" in compute


def test_the_published_logs_hold_no_password(demo, good):
    secrets = [
        path.relative_to(folder)
        for folder in logs(demo, good[0]).values()
        for path in folder.rglob("*")
        if path.is_file() and b"password = secret" in path.read_bytes()
    ]
    assert secrets == []


def test_a_patch_that_breaks_the_compute_api_is_found_and_the_broken_tests_are_named(demo):
    number = demo.push(nova_repository.breaking_patch())
    message = demo.wait_for_vote(number, "broken")
    assert demo.vote(number) == -1
    for job, folder in logs(demo, number).items():
        failed = [test for test in read_tests(folder) if test["status"] == "fail"]
        assert failed, job
        assert all("flavor" in test["id"].lower() for test in failed)
        assert failed[0]["idempotent_id"]
        assert "MismatchError" in failed[0]["traceback"]
        assert f"{job}: {len(failed)} of " in message
        assert failed[0]["id"].partition("[")[0] in message


def test_nothing_is_left_on_the_nodes(demo, good):
    """Cleanup-run has ended every process of the builds and removed their workspaces."""
    for build in demo.builds(good[0]):
        listed = subprocess.run([sys.executable, "-c", FIND, build["id"]], capture_output=True, text=True, check=True)
        assert listed.stdout.split() == []
        assert not (Path.home() / "builds" / build["id"]).exists()


FIND = """
import pathlib, sys
for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
        if f"CI_BUILD={sys.argv[1]}".encode() in path.read_bytes():
            print(path)
    except OSError:
        pass
"""
