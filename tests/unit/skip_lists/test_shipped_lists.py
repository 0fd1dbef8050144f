"""The shipped lists, offline: what they promise each other and the jobs that put them together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ci.config.references import FILE_VARIABLES
from ci.config.site import load_site
from ci.model.change import Change
from ci.skip_lists.parse import parse_skip_list

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "skip_lists"
SHIPPED = sorted(FOLDER.rglob("*.txt"))
IN_TREE, OUT_OF_TREE, PIKE = (f"skip_lists/nova-{name}.txt" for name in ("in-tree", "out-of-tree", "in-tree-pike"))
# Merged in nova in 2018; what they bring is named in the reason of the block.
UNTIL = {
    "I2691b09d95691915dc1065284d25ad22db41d32b": "snapshots",
    "I78b94c9731c35e3291d46b9bf9f5554e21c2429e": "network interfaces",
    "I632993abe70f9f98a032a35891b690db15ded6a0": "volumes",
}


@pytest.fixture(scope="module")
def site():
    return load_site(ROOT)


def read(name):
    return parse_skip_list(name, (ROOT / name).read_bytes())


def selected(site, branch):
    """Return the skip lists of each job that a change on a branch runs."""
    change = Change("opendev", "openstack/nova", branch, 1, 1, "", "", files=("nova/virt/driver.py",))
    jobs = site.layout.select_jobs("check", change).jobs
    return {job.name: job.variables["tempest_exclude_lists"] for job in jobs}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_each_list_reads_without_errors_or_warnings(path):
    parsed = parse_skip_list(path.name, path.read_bytes())
    assert (parsed.findings, parsed.warnings) == ((), ())
    assert parsed.ids


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_each_reason_is_given_once_in_a_list(path):
    parsed = parse_skip_list(path.name, path.read_bytes())
    reasons = Counter(block.head["reason"] for block in parsed.blocks)
    assert [reason for reason, times in reasons.items() if times > 1] == []


def test_pike_adds_to_the_list_of_the_job_and_other_branches_do_not(site):
    assert selected(site, "master") == {"nova-in-tree": [IN_TREE], "nova-out-of-tree": [OUT_OF_TREE]}
    assert selected(site, "stable/pike") == {"nova-in-tree": [IN_TREE, PIKE], "nova-out-of-tree": [OUT_OF_TREE]}
    assert selected(site, "stable/queens") == selected(site, "master")


def test_no_test_is_twice_in_the_lists_that_a_job_puts_together(site):
    for branch in ("master", "stable/pike"):
        for job, names in selected(site, branch).items():
            times = Counter(identity for name in names for identity in read(name).ids)
            assert [identity for identity, count in times.items() if count > 1] == [], (branch, job)


def test_in_tree_leaves_out_all_that_out_of_tree_does_and_for_the_same_reason():
    def reasons(name):
        return {entry.id: block.head["reason"] for block in read(name).blocks for entry in block.entries}

    in_tree, out_of_tree = reasons(IN_TREE), reasons(OUT_OF_TREE)
    assert out_of_tree.items() <= in_tree.items()
    assert len(in_tree) > 2 * len(out_of_tree)


def test_what_the_driver_gets_comes_back_with_the_change_that_brings_it():
    waiting = {block.head["until"]: block.head["reason"] for block in read(IN_TREE).blocks if "until" in block.head}
    assert waiting.keys() == UNTIL.keys()
    assert all(UNTIL[change_id] in reason for change_id, reason in waiting.items())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_no_block_expires_by_the_calendar(path):
    """A day that passes would turn the tests red without a change; sites may use `expires:`, we do not ship it."""
    parsed = parse_skip_list(path.name, path.read_bytes())
    assert [block.head["expires"] for block in parsed.blocks if "expires" in block.head] == []


def test_an_include_list_never_lies_among_the_lists_that_leave_out(site):
    for definitions in site.layout.jobs.values():
        for definition in definitions:
            for variable in FILE_VARIABLES:
                value = definition.section.vars.get(variable) or []
                for name in value if isinstance(value, list) else [value]:
                    assert name.startswith("skip_lists/include/") == (variable == "tempest_include_list"), name
