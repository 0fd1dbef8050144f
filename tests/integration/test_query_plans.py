"""No question that the CI asks goes over all that has ever happened."""

import re
import sqlite3

import pytest

from ci.store.database import Database, load_queries

GROWING = {"events", "buildsets", "builds", "reviews", "transitions", "task_events", "test_days"}
# Indexes of what has not ended: as long as the queue, however long the history.
OPEN = {"events_new", "builds_open", "buildsets_open", "buildsets_running", "reviews_open", "builds_untaken"}
# Going over a whole table (or all of an index), and why that costs little all the same.
JUSTIFIED = {
    "latest_builds": "in the order of the index, and ends after `limit` rows",
    "dropped_reviews": "in the order of the index of dropped ones, and ends after `limit` rows",
    "latest_ended_buildsets": "in the order of the index, and ends after `limit` rows",
    "failures_of_tests": "in the order of the index, and ends after `searched` rows",
}
QUERIES = {name: text for name, text in load_queries().items() if not name.startswith("check_")}


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    path = tmp_path_factory.mktemp("plans") / "ci.db"
    Database(path).close()
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


def plan(connection, query):
    values = dict.fromkeys(re.findall(r":(\w+)", query))
    return [row[3] for row in connection.execute(f"explain query plan {query}", values)]


def scans(steps):
    """The steps that go over a growing table or one of its indexes from end to end."""
    found = []
    for step in steps:
        match = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
        if match and match[1] in GROWING | {"failed"} and match[2] not in OPEN:
            found.append(step)
    return found


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_a_query_finds_its_rows_by_an_index(connection, name):
    found = scans(plan(connection, QUERIES[name]))
    if name in JUSTIFIED:
        assert found
        assert all("INDEX" in step for step in found if not step.endswith("failed")), found
        assert "limit" in QUERIES[name]
    else:
        assert found == []


@pytest.mark.parametrize("name", sorted(JUSTIFIED))
def test_what_ends_after_some_rows_does_not_sort_all_first(connection, name):
    steps = plan(connection, QUERIES[name])
    first_sort = next((n for n, step in enumerate(steps) if "TEMP B-TREE" in step), len(steps))
    scan = next(n for n, step in enumerate(steps) if step.startswith("SCAN") and "INDEX" in step)
    # only few rows are sorted after a limited scan, in a subquery of their own
    assert first_sort == len(steps) or ("from (" in QUERIES[name] and scan < first_sort), steps


@pytest.mark.parametrize(("table", "column"), [("buildsets", "event_id"), ("builds", "buildset_id"),
                                               ("reviews", "buildset_id"), ("task_events", "build_id"),
                                               ("test_days", "series_id"), ("test_days", "test_id")])  # fmt: skip
def test_a_removed_row_is_looked_for_by_an_index_where_others_refer_to_it(connection, table, column):
    (step,) = plan(connection, f"select 1 from {table} where {column} = :value")  # noqa: S608 - names of the list above
    assert step.startswith("SEARCH"), step


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("tested", "builds_job (job_name=? AND created_at>?)"),
        ("tests_failing_on_changes", "builds_with_failed_tests (ended_at>?)"),
        ("sums_of_tests", "test_days_of_test (test_id=? AND day>?)"),
        ("sums_of_test", "test_days_of_test (test_id=? AND day>?)"),
        ("remove_test_days", "PRIMARY KEY (series_id=? AND day<?)"),
        ("running_buildsets_of_branch", "buildsets_running_branch (connection=? AND project=? AND branch=?)"),
    ],
)
def test_a_question_about_some_days_looks_at_these_alone(connection, name, wanted):
    assert any(wanted in step for step in plan(connection, QUERIES[name])), plan(connection, QUERIES[name])


def test_the_latest_days_of_a_test_are_not_sorted_out_of_all(connection):
    assert not any("TEMP B-TREE" in step for step in plan(connection, QUERIES["days_of_test"]))
