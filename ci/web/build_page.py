"""What the page of one build shows."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ci.model.build import CONSOLE_FILE, FailedTest, Result
from ci.model.change import Change
from ci.model.views import BuildView, FailureElsewhere, StepView
from ci.web.blame import blame
from ci.web.log_files import NoSuchFile, is_folder, list_folder, opened_below

if TYPE_CHECKING:
    from ci.web.sources import Sources

SHOWN_TASKS = 2_000
SHOWN_ATTEMPTS = 20
TAIL_LINES = 20
TAIL_BYTES = 16 * 1024
# Where a job leaves its tests' report, as OpenStack's jobs do.
REPORTS = frozenset({"testr_results.html", "testr_results.html.gz"})
# What ran and what did not, where a job has lists of tests.
TEST_LISTS = {"tests-run.txt": "Tests run", "tests-skipped.txt": "Tests skipped", "skip-list.json": "Skip lists"}
# What else a job has left for people at the top of its logs, by its own names.
NOTES = re.compile(r"[A-Za-z0-9][\w-]*(\.[\w-]+)*\.(diff|txt)", re.ASCII)
SHOWN_NOTES = 6
FAILED_STATUSES = frozenset({"failed", "unreachable"})


@dataclass(frozen=True, slots=True)
class LogLink:
    """A link to a log; `text` says which."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class TaskRow:
    """An Ansible task on one host."""

    phase: str
    name: str
    host: str
    status: str
    seconds: float | None
    message: str

    @property
    def failed(self) -> bool:
        return self.status in FAILED_STATUSES


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt at the build and its logs, where there are any."""

    number: int
    url: str


@dataclass(frozen=True, slots=True)
class TestRow:
    """A failed test, and the same failure on other changes."""

    test: FailedTest
    elsewhere: tuple[FailureElsewhere, ...]


@dataclass(frozen=True, slots=True)
class BuildPage:
    """Everything on the page of a build."""

    view: BuildView
    blame: str
    tests: tuple[TestRow, ...]
    logs: tuple[LogLink, ...]
    console_tail: tuple[str, ...]
    attempts: tuple[AttemptRow, ...]
    tasks: tuple[TaskRow, ...]
    tasks_cut: bool
    steps: tuple[StepView, ...]

    @property
    def failed_task(self) -> TaskRow | None:
        """The last failed task of the first phase with one: earlier ones were rescued, later phases only tidy up."""
        failed = [task for task in self.tasks if task.failed]
        return next((task for task in reversed(failed) if task.phase == failed[0].phase), None)


def build_page(sources: Sources, view: BuildView) -> BuildPage:
    """Gather the page of a build; reads the database and looks into its log folder."""
    build = view.build
    names = [test.name for test in build.failed_tests]
    elsewhere = sources.views.failures_elsewhere(view, names) if names else ()
    tasks = sources.views.task_events(build)
    return BuildPage(
        view=view,
        blame=blame(build, elsewhere) if isinstance(view.change, Change) else "",
        tests=tuple(
            TestRow(test, tuple(failure for failure in elsewhere if failure.test == test.name))
            for test in build.failed_tests
        ),
        logs=_log_links(sources, view),
        console_tail=() if names or build.result is Result.SUCCESS else _console_tail(sources, view),
        attempts=_attempts(sources, view),
        tasks=tuple(row for row in (_task_row(record) for record in tasks[-SHOWN_TASKS:]) if row),
        tasks_cut=len(tasks) > SHOWN_TASKS,
        steps=sources.views.steps(build.id),
    )


def _log_links(sources: Sources, view: BuildView) -> tuple[LogLink, ...]:
    folder = sources.log_folder(view, view.build)
    top = _entries(sources, folder)
    if top is None:
        return ()
    url = sources.logs_url(folder)
    links = []
    if ("file", CONSOLE_FILE) in top:
        links.append(LogLink("Console log", url + CONSOLE_FILE))
    links.append(LogLink("All logs", url))
    below = [Path(), *[Path(name) for kind, name in sorted(top) if kind == "folder"][:20]]
    for place in below:
        found = top if place == Path() else _entries(sources, folder / place) or set()
        links += [
            LogLink("Test report", sources.logs_url(folder / place) + name)
            for kind, name in sorted(found)
            if kind == "file" and name in REPORTS
        ]
    links += [LogLink(text, url + name) for name, text in TEST_LISTS.items() if ("file", name) in top]
    known = {CONSOLE_FILE, *TEST_LISTS}
    notes = [name for kind, name in sorted(top) if kind == "file" and name not in known and NOTES.fullmatch(name)]
    links += [LogLink(name, url + name) for name in notes[:SHOWN_NOTES]]
    return tuple(links)


def _console_tail(sources: Sources, view: BuildView) -> tuple[str, ...]:
    """Return the last lines of the console log, for a build whose failed tests do not say what broke."""
    names = [os.fsencode(part) for part in sources.log_folder(view, view.build).parts]
    try:
        with opened_below(sources.folders.logs, [*names, CONSOLE_FILE.encode()]) as console:
            start = max(0, os.fstat(console).st_size - TAIL_BYTES)
            lines = os.pread(console, TAIL_BYTES, start).decode("utf-8", "replace").splitlines()
    except (NoSuchFile, OSError):  # OSError: it is a folder
        return ()
    return tuple(lines[1 if start else 0 :][-TAIL_LINES:])


def _attempts(sources: Sources, view: BuildView) -> tuple[AttemptRow, ...]:
    rows = []
    for number in range(max(1, view.build.attempt - SHOWN_ATTEMPTS + 1), view.build.attempt + 1):
        folder = sources.log_folder(view, replace(view.build, attempt=number))
        there = _entries(sources, folder) is not None
        rows.append(AttemptRow(number, sources.logs_url(folder) if there else ""))
    return tuple(rows)


def _entries(sources: Sources, folder: Path) -> set[tuple[str, str]] | None:
    """Return kind and name of what is in a log folder, None when there is no such folder."""
    try:
        with opened_below(sources.folders.logs, [os.fsencode(part) for part in folder.parts]) as fd:
            return {(entry.kind, entry.name) for entry in list_folder(fd)[0]} if is_folder(fd) else None
    except NoSuchFile:
        return None


def _task_row(record: str) -> TaskRow | None:
    """Read one task event; None for a record that is no task's end (it was written beside a hostile node)."""
    try:
        fields = json.loads(record)
    except ValueError:
        return None
    if not isinstance(fields, dict) or "task" not in fields or "status" not in fields:
        return None
    role, seconds = str(fields.get("role") or ""), fields.get("seconds")
    task = str(fields["task"])
    return TaskRow(
        phase=str(fields.get("phase") or ""),
        name=f"{role} : {task}" if role else task,
        host=str(fields.get("host") or ""),
        status=str(fields["status"]),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        message=str(fields.get("message") or ""),
    )
