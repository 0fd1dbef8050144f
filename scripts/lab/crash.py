"""The crash tests' command line: kills, broken links, a Gerrit that restarts, a full disk; `python -m lab.crash`."""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import crash_trouble
from .crash_kills import Killer
from .crash_settle import settle
from .crash_stage import CrashError, Say, Stage, make_gerrit, stage
from .crash_trouble import Trouble
from .gerrit import Gerrit, GerritError
from .service import ServiceError
from .sshd_node import SshdError

LIGHT_INTERVAL_SECONDS = 0.7
ANSIBLE_INTERVAL_SECONDS = 5.0
ANSIBLE_LIFE_SECONDS = 12.0
ANSIBLE_SHARE = 0.1
RECORD_SECONDS = 15.0
SETTLE_SECONDS = 120.0
TROUBLE_SECONDS = 45.0
# A vote that was on its way when the link froze arrives when it thaws.
TROUBLE_RACE_SECONDS = 30.0
RECOVERY_LIMIT_SECONDS = 10.0


@dataclass
class Outcome:
    """What came out of one scenario."""

    name: str
    figures: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def kills(
    running: Stage, seed: int, count: int, say: Say, *,
    only: Sequence[str] = (), record_seconds: float = RECORD_SECONDS, settle_seconds: float = SETTLE_SECONDS,
) -> Outcome:  # fmt: skip
    """Kill the service so often while a developer works, then let it settle and judge it.

    `only`: at points that begin so. The first life, of `record_seconds`, is there to learn the points.
    """
    interval, life = (
        (LIGHT_INTERVAL_SECONDS, 5.0) if running.light else (ANSIBLE_INTERVAL_SECONDS, ANSIBLE_LIFE_SECONDS)
    )
    killer = Killer(running, seed, life_seconds=life)
    done = killer.done
    # What happened before its very first connection is none of a CI's business: that comes first.
    if not only:
        killer.kill_first_starts()
    running.start()
    running.wait_until_listening()
    running.flow.start(interval)
    killer.record(record_seconds)
    say(f"{len(running.passed)} points are known")
    while done.total < count:
        where = killer.kill_once(only)
        last = f"; a vote was there {done.recoveries[-1]:.1f} s after a restart" if done.recoveries else ""
        say(f"kill {done.total} at {where}{last}; {running.flow.actions} actions, {len(running.flow.changes)} changes")
    running.flow.stop()
    say("settling")
    problems = [*done.problems, *settle(running, settle_seconds)]
    known = set(running.passed)
    figures = {
        "kills": done.total,
        "kills_at_points": done.at_points.total(),
        "kills_at_random": done.at_random,
        "builds_killed": done.of_builds,
        "points_known": sorted(known),
        "points_killed_at": dict(sorted(done.at_points.items())),
        "points_never_killed_at": sorted(known - set(done.at_points)),
        "recoveries_seconds": done.recoveries,
        "actions": running.flow.actions,
        "changes": len(running.flow.changes),
        "complaints": running.complaints(),
        "load_average": os.getloadavg(),
    }
    return Outcome("kills" if running.light else "kills with Ansible", figures, problems)


