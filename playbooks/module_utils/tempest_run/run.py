"""One run of tempest in a workspace, from the list of tests to a verdict that an exit status cannot give."""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.cloud import once, processes
from ansible.module_utils.deployment import verdict
from ansible.module_utils.tempest_run import stestr
from ansible.module_utils.tempest_run.selection import Selection, common_package, select

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN_FAILURES = 20
SHOWN_STALE = 50
# With less left on the node's disk a failure is the CI's fault, as one of stack.sh is.
ROOM_BYTES = 64 << 20
UNENDED = "tempest did not come to its end"
LOST = "tempest was ended from outside: the node restarted, or somebody killed it"


class TestsFailed(RuntimeError):
    """Tests failed in a run that is whole; the message names them."""


class TempestError(RuntimeError):
    """There is no whole run to judge the patch by; the message says why."""


@dataclass(frozen=True)
class Reader:
    """The program that reads a result stream: its text, that of what it hides with, and what that is to hide."""

    program: str
    scrubber: str
    domains: list[str]
    networks: list[str]


class TempestRun:
    """Tempest in the folder `tempest` of a workspace; what it publishes lies in `results` there."""

    def __init__(self, workspace: str, reader: Reader, task: str) -> None:
        """Take a workspace with a deployment.json, what reads a result stream, and the task.

        For one `task` tempest runs once, however often that is begun.
        """
        with open(os.path.join(workspace, "deployment.json"), encoding="utf-8") as stream:
            handed = json.load(stream)
        self.workspace, self.folder = workspace, os.path.join(workspace, "tempest")
        self.results = os.path.join(workspace, "results")
        self.programs, self.configuration = handed["programs"], handed["tempest_conf"]
        self.known_tests = handed.get("tests")
        self._reader, self._task = reader, task
        self._stale: list[str] = []
        if not once.has_begun(workspace, task):
            shutil.rmtree(self.folder, ignore_errors=True)  # of an attempt that nobody has cleaned up after
        os.makedirs(os.path.join(self.folder, "etc"), exist_ok=True)
        os.makedirs(self.results, exist_ok=True)
        self.tell(UNENDED)

    def tell(self, problem: str) -> None:
        """Publish what keeps the run from being one ("" for nothing), and which tests of the lists there are not."""
        told = json.dumps({"problem": problem, "stale": self._stale}, indent=1)
        self._publish("tempest-run.json", [told])

    def choose(self, plan: Mapping[str, Any]) -> Selection:
        """Decide which tests run and publish both lists; raises TempestError when none is left."""
        shutil.copyfile(self.configuration, os.path.join(self.folder, "etc", "tempest.conf"))
        chosen = select(self._all_tests(), plan)
        self._stale = chosen.stale
        self._publish("tests-run.txt", chosen.run)
        self._publish("tests-skipped.txt", [f"{test}  # {reason}" for test, reason in chosen.skipped.items()])
        self.tell(UNENDED)
        if not chosen.run:
            raise TempestError(f"no test is left to run ({len(chosen.skipped)} skipped by the exclude lists)")
        return chosen

    def run(self, tests: list[str], concurrency: int, test_timeout_seconds: int) -> dict[str, Any]:
        """Run the chosen tests and return what became of them; raises TestsFailed or TempestError."""
        stestr.configure(self.folder, self.programs, common_package(tests))
        variables = self._environment() | {"OS_TEST_TIMEOUT": str(test_timeout_seconds)}
        console = os.path.join(self.results, "tempest-console.txt")
        argv = [os.path.join(self.programs, "tempest"), "run", "--concurrency", str(concurrency)]
        argv += ["--load-list", os.path.join(self.results, "tests-run.txt")]
        lost = ""
        try:
            command = once.Command("tempest", argv, variables, console, self.folder, self._task)
            status = once.run(self.workspace, command)
        except once.LostError:
            status, lost = -1, LOST
        is_full = processes.room_bytes(self.workspace) < ROOM_BYTES
        if is_full:
            verdict.release(self.workspace)
        summary = self._summary(variables)
        summary["console"] = processes.tail(console, 40).splitlines()
        if lost:
            raise TempestError(lost)
        if status and is_full:
            raise TempestError(f"the node's disk is full ({self.workspace}): no test fails for its own reasons then")
        _judge(tests, summary, status, processes.tail(console, 15))
        return summary

    def _all_tests(self) -> list[str]:
        if self.known_tests and os.path.exists(self.known_tests):
            with open(self.known_tests, encoding="utf-8") as stream:
                return stream.read().splitlines()
        stestr.configure(self.folder, self.programs)
        self._stestr("init")  # listing, too, wants a repository of results
        done = self._stestr("list")
        if done.returncode:
            raise TempestError(f"tempest's tests cannot be listed:\n{(done.stdout + done.stderr)[-2000:]}")
        return [line for line in done.stdout.splitlines() if line]

    def _stestr(self, verb: str) -> subprocess.CompletedProcess[str]:
        argv = [os.path.join(self.programs, "stestr"), verb]
        return subprocess.run(
            argv, cwd=self.folder, env=self._environment(), capture_output=True, text=True, check=False
        )

    def _environment(self) -> dict[str, str]:
        cleaned = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return cleaned | {"PATH": f"{self.programs}:{os.environ.get('PATH', '/usr/bin:/bin')}", "LC_ALL": "C.UTF-8"}

    def _summary(self, variables: dict[str, str]) -> dict[str, Any]:
        stream = os.path.join(self.results, "testrepository.subunit")
        recorded, is_whole = self._recorded()
        if recorded is None:
            return {"empty": True}
        argv = [os.path.join(self.programs, "python"), self._reading_program(), recorded, stream]
        argv += [os.path.join(self.results, "testr_results.html"), self._rules()]
        done = subprocess.run(argv, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TempestError(f"the result stream cannot be read:\n{done.stderr[-2000:]}")
        return {**json.loads(done.stdout.splitlines()[-1]), "is_whole": is_whole}

    def _reading_program(self) -> str:
        folder = os.path.join(self.folder, "reader")
        os.makedirs(folder, exist_ok=True)
        for name, text in (("scrub.py", self._reader.scrubber), ("read_stream.py", self._reader.program)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
                stream.write(text)
        return os.path.join(folder, "read_stream.py")

    def _rules(self) -> str:
        rules = {"domains": self._reader.domains, "networks": self._reader.networks}
        return json.dumps({**rules, "configurations": [self.configuration]})

    def _recorded(self) -> tuple[str | None, bool]:
        """Return what stestr has recorded, and whether it did so to the end: until then the file has another name."""
        kept = os.path.join(self.folder, ".stestr")
        whole = os.path.join(kept, "0")
        for path in (whole, *sorted(glob.glob(os.path.join(glob.escape(kept), "tmp*")), key=os.path.getsize)[-1:]):
            if os.path.exists(path) and os.path.getsize(path):
                return path, path == whole
        return None, False

    def _publish(self, name: str, lines: list[str]) -> None:
        path = os.path.join(self.results, name)
        with open(path + ".new", "w", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)
        os.replace(path + ".new", path)


def _judge(tests: list[str], summary: dict[str, Any], status: int, end: str) -> None:
    """Raise what there is to say; whether the run is whole comes first, as failures in a cut one may have its cause."""
    if summary.get("empty"):
        raise TempestError(f"tempest recorded no result at all (exit status {status}); its last lines:\n{end}")
    missing = unreported(tests, summary)
    if missing or not summary["is_whole"]:
        first = f", first {missing[0].partition('[')[0]}" if missing else ""
        raise TempestError(f"the results are cut: {len(missing)} of {len(tests)} tests did not end{first}")
    if summary["failed"]:
        shown = summary["failed"][:SHOWN_FAILURES]
        more = len(summary["failed"]) - len(shown)
        listed = "\n".join(shown) + (f"\n... and {more} more" if more else "")
        raise TestsFailed(f"{len(summary['failed'])} of {len(tests)} tests failed\n{listed}")
    if not summary["passed"]:
        raise TempestError("not one test passed: all were skipped")
    if status:
        raise TempestError(f"no test failed, but tempest ended with exit status {status}; its last lines:\n{end}")


def unreported(tests: list[str], summary: dict[str, Any]) -> list[str]:
    """Return the tests that the stream does not tell the end of.

    A class whose set-up failed or skipped reports that once and none of its tests; so does a module.
    """
    ended, told = set(summary["ended"]), set(summary["set_up"])
    return [test for test in tests if test not in ended and told.isdisjoint(_places(test))]


def _places(test: str) -> tuple[str, str]:
    """Return the class of a test and its module."""
    class_name = re.split(r"[\[(]", test, maxsplit=1)[0].rpartition(".")[0]
    return class_name, class_name.rpartition(".")[0]
