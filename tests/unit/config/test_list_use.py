"""Which lists a job names, however it writes their paths."""

from __future__ import annotations

import pytest

from ci.config.list_use import lists_of_jobs
from ci.config.list_variables import paths_of


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ("a.txt", ("a.txt",)),
        (["b.txt", "./lists//a.txt"], ("b.txt", "lists/a.txt")),
        (None, ()),
        ("", ()),
        (["", 3, None, {"a": "b"}], ()),
    ],
)
def test_paths_in_a_variable(value, paths):
    assert paths_of(value) == paths


def test_a_list_is_the_same_however_jobs_write_its_path(site):
    site.write("lists/a.txt", "")
    site.add("jobs/zuul.d/jobs.yaml", (
        "- job: {name: skips, parent: base, vars: {tempest_exclude_lists: [./lists/a.txt]}}\n"
        "- job: {name: tries, parent: base, vars: {tempest_include_list: lists//a.txt}}\n"
    ))  # fmt: skip
    site.add("jobs/zuul.d/projects.yaml", "        - skips\n        - tries\n")
    uses = lists_of_jobs(site.load().layout)
    assert uses["skips"].excludes == uses["tries"].includes == {"lists/a.txt"}
