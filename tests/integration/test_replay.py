"""A long stream over a real sshd through the real service: every event is kept, each starts what it should."""

from lab.bench_replay import play, replay

EVENTS = 2000


def test_every_event_of_the_project_is_kept_and_starts_a_buildset_where_it_should():
    with replay(EVENTS) as running:
        figures = play(running)
    assert figures["expected_buildsets"] > 0
    assert figures["kept"] == figures["expected_kept"]
    assert figures["buildsets"] == figures["expected_buildsets"]
    assert figures["rows"] == figures["kept"]
