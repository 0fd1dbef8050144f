"""The end of every crash test: the service is left in peace, and then all must be right and nothing be left over."""

import time

from ci.cli.root import VERBS

from .crash_check import RACE_SECONDS
from .crash_stage import Stage

QUIET_SECONDS = 3.0
LOOK_SECONDS = 0.3


def settle(stage: Stage, seconds: float, *, race_seconds: float = RACE_SECONDS) -> list[str]:
    """Let a fresh life of the service do what is due, for so long at most; returns what is wrong, with its story."""
    stage.flow.restore_all()
    if stage.process is None:
        stage.start()
    deadline = time.monotonic() + seconds
    while _unsettled(stage, race_seconds) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    time.sleep(QUIET_SECONDS)  # for what should not come, there is nothing to wait for
    problems: list[str] = []
    for problem in stage.flow.problems(race_seconds):
        problems += [
            str(problem),
            *(f"    {step}" for step in stage.story(problem.buildset or _latest(stage, problem.change))),
        ]
    problems += _leftovers(stage)
    stage.end()
    problems += _check_database(stage)
    masters = stage.ssh_masters()
    if masters:
        problems.append(f"{len(masters)} ssh connections were left open after the service had stopped")
    return problems


def _unsettled(stage: Stage, race_seconds: float) -> bool:
    return bool(_leftovers(stage)) or any(problem.may_heal for problem in stage.flow.problems(race_seconds))


def _leftovers(stage: Stage) -> list[str]:
    """Say what must not be there any more once everything is answered."""
    queries = {
        "leases": "select node_id || ' of ' || holder as what from leases",
        "builds that have not ended": "select id || ' ' || state as what from builds where state <> 'ended'",
        "buildsets that have not ended": "select id as what from buildsets where state <> 'ended'",
        "events not acted upon": "select natural_key as what from events where state = 'new'",
        "reviews not posted": "select buildset_id || ' ' || state || ' ' || note as what from reviews"
        " where state in ('pending', 'sending')",
    }
    found = []
    for noun, query in queries.items():
        rows = stage.rows(query)
        if rows:
            found.append(f"{len(rows)} {noun} left: {rows[0]['what']}")
    processes = stage.build_processes()
    if processes:
        found.append(f"{len(processes)} processes of builds left: {next(iter(processes.items()))}")
    if uncleaned := stage.not_cleaned_up():
        found.append(f"{len(uncleaned)} attempts were not cleaned up after: {min(uncleaned)}")
    return found


def _check_database(stage: Stage) -> list[str]:
    if "db" not in VERBS:
        return []
    try:
        stage.service.call("db", "check")
    except RuntimeError as error:
        return [f"powervm-ci db check: {error}"]
    return []


def _latest(stage: Stage, number: int) -> str:
    query = f"select id from buildsets where change_number = {number} order by created_at desc limit 1"  # noqa: S608
    rows = stage.rows(query)
    return str(rows[0]["id"]) if rows else ""
