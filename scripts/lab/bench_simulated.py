"""Hundreds of changes at once on simulated slots: what the service itself costs when it has much to do."""

import shutil
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.gerrit import ADDRESS, FakeGerrit

from .bench_report import Target, print_rows
from .bench_stage import BenchError, Say, until
from .process_cost import Cost
from .service import Service
from .simulated_service import SECONDS
from .sshd_node import SshdNode, free_port
from .trivial_site import write_trivial_site

MACHINES = ("127.0.0.2", "127.0.0.3")
PROJECT, USER = "openstack/nova", "ci"
IDEAL_RATIO = 1.25
CPU_SECONDS = 0.1
PATIENCE_SECONDS = 600.0


@dataclass(frozen=True)
class FakePlace:
    """Where the fake Gerrit is."""

    ssh_port: int
    known_hosts: Path
    url: str
    address: str = ADDRESS


def run(changes: int, slots: int, say: Say) -> dict[str, Any]:
    """Measure so many changes, each with two builds, on `slots` slots before a Gerrit that answers at once."""
    folder = Path(tempfile.mkdtemp(prefix="powervm-ci-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        gerrit = stack.enter_context(FakeGerrit(folder / "gerrit"))
        nodes = stack.enter_context(SshdNode(folder / "nodes", MACHINES))
        known_hosts = folder / "known_hosts"
        known_hosts.write_text(gerrit.known_hosts_line(), encoding="ascii")
        place = FakePlace(gerrit.port, known_hosts, f"http://{ADDRESS}:{gerrit.port}/")
        site = write_trivial_site(
            folder / "site", place, gerrit.key_path(USER), nodes, port=free_port((ADDRESS,)),
            slots=slots // len(MACHINES), user=USER,
        )  # fmt: skip
        service = Service(site.folder, folder / "state", port=site.port, module="lab.simulated_service")
        stack.enter_context(service)
        until("the service listens", service.listens)
        figures = _measure(gerrit, service, changes)
    ideal = changes * sum(SECONDS.values()) / slots
    say(f"{changes} changes on {slots} simulated slots: {figures['makespan']:.1f} s, ideal {ideal:.1f} s")
    return {"changes": changes, "slots": slots, "builds": changes * len(SECONDS), "ideal": ideal, **figures}


def _measure(gerrit: FakeGerrit, service: Service, changes: int) -> dict[str, Any]:
    if service.process is None:
        raise BenchError("the service does not run")
    pid = service.process.pid
    before, started, memory = Cost.of(pid), time.monotonic(), service.memory_mib()
    numbers = [gerrit.state.push(PROJECT, "dev", f"Burst {serial}", {"a": "b"}, {}).number for serial in range(changes)]

    def all_voted() -> bool:
        with gerrit.state.lock:
            return all((USER, "Verified") in gerrit.state.changes[number].patchsets[-1].votes for number in numbers)

    until("all votes", all_voted, PATIENCE_SECONDS)
    makespan, cost = time.monotonic() - started, Cost.of(pid) - before
    return {
        "makespan": makespan,
        "service_cpu_seconds": cost.own_seconds,
        "memory_mib": {"before": memory, "after": service.memory_mib()},
    }


def show(figures: dict[str, Any]) -> None:
    """Print a table, and whether the targets are reached."""
    memory = figures["memory_mib"]
    rows = [
        ("first push - last vote at the fake Gerrit", f"{figures['makespan']:.1f} s"),
        ("ideal: sum of the builds' times / slots", f"{figures['ideal']:.1f} s"),
        ("the service's own processor time", f"{figures['service_cpu_seconds']:.1f} s"),
        ("the service's memory (PSS) before, afterwards", f"{memory['before']:.0f}, {memory['after']:.0f} MiB"),
    ]
    print()
    print_rows(
        f"{figures['changes']} changes at once, {figures['builds']} builds that only last, {figures['slots']} slots",
        rows,
    )
    for target in targets(figures):
        print(target)


def targets(figures: dict[str, Any]) -> list[Target]:
    """Return what is to be reached."""
    name = f"{figures['slots']} simulated slots"
    return [
        Target(f"{name}: makespan, times the ideal", figures["makespan"] / figures["ideal"], IDEAL_RATIO, "x"),
        Target(f"{name}: the service's processor time a build", figures["service_cpu_seconds"] / figures["builds"],
               CPU_SECONDS, "s"),
    ]  # fmt: skip
