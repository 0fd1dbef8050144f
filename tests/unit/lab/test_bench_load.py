"""The load benches' own arithmetic: what is ideal, what is reached, and what a made-up stream must lead to."""

import json

from lab import bench_burst, bench_history, bench_replay, bench_simulated
from lab.burst_floor import BareJob, FloorRun
from lab.event_stream import ACTED_ON, OUR_PROJECT, EventStream, query_rows

from ci.gerrit.parsing import change_from_query, parse_event, query_row

EVENTS = 600


def test_the_ideal_is_the_sum_of_the_bare_job_times_over_the_slots():
    floor = FloorRun((BareJob(1.0, 3.0), BareJob(1.0, 5.0)), makespan=7.0, cpu_seconds=4.0)
    assert bench_burst.floor_figures(floor, 2)["ideal"] == 5.0


def test_a_burst_is_judged_by_the_ideal_by_processor_time_and_where_it_can_be_by_zuul():
    floors = {"two_calls": {"ideal": 100.0}}
    one = {"slots": 4, "builds": 60, "floors": floors, "ci": {"makespan": 125.0, "service_cpu_seconds": 6.6}}
    ideal, cpu, zuul = bench_burst.targets(30, one)
    assert (ideal.value, ideal.is_reached) == (1.25, True)
    assert not cpu.is_reached
    assert not zuul.is_reached
    assert len(bench_burst.targets(12, one)) == 2


def test_simulated_builds_are_judged_by_their_own_times():
    figures = {"slots": 50, "builds": 600, "ideal": 48.0, "makespan": 60.0, "service_cpu_seconds": 6.0}
    assert [target.is_reached for target in bench_simulated.targets(figures)] == [True, True]


def test_fewer_events_have_less_time_and_nothing_may_be_lost():
    figures = {"events": 10_000, "seconds": 6.5, "kept": 9, "expected_kept": 10, "buildsets": 1,
               "expected_buildsets": 1, "memory_mib": {"at_a_tenth": 60.0, "at_the_end": 70.0}}  # fmt: skip
    assert [target.is_reached for target in bench_replay.targets(figures)] == [False, False, True]


def test_history_is_judged_by_what_the_same_costs_without():
    sides = {"full": {"start": [3.0, 9.0, 3.0], "status": [1.0], "events": 2.0},
             "empty": {"start": [1.0, 1.0, 1.0], "status": [1.0], "events": 1.0}}  # fmt: skip
    assert bench_history.ratios(sides) == {"start": 3.0, "status": 1.0, "events": 2.0}


def test_a_made_up_stream_is_the_same_each_time_and_is_what_the_ci_reads():
    stream = EventStream(EVENTS)
    lines = [line.decode() for line in stream.lines()]
    assert lines == [line.decode() for line in EventStream(EVENTS).lines()]
    events = [parse_event("opendev", line, 0.0) for line in lines]
    ours = [e for e in events if e.change and e.change.project == OUR_PROJECT and e.type_name in ACTED_ON]
    assert len({event.natural_key for event in ours}) == len(ours) == stream.our_events
    assert events[-1].natural_key == stream.last_key


def test_the_answers_to_queries_tell_the_last_state_of_each_change():
    stream = EventStream(EVENTS)
    last = [json.loads(line) for line in stream.lines()][-1]
    change = stream.changes[last["change"]["number"]]
    current, every = query_rows(change)
    for rows in (current, every):
        read = change_from_query("opendev", query_row(rows.decode().split("\n")[0]))
        assert (read.number, read.patchset, read.is_current) == (change.number, len(change.patchsets), True)
