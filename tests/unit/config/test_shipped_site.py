"""The site as shipped: it is without errors and gives each nova change its two jobs."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ci.config.list_use import lists_of_jobs
from ci.config.site import load_site
from ci.model.change import Branch, Change

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


@pytest.mark.parametrize(
    ("pipeline", "branch", "runs"), [("periodic", "master", True), ("periodic", "stable/pike", False)]
)
def test_the_skipped_tests_run_each_night_on_master(layout, pipeline, branch, runs):
    jobs = layout.select_jobs(pipeline, Branch("opendev", "openstack/nova", branch)).jobs
    assert [job.name for job in jobs] == (["nova-in-tree-skipped", "lpar-sweep"] if runs else [])
    assert [str(cron) for cron in layout.pipelines[pipeline].timers] == ["0 4 * * *"]


def test_the_skipped_tests_are_run_by_the_skip_list_itself_and_vote_nowhere(layout):
    change = Change("opendev", "openstack/nova", "master", 1, 1, "", "", files=("nova/virt/driver.py",))
    (job,) = layout.select_jobs("experimental", change).jobs
    assert job.variables["tempest_include_list"] == "skip_lists/nova-in-tree.txt"
    assert job.variables["tempest_exclude_lists"] == []
    assert not job.voting
    reporters = [*layout.pipelines["experimental"].success, *layout.pipelines["experimental"].failure]
    assert [reporter.labels for reporter in reporters] == [(), ()]
    assert layout.pipelines["periodic"].precedence == "low"


def test_which_lists_each_job_runs_with(layout):
    uses = lists_of_jobs(layout)
    assert uses["nova-in-tree"].excludes == {"skip_lists/nova-in-tree.txt", "skip_lists/nova-in-tree-pike.txt"}
    assert uses["nova-in-tree-skipped"].includes == {"skip_lists/nova-in-tree.txt"}
    assert uses["nova-in-tree-skipped"].pipelines == {"experimental", "periodic"}
    assert not uses["nova-in-tree"].includes
    assert not uses["nova-in-tree-skipped"].excludes


@pytest.mark.parametrize(
    ("comment", "starts"),
    [
        ("Patch Set 2:\n\ncheck experimental", True),
        ("Patch Set 2: Code-Review+1\n\ncheck experimental\n", True),
        ("check experimental", True),
        ("Patch Set 2:\n\ncheck experimental please", False),
        ("Patch Set 2:\n\nI would not check experimental", False),
        ("Patch Set 2:\n\nrecheck", False),
    ],
)
def test_experimental_on_request(layout, comment, starts):
    (trigger,) = layout.pipelines["experimental"].triggers
    assert any(regex.search(comment) for regex in trigger.comments) is starts


def test_lpars_of_a_run_are_removed_before_and_after_it(layout):
    change = Change("opendev", "openstack/nova", "master", 1, 1, "", "", files=("nova/virt/driver.py",))
    for job in layout.select_jobs("check", change).jobs:
        assert "playbooks/lpar_cleanup.yaml" in job.pre_run
        # when nothing makes LPARs any more, and while the workspace is still there
        assert job.cleanup_run == (
            "playbooks/nova_cleanup.yaml", "playbooks/lpar_cleanup.yaml", "playbooks/base_cleanup.yaml",
        )  # fmt: skip


def test_what_a_playbook_starts_on_a_node_is_known_by_its_build(layout):
    jobs = filter(None, (layout.job_alone(name, "master") for name in layout.jobs))
    playbooks = {
        path for job in jobs for phase in (job.pre_run, job.run, job.post_run, job.cleanup_run) for path in phase
    }
    assert "playbooks/lpar_sweep.yaml" in playbooks
    for path in playbooks:
        text = (ROOT / path).read_text()
        for play in yaml.safe_load(text):
            is_marked = play.get("environment") == {"CI_BUILD": "{{ zuul.build }}"}
            assert is_marked != text.startswith("# Without CI_BUILD in the environment: "), path
