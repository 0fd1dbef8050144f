"""Where things lie: no name from outside leads out of its place."""

from dataclasses import replace
from pathlib import Path

import pytest

from ci.model.change import Branch
from ci.services.folders import Folders
from ci.services.log_sweep import DEPTH
from tests.fakes.records import build, change

FOLDERS = Folders(Path("/state"))
BUILD = build("0123456789abcdef")


def place(about):
    return FOLDERS.build_logs(BUILD, about, "periodic").relative_to(FOLDERS.logs)


def test_changes_and_branches_have_places_of_the_same_depth():
    assert str(place(change())) == "11/4711/2/periodic/nova-in-tree/0123456789"
    branch = place(Branch("gerrit", "openstack/nova", "stable/2024.1"))
    assert str(branch) == "branch/openstack_nova/stable_2024.1/periodic/nova-in-tree/0123456789"
    assert len(branch.parts) == len(place(change()).parts) == DEPTH


@pytest.mark.parametrize("name", ["..", ".", "/etc", "a/../../b", "x" * 5000, "\x00\u202e", "...", ""])
def test_a_hostile_name_is_one_part_of_the_path(name):
    for about in (Branch("gerrit", name, "master"), Branch("gerrit", "p", name)):
        parts = place(about).parts
        assert len(parts) == DEPTH
        assert not {"..", "."} & set(parts)
        assert all(0 < len(part) <= 200 for part in parts)


def test_a_later_attempt_has_a_place_of_its_own():
    again = FOLDERS.build_logs(replace(BUILD, attempt=2), Branch("gerrit", "p", "master"), "periodic")
    assert again.name == "0123456789-2"
