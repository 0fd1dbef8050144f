"""A long stream of events through the service, over ssh: parsed, committed and triggered on."""

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ci import bootstrap
from ci.config.site import load_site
from ci.model.job import NodeRequest

from .bench_report import Target, print_rows
from .bench_stage import BenchError, Say
from .event_stream import EventStream
from .process_cost import Cost, pss_mib
from .service import Service
from .sshd_node import SshdNode, free_port
from .stream_server import StreamServer
from .trivial_site import write_trivial_site

TOTAL_SECONDS = 60.0
FLAT_MIB = 20.0
MEASURED_EVENTS = 100_000
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 900.0


@dataclass
class Replay:
    """The service before a sshd that stands in for Gerrit; its nodes are not to be had, so nothing is run."""

    folder: Path
    stream: EventStream
    service: Service

    @property
    def database(self) -> Path:
        return self.service.state / "ci.db"

    @property
    def pid(self) -> int:
        if self.service.process is None:
            raise BenchError("the service does not run")
        return self.service.process.pid

    def check(self) -> None:
        """Raise BenchError when the service has ended."""
        if self.service.process is None or self.service.process.poll() is not None:
            raise BenchError("the service does not run")

    def ask(self, question: str, *values: object) -> int:
        """Return the one number that a query of the database gives."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
            return int(database.execute(question, values).fetchone()[0])

    def kept(self) -> int:
        """Return how many events of the project under test have been kept."""
        return self.ask("select count(*) from events where natural_key like ?", f"% {self.stream.our_project} %")


@contextmanager
def replay(events: int) -> Iterator[Replay]:
    """Have everything ready below a fresh folder; the stream begins when the service is started."""
    folder = Path(tempfile.mkdtemp(prefix="powervm-ci-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        server = StreamServer(folder / "gerrit", EventStream(events))
        stack.enter_context(server)
        nodes = SshdNode(folder / "nodes")
        stack.enter_context(nodes)
        site = write_trivial_site(
            folder / "site", server, server.key, nodes, port=free_port(("127.0.0.1",)), user=server.user
        )
        service = Service(site.folder, folder / "state", port=site.port)
        stack.callback(service.stop)
        yield Replay(folder, server.stream, service)


def run(events: int, say: Say) -> dict[str, Any]:
    """Play a stream of so many events once."""
    say(f"writing {events} events in Gerrit's form")
    with replay(events) as running:
        size = (running.folder / "gerrit" / "events.jsonl").stat().st_size
        say(f"{size / 1e6:.0f} MB, {size / events:.0f} bytes each; starting the service, which gets them at once")
        figures = play(running)
    figures |= {"events": events, "bytes": size, "types": running.stream.counts}
    say(f"{events} events in {figures['seconds']:.1f} s")
    return figures


def play(running: Replay) -> dict[str, Any]:
    """Start the service and wait until it has acted on the last event; `seconds` begin when its pages answer."""
    keep_the_nodes(running)
    running.service.start()
    before, started = Cost.of(running.pid), time.monotonic()
    tenth = running.stream.our_events // 10
    _wait(running, "a tenth of the events", "select count(*) >= ? from events", tenth)
    at_tenth = pss_mib(running.pid)
    last = "select count(*) from events where natural_key = ? and state = 'done'"
    _wait(running, "the last event", last, running.stream.last_key)
    _wait(running, "all events", "select not exists (select 1 from events where state = 'new')")
    seconds, cost = time.monotonic() - started, Cost.of(running.pid) - before
    return {
        "seconds": seconds,
        "service_cpu_seconds": cost.own_seconds,
        "memory_mib": {"at_a_tenth": at_tenth, "at_the_end": pss_mib(running.pid)},
        "kept": running.kept(),
        "expected_kept": running.stream.our_events,
        "buildsets": running.ask("select count(*) from buildsets"),
        "expected_buildsets": running.stream.expected_starts(),
        "rows": running.ask("select count(*) from events"),
    }


def keep_the_nodes(running: Replay) -> None:
    """Take all nodes, as `powervm-ci run` does: what is triggered waits, and only the way of the events is measured."""
    site = load_site(running.service.site, None)
    store = bootstrap.open_store(bootstrap.state_folder(running.service.state))
    requests = [(NodeRequest("node", node.labels[0]), node) for node in site.nodes]
    store.buildsets.hold_nodes(bootstrap.run_holder(), requests, time.time())
    store.close()


def _wait(running: Replay, what: str, question: str, *values: object) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not running.ask(question, *values):
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {PATIENCE_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)
        running.check()


def show(figures: dict[str, Any]) -> None:
    """Print a table, and whether the targets are reached."""
    events, seconds, memory = figures["events"], figures["seconds"], figures["memory_mib"]
    rows = [
        ("events, bytes each", f"{events}, {figures['bytes'] / events:.0f}"),
        ("the pages answer - all events acted on", f"{seconds:.1f} s"),
        ("events a second", f"{events / seconds:.0f}"),
        ("the service's own processor time", f"{figures['service_cpu_seconds']:.1f} s"),
        ("events of the tested project kept", f"{figures['kept']} of {figures['expected_kept']}"),
        ("buildsets", f"{figures['buildsets']} of {figures['expected_buildsets']}"),
        ("the service's memory (PSS) at a tenth", f"{memory['at_a_tenth']:.0f} MiB"),
        ("- at the end", f"{memory['at_the_end']:.0f} MiB"),
    ]
    print()
    print_rows("A recorded stream through the service: sshd, parse, commit, trigger", rows)
    for target in targets(figures):
        print(target)


def targets(figures: dict[str, Any]) -> list[Target]:
    """Return what is to be reached with so many events."""
    memory = figures["memory_mib"]
    lost = abs(figures["expected_kept"] - figures["kept"]) + abs(figures["expected_buildsets"] - figures["buildsets"])
    limit = TOTAL_SECONDS * figures["events"] / MEASURED_EVENTS
    return [
        Target(f"{figures['events']} events", figures["seconds"], limit, "s", "over ssh, to the last decision"),
        Target("events and buildsets too many or too few", lost, 0, ""),
        Target("the service's memory grows", memory["at_the_end"] - memory["at_a_tenth"], FLAT_MIB, "MiB",
               "PSS, from a tenth of the events to the end"),
    ]  # fmt: skip
