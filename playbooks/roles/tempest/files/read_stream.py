"""Reads what stestr recorded: writes it as a subunit 2 stream and as a page, and one line of JSON to stdout."""

import contextlib
import json
import re
import sys
from typing import Any

from os_testr import subunit2html
from subunit import ByteStreamToStreamResult, ProtocolTestCase
from subunit.v2 import StreamResultToBytes
from testtools import ExtendedToStreamDecorator, StreamToDict

FAILED = {"fail", "uxsuccess"}
SET_UP = re.compile(r"(?:setUpClass|tearDownClass) \((.+)\)$")


def convert(recorded: str, path: str) -> None:
    """Write stestr's record, which is of subunit's first version, as the version that tools exchange."""
    with open(recorded, "rb") as source, open(path, "wb") as target:
        result = ExtendedToStreamDecorator(StreamResultToBytes(target))
        result.startTestRun()
        ProtocolTestCase(source).run(result)
        result.stopTestRun()


def read(path: str) -> dict[str, Any]:
    """Return counts and names of the tests in a stream; what has no end counts as not ended."""
    told: dict[str, Any] = {"passed": 0, "skipped": 0, "failed": [], "ended": [], "set_up": []}

    def note(test: dict[str, Any]) -> None:
        name, status = test["id"], test["status"]
        found = SET_UP.match(name)
        if status in FAILED:
            told["failed"].append(name)
        elif status == "skip":
            told["skipped"] += 1
        elif status in ("success", "xfail") and not found:
            told["passed"] += 1
        if found:
            told["set_up"].append(found[1])
        elif status in {"success", "skip", "xfail", *FAILED}:
            told["ended"].append(name)

    result = StreamToDict(note)
    result.startTestRun()
    with open(path, "rb") as stream:
        ByteStreamToStreamResult(stream, non_subunit_name="stdout").run(result)
    result.stopTestRun()
    return told


if __name__ == "__main__":
    convert(sys.argv[1], sys.argv[2])
    told = read(sys.argv[2])
    sys.argv = ["subunit2html", *sys.argv[2:]]
    with contextlib.suppress(SystemExit):
        subunit2html.main()
    print(json.dumps(told))
