"""What the CI itself wrote down about one patch set: where the time went."""

import re
from datetime import UTC, datetime
from pathlib import Path

# Moments in the service's log, by the action of their line.
ACTIONS = {
    "event.done": "decided",
    "build.leased": "leased",
    "build.started": "process",
    "build.attempt_ended": "collected",
    "review.sent": "sent",
}
_LOG_LINE = re.compile(r"timestamp='([^']+)Z'.* action='([^']+)'")
_CONSOLE_LINE = re.compile(r"(\S+ \S+) \| (.*)")


def of_service(log: str) -> dict[str, float]:
    """Return when each step was first told of in these lines of the service's log, seconds since the epoch."""
    moments: dict[str, float] = {}
    for line in log.splitlines():
        found = _LOG_LINE.match(line)
        if found and found[2] in ACTIONS:
            moments.setdefault(ACTIONS[found[2]], _seconds(found[1]))
    return moments


def of_build(log_folder: Path) -> dict[str, float]:
    """Return the moments of a build: its first playbook, marks of first and last task, end of its last playbook."""
    moments: dict[str, float] = {}
    for line in (log_folder / "job-output.txt").read_text(encoding="utf-8").splitlines():
        found = _CONSOLE_LINE.match(line)
        if not found:
            continue
        at = _seconds(found[1])
        if " START: [" in found[2]:
            moments.setdefault("first_playbook", at)
        elif " END RESULT_" in found[2]:
            moments["last_playbook_end"] = at
        elif found[2].startswith("Build ended:"):
            moments["build_end"] = at
    for mark in ("first-task", "last-task"):
        moments[mark.replace("-", "_")] = float((log_folder / mark).read_text(encoding="ascii"))
    return moments


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp()
