"""Every commit is a point, found without a list, and named after what the product calls it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from lab.crash_points import PLAN_VARIABLE, Plan

SCRIPT = """
import sys
from pathlib import Path
from lab import crash_points
plan = crash_points.Plan.from_environment()
crash_points.install(crash_points.Points(plan))
from ci.model.connection import ConnectionState
from ci.store.store import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
store.connections.set_state("one", ConnectionState.DOWN, "", 1.0)
with store.transaction():
    store.connections.set_state("two", ConnectionState.DOWN, "", 1.0)
    store.connections.set_state("three", ConnectionState.DOWN, "", 1.0)
print([view.name for view in store.views.connections()])
"""


def run(folder, **plan):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        PLAN_VARIABLE: json.dumps({"hits": str(folder / "hits"), **plan}),
    }
    argv = [sys.executable, "-c", SCRIPT, str(folder / "ci.db")]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)


def passed(folder):
    return (folder / "hits").read_text().splitlines()


def test_commits_are_points_and_reads_are_not(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    hits = [hit for hit in passed(tmp_path) if not hit.startswith("sqlitestore")]
    assert hits[:2] == ["connections.set_state:before", "connections.set_state:after"]
    assert hits[2:] == ["database:before", "database:after"]  # one transaction; the caller is not the product's


def test_the_process_dies_at_its_point_and_what_came_before_stays(tmp_path):
    done = run(tmp_path, point="connections.set_state:before")
    assert done.returncode == -signal.SIGKILL
    assert passed(tmp_path)[-1] == "!connections.set_state:before"
    (tmp_path / "hits").unlink()
    assert run(tmp_path, point="connections.set_state:after").returncode == -signal.SIGKILL
    (tmp_path / "hits").unlink()
    done = run(tmp_path, point="connections.set_state:after", armed=str(tmp_path / "not there"))
    assert done.stdout.strip() == "['one', 'three', 'two']"


def test_a_plan_survives_its_way_through_the_environment(monkeypatch):
    plan = Plan("hits", "outbox.claim:after", 3, "armed", light=False, plant="resend")
    for name, value in plan.to_environment().items():
        monkeypatch.setenv(name, value)
    assert Plan.from_environment() == plan


def test_the_product_knows_nothing_of_it():
    engine = Path(__file__).parents[3] / "ci"
    assert not [path for path in engine.rglob("*.py") if "crash_point" in path.read_text()]
