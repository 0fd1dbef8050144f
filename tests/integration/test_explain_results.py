"""`skip-list explain` says what a test did lately, from a real database."""

from __future__ import annotations

import json

import pytest

from ci.cli import root
from ci.model.history import Verdict
from tests.integration.test_candidates import GOOD, NAMES, SHARED, Desk


@pytest.fixture
def desk(tmp_path, capsys):
    desk = Desk(tmp_path, capsys)
    yield desk
    desk.store.close()


def explain(desk: Desk, *arguments: str, status: int = 0) -> str:
    command = ["skip-list", "explain", "--site", str(desk.site.folder), "--state-dir", str(desk.state)]
    assert root.run([*command, *arguments]) == status
    told = desk.capsys.readouterr()
    return told.out or told.err


def test_days_newest_first(desk):
    desk.nightly(2, good=Verdict.PASSED)
    told = explain(desk, GOOD).splitlines()
    start = told.index("Last results, by day (UTC):")
    assert [line[12:] for line in told[start + 1 :]] == [
        " skipped on master: 1 passed, 0 failed, 0 skipped (last build 0000000000)",
    ] * 2
    assert told[start + 1 : start + 3] == sorted(told[start + 1 : start + 3], reverse=True)


def test_tests_that_share_an_id_are_told_apart(desk):
    desk.nightly(1, shared=Verdict.FAILED)
    assert [one["test"] for one in json.loads(explain(desk, SHARED, "--json"))["results"]] == NAMES[SHARED]
    told = explain(desk, SHARED)
    assert all(told.count(f") {name}\n") == 1 for name in NAMES[SHARED])


def test_a_test_that_no_list_names_is_known_by_its_results(desk):
    desk.ended("run", ("tempest.Z.test_new", "", Verdict.SKIPPED))
    told = explain(desk, "tempest.Z.test_new")
    assert told.startswith("no ID\n  tempest.Z.test_new\n\nNo list of the site has it.\n\nrun runs it\n")
    assert "run on master: 0 passed, 0 failed, 1 skipped" in told


def test_no_results_yet(desk):
    assert explain(desk, GOOD).endswith("\nNo results yet.\n")
