"""Variables of jobs on a branch, as the site would run them."""

from __future__ import annotations

from ci.config.job_variables import job_variables

JOBS = """\
- job:
    name: parent
    parent: base
    abstract: true
    vars: {a: 1, b: 1}
- job:
    name: child
    parent: parent
    vars: {b: 2}
- job:
    name: child
    branches: stable/pike
    vars: {b: 3}
- job:
    name: pike
    parent: parent
    branches: stable/pike
- job:
    name: broken
    parent: locked
    vars: {a: 1}
- job:
    name: locked
    parent: base
- job:
    name: locked
    branches: stable/pike
    final: true
"""


def test_parents_variants_and_projects_are_applied(site):
    site.add("jobs/zuul.d/jobs.yaml", JOBS)
    site.add("jobs/zuul.d/projects.yaml", "        - child: {vars: {c: 4}}\n")
    layout = site.load().layout
    assert job_variables(layout, "master") == {
        "base": {}, "child": {"a": 1, "b": 2, "c": 4}, "broken": {"a": 1}, "locked": {},
    }  # fmt: skip
    assert job_variables(layout, "stable/pike") == {
        "base": {}, "child": {"a": 1, "b": 3, "c": 4}, "pike": {"a": 1, "b": 1}, "locked": {},
    }  # fmt: skip
