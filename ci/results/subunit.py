"""Reads subunit streams as they come from a node: whole, cut short, or made up to hurt."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

MAX_GARBAGE_BYTES = 1 << 20
MAX_DETAIL_BYTES = 32 * 1024
MAX_TOTAL_DETAIL_BYTES = 64 << 20
MAX_TESTS = 200_000
MAX_ID = 1000
_DIGEST = 16
_MOST_IDS = 20
PASSED = frozenset({"success", "xfail"})
UNFINISHED = "inprogress"

# Any tag may be the one with the id, and its digits need not make a UUID of any known kind.
_IDEMPOTENT_ID = re.compile(r"(?:\[|,)id-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=[,\]])")
# As skip lists have it: tags stand behind the name, a scenario behind them.
_TAGS = re.compile(r"\[[^\[\]\s]*+\]")
_DETAILS = ("traceback", "reason")
_FINAL = frozenset({"success", "fail", "skip", "xfail", "uxsuccess"})
_PARSER = "subunit.parser"


def idempotent_ids(test_id: str) -> frozenset[str]:
    """Return the idempotent IDs in the tags of a test's full id."""
    return frozenset(_IDEMPOTENT_ID.findall(test_id))


def name_of(test_id: str) -> str:
    """Return a test's full name, without its tags: each scenario of a test, `test_x[id-UUID](ipv6)`, has its own."""
    name, count = _TAGS.subn("", test_id, count=1) if "[" in test_id else (test_id, 1)
    return name if count else name.partition("[")[0]


def bounded_id(test_id: str) -> str:
    """Return a test's full id; of one that is too long the beginning, a digest of the whole, and its idempotent IDs.

    What is left is still told from other tests, and found by the IDs of skip lists.
    """
    if len(test_id) <= MAX_ID:
        return test_id
    digest = hashlib.sha256(test_id.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    tags = ",".join(f"id-{one}" for one in sorted(idempotent_ids(test_id))[:_MOST_IDS])
    tail = f"...{digest}" + (f"[{tags}]" if tags else "")
    return name_of(test_id)[: MAX_ID - len(tail)] + tail


@dataclass(slots=True)
class TestRun:
    """One run of one test: `id` as reported, `status` in subunit's words, `detail` its traceback or reason."""

    id: str
    status: str = UNFINISHED
    started: datetime | None = None
    ended: datetime | None = None
    details: dict[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The full name, without the tags."""
        return name_of(self.id)

    @property
    def idempotent_id(self) -> str:
        found = _IDEMPOTENT_ID.search(self.id)
        return found[1] if found else ""

    @property
    def has_failed(self) -> bool:
        return self.status not in PASSED and self.status != "skip"

    @property
    def seconds(self) -> float:
        if self.started is None or self.ended is None:
            return 0.0
        return round(max(0.0, (self.ended - self.started).total_seconds()), 3)

    @property
    def detail(self) -> str:
        """The traceback, or the reason for skipping."""
        texts = [text.decode("utf-8", "replace").strip() for text in self.details.values()]
        if self.status == UNFINISHED:
            texts.append("did not finish")
        return "\n".join(texts)


@dataclass(frozen=True, slots=True)
class Stream:
    """What a stream tells: its tests in the order in which they began, and what is wrong with it ("" for nothing)."""

    tests: tuple[TestRun, ...]
    problem: str = ""


class _TooMuch(Exception):
    """The stream holds more than any real one."""


def read_stream(source: IO[bytes]) -> Stream:
    """Read a subunit v2 stream; whatever it holds, the answer is what could be read, and a problem."""
    import subunit  # noqa: PLC0415  # 0.1 s that only builds with test results should wait

    collector = _Collector()
    problem = ""
    try:
        subunit.ByteStreamToStreamResult(source, non_subunit_name="stdout").run(collector)
    except _TooMuch as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001  # hostile bytes in a foreign parser: nothing it raises may end a build
        problem = f"the test results cannot be read ({type(error).__name__})"
    return Stream(tuple(collector.tests), problem or collector.problem())


class _Collector:
    """Takes subunit's events; `testtools.StreamToDict` does the same in eight times the time."""

    def __init__(self) -> None:
        self.tests: list[TestRun] = []
        self._running: dict[tuple[str, str], TestRun] = {}
        self._garbage = 0
        self._details = 0
        self._is_cut = False

    def startTestRun(self) -> None:  # noqa: N802  # subunit's name
        """Nothing to do."""

    def stopTestRun(self) -> None:  # noqa: N802  # subunit's name
        """Nothing to do."""

    def status(
        self,
        test_id: str | None = None,
        test_status: str | None = None,
        file_name: str | None = None,
        file_bytes: Any = None,
        route_code: str | None = None,
        timestamp: datetime | None = None,
        **_others: object,
    ) -> None:
        """Take one event."""
        if test_id is None:
            if file_bytes is not None and file_name == "stdout":
                self._count_garbage(len(file_bytes))
            return
        if test_id == _PARSER:
            self._is_cut = True
            return
        if test_status == "exists":
            return
        test = self._test(test_id, route_code or "", test_status, timestamp)
        if file_name is not None and file_bytes is not None and file_name.startswith(_DETAILS):
            self._keep(test, file_name, file_bytes)
        if test_status in _FINAL:
            test.status, test.ended = str(test_status), timestamp
            self._running.pop((test_id, route_code or ""), None)

    def problem(self) -> str:
        if not self.tests:
            return "the test results are empty"
        unfinished = [test.name for test in self.tests if test.status == UNFINISHED]
        if unfinished:
            return (
                f"the test results are cut short: {len(unfinished)} tests did not finish, the first is {unfinished[0]}"
            )
        return "the test results are cut short" if self._is_cut or self._garbage else ""

    def _test(self, test_id: str, route: str, status: str | None, timestamp: datetime | None) -> TestRun:
        test = self._running.get((test_id, route))
        if test is None:
            if len(self.tests) >= MAX_TESTS:
                raise _TooMuch(f"the test results hold more than {MAX_TESTS} tests")
            test = TestRun(bounded_id(test_id))
            self._running[test_id, route] = test
            self.tests.append(test)
        if status == UNFINISHED or test.started is None:
            test.started = timestamp
        return test

    def _keep(self, test: TestRun, name: str, content: Any) -> None:
        room = min(MAX_DETAIL_BYTES - len(test.details.get(name, b"")), MAX_TOTAL_DETAIL_BYTES - self._details)
        # The end of a traceback says what went wrong; what comes in pieces is kept from its beginning.
        kept = bytes(content[-MAX_DETAIL_BYTES:])[:room] if room > 0 else b""
        test.details[name] = test.details.get(name, b"") + kept
        self._details += len(kept)

    def _count_garbage(self, size: int) -> None:
        self._garbage += size
        if self._garbage > MAX_GARBAGE_BYTES:
            raise _TooMuch("the test results are not subunit")
