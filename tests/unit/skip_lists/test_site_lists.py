"""Which lists a site has, and which of them say what runs."""

from __future__ import annotations

import pytest

from ci.skip_lists.site_lists import Composition, site_lists
from tests.unit.config.conftest import SiteFolder

JOBS = """- job:
    name: base
    parent: null
    run: playbooks/run.yaml
    vars: {tempest_exclude_lists: [skip_lists/a.txt]}
- job:
    name: base
    branches: ^stable/pike$
    vars: {tempest_exclude_lists: [skip_lists/a.txt, lists/pike.txt]}
- job:
    name: child
    parent: base
    abstract: true
    vars: {tempest_include_list: lists/only.txt}
"""
LISTS = ("skip_lists/a.txt", "skip_lists/include/b.txt", "skip_lists/deep/er/c.txt", "lists/pike.txt", "lists/only.txt")


@pytest.fixture
def site(tmp_path):
    folder = SiteFolder(tmp_path)
    for name in LISTS:
        folder.write(name, "")
    folder.write("skip_lists/notes.md", "")
    return folder


def test_lists_of_the_folder_and_of_the_jobs(site):
    site.write("jobs/zuul.d/jobs.yaml", JOBS)
    found = site_lists(site.folder, site.load().layout)
    assert found.names == tuple(sorted(LISTS))
    assert found.includes == {"skip_lists/include/b.txt", "lists/only.txt"}
    assert found.compositions == (
        Composition("base", ("skip_lists/a.txt",)),
        Composition("base", ("skip_lists/a.txt", "lists/pike.txt")),
        Composition("child", (), "lists/only.txt"),
    )


def test_without_a_layout_there_are_those_of_the_folder(site):
    found = site_lists(site.folder, None)
    assert found.names == tuple(sorted(name for name in LISTS if name.startswith("skip_lists/")))
    assert found.includes == {"skip_lists/include/b.txt"}
