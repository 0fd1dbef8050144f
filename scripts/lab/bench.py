"""The benchmarks' command line: `python -m lab.bench latency`."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import bench_burst, bench_history, bench_latency, bench_replay, bench_roles, bench_simulated, bench_skip_list
from .bench_stage import BenchError
from .gerrit import GerritError
from .service import ServiceError
from .sshd_node import SshdError

LEAST_CHANGES = 2
LEAST_EVENTS = 1000
SIMULATED_SLOTS = 50
BUSY_LOAD = 1.0


def say(text: str) -> None:
    """Print one line with the time."""
    print(f"{datetime.now(UTC):%H:%M:%SZ}  {text}", flush=True)


def main(arguments: list[str]) -> int:
    """Measure; returns 0 whatever the figures are."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started, load = time.monotonic(), os.getloadavg()
    say(f"{os.cpu_count()} CPUs, load average {load[0]:.2f} {load[1]:.2f} {load[2]:.2f}")
    if load[0] > BUSY_LOAD:
        say("warning: this machine is busy: ratios may still be compared, seconds may not")
    figures = options.run(options)
    figures["machine"] = {"cpus": os.cpu_count(), "load_average": load, "measured_at": datetime.now(UTC).isoformat()}
    options.show(figures)
    after = os.getloadavg()
    figures["machine"]["load_average_after"] = after
    say(f"load average afterwards {after[0]:.2f} {after[1]:.2f} {after[2]:.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        say(f"all figures: {options.json}")
    say(f"measured in {time.monotonic() - started:.0f} s; everything is stopped and removed")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure the CI on this machine.")
    kinds = parser.add_subparsers(required=True, metavar="BENCHMARK")
    latency = kinds.add_parser("latency", help="how soon a patch set is tested and voted on; start, memory, size")
    latency.set_defaults(run=lambda options: bench_latency.run(options.changes, say), show=bench_latency.show)
    latency.add_argument(
        "--changes", type=_changes, default=12, metavar="N", help="patch sets; the first warms up (12)"
    )
    burst = kinds.add_parser("burst", help="many changes at once, beside the bare jobs on as many slots")
    burst.set_defaults(run=_run_burst, show=_show_parts)
    burst.add_argument("--changes", type=_changes, default=30, metavar="N", help="changes, each with two jobs (30)")
    burst.add_argument("--slots", type=_slots, default=(2, 4), metavar="N,N", help="builds at a time (2,4)")
    burst.add_argument(
        "--simulated", type=int, default=300, metavar="N", help="changes on 50 simulated slots, 0 for no such run (300)"
    )
    replay = kinds.add_parser("replay", help="a long stream of events: parse, commit, trigger")
    replay.set_defaults(run=_run_replay, show=_show_parts)
    replay.add_argument(
        "--builds", type=int, default=1_000_000, metavar="N", help="old builds, 0 for no such run (1000000)"
    )
    replay.add_argument("--events", type=_events, default=100_000, metavar="N", help="events (100000)")
    skip_list = kinds.add_parser("skip-list", help="a long skip list against all tests, beside stestr's reading of it")
    skip_list.set_defaults(run=lambda options: bench_skip_list.run(options.tests, say), show=bench_skip_list.show)
    skip_list.add_argument("--tests", type=Path, metavar="FILE", help="output of `stestr list` (made-up tests)")
    roles = kinds.add_parser("roles", help="what the roles of a devstack build cost apart from stack.sh and tempest")
    roles.set_defaults(run=lambda _: bench_roles.run(say), show=bench_roles.show)
    for kind in kinds.choices.values():
        kind.add_argument("--json", type=_writable, metavar="FILE", help="also write all figures into this file")
    return parser


def _run_burst(options: argparse.Namespace) -> dict[str, Any]:
    figures = {"burst": bench_burst.run(options.changes, options.slots, say)}
    if options.simulated:
        figures["simulated"] = bench_simulated.run(options.simulated, SIMULATED_SLOTS, say)
    return figures


def _run_replay(options: argparse.Namespace) -> dict[str, Any]:
    figures = {"replay": bench_replay.run(options.events, say)}
    if options.builds:
        figures["history"] = bench_history.run(options.builds, say)
    return figures


def _show_parts(figures: dict[str, Any]) -> None:
    parts = {"burst": bench_burst, "simulated": bench_simulated, "replay": bench_replay, "history": bench_history}
    for name, part in parts.items():
        if name in figures:
            part.show(figures[name])


def _changes(text: str) -> int:
    number = int(text)
    if number < LEAST_CHANGES:
        raise argparse.ArgumentTypeError(f"at least {LEAST_CHANGES}")
    return number


def _events(text: str) -> int:
    number = int(text)
    if number < LEAST_EVENTS:
        raise argparse.ArgumentTypeError(f"at least {LEAST_EVENTS}")
    return number


def _slots(text: str) -> tuple[int, ...]:
    numbers = tuple(int(word) for word in text.split(","))
    if not all(number > 0 and number % 2 == 0 for number in numbers):
        raise argparse.ArgumentTypeError("even numbers: the slots are spread over two nodes")
    return numbers


def _writable(text: str) -> Path:
    path = Path(text).absolute()
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot be written: {path}")
    return path


def _in_one_line(error: Exception) -> str:
    """Return a complaint with, of the log below it, only the last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return ": ".join(dict.fromkeys([*lines[:1], *lines[-1:]]))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (BenchError, GerritError, ServiceError, SshdError, subprocess.SubprocessError) as error:
        sys.exit(f"error: {_in_one_line(error)}")
    except OSError as error:
        sys.exit(f"error: {error.filename or 'this machine'}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit("stopped; everything is removed")
