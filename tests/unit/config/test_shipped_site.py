"""The site as shipped: it is without errors and gives each nova change its two jobs."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

from pathlib import Path

import pytest

from ci.config.site import load_site
from ci.model.change import Change

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def layout():
    return load_site(ROOT).layout


def select(layout, files, branch="master"):
    change = Change("opendev", "openstack/nova", branch, 1, 1, "", "", files=files)
    return [job.name for job in layout.select_jobs("check", change).jobs]


def test_both_jobs_with_their_own_skip_lists(layout):
    change = Change("opendev", "openstack/nova", "master", 1, 1, "", "", files=("nova/virt/driver.py",))
    in_tree, out_of_tree = layout.select_jobs("check", change).jobs
    assert in_tree.variables["tempest_exclude_lists"] == ["skip_lists/nova-in-tree.txt"]
    assert out_of_tree.variables["tempest_exclude_lists"] == ["skip_lists/nova-out-of-tree.txt"]
    assert in_tree.variables["compute_driver"] != out_of_tree.variables["compute_driver"]
    assert in_tree.variables["deployment"] == out_of_tree.variables["deployment"] == "devstack"
    assert in_tree.voting
    assert out_of_tree.voting
    assert (in_tree.timeout_seconds, in_tree.attempts) == (4 * 3600, 3)


@pytest.mark.parametrize(
    "name",
    [".gitignore", "README.rst", "doc/source/index", "api-ref/x", "nova/hacking/a.py", "nova/locale/de", "nova/tests/a.py",
     "releasenotes/notes/x", "tests-py3.txt", "tools/x", "tox.ini"],
)  # fmt: skip
def test_files_that_do_not_matter(layout, name):
    assert select(layout, (name,)) == []
    assert len(select(layout, (name, "nova/compute/api.py"))) == 2


@pytest.mark.parametrize(
    "name", ["nova/virt/x.py", "setup.cfg", "requirements.txt", "docs.py", "nova/testing.py", "xtox.ini"]
)
def test_files_that_matter(layout, name):
    assert len(select(layout, (name,), "stable/pike")) == 2


def test_lpars_of_a_run_are_removed_before_and_after_it(layout):
    change = Change("opendev", "openstack/nova", "master", 1, 1, "", "", files=("nova/virt/driver.py",))
    for job in layout.select_jobs("check", change).jobs:
        assert "playbooks/lpar_cleanup.yaml" in job.pre_run
        # while the workspace is still there
        assert job.cleanup_run == ("playbooks/lpar_cleanup.yaml", "playbooks/base_cleanup.yaml")
