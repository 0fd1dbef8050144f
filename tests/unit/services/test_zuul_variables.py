"""What playbooks are told of a change, and of a branch, as Zuul documents it."""

import base64

from ci.model.build import PreparedProject
from ci.model.change import Branch
from ci.services.zuul_variables import Run, zuul_variables
from tests.fakes.records import REVISION, build, change

OF_CHANGES = {"change", "patchset", "change_url", "topic", "message"}


def variables(about):
    project = PreparedProject("openstack/nova", "review.example.org", about.branch, "c" * 40)
    return zuul_variables(Run(build(), about, "periodic", "powervm"), (project,))


def test_a_change():
    found = variables(change(message="Fix it"))
    assert found.keys() >= OF_CHANGES
    assert (found["change"], found["ref"], found["commit_id"]) == ("4711", "refs/changes/11/4711/2", REVISION)
    assert base64.b64decode(found["message"]) == b"Fix it"
    assert found["items"][0]["patchset"] == "2"


def test_a_branch_has_nothing_that_only_a_change_has():
    found = variables(Branch("gerrit", "openstack/nova", "stable/pike"))
    assert not found.keys() & OF_CHANGES
    assert not found["items"][0].keys() & OF_CHANGES
    assert (found["branch"], found["ref"], found["commit_id"]) == ("stable/pike", "refs/heads/stable/pike", "c" * 40)
    assert found["project"]["src_dir"] == "src/review.example.org/openstack/nova"