def troubles(
    running: Stage,
    seed: int,
    kinds: Sequence[Trouble],
    say: Say,
    *,
    seconds: float = TROUBLE_SECONDS,
    kill: bool = False,
) -> Outcome:
    """Break things for a while, with kills beside when told so, then heal all, let it settle and judge it."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    killer = Killer(running, seed)
    happened: list[str] = []
    running.start()
    running.wait_until_listening()
    running.flow.start(LIGHT_INTERVAL_SECONDS)
    deadline = time.monotonic() + seconds
    with _killing(killer, kill=kill) as failures:
        order = list(kinds)
        while time.monotonic() < deadline or order:
            trouble = order.pop(0) if order else chance.choice(list(kinds))
            happened.append(trouble(running, chance))
            say(happened[-1])
            time.sleep(chance.uniform(0.5, 2.5))
            running.flow.check()
    running.flow.stop()
    say("settling")
    problems = [*failures, *killer.done.problems, *settle(running, SETTLE_SECONDS, race_seconds=TROUBLE_RACE_SECONDS)]
    figures = {"happened": happened, "kills": killer.done.total, "actions": running.flow.actions,
               "changes": len(running.flow.changes), "complaints": running.complaints()}  # fmt: skip
    return Outcome(" + ".join([kind.__name__ for kind in kinds] + (["kills"] if kill else [])), figures, problems)


@contextmanager
def _killing(killer: Killer, *, kill: bool) -> Iterator[list[str]]:
    """Kill the service again and again in a thread, as long as the context lasts."""
    failures: list[str] = []
    stop = threading.Event()

    def run() -> None:
        killer.end_life()
        while not stop.is_set():
            try:
                killer.kill_once()
            except CrashError as error:
                if "make room" not in str(error) and "disk" not in str(error):
                    failures.append(str(error))
                    return
                stop.wait(0.3)  # no service starts on a full disk

    thread = threading.Thread(target=run, name="killer")
    if kill:
        thread.start()
    try:
        yield failures
    finally:
        stop.set()
        if kill:
            thread.join()


def run_all(options: argparse.Namespace, say: Say) -> list[Outcome]:
    """Run the scenarios that were asked for on one Gerrit, each with a state folder of its own."""
    outcomes = []
    with make_gerrit(options.folder / "gerrit", say) as gerrit:
        if options.what in {"all", "kills"}:
            hard = 0 if options.light else max(1, round(options.kills * ANSIBLE_SHARE))
            outcomes.append(_kills_on(gerrit, options, say, options.kills - hard, light=True))
            if hard:
                outcomes.append(_kills_on(gerrit, options, say, hard, light=False))
        if options.what in {"all", "troubles"}:
            outcomes += [_troubles_on(gerrit, options.seed, *one, say) for one in SCENARIOS.values()]
        elif options.what in SCENARIOS:
            outcomes.append(_troubles_on(gerrit, options.seed, *SCENARIOS[options.what], say))
    return outcomes


# What goes wrong, and whether the service is killed meanwhile.
SCENARIOS: dict[str, tuple[tuple[Trouble, ...], bool]] = {
    "link": (crash_trouble.LINK, False),
    "gerrit": (crash_trouble.GERRIT, False),
    "disk": (crash_trouble.DISK, False),
    "link+disk": (crash_trouble.LINK + crash_trouble.DISK, False),
    "link+kills": (crash_trouble.LINK, True),
    "disk+kills": (crash_trouble.DISK, True),
}


def _kills_on(gerrit: Gerrit, options: argparse.Namespace, say: Say, count: int, *, light: bool) -> Outcome:
    say(f"{count} kills, builds run {'by a tiny stand-in' if light else 'by the real Ansible'}")
    with stage(say, options.seed, gerrit=gerrit, light=light) as running:
        return _told(kills(running, options.seed, count, say), say)


def _troubles_on(gerrit: Gerrit, seed: int, kinds: tuple[Trouble, ...], kill: bool, say: Say) -> Outcome:  # noqa: FBT001
    needs_disk = bool(set(kinds) & set(crash_trouble.DISK))
    with crash_trouble.small_disk() if needs_disk else nullcontext() as disk:
        state = None if disk is None else disk / "state"
        with stage(say, seed, gerrit=gerrit, state=state) as running:
            return _told(troubles(running, seed, kinds, say, kill=kill), say)


def _told(outcome: Outcome, say: Say) -> Outcome:
    say(f"{outcome.name}: {f'{len(outcome.problems)} LINES OF PROBLEMS' if outcome.problems else 'all is right'}")
    for line in outcome.problems:
        say(f"  {line}")
    return outcome


def show(outcomes: Sequence[Outcome]) -> bool:
    """Print the figures; returns whether everything was right."""
    right = True
    for outcome in outcomes:
        right &= not outcome.problems
        print(f"{'right' if not outcome.problems else 'WRONG'}  {outcome.name}")
        figures = outcome.figures
        if "points_known" in figures:
            known, missed = figures["points_known"], figures["points_never_killed_at"]
            print(
                f"       {figures['kills']} kills: {figures['kills_at_points']} at {len(known) - len(missed)} of"
                f" {len(known)} points, {figures['kills_at_random']} at random moments; {figures['builds_killed']}"
                f" builds killed; {figures['actions']} actions on {figures['changes']} changes"
            )
            if missed:
                print(f"       never killed at: {', '.join(missed)}")
            right &= _show_recoveries(figures["recoveries_seconds"])
        else:
            print(f"       {len(figures['happened'])} troubles, {figures['kills']} kills; {figures['actions']} actions")
        told = ", ".join(f"{name} {count}" for name, count in figures["complaints"].items())
        print(f"       the service has warned of: {told or 'nothing'}")
    return right


def _show_recoveries(seconds: Sequence[float]) -> bool:
    if len(seconds) < 2:
        return True
    p95 = statistics.quantiles(seconds, n=20, method="inclusive")[-1]
    reached = max(seconds) <= RECOVERY_LIMIT_SECONDS
    print(
        f"{'reached    ' if reached else 'NOT REACHED'}  restart after a kill while a vote was due - vote readable:"
        f" p50 {statistics.median(seconds):.2f} s, p95 {p95:.2f} s, largest {max(seconds):.2f} s of {len(seconds)},"
        f" at most {RECOVERY_LIMIT_SECONDS:.0f} s"
    )
    return reached


def main(arguments: list[str]) -> int:
    """Run what is asked for; returns 1 when anything was lost, doubled, wrong or too late."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 31)
    started = time.monotonic()
    _say(f"seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="powervm-ci-crash-gerrit-") as folder:
        options.folder = Path(folder)
        outcomes = run_all(options, _say)
    right = show(outcomes)
    seconds = time.monotonic() - started
    print(f"load average {os.getloadavg()[2]:.1f} on {os.cpu_count()} CPUs: on a busy machine seconds say little")
    print(f"{seconds / 60:.1f} min, seed {options.seed}; everything is stopped and removed")
    if options.json:
        report = {"seed": options.seed, "wall_seconds": seconds, "scenarios": [vars(outcome) for outcome in outcomes]}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0 if right else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench crash", description="Kill, cut, fill; lose and double nothing."
    )
    parser.add_argument("what", nargs="?", choices=("all", "kills", "troubles", *SCENARIOS), default="all")
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="how often the service is killed (200)")
    parser.add_argument("--seed", type=int, metavar="S", help="repeats the choices of an earlier run")
    parser.add_argument("--light", action="store_true", help="no build with the real Ansible (a tenth of the kills)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures into this file")
    return parser


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%SZ}  {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (CrashError, GerritError, ServiceError, SshdError, subprocess.SubprocessError) as error:
        sys.exit(f"error: {' '.join(str(error).split())[:2000]}")
    except KeyboardInterrupt:
        sys.exit("stopped; everything is removed")
