"""Which jobs a change of a branch may get at all, whatever it touches and whatever happens to it."""

from __future__ import annotations

import pytest

PIPELINE = """\
- pipeline:
    name: {name}
    manager: independent
    trigger:
      {trigger}
"""


@pytest.fixture
def site(site):
    site.write(
        "jobs/zuul.d/jobs.yaml",
        "- job: {name: base, parent: null, abstract: true, run: playbooks/run.yaml}\n"
        "- job: {name: one, vars: {lists: [a]}}\n"
        "- job: {name: one, branches: ^stable/, vars: {lists: [a, b]}}\n"
        "- job: {name: docs, irrelevant-files: [.*]}\n"
        "- job: {name: pike, branches: ^stable/pike$}\n",
    )
    site.write("jobs/zuul.d/projects.yaml", "- project: {name: nova, check: {jobs: [one, docs, pike]}}\n")
    return site


def jobs(site, branch):
    layout = site.load().layout
    (nova,) = layout.tenant.find("nova")
    return {job.name: job.variables.get("lists") for job in layout.jobs_on(nova, branch)}


def test_the_variants_of_the_branch_count_and_files_do_not(site):
    assert jobs(site, "master") == {"one": ["a"], "docs": None}
    assert jobs(site, "stable/pike") == {"one": ["a", "b"], "docs": None, "pike": None}


def test_a_pipeline_that_hears_nothing_of_a_branch_runs_nothing_there(site):
    trigger = "gerrit: [{event: patchset-created, branch: ^stable/}]"
    site.write("jobs/zuul.d/pipelines.yaml", PIPELINE.format(name="check", trigger=trigger))
    assert jobs(site, "master") == {}
    assert set(jobs(site, "stable/ocata")) == {"one", "docs"}


def test_one_trigger_is_enough_and_a_timer_knows_all_branches(site):
    trigger = "gerrit: [{event: patchset-created, branch: ^x$}, {event: comment-added}]"
    site.write("jobs/zuul.d/pipelines.yaml", PIPELINE.format(name="check", trigger=trigger))
    assert set(jobs(site, "master")) == {"one", "docs"}
    site.write("jobs/zuul.d/pipelines.yaml", PIPELINE.format(name="check", trigger='timer: [{time: "0 3 * * *"}]'))
    assert set(jobs(site, "master")) == {"one", "docs"}


def test_variables_are_found_wherever_they_are_written(site):
    template = "{name: t, vars: {x: 1}, check: {jobs: [one: {vars: {y: 2}}]}}"
    site.add("jobs/zuul.d/jobs.yaml", f"- project-template: {template}\n")
    project = "{name: nova, templates: [t], vars: {z: 3}, check: {jobs: [one: {vars: {w: 4}}]}}"
    site.write("jobs/zuul.d/projects.yaml", f"- project: {project}\n")
    found = [dict(variables) for variables in site.load().layout.variables() if variables]
    expected = [{"lists": ["a"]}, {"lists": ["a", "b"]}, {"x": 1}, {"y": 2}, {"z": 3}, {"w": 4}]
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_a_project_that_the_site_says_nothing_of_runs_nothing(site):
    layout = site.load().layout
    runs = {project.name: layout.runs_jobs_for(project) for project in layout.tenant.projects}
    assert runs == {"site": False, "nova": True}
