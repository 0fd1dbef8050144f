"""Names from outside are either plain or refused."""

from pathlib import Path

import pytest

from ci.errors import Refused
from ci.git import names


@pytest.mark.parametrize("text", ["openstack/nova", "x", "a/b/c-d_e.f", "openstack/puppet-nova++"])
def test_projects(text):
    assert names.project(text) == text


@pytest.mark.parametrize(
    "text", ["", "/etc", "a/../b", "..", "a//b", "-x", "a/-x", ".git", "a/.git", "a\nb", "a b", "a;b", "a/", "x" * 300]
)
def test_projects_that_are_refused(text):
    with pytest.raises(Refused, match="not a project name"):
        names.project(text)


@pytest.mark.parametrize("text", ["master", "stable/2026.1", "unmaintained/zed", "feature/x@y", "f+g"])
def test_branches(text):
    assert names.branch(text) == text


@pytest.mark.parametrize(
    "text", ["", "-f", "a..b", "a.lock", "a/.b", "a@{1}", "a b", "a:b", "a*", "a\\b", "a~1", "/a", "a/", "a\n"]
)
def test_branches_that_are_refused(text):
    with pytest.raises(Refused, match="not a branch name"):
        names.branch(text)


@pytest.mark.parametrize("text", ["refs/changes/1/1/1", "refs/changes/01/101/1\n", "refs/changes/01/101/meta", "x"])
def test_refs_that_are_refused(text):
    with pytest.raises(Refused, match="not the ref of a patch set"):
        names.change_ref(text)


def test_no_two_projects_share_a_mirror_and_none_lies_inside_another():
    paths = {names.mirror_path(Path("/m"), "host", name) for name in ("a/b", "a", "a%2Fb".replace("%", "-"))}
    assert len(paths) == 3
    assert {path.parent for path in paths} == {Path("/m/host")}
