"""How soon a patch set is tested and voted on: the CI and the floor in turns, so that both see the same machine."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import bench_footprint, bench_steps
from .bench_floor import Floor
from .bench_report import Spread, Target, pairwise, print_table, within
from .bench_stage import BenchError, Say, Stage, stage, until
from .site import CI_USER

RATIO_LIMIT = 1.5
VOTE_SECONDS = 0.5
START_SECONDS = 2.0
IDLE_MIB = 80.0
INSTALL_MB = 150.0
SETTLE_SECONDS = 0.5
ENOUGH = 10
UNEVEN = 1.6

# From one moment to the next on the way of a patch set through the CI.
STEPS = (
    ("push accepted", "push accepted - event on a bare ssh stream", "seen"),
    ("push accepted", "push accepted - buildset decided and stored", "decided"),
    ("decided", "- node leased", "leased"),
    ("leased", "- source merged, build's process started", "process"),
    ("process", "- Ansible loaded, first playbook begins", "first_playbook"),
    ("first_playbook", "- first task on the node", "first_task"),
    ("first_task", "- last task on the node", "last_task"),
    ("last_task", "- last playbook ends", "last_playbook_end"),
    ("last_playbook_end", "- build ends", "build_end"),
    ("build_end", "- result stored, review due", "collected"),
    ("collected", "- vote readable", "vote"),
)


def run(changes: int, say: Say) -> dict[str, Any]:
    """Measure everything with so many patch sets; the first one warms up and is left out of the figures."""
    install = bench_footprint.install_megabytes()
    with stage(say) as running:
        say(f"starting the service {bench_footprint.STARTS} times on a state folder that exists")
        starts = bench_footprint.serve_starts(running, say)
        idle_at_first = bench_footprint.idle_memory(running)
        say(f"{changes} patch sets through the CI and as many through the floor, in turns; the first pair warms up")
        floor = Floor(running)
        pairs = [_measure_pair(running, floor, serial, say) for serial in range(changes)][1:]
        say("memory: idle, and with two builds")
        memory = {"idle_after_start": idle_at_first, "idle_after_run": bench_footprint.idle_memory(running)}
        memory |= {f"two_builds_{name}": value for name, value in bench_footprint.building_memory(running).items()}
    return {
        "pairs": pairs,
        "serve_start_seconds": starts,
        "memory_pss_mib": memory,
        "base_install_mb": install,
    }


def show(figures: dict[str, Any]) -> None:
    """Print the tables, and for each target whether it is reached."""
    pairs = figures["pairs"]
    ci, floor = [pair["ci"] for pair in pairs], [pair["floor"] for pair in pairs]
    ratios = pairwise(_column(ci, "first_task"), _column(floor, "first_task"))
    after_playbook = _column(ci, "vote", "last_playbook_end")
    rows = [
        ("the CI: push accepted - first task on the node", Spread.of(_column(ci, "first_task")), "s"),
        ("the CI: push accepted - vote readable", Spread.of(_column(ci, "vote")), "s"),
        ("the CI: last playbook's end - vote readable", Spread.of(after_playbook), "s"),
        ("the CI: last task on the node - vote readable", Spread.of(_column(ci, "vote", "last_task")), "s"),
        None,
        ("the floor: push accepted - event", Spread.of(_column(floor, "event")), "s"),
        ("the floor: push accepted - change fetched", Spread.of(_column(floor, "fetched")), "s"),
        ("the floor: push accepted - task on the node", Spread.of(_column(floor, "first_task")), "s"),
        ("the floor: push accepted - playbook ended", Spread.of(_column(floor, "ended")), "s"),
        None,
        ("ratio, pair by pair: push - first task", Spread.of(ratios), "x"),
        None,
        ("start of serve - pages answer", Spread.of(figures["serve_start_seconds"]["pages"]), "s"),
        ("start of serve - listening to Gerrit", Spread.of(figures["serve_start_seconds"]["listening"]), "s"),
    ]
    print()
    print_table(f"{len(pairs)} patch sets, one trivial job, the CI and the floor in turns", rows)
    steps = [(name, Spread.of(_column(ci, after, before)), "s") for before, name, after in STEPS]
    print_table("Where the time of the CI goes (below zero: before the push returned)", steps)
    _show_sizes(figures)
    for target in _targets(figures, ratios, after_playbook):
        print(target)
    if (times := Spread.of(_column(floor, "first_task"))).maximum > UNEVEN * times.minimum:
        print("warning: the floor itself was uneven: other work ran on this machine; look at the medians of the ratios")
    if len(pairs) < ENOUGH:
        print(f"only {len(pairs)} patch sets were counted: {ENOUGH} or more make a measurement")


def _measure_pair(running: Stage, floor: Floor, serial: int, say: Say) -> dict[str, dict[str, float]]:
    ci = _measure_ci(running, serial)
    _settle(running)
    bare = asdict(floor.measure(serial))
    moments = {name: at - bare["accepted"] for name, at in bare.items() if name != "accepted"}
    say(
        f"pair {serial}: first task after {ci['first_task']:.2f} s, vote after {ci['vote']:.2f} s;"
        f" floor: task after {moments['first_task']:.2f} s; ratio {ci['first_task'] / moments['first_task']:.2f}"
    )
    time.sleep(SETTLE_SECONDS)
    return {"ci": ci, "floor": moments}


def _measure_ci(running: Stage, serial: int) -> dict[str, float]:
    """Return the moments of one patch set through the CI, in seconds after the push was accepted.

    The vote counts when a bare ssh stream of another account has told of it: by then everybody can read it.
    """
    log_size = running.service.log.stat().st_size
    repository = running.repository
    repository.reset(running.base)
    revision = repository.commit({"verdict": "pass\n", "serial": f"{serial}\n"}, f"Patch {serial}")
    repository.git("push", repository.remote, "HEAD:refs/for/master")
    accepted = time.time()
    seen, event = running.observer.patchset(revision)
    number = event["change"]["number"]
    vote_at, value = running.observer.vote(number, CI_USER, "Verified")
    if value != 1 or running.gerrit.rest.votes(number, "Verified") != {CI_USER: 1}:
        raise BenchError(f"the vote on change {number} is not Verified +1: see what the playbooks say")
    _settle(running)
    (build,) = running.builds(number)
    log = running.service.log.read_bytes()[log_size:].decode()
    moments = {"seen": seen, "vote": vote_at, **bench_steps.of_service(log)}
    moments |= bench_steps.of_build(Path(build["log_folder"]))
    return {name: at - accepted for name, at in moments.items()}


def _settle(running: Stage) -> None:
    """Let the machine come to rest, so that nothing of this patch set is left over for the next."""
    until("the build is over", lambda: not running.open_builds())
    time.sleep(SETTLE_SECONDS)


def _column(rows: list[dict[str, float]], name: str, since: str = "push accepted") -> list[float]:
    return [row[name] - row.get(since, 0.0) for row in rows]


def _show_sizes(figures: dict[str, Any]) -> None:
    memory, install = figures["memory_pss_mib"], figures["base_install_mb"]
    largest = sorted(install, key=install.__getitem__, reverse=True)[:4]
    print(
        f"memory of the service (PSS): idle {memory['idle_after_start']:.1f} MiB after the start,"
        f" {memory['idle_after_run']:.1f} MiB after the run; with two builds {memory['two_builds_service']:.1f} MiB,"
        f" and {memory['two_builds_builds']:.1f} MiB in the builds' own processes"
    )
    print(
        f"base install: {sum(install.values()):.0f} MB on disk in {len(install)} packages ("
        + ", ".join(f"{name} {install[name]:.0f}" for name in largest)
        + ", ...), without Python and pip\n"
    )


def _targets(figures: dict[str, Any], ratios: list[float], after_playbook: list[float]) -> list[Target]:
    memory = figures["memory_pss_mib"]
    idle = max(memory["idle_after_start"], memory["idle_after_run"])
    starts = figures["serve_start_seconds"]["listening"]
    return [
        Target("push - first task, times the floor", Spread.of(ratios).median, RATIO_LIMIT, "x",
               f"median; {within(ratios, RATIO_LIMIT)}"),
        Target("last playbook's end - vote readable", Spread.of(after_playbook).median, VOTE_SECONDS, "s",
               f"median; {within(after_playbook, VOTE_SECONDS)}"),
        Target("start of serve - listening", max(starts), START_SECONDS, "s", f"largest of {len(starts)}"),
        Target("the service's memory, idle", idle, IDLE_MIB, "MiB", "PSS, the larger of two"),
        Target("base install", sum(figures["base_install_mb"].values()), INSTALL_MB, "MB", "disk blocks"),
    ]  # fmt: skip
