"""One run of tempest in a workspace, from the list of tests to a verdict that an exit status cannot give."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from ansible.module_utils.cloud import processes
from ansible.module_utils.tempest_run import stestr
from ansible.module_utils.tempest_run.selection import Selection, common_package, select

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN_FAILURES = 20


class TempestError(RuntimeError):
    """The tests did not all pass, or it cannot be told; the message says which."""


class TempestRun:
    """Tempest in the folder `tempest` of a workspace; what it publishes lies in `results` there."""

    def __init__(self, workspace: str, reader: str) -> None:
        """Take a workspace with a deployment.json, and the text of the program that reads a result stream."""
        with open(os.path.join(workspace, "deployment.json"), encoding="utf-8") as stream:
            handed = json.load(stream)
        self.workspace, self.folder = workspace, os.path.join(workspace, "tempest")
        self.results = os.path.join(workspace, "results")
        self.programs, self.configuration = handed["programs"], handed["tempest_conf"]
        self.known_tests = handed.get("tests")
        self._reader = reader

    def choose(self, regex: str, include: str | None, excludes: Mapping[str, str]) -> Selection:
        """Decide which tests run and publish both lists; raises TempestError when none is left."""
        os.makedirs(os.path.join(self.folder, "etc"), exist_ok=True)
        os.makedirs(self.results, exist_ok=True)
        shutil.copyfile(self.configuration, os.path.join(self.folder, "etc", "tempest.conf"))
        chosen = select(self._all_tests(), regex, include, excludes)
        self._publish("tests-run.txt", chosen.run)
        self._publish("tests-skipped.txt", chosen.skipped)
        if not chosen.run:
            raise TempestError(f"no test is left to run ({len(chosen.skipped)} skipped by the exclude lists)")
        return chosen

    def run(self, tests: list[str], concurrency: int, test_timeout_seconds: int) -> dict[str, Any]:
        """Run the chosen tests and return what became of them; raises TempestError when that is not success."""
        stestr.configure(self.folder, self.programs, common_package(tests))
        variables = self._environment() | {"OS_TEST_TIMEOUT": str(test_timeout_seconds)}
        console = os.path.join(self.results, "tempest-console.txt")
        argv = [os.path.join(self.programs, "tempest"), "run", "--concurrency", str(concurrency)]
        argv += ["--load-list", os.path.join(self.results, "tests-run.txt")]
        with open(console, "ab") as output:
            status = subprocess.call(
                argv, cwd=self.folder, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        summary = self._summary(variables)
        summary["console"] = processes.tail(console, 40).splitlines()
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
        recorded = os.path.join(self.folder, ".stestr", "0")
        if not os.path.exists(recorded) or not os.path.getsize(recorded):
            return {"empty": True}
        argv = [
            os.path.join(self.programs, "python"),
            "-",
            recorded,
            stream,
            os.path.join(self.results, "testr_results.html"),
        ]
        done = subprocess.run(argv, input=self._reader, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TempestError(f"the result stream cannot be read:\n{done.stderr[-2000:]}")
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def _publish(self, name: str, tests: list[str]) -> None:
        with open(os.path.join(self.results, name), "w", encoding="utf-8") as stream:
            stream.writelines(f"{test}\n" for test in tests)


def _judge(tests: list[str], summary: dict[str, Any], status: int, end: str) -> None:
    if summary.get("empty"):
        raise TempestError(f"tempest recorded no result at all (exit status {status}); its last lines:\n{end}")
    if summary["failed"]:
        shown = summary["failed"][:SHOWN_FAILURES]
        more = len(summary["failed"]) - len(shown)
        listed = "\n".join(shown) + (f"\n... and {more} more" if more else "")
        raise TempestError(f"{len(summary['failed'])} of {len(tests)} tests failed:\n{listed}")
    missing = unreported(tests, summary)
    if missing:
        raise TempestError(f"the results are cut: {len(missing)} tests did not end, first {missing[0]}")
    if not summary["passed"] and not summary["skipped"]:
        raise TempestError("not one test ran")
    if status:
        raise TempestError(f"no test failed, but tempest ended with exit status {status}; its last lines:\n{end}")


def unreported(tests: list[str], summary: dict[str, Any]) -> list[str]:
    """Return the tests that the stream does not tell the end of.

    A class whose set-up failed or skipped reports that once and none of its tests.
    """
    ended, classes = set(summary["ended"]), set(summary["set_up"])
    return [test for test in tests if test not in ended and test.partition("[")[0].rpartition(".")[0] not in classes]
