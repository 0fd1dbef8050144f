"""What a million old builds cost: the start of the service, `status`, acting on events; beside an empty database."""

import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from .bench_replay import LOOK_SECONDS, Replay, keep_the_nodes
from .bench_report import Target, print_rows
from .bench_stage import Say, until
from .event_stream import EventStream
from .history import Past, fill
from .service import Service
from .sshd_node import SshdNode, free_port
from .stream_server import StreamServer
from .trivial_site import write_trivial_site

ROUNDS = 5
EVENTS = 1000  # of them some 20 start something
RATIO_LIMIT = 2.0


def run(builds: int, say: Say) -> dict[str, Any]:
    """Measure with so many ended builds and with none, in turns."""
    folder = Path(tempfile.mkdtemp(prefix="powervm-ci-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        server = stack.enter_context(StreamServer(folder / "gerrit", EventStream(EVENTS)))
        nodes = stack.enter_context(SshdNode(folder / "nodes"))
        site = write_trivial_site(
            folder / "site", server, server.key, nodes, port=free_port(("127.0.0.1",)), user=server.user
        )
        sides = {}
        for name in ("empty", "full"):
            (folder / name).mkdir()
            service = Service(site.folder, folder / name / "state", port=site.port)
            stack.callback(service.stop)
            sides[name] = Replay(folder, server.stream, service)
            service.state.mkdir()
        say(f"writing {builds} ended builds into a database")
        # Yesterday's: what is old enough for the janitor is another matter.
        fill(sides["full"].database, Past(builds, time.time() - 86400.0, connection="opendev"))
        size = sides["full"].database.stat().st_size
        say(f"{size / 1e6:.0f} MB; {ROUNDS} starts of each, in turns")
        costs = _measure(sides)
    return {"builds": builds, "bytes": size, "costs": costs}


def _measure(sides: dict[str, Replay]) -> dict[str, dict[str, Any]]:
    figures: dict[str, dict[str, Any]] = {name: {"start": [], "status": []} for name in sides}
    for name, side in sides.items():
        keep_the_nodes(side)
        side.service.start()
        began = time.monotonic()
        until("the events", partial(_is_done, side), 600.0)
        figures[name]["events"] = time.monotonic() - began
        side.service.stop()
    for _ in range(ROUNDS):
        for name, side in sides.items():
            began = time.monotonic()
            side.service.start()
            figures[name]["start"].append(time.monotonic() - began)
            side.service.stop()
            began = time.monotonic()
            subprocess.run(side.service.command("status"), check=True, capture_output=True)
            figures[name]["status"].append(time.monotonic() - began)
    return figures


def _is_done(side: Replay) -> bool:
    time.sleep(LOOK_SECONDS)
    question = "select exists (select 1 from events where natural_key = ? and state = 'done')"
    return bool(side.ask(question, side.stream.last_key)) and not side.ask(
        "select exists (select 1 from events where state = 'new')"
    )


def ratios(costs: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return what each costs with history, as a multiple of what it costs without."""
    full, empty = costs["full"], costs["empty"]
    return {
        "start": median(full["start"]) / median(empty["start"]),
        "status": median(full["status"]) / median(empty["status"]),
        "events": full["events"] / empty["events"],
    }


def show(figures: dict[str, Any]) -> None:
    """Print a table, and whether the targets are reached."""
    costs, names = figures["costs"], {"start": "start of serve - pages answer", "status": "`status`, no service"}
    rows = [
        (f"{title}, {side}", f"{median(costs[side][name]):.2f} s") for name, title in names.items() for side in costs
    ]
    rows += [(f"{EVENTS} events to their ends, {side}", f"{costs[side]['events']:.2f} s") for side in costs]
    print()
    print_rows(
        f"A database with {figures['builds']} ended builds ({figures['bytes'] / 1e6:.0f} MB) and an empty one", rows
    )
    for target in targets(figures):
        print(target)


def targets(figures: dict[str, Any]) -> list[Target]:
    """Return what is to be reached."""
    return [
        Target(f"{figures['builds']} old builds: {name}", ratio, RATIO_LIMIT, "x", "times the empty database, medians")
        for name, ratio in ratios(figures["costs"]).items()
    ]
