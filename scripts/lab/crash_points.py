"""Named points at which the service under test can be killed; the product itself knows nothing of them.

Every commit of the database, every call to Gerrit, to a build's process and to git is a point, before and after. They
are found by wrapping what is there, not by a list: a commit that is new in the product is a point at once.
"""

import functools
import importlib
import inspect
import json
import os
import pkgutil
import signal
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Self

PLAN_VARIABLE = "CRASH_PLAN"
ANSWERED_SECONDS = 2.0
QUIET_STATEMENTS = ("select", "pragma", "begin", "explain", "rollback", "attach", "savepoint", "release")
# Adapters by the word that their points begin with; a module that is not there yet has none.
ADAPTERS = {
    "ci.gerrit.adapter": "gerrit",
    "ci.ansible.process": "runner",
    "ci.git.sources": "sources",
    "ci.git.site_repository": "site",
}
STEPPED = {"ci.services.janitor": "janitor", "ci.services.catch_up": "catch_up"}
QUIET_CALLS = frozenset({"name", "user", "close", "events"})


@dataclass(frozen=True)
class Plan:
    """What one life of the service is for: where it writes the points it passes, and at which of them it is killed.

    `hit` counts from 1, once the file `armed` exists. `light` puts a tiny process in the place of Ansible; `plant`
    names an error to plant, so that whoever looks for errors can be tested.
    """

    hits: str
    point: str = ""
    hit: int = 1
    armed: str = ""
    light: bool = True
    plant: str = ""

    def to_environment(self) -> dict[str, str]:
        return {PLAN_VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def from_environment(cls) -> Self:
        return cls(**json.loads(os.environ[PLAN_VARIABLE]))


@dataclass
class Points:
    """Passes each point on to the file of hits, and ends the process at the one of the plan."""

    plan: Plan
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._file = os.open(self.plan.hits, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def pass_by(self, name: str) -> None:
        """Write down that a point was passed; what is written stays, also after SIGKILL."""
        with self._lock:
            if not self._is_armed():
                os.write(self._file, f"{name}\n".encode())
                return
            self._counts[name] += 1
            if name == self.plan.point and self._counts[name] == self.plan.hit:
                os.write(self._file, f"!{name}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)
            os.write(self._file, f"{name}\n".encode())

    def aims_at(self, name: str) -> bool:
        """Whether the plan is to kill at this point: some points take time to be reached."""
        return self.plan.point == name and self._is_armed()

    def _is_armed(self) -> bool:
        return not self.plan.armed or os.path.exists(self.plan.armed)  # noqa: PTH110 - at every commit


def install(points: Points) -> None:
    """Wrap everything; call it before the service is built, and after nothing but imports."""
    _watch_commits(points)
    for module, word in ADAPTERS.items():
        for kind in _classes(module):
            _watch_calls(points, kind, word)
    for module, word in STEPPED.items():
        for kind in _classes(module):
            _watch_calls(points, kind, word)
    _watch_stream(points)
    _watch_wire(points)
    _watch_spawn(points)


# --- the database


def _watch_commits(points: Points) -> None:
    """Have every connection to a database tell of its commits, whether by `commit` or of one statement alone."""
    connect = sqlite3.connect

    class Watched(sqlite3.Connection):
        def commit(self) -> None:
            if not self.in_transaction:
                super().commit()
                return
            name = _place(sys._getframe(1))  # noqa: SLF001
            points.pass_by(f"{name}:before")
            super().commit()
            points.pass_by(f"{name}:after")

        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            words = _first_word(sql)
            commits = words == "commit" or (not self.in_transaction and words not in QUIET_STATEMENTS)
            if not commits:
                return super().execute(sql, *arguments)
            name = _place(sys._getframe(1))  # noqa: SLF001
            points.pass_by(f"{name}:before")
            cursor = super().execute(sql, *arguments)
            points.pass_by(f"{name}:after")
            return cursor

    def watched(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **{"factory": Watched, **options})
        return connection

    sqlite3.connect = watched  # type: ignore[assignment]


def _first_word(sql: str) -> str:
    lines = (line.strip() for line in sql.splitlines())
    text = next((line for line in lines if line and not line.startswith("--")), "")
    return text.split(None, 1)[0].lower().rstrip(";") if text else "select"


def _place(frame: FrameType | None) -> str:
    """Name a commit by the first function of the product above the database: a table's method, or a service's."""
    while frame is not None:
        file = frame.f_code.co_filename
        if f"{os.sep}ci{os.sep}" in file and not file.endswith("database.py"):
            return _named(frame.f_code.co_qualname)
        frame = frame.f_back
    return "database"


def _named(qualname: str) -> str:
    """Turn `ReviewTable.claim` into `outbox.claim`, the name it has in `ci.ports.Store`."""
    kind, _, method = qualname.replace(".<locals>", "").replace("<lambda>", "step").rpartition(".")
    return f"{_store_names().get(kind, kind.lower())}.{method}".lstrip(".")


@functools.cache
def _store_names() -> dict[str, str]:
    source = inspect.getsource(importlib.import_module("ci.store.store").SqliteStore.__init__)
    names = {}
    for line in source.splitlines():
        left, equals, right = line.strip().partition(" = ")
        if equals and left.startswith("self."):
            names[right.partition("(")[0]] = left.removeprefix("self.")
    return names


# --- calls to the outside


_call = threading.local()


def _classes(module: str) -> list[type]:
    found = _module(module)
    if found is None:
        return []
    return [kind for kind in vars(found).values() if inspect.isclass(kind) and kind.__module__ == module]


def _module(name: str) -> ModuleType | None:
    package, _, last = name.rpartition(".")
    there = {one.name for one in pkgutil.iter_modules(importlib.import_module(package).__path__)}
    return importlib.import_module(name) if last in there else None


def _watch_calls(points: Points, kind: type, word: str) -> None:
    for name, method in list(vars(kind).items()):
        if inspect.isfunction(method) and not name.startswith("_") and name not in QUIET_CALLS:
            setattr(kind, name, _watched(points, method, f"{word}.{name}"))


def _watched(points: Points, method: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*arguments: Any, **options: Any) -> Any:
        before, _call.name = getattr(_call, "name", ""), name
        try:
            points.pass_by(f"{name}:before")
            answer = method(*arguments, **options)
            points.pass_by(f"{name}:after")
            return answer
        finally:
            _call.name = before

    return call


def _watch_stream(points: Points) -> None:
    """Stop between the stream and whoever keeps its events, before and after each batch."""
    adapter = importlib.import_module("ci.gerrit.adapter").SshGerrit
    events = adapter.events

    @functools.wraps(events)
    def watched(self: object, stop: threading.Event) -> Iterator[Sequence[object]]:
        for batch in events(self, stop):
            point = "gerrit.events" if batch else "gerrit.subscribed"
            points.pass_by(f"{point}:before")
            yield batch
            points.pass_by(f"{point}:after")

    adapter.events = watched


def _watch_wire(points: Points) -> None:
    """Stop between a command and its answer: right after it was sent, and once Gerrit has carried it out."""
    connection = importlib.import_module("ci.gerrit.connection")
    send = connection._send  # noqa: SLF001

    @functools.wraps(send)
    def watched(channel: Any, *arguments: Any) -> None:
        send(channel, *arguments)
        name = getattr(_call, "name", "") or "gerrit"
        points.pass_by(f"{name}:sent")
        if points.aims_at(f"{name}:carried-out"):
            channel.status_event.wait(ANSWERED_SECONDS)
        points.pass_by(f"{name}:carried-out")

    connection._send = watched  # type: ignore[attr-defined]  # noqa: SLF001


def _watch_spawn(points: Points) -> None:
    """Stop between the start of a build's process and its being written down anywhere; put a tiny one in its place."""
    spawn = os.posix_spawn
    light = Path(__file__).with_name("crash_build.py")

    def watched(program: str, arguments: Sequence[str], *rest: Any, **options: Any) -> int:
        words = list(arguments)
        if points.plan.light and "ci.ansible.build_process" in words:
            place = words.index("ci.ansible.build_process")
            words[place - 1 : place + 1] = ["-S", str(light)]
        pid = spawn(program, words, *rest, **options)
        points.pass_by(f"{getattr(_call, 'name', '') or 'runner'}:spawned")
        return pid

    os.posix_spawn = watched  # type: ignore[assignment]
