"""The benchmarks' own arithmetic: statistics, ratios, verdicts, and reading what the CI wrote down."""

import pytest
from lab import bench_steps
from lab.bench_report import Spread, Target, pairwise, within


def test_a_spread_is_smallest_middle_and_largest():
    assert Spread.of([3.0, 1.0, 10.0, 2.0]) == Spread(1.0, 2.5, 10.0, 4)
    assert Spread.of([0.126]).cells() == ("0.13 s", "0.13 s", "0.13 s")
    with pytest.raises(ValueError, match="no figures"):
        Spread.of([])


def test_ratios_are_taken_pair_by_pair():
    assert pairwise([3.0, 1.0], [2.0, 4.0]) == [1.5, 0.25]
    with pytest.raises(ValueError):
        pairwise([1.0], [])


def test_a_limit_is_reached_where_it_is_met_exactly():
    assert str(Target("start", 2.0, 2.0, "s")) == "reached      start: 2.00 s, at most 2 s"
    assert str(Target("start", 2.01, 2.0, "s", "n")) == "NOT REACHED  start: 2.01 s, at most 2 s (n)"
    assert within([1.0, 2.0, 3.0], 2.0) == "largest 3.00; 2 of 3 within"


def test_the_first_line_of_each_step_in_the_log_of_the_service_counts():
    log = (
        "timestamp='1970-01-01T00:00:01.500000Z' level='info' action='event.done' event='event' outcome='x'\n"
        "timestamp='1970-01-01T00:00:02.000000Z' level='info' action='event.done' event='event'\n"
        "timestamp='1970-01-01T00:00:03.000000Z' level='info' action='connection.connected' event='connection'\n"
        "a line of a library\n"
    )
    assert bench_steps.of_service(log) == {"decided": 1.5}


def test_a_build_is_read_from_its_console_and_its_marks(tmp_path):
    (tmp_path / "job-output.txt").write_text(
        "1970-01-01 00:00:01.000000 | PRE-RUN START: [trusted : playbooks/pre.yaml]\n"
        "1970-01-01 00:00:02.000000 | PRE-RUN END RESULT_NORMAL: [trusted : playbooks/pre.yaml]\n"
        "1970-01-01 00:00:03.000000 | POST-RUN START: [trusted : playbooks/post.yaml]\n"
        "1970-01-01 00:00:04.250000 | POST-RUN END RESULT_NORMAL: [trusted : playbooks/post.yaml]\n"
        "1970-01-01 00:00:05.000000 | Build ended: SUCCESS\n"
    )
    (tmp_path / "first-task").write_text("1.75\n")
    (tmp_path / "last-task").write_text("4.125\n")
    assert bench_steps.of_build(tmp_path) == {
        "first_playbook": 1.0,
        "last_playbook_end": 4.25,
        "build_end": 5.0,
        "first_task": 1.75,
        "last_task": 4.125,
    }
