"""What the crash tests run on: a real Gerrit, nodes, a developer's flow, and lives of the service one after another."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ci import ssh_sockets

from .crash_flow import DEVELOPER, Flow
from .crash_points import Plan
from .gerrit import Gerrit
from .service import Service
from .site import CI_NAME, CI_USER
from .sshd_node import SshdNode, free_port
from .tcp_proxy import TcpProxy
from .trivial_site import write_trivial_site

PROJECT = "openstack/nova"
ADDRESSES = ("127.0.0.2", "127.0.0.3")
SLOTS = 4
SCRIPTS = Path(__file__).resolve().parents[1]
MIN_FREE_MIB = 4  # builds are taken until the small disk is all but full
LISTENING_SECONDS = 30.0
BUILD_MARKER = b"CI_BUILD_FOLDER="
CLEANUP = """\
- hosts: localhost
  gather_facts: false
  tasks: []
"""

Say = Callable[[str], None]


class CrashError(RuntimeError):
    """The harness cannot go on; the message says why in one line."""


@dataclass(frozen=True)
class DueReview:
    """A review in the outbox that is not written down as posted."""

    buildset: str
    number: int
    state: str


@dataclass
class Stage:
    """All that runs; `proxy` stands between the service and Gerrit."""

    folder: Path
    gerrit: Gerrit
    proxy: TcpProxy
    service: Service
    flow: Flow
    say: Say
    light: bool = True
    plant: str = ""
    process: subprocess.Popen[bytes] | None = None
    passed: Counter[str] = field(default_factory=Counter)
    lives: int = 0
    _killed_builds: set[str] = field(default_factory=set)

    @property
    def armed(self) -> Path:
        """The file that lets the point of the plan kill."""
        return self.folder / "armed"

    @property
    def _hits(self) -> Path:
        return self.folder / "hits"

    def start(self, point: str = "", hit: int = 1, *, armed: bool = True) -> float:
        """Begin a life of the service that ends at the `hit`th time it comes to a point; returns when it began."""
        if self.process is not None:
            raise CrashError("the life before has not ended")
        self.armed.unlink(missing_ok=True)
        self._hits.unlink(missing_ok=True)
        if armed:
            self.armed.touch()
        plan = Plan(str(self._hits), point, hit, str(self.armed), self.light, self.plant)
        argv = [sys.executable, "-m", "lab.crash_service", *self.service.command("serve")[3:]]
        environment = {**os.environ, "PYTHONPATH": f"{SCRIPTS}{os.pathsep}{SCRIPTS.parent}", **plan.to_environment()}
        self.service.state.mkdir(parents=True, exist_ok=True)
        self.lives += 1
        began = time.monotonic()
        with self.service.log.open("ab") as log:
            log.write(f"--- life {self.lives}: {point or 'no point'} hit {hit}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        return began

    def wait(self, seconds: float) -> bool:
        """Wait for the end of this life; returns whether it came. Raises CrashError when it was no kill."""
        process = self._living()
        with suppress(subprocess.TimeoutExpired):
            status = process.wait(seconds)
            self._bury()
            if status != -signal.SIGKILL:
                raise CrashError(f"the service ended by itself with status {status}: {self.last_log()}")
            return True
        return False

    def wait_until_listening(self) -> bool:
        """Wait until the service hears Gerrit's stream, on a busy machine too; returns whether it has died before."""
        deadline = time.monotonic() + LISTENING_SECONDS
        while time.monotonic() < deadline:
            if self.wait(0.02):
                return True
            if self._hits.exists() and b"gerrit.subscribed:after" in self._hits.read_bytes():
                break
        return False

    def kill(self) -> None:
        """End this life now, as a crash does."""
        process = self._living()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self._bury()

    def end(self) -> None:
        """End this life as an operator does; raises CrashError when it does not end well."""
        process = self._living()
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise CrashError("the service does not stop") from None
        self._bury()
        if status:
            raise CrashError(f"the service stopped with status {status}: {self.last_log()}")

    def complaints(self) -> dict[str, int]:
        """Return how often the service has warned of what, by the action of the log line."""
        lines = self.service.log.read_text(encoding="utf-8", errors="replace").splitlines()
        found = (re.search(r"level='(?:warning|error)' action='([^']+)'", line) for line in lines)
        return dict(Counter(match[1] for match in found if match).most_common())

    def last_log(self) -> str:
        lines = self.service.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else "no log"

    def close(self) -> None:
        """Kill whatever of all this still runs."""
        if self.process is not None:
            self.kill()
        for pid in [*self.build_processes().values(), *self.ssh_masters()]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ssh_sockets.close_stale()  # a service that was killed leaves them to the next one

    # --- what is there now

    def rows(self, query: str) -> list[sqlite3.Row]:
        """Ask the database, without writing to it."""
        path = self.service.state / "ci.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []  # killed before its first migration
                raise

    def due_reviews(self) -> list[DueReview]:
        """Return the reviews that the dead service had not written down as posted."""
        query = """select buildset_id, json_extract(record, '$.number') as number, state from reviews
                   where state in ('pending', 'sending')"""
        return [DueReview(row["buildset_id"], row["number"], row["state"]) for row in self.rows(query)]

    def build_processes(self) -> dict[str, int]:
        """Return the processes of builds of this state folder: pids by build folder (the oldest of each)."""
        found: dict[str, int] = {}
        wanted = BUILD_MARKER + str(self.service.state).encode()
        for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):  # noqa: PTH208
            with suppress(OSError):
                for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    if entry.startswith(wanted):
                        found.setdefault(os.fsdecode(entry.removeprefix(BUILD_MARKER)), pid)
        return found

    def ssh_masters(self) -> list[int]:
        """Return the shared ssh connections to this Gerrit that git commands of the service have left open."""
        found = []
        for name in os.listdir("/proc"):  # noqa: PTH208
            with suppress(OSError):
                if name.isdigit() and Path(f"/proc/{name}/cmdline").read_bytes().startswith(b"ssh"):
                    environment = Path(f"/proc/{name}/environ").read_bytes()
                    if b"GIT_SSH" in environment and os.fsencode(self.folder) in environment:
                        found.append(int(name))
        return found

    def not_cleaned_up(self) -> set[str]:
        """Return the attempts (`build/attempt`) that have used a node and were not cleaned up after (light ones)."""
        names = [self.service.site / name for name in ("begun", "cleaned")]
        begun, cleaned = (set(path.read_text("ascii").split()) if path.exists() else set() for path in names)
        return begun - cleaned

    def kill_a_build(self) -> str:
        """Kill the process of one build, each at most once (a second loss ends it); returns its id, "" for none."""
        for folder, pid in self.build_processes().items():
            build = Path(folder).parent.name
            if build not in self._killed_builds:
                self._killed_builds.add(build)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                return build
        return ""

    def story(self, buildset: str) -> list[str]:
        """Return the steps of a buildset, its builds and reviews, oldest first."""
        if not re.fullmatch(r"[0-9a-f]{32}", buildset):
            return []
        query = f"""select at, noun, noun_id, from_state, to_state, reason from transitions where noun_id in (
            select '{buildset}' union select id from builds where buildset_id = '{buildset}'
            union select cast(id as text) from reviews where buildset_id = '{buildset}') order by id"""  # noqa: S608
        rows = self.rows(query)
        return [
            f"{time.strftime('%H:%M:%S', time.gmtime(row['at']))}.{int(row['at'] % 1 * 1000):03} {row['noun']}"
            f" {row['noun_id'][:10]}: {row['from_state']} -> {row['to_state']} {row['reason']}"
            for row in rows
        ]

    def _living(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            raise CrashError("the service does not run")
        return self.process

    def _bury(self) -> None:
        """Count the points that this life has passed."""
        self.process = None
        with suppress(FileNotFoundError):
            lines = self._hits.read_text(encoding="utf-8").splitlines()
            self.passed.update(line.removeprefix("!") for line in lines)


@contextmanager
def stage(
    say: Say, seed: int, *, gerrit: Gerrit | None = None, state: Path | None = None, light: bool = True
) -> Iterator[Stage]:
    """Bring everything up below a fresh folder (`gerrit`: one that runs already), and in the end stop and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="powervm-ci-crash-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if gerrit is None:
            gerrit = stack.enter_context(make_gerrit(folder / "gerrit", say))
        nodes = stack.enter_context(SshdNode(folder / "nodes", ADDRESSES))
        proxy = stack.enter_context(TcpProxy(gerrit.ssh_port))
        site = write_trivial_site(
            folder / "site", gerrit, gerrit.key(CI_USER), nodes, port=free_port(("127.0.0.1",)), slots=SLOTS
        )
        _add_cleanup(site.folder)
        _put_between(site.folder / "zuul.conf", gerrit, proxy, folder / "known_hosts")
        mail = f"{DEVELOPER}@example.org"
        repository = gerrit.repository(PROJECT, folder / "developer", DEVELOPER, "A Developer", mail).clone()
        service = Service(site.folder, state or folder / "state", port=site.port)
        service.log = folder / "serve.log"
        running = Stage(folder, gerrit, proxy, service, Flow(gerrit, repository, seed), say, light)
        stack.callback(running.close)
        yield running


@contextmanager
def make_gerrit(folder: Path, say: Say) -> Iterator[Gerrit]:
    """Run a Gerrit with the project, the CI's account and a developer."""
    # A Gerrit that is killed forgets what its index has not written down; the flow could not judge by that.
    settings = {f"index.{name}.commitWithin": "0" for name in ("changes_open", "changes_closed")}
    with Gerrit(folder, say=say, settings=settings) as gerrit:
        gerrit.rest.create_project(PROJECT)
        gerrit.create_ci_account(CI_USER, CI_NAME, "powervm-ci@example.org")
        gerrit.create_account(DEVELOPER, "A Developer", "developer@example.org")
        yield gerrit


def _add_cleanup(site: Path) -> None:
    """Give the jobs a cleanup-run, so that it can be seen to happen."""
    language = site / "jobs" / "zuul.d" / "lab.yaml"
    text = language.read_text(encoding="utf-8").replace(
        "timeout: 300", "cleanup-run: playbooks/cleanup.yaml\n    timeout: 300"
    )
    language.write_text(text, encoding="utf-8")
    (site / "playbooks" / "cleanup.yaml").write_text(CLEANUP, encoding="utf-8")


def _put_between(conf: Path, gerrit: Gerrit, proxy: TcpProxy, known_hosts: Path) -> None:
    """Have the service go through the proxy, which shows Gerrit's host key at a port of its own."""
    known_hosts.write_text(
        gerrit.known_hosts_line().replace(str(gerrit.ssh_port), str(proxy.port), 1), encoding="ascii"
    )
    text = f"{conf.read_text(encoding='utf-8')}min_free_mib={MIN_FREE_MIB}\n".replace(
        f"port={gerrit.ssh_port}", f"port={proxy.port}"
    )
    conf.write_text(text.replace(str(gerrit.known_hosts), str(known_hosts)), encoding="utf-8")
