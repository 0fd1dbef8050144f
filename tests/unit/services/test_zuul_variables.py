"""What playbooks are told of a change, and of a branch, as Zuul documents it."""

import base64

from ci.model.build import PreparedProject
from ci.model.change import Branch
from ci.services.zuul_variables import Run, zuul_variables
from tests.fakes.records import REVISION, build, change

OF_CHANGES = {"change", "patchset", "change_url", "topic", "message"}


def variables(about, *more):
    project = PreparedProject("openstack/nova", "review.example.org", about.branch, "c" * 40, connection="gerrit")
    return zuul_variables(Run(build(), about, "periodic", "powervm"), (project, *more))


def test_a_change():
    found = variables(change(message="Fix it"))
    assert found.keys() >= OF_CHANGES
    assert (found["change"], found["ref"], found["commit_id"]) == ("4711", "refs/changes/11/4711/2", REVISION)
    assert base64.b64decode(found["message"]) == b"Fix it"
    assert found["items"][0]["patchset"] == "2"


def test_the_items_are_the_chain_in_its_order_and_the_change_itself_comes_last():
    vendor = PreparedProject("openstack/nova", "gerrit.vendor.example", "stable/pike", "d" * 40, connection="vendor")
    needs = (change(connection="vendor", number=7, branch="stable/pike"), change(number=5, url="https://x/5"))
    found = variables(change(dependencies=needs), vendor)
    assert [(one["change"], one["project"]["canonical_hostname"], one["branch"]) for one in found["items"]] == [
        ("7", "gerrit.vendor.example", "stable/pike"),
        ("5", "review.example.org", "master"),
        ("4711", "review.example.org", "master"),
    ]
    assert found["items"][1]["change_url"] == "https://x/5"
    assert found["projects"].keys() == {"review.example.org/openstack/nova", "gerrit.vendor.example/openstack/nova"}
    assert found["project"]["canonical_hostname"] == "review.example.org"


def test_a_branch_has_nothing_that_only_a_change_has():
    found = variables(Branch("gerrit", "openstack/nova", "stable/pike"))
    assert not found.keys() & OF_CHANGES
    assert not found["items"][0].keys() & OF_CHANGES
    assert (found["branch"], found["ref"], found["commit_id"]) == ("stable/pike", "refs/heads/stable/pike", "c" * 40)
    assert found["project"]["src_dir"] == "src/review.example.org/openstack/nova"
