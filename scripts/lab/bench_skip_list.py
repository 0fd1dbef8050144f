"""A long skip list against all tests: what our reading and checking costs beside stestr's own reading of the list."""

import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from stestr.selection import exclusion_reader

from ci.skip_lists.check import ListCheck
from ci.skip_lists.fix import fix
from ci.skip_lists.known_tests import KnownTests, read_listing

from .bench_report import Target, pairwise, print_rows
from .bench_stage import Say

LINES = 10_000
TESTS = 4575  # tempest's own 1575 and as many of plug-ins as make the list long
SHARED_IDS = 120
SEED = 1
ROUNDS = 7
LIMIT_SECONDS = 1.0
LINES_OF_A_BLOCK = 25


def run(listing: Path | None, say: Say) -> dict[str, Any]:
    """Measure with a real listing, filled up with made-up tests, or with made-up ones alone."""
    draw = random.Random(SEED)  # noqa: S311 - the same list in each run
    given = listing.read_text(encoding="utf-8") if listing else ""
    text = given + _made_up(TESTS - len(read_listing(given)), draw)
    content = _list(read_listing(text), draw)
    say(f"{LINES} lines against {len(read_listing(text))} tests, {ROUNDS} rounds in turns with stestr")
    figures: dict[str, list[float]] = {"listing": [], "check": [], "fix": [], "stestr": []}
    with tempfile.TemporaryDirectory(prefix="powervm-ci-bench-") as folder:
        path = Path(folder, "list.txt")
        path.write_bytes(content)
        for _ in range(ROUNDS):
            started = time.perf_counter()
            known = read_listing(text)
            read = time.perf_counter()
            checked = ListCheck(datetime.now(UTC).date(), known).check("list.txt", path.read_bytes(), is_include=False)
            looked = time.perf_counter()
            fix(checked.skip_list, known)
            mended = time.perf_counter()
            exclusion_reader(str(path))
            ended = time.perf_counter()
            for name, seconds in zip(
                figures, (read - started, looked - read, mended - looked, ended - mended), strict=True
            ):
                figures[name].append(seconds)
    found = {"errors": len(checked.errors), "warnings": len(checked.warnings)}
    return {"lines": LINES, "tests": len(known), "found": found, "seconds": figures}


def show(figures: dict[str, Any]) -> None:
    """Print the table and whether the target is reached."""
    seconds, found = figures["seconds"], figures["found"]
    together = [listing + check for listing, check in zip(seconds["listing"], seconds["check"], strict=True)]
    ratio = median(pairwise(together, seconds["stestr"]))
    print_rows(
        f"A skip list of {figures['lines']} lines against {figures['tests']} tests",
        [
            ("reading the listing of tests", f"{median(seconds['listing']):.3f} s"),
            (
                f"parsing and checking the list ({found['errors']} errors, {found['warnings']} warnings)",
                f"{median(seconds['check']):.3f} s",
            ),
            ("working out the repairs", f"{median(seconds['fix']):.3f} s"),
            ("stestr reads the same list", f"{median(seconds['stestr']):.3f} s"),
            ("both of ours beside stestr's reading", f"{ratio:.2f} x"),
        ],
    )
    print(Target("listing, parsing and checking", max(together), LIMIT_SECONDS, "s", "the slowest round"))


def _made_up(count: int, draw: random.Random) -> str:
    """Return tests in tempest's shape; some share an ID."""
    ids = [_id(draw) for _ in range(max(1, count - SHARED_IDS))]
    tests = []
    for number in range(count):
        tags = sorted(["smoke", f"id-{ids[number % len(ids)]}", "compute"][draw.randrange(2) : 2 + draw.randrange(2)])
        module = f"some_tempest_plugin.tests.api.area_{number % 40}.test_resource_{number % 300}"
        tests.append(f"{module}.ResourcesV2TestJSON.test_what_is_made_up_number_{number}[{','.join(tags)}]\n")
    return "".join(tests)


def _list(known: KnownTests, draw: random.Random) -> bytes:
    """Return a list of all IDs, one name in ten out of date, and then IDs that are no more."""
    ids = sorted({identity for name in known.names for identity in known.ids_of(name)})
    lines: list[str] = []
    while len(lines) < LINES:
        if len(lines) % LINES_OF_A_BLOCK == 0:
            lines += ["", f"# reason: block {len(lines)}", "# bug: 1234567", "# expires: 2031-01-31"]
        identity = ids.pop() if ids else _id(draw)
        names = known.names_of(identity) or (f"some.tests.test_gone.T.test_{len(lines)}",)
        if draw.randrange(10) == 0:
            names = tuple(f"{name}_of_old" for name in names)
        lines.append(f"{identity}  # {', '.join(names)}")
    return "".join(f"{line}\n" for line in lines[:LINES]).encode()


def _id(draw: random.Random) -> str:
    digits = f"{draw.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
