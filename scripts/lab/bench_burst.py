"""Many changes at once: how long until the last has its vote, beside what the bare jobs take on as many slots."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from statistics import mean
from typing import Any

from .bench_report import Target, print_rows
from .bench_stage import BenchError, Say, Stage, stage
from .burst_floor import BurstFloor, FloorRun
from .process_cost import Cost
from .site import CI_USER

JOBS = ("quick-one", "quick-two")
PUSHERS = 4
VOTE_SECONDS = 1200.0
IDEAL_RATIO = 1.25
# Zuul 14.3, the same burst (30 changes, two such jobs, 4 slots) on such a machine when it was quiet, on another day.
ZUUL_SECONDS = 332.0
ZUUL_CHANGES, ZUUL_SLOTS = 30, 4
CPU_SECONDS = 0.1
# post-run runs however run ended: a script, too, needs a call of its own for it.
CALLS = (("playbooks/pre.yaml", "playbooks/run.yaml"), ("playbooks/post.yaml",))
ONE_CALL = (("playbooks/pre.yaml", "playbooks/run.yaml", "playbooks/post.yaml"),)


def run(changes: int, slots: tuple[int, ...], say: Say) -> dict[str, Any]:
    """Measure the burst on each number of slots, each beside the floor on as many."""
    with stage(say, jobs=JOBS) as running:
        refs = _floor_refs(running, changes)
        return {"changes": changes, "runs": [_measure(running, refs, number, say) for number in slots]}


def _measure(running: Stage, refs: list[str], slots: int, say: Say) -> dict[str, Any]:
    running.service.stop()
    running.set_slots(slots // len(running.nodes.addresses))
    running.start_service()
    _burst(running, 1, "Warm up")
    jobs = [ref for ref in refs for _ in JOBS]
    floors: dict[str, FloorRun] = {}
    for name, calls in {"one_call": ONE_CALL, "two_calls": CALLS}.items():
        floors[name] = BurstFloor(running, calls).run(jobs, slots)
        say(f"{slots} slots: the bare loop, {name.replace('_', ' ')} a job: {floors[name].makespan:.1f} s")
    ci = _burst(running, len(refs), f"Burst on {slots} slots")
    say(f"{slots} slots: {len(jobs)} builds, first push accepted - last vote: {ci['makespan']:.1f} s")
    return {
        "slots": slots,
        "builds": len(jobs),
        "ci": ci,
        "floors": {name: floor_figures(floor, slots) for name, floor in floors.items()},
    }


def floor_figures(floor: FloorRun, slots: int) -> dict[str, Any]:
    return {
        "ideal": sum(job.total for job in floor.jobs) / slots,
        "makespan": floor.makespan,
        "fetch_mean": mean(job.fetch for job in floor.jobs),
        "playbooks_mean": mean(job.playbooks for job in floor.jobs),
        "cpu_seconds": floor.cpu_seconds,
        "jobs": [asdict(job) for job in floor.jobs],
    }


def _burst(running: Stage, changes: int, subject: str) -> dict[str, Any]:
    """Push so many changes at once and wait for all votes."""
    repository = running.repository
    commits = []
    for serial in range(changes):
        repository.reset(running.base)
        commits.append(repository.commit({"verdict": "pass\n", f"file-{serial}": subject}, f"{subject}: {serial}"))
    before = Cost.of(running.service_pid)

    def push(commit: str) -> float:
        repository.git("push", "-q", repository.remote, f"{commit}:refs/for/master")
        return time.time()

    with ThreadPoolExecutor(PUSHERS) as pool:
        accepted = list(pool.map(push, commits))
    votes = [_vote(running, commit) for commit in commits]
    cost = Cost.of(running.service_pid) - before
    ended = running.builds(limit=changes * len(JOBS))
    return {
        "makespan": max(at for _, at in votes) - min(accepted),
        "pushing": max(accepted) - min(accepted),
        "service_cpu_seconds": cost.own_seconds,
        "children_cpu_seconds": cost.children_seconds,
        "build_seconds_mean": mean(build["ended_at"] - build["started_at"] for build in ended),
        "memory_mib": running.service.memory_mib(),
    }


def _vote(running: Stage, commit: str) -> tuple[int, float]:
    _, event = running.observer.patchset(commit)
    number = event["change"]["number"]
    at, value = running.observer.vote(number, CI_USER, "Verified", VOTE_SECONDS)
    if value != 1:
        raise BenchError(f"the vote on change {number} is not Verified +1: see what the playbooks say")
    return number, at


def _floor_refs(running: Stage, changes: int) -> list[str]:
    """Push as many changes to a project that the CI does not hear of; returns their refs."""
    repository, refs = running.floor_repository, []
    base = repository.head
    for serial in range(changes):
        repository.reset(base)
        revision = repository.commit({"verdict": "pass\n"}, f"Floor {serial}")
        repository.git("push", "-q", repository.remote, "HEAD:refs/for/master")
        refs.append(running.observer.patchset(revision)[1]["patchSet"]["ref"])
    return refs


def show(figures: dict[str, Any]) -> None:
    """Print a table for each number of slots, and whether the targets are reached."""
    for one in figures["runs"]:
        _show_run(figures["changes"], one)
    for one in figures["runs"]:
        for target in targets(figures["changes"], one):
            print(target)


def _show_run(changes: int, one: dict[str, Any]) -> None:
    ci, builds = one["ci"], one["builds"]
    rows = [("the CI: first push accepted - last vote readable in Gerrit", f"{ci['makespan']:.1f} s")]
    for name, title in {"one_call": "one call of ansible-playbook", "two_calls": "two calls"}.items():
        floor = one["floors"][name]
        rows += [
            (
                f"bare job ({title}, {one['slots']} at a time), mean",
                f"{floor['fetch_mean'] + floor['playbooks_mean']:.2f} s",
            ),
            ("- of this git fetch", f"{floor['fetch_mean']:.2f} s"),
            ("- ideal: sum of the bare job times / slots", f"{floor['ideal']:.1f} s"),
            ("- the CI as a multiple of it", f"{ci['makespan'] / floor['ideal']:.2f} x"),
            ("- processor time a job", f"{floor['cpu_seconds'] / builds:.2f} s"),
        ]
    rows += [
        ("a build, node leased - ended, mean", f"{ci['build_seconds_mean']:.2f} s"),
        ("the service's own processor time a build", f"{ci['service_cpu_seconds'] / builds:.3f} s"),
        ("its children's (git, the builds' processes) a build", f"{ci['children_cpu_seconds'] / builds:.2f} s"),
        ("the pushes: first accepted - last accepted", f"{ci['pushing']:.1f} s"),
        ("the service's memory afterwards (PSS)", f"{ci['memory_mib']:.0f} MiB"),
    ]
    print()
    print_rows(f"{changes} changes at once, {builds} builds, {one['slots']} slots", rows)


def targets(changes: int, one: dict[str, Any]) -> list[Target]:
    """Return what is to be reached on so many slots."""
    ci, slots = one["ci"], one["slots"]
    ratio = ci["makespan"] / one["floors"]["two_calls"]["ideal"]
    limits = [
        Target(f"{slots} slots: makespan, times the ideal", ratio, IDEAL_RATIO, "x",
               "ideal: sum of the bare job times / slots, measured in this run"),
        Target(f"{slots} slots: the service's processor time a build", ci["service_cpu_seconds"] / one["builds"],
               CPU_SECONDS, "s", "its own process; git, Ansible and the builds' processes apart"),
    ]  # fmt: skip
    if (changes, slots) == (ZUUL_CHANGES, ZUUL_SLOTS):
        limits.append(
            Target(f"{slots} slots: makespan, times Zuul's", ci["makespan"] / ZUUL_SECONDS, 1 / 3, "x",
                   f"Zuul 14.3: {ZUUL_SECONDS:.0f} s, measured on another day, on a quiet machine")
        )  # fmt: skip
    return limits
