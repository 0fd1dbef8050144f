"""Jobs are frozen exactly as Zuul freezes them."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from ci.config.site import load_site
from ci.model.change import Change

DATA = Path(__file__).parents[2] / "data" / "freezing"
RECORDED = json.loads((DATA / "zuul-14.3.json").read_text())


@pytest.fixture(scope="module")
def layout():
    return load_site(DATA).layout


def as_recorded(job):
    return {
        "name": job.name,
        "pre_run": list(job.pre_run),
        "run": list(job.run),
        "post_run": list(job.post_run),
        "cleanup_run": list(job.cleanup_run),
        "nodes": [[node.name, node.label] for node in job.nodeset.nodes],
        "groups": [[group.name, list(group.nodes)] for group in job.nodeset.groups],
        "variables": job.variables,
        "timeout": job.timeout_seconds,
        "post_timeout": job.post_timeout_seconds,
        "attempts": job.attempts,
        "voting": job.voting,
        "required": [[project.name, project.override_checkout] for project in job.required_projects],
        "semaphores": list(job.semaphores),
    }


@pytest.mark.parametrize("project", sorted({(q["connection"], q["project"]) for q in RECORDED["asked"]}))
def test_every_change_gets_the_jobs_that_zuul_gives_it(layout, project):
    for asked in RECORDED["asked"]:
        if (asked["connection"], asked["project"]) != project:
            continue
        change = Change(*project, asked["branch"], 1, 1, "", "", files=tuple(asked["files"]))
        selection = layout.select_jobs(asked["pipeline"], change)
        expected = [RECORDED["jobs"][index] for index in asked["jobs"]]
        assert [as_recorded(job) for job in selection.jobs] == expected, asked
        assert not selection.errors


def test_a_frozen_job_names_the_definitions_that_were_applied(layout):
    change = Change("opendev", "openstack/nova", "master", 1, 1, "", "", files=())
    leaf = layout.select_jobs("check", change).jobs[0]
    assert leaf.definitions == (
        "jobs/zuul.d/a-jobs.yaml:1", "jobs/zuul.d/a-jobs.yaml:12", "jobs/zuul.d/a-jobs.yaml:27",
        "jobs/zuul.d/a-jobs.yaml:45", "jobs/zuul.d/b-rest.yaml:34", "jobs/zuul.d/more/c-projects.yaml:15",
        "jobs/zuul.d/more/c-projects.yaml:7",
    )  # fmt: skip


def test_why_a_job_stays_out_is_said(layout):
    change = Change("opendev", "openstack/nova", "master", 1, 1, "", "", files=("doc/x", "tools/y"))
    why_not = layout.select_jobs("check", change).why_not
    assert "leaf: all changed files match `irrelevant-files`" in why_not
    assert "pike-only: no definition of it matches the branch master" in why_not
    assert "last-word: none of the changed files matches `files`" in why_not


def test_unknown_files_run_every_job(layout):
    change = Change("opendev", "openstack/nova", "master", 1, 1, "", "", files=None)
    selection = layout.select_jobs("check", change)
    assert "last-word" in [job.name for job in selection.jobs]


def test_a_project_outside_the_tenant_gets_nothing(layout):
    change = Change("opendev", "openstack/glance", "master", 1, 1, "", "")
    assert layout.select_jobs("check", change).why_not == ("openstack/glance is not a project of the tenant",)


def test_freezing_leaves_the_definitions_as_they_were(layout):
    change = Change("opendev", "openstack/nova", "master", 1, 1, "", "", files=())
    first = layout.select_jobs("check", change)
    before = copy.deepcopy(first.jobs[0].variables)
    first.jobs[0].variables["list"].append("changed by a caller")
    assert layout.select_jobs("check", change).jobs[0].variables == before


def test_when_a_wanted_job_cannot_be_frozen_no_job_runs(layout, monkeypatch):
    change = Change("opendev", "openstack/neutron", "master", 1, 1, "", "", files=())
    monkeypatch.delitem(layout.nodesets, "pair")
    selection = layout.select_jobs("check", change)
    assert selection.jobs == ()
    assert selection.errors == ("no nodeset `pair`, named at jobs/zuul.d/a-jobs.yaml:27",)
    assert selection.why_not[-1:] == selection.errors
