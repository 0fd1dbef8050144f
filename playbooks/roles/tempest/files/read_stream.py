"""Reads what stestr recorded: writes it as a subunit 2 stream and as a page, and one line of JSON to stdout."""

import contextlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from os_testr import subunit2html
from scrub import Scrubber  # lies beside this file on the node
from subunit import ByteStreamToStreamResult, ProtocolTestCase
from subunit.v2 import StreamResultToBytes
from testtools import ExtendedToStreamDecorator, StreamToDict

FAILED = {"fail", "uxsuccess"}
PLACE = re.compile(r"(setUp|tearDown)(?:Class|Module) \((.+)\)$")


# What a test logs may be a hundred times as long as what it says; the stream must travel whole.
LOGS_BYTES = 32 << 20
CODING = ("utf-8", "surrogateescape")
TRACEBACK_BYTES = 32 << 10


class _Converter(ExtendedToStreamDecorator):
    """Gives no end to a test whose worker died, which stestr records as a failure without any details."""

    room = LOGS_BYTES

    def __init__(self, target: Any, scrubber: Scrubber) -> None:
        super().__init__(target)
        self._scrubber, self._held = scrubber, b""

    def addFailure(self, test, err=None, details=None):  # noqa: ANN001, ANN202, N802  # testtools' names
        if err or details:
            super().addFailure(test, err, details=details)

    addError = addFailure  # noqa: N815

    def status(self, *arguments: Any, file_name: Any = None, file_bytes: Any = None, **others: Any) -> None:
        """Hand on an event; the end of a traceback says most, and logs are kept while there is room.

        What is to be hidden may lie across two parts of a file: they are put together first.
        """
        if file_bytes is not None:
            self._held = (self._held + file_bytes)[-LOGS_BYTES:]
            if not others.get("eof"):
                return
            file_bytes, self._held = self._held, b""
            if self.room and str(others.get("mime_type")).startswith("text/"):
                file_bytes = self._scrubber.text(file_bytes.decode(*CODING)).encode(*CODING)
            limit = TRACEBACK_BYTES if file_name.startswith("traceback") else self.room
            file_bytes = file_bytes[-limit:] if limit else b""
            self.room -= 0 if file_name.startswith("traceback") else len(file_bytes)
        super().status(*arguments, file_name=file_name, file_bytes=file_bytes, **others)


def convert(recorded: str, path: str, scrubber: Scrubber) -> None:
    """Write stestr's record, which is of subunit's first version, as the version that tools exchange."""
    with open(recorded, "rb") as source, open(path, "wb") as target:
        result = _Converter(StreamResultToBytes(target), scrubber)
        result.startTestRun()
        ProtocolTestCase(source).run(result)
        result.stopTestRun()


def read(path: str) -> dict[str, Any]:
    """Return counts and names of the tests in a stream; what has no end counts as not ended."""
    told: dict[str, Any] = {"passed": 0, "skipped": 0, "failed": [], "ended": [], "set_up": []}

    def note(test: dict[str, Any]) -> None:
        name, status = test["id"], test["status"]
        found = PLACE.match(name)
        if status in FAILED:
            told["failed"].append(name)
        elif status == "skip":
            told["skipped"] += 1
        elif status in ("success", "xfail") and not found:
            told["passed"] += 1
        if found:
            if found[1] == "setUp" and status in {"skip", *FAILED}:
                told["set_up"].append(found[2])
        elif status in {"success", "skip", "xfail", *FAILED}:
            told["ended"].append(name)

    result = StreamToDict(note)
    result.startTestRun()
    with open(path, "rb") as stream:
        ByteStreamToStreamResult(stream, non_subunit_name="stdout").run(result)
    result.stopTestRun()
    return told


if __name__ == "__main__":
    rules = json.loads(sys.argv.pop())
    hiding = Scrubber(rules["domains"], rules["networks"])
    for configuration in rules["configurations"]:
        hiding.learn(Path(configuration).read_text(encoding="utf-8", errors="replace"))
    convert(sys.argv[1], sys.argv[2], hiding)
    told = read(sys.argv[2])
    sys.argv = ["subunit2html", *sys.argv[2:]]
    with contextlib.suppress(SystemExit):
        subunit2html.main()
    print(json.dumps(told))
