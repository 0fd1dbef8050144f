"""Buildsets and builds: what runs for a change, in which state it is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ci.model.change import Ref
from ci.model.job import FrozenJob
from ci.model.node import Node
from ci.model.pipeline import Precedence

# The names of files: in an attempt's own folder, and in the one that is published.
SPEC_FILE = "spec.json"
TASK_EVENTS_FILE = "task-events.jsonl"
RESULT_FILE = "result.json"
HOLD_FILE = "hold"  # while it is there, an attempt that fails leaves its nodes as they are
CONSOLE_FILE = "job-output.txt"
MAX_TASK_EVENTS = 20_000


class Result(StrEnum):
    """Zuul's build results."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    TIMED_OUT = "TIMED_OUT"
    POST_FAILURE = "POST_FAILURE"
    RETRY_LIMIT = "RETRY_LIMIT"
    NODE_FAILURE = "NODE_FAILURE"
    MERGE_CONFLICT = "MERGE_CONFLICT"
    CANCELED = "CANCELED"
    SKIPPED = "SKIPPED"
    ERROR = "ERROR"


# The hardware or the CI failed, not the patch: never a vote.
INFRASTRUCTURE_RESULTS = frozenset({Result.RETRY_LIMIT, Result.NODE_FAILURE, Result.ERROR})
# The job has run: what its tests did says something about them.
CONCLUSIVE_RESULTS = frozenset({Result.SUCCESS, Result.FAILURE, Result.TIMED_OUT, Result.POST_FAILURE})


class Fault(StrEnum):
    """Why an attempt ended without a result; the first two are charged to the job's `attempts`, as in Zuul."""

    PRE_RUN = "pre-run"
    UNREACHABLE = "unreachable"
    LOST = "lost"  # its process is gone and left no result
    NODE = "node"  # the node's health check failed: it never started
    SOURCE = "source"  # a server or our own set-up kept the source away
    DISK = "disk"  # the state folder is full


class Phase(StrEnum):
    """The phases of a job, in the order in which they run."""

    PRE_RUN = "pre-run"
    RUN = "run"
    POST_RUN = "post-run"
    CLEANUP_RUN = "cleanup-run"


class BuildsetState(StrEnum):
    """running -> ended; a canceled buildset ends too, without a report."""

    RUNNING = "running"
    ENDED = "ended"


class BuildState(StrEnum):
    """waiting (for nodes) -> starting (nodes leased, source being prepared) -> running -> ended."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A failed test: full name, idempotent ID ("" where it has none) and the last line of its traceback."""

    name: str
    idempotent_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResultCounts:
    """How many tests of a run ended how."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class TestReport:
    """What the test results in a build's logs say: the first failed tests, and what is wrong with the results ("").

    `counts` is None where there are no test results at all. `unbegun`: tests were to run, and there is no trace of any;
    that is wrong only where the playbooks say that all went well.
    """

    failed_tests: tuple[FailedTest, ...] = ()
    counts: ResultCounts | None = None
    problem: str = ""
    unbegun: str = ""


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """How one attempt at a build ended, as its process wrote it down (`result.json`).

    `result` None asks for another attempt, and `fault` says why. `error` is one line
    that says what broke, "" after a success. `failed_tests` holds the first ones only; `counts` is None without tests.
    `is_held`: cleanup-run was left out, somebody wants to look at the nodes.
    `unreachable` are the nodes that were, by their names in the nodeset. Times in seconds since the epoch.
    """

    result: Result | None
    started_at: float
    ended_at: float
    error: str = ""
    failed_tests: tuple[FailedTest, ...] = ()
    counts: ResultCounts | None = None
    fault: Fault | None = None
    is_held: bool = False
    unreachable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process that can be told from a later one with the same pid: `start_time` in clock ticks since boot."""

    pid: int
    start_time: int


@dataclass(frozen=True, slots=True)
class PreparedProject:
    """A project's source, ready in the build's folder: `checkout` is the branch, `commit` what is to be tested.

    `required` by the job; `connection` is the Gerrit that it is of.
    """

    name: str
    canonical_hostname: str
    checkout: str
    commit: str
    required: bool = False
    connection: str = ""

    @property
    def canonical_name(self) -> str:
        return f"{self.canonical_hostname}/{self.name}"


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """Everything that a build's process needs; it is written to `SPEC_FILE` in the build's folder.

    `folder` is the build's own folder (removed some time after), `log_folder` the one that is published.
    `site` is the folder that the job's playbook paths are relative to. `nodes` are in the order of the nodeset.
    `zuul` holds the `zuul.*` variables but for `executor`, which the runner knows. `uncharged` of the attempts before
    this one do not count. What the build may use: `disk_limit_mib` for all that it writes here, `memory_limit_mib` for
    each of its processes here.
    """

    build_id: str
    attempt: int
    folder: str
    log_folder: str
    site: str
    job: FrozenJob
    nodes: tuple[Node, ...]
    private_key: str
    zuul: dict[str, Any] = field(default_factory=dict)
    uncharged: int = 0
    disk_limit_mib: int = 2048
    memory_limit_mib: int = 2048


@dataclass(frozen=True, slots=True)
class Build:
    """One job of a buildset, with its latest attempt. Times in seconds since the epoch, None while not yet.

    `uncharged` of the attempts were not the job's fault and do not count; `rounds` is how often all attempts were begun
    again, and since then `losses` ended with a lost process. A waiting build gets no node before `retry_at`.
    `machines` are those of the latest attempt. `logs_removed_at`: since then its logs are no longer there.
    `precedence` is its pipeline's. `site` is the commit of the site that its playbooks and lists are of, "" for the
    folder that the service was started with.
    """

    id: str
    buildset_id: str
    job: FrozenJob
    state: BuildState
    attempt: int = 1
    result: Result | None = None
    error: str = ""
    failed_tests: tuple[FailedTest, ...] = ()
    counts: ResultCounts | None = None
    process: ProcessIdentity | None = None
    cancel_reason: str | None = None
    created_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    uncharged: int = 0
    losses: int = 0
    rounds: int = 0
    retry_at: float = 0.0
    machines: tuple[str, ...] = ()
    logs_removed_at: float | None = None
    precedence: Precedence = Precedence.NORMAL
    site: str = ""


@dataclass(frozen=True, slots=True)
class Buildset:
    """What one event started for one change, or branch, in one pipeline: its builds and, once all ended, its result."""

    id: str
    pipeline: str
    change: Ref
    state: BuildsetState
    builds: tuple[Build, ...] = ()
    result: Result | None = None
    created_at: float = 0.0
    ended_at: float | None = None
