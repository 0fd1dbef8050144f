"""Which tests run: what the executor has made of the job's lists, matched with the tests that tempest has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# An ID is that of a test only as a whole tag: `module.Class.test[tag,id-UUID,tag]`.
TAG = re.compile(r"(?<=[\[,])id-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=[,\]])")


@dataclass(frozen=True)
class Selection:
    """Full test ids in the order of tempest's own list; `skipped` says why, `stale` are tests that there are not."""

    run: list[str]
    skipped: dict[str, str]
    stale: list[str]


def select(tests: Iterable[str], plan: Mapping[str, Any]) -> Selection:
    """Choose from all `tests` by the content of `skip-list.json`.

    What the regex finds and the include list names, less what an exclude list names. An include list without a
    single ID chooses nothing, where stestr would choose everything.
    """
    wanted = re.compile(plan["test_regex"])
    included = None if plan["included"] is None else frozenset(plan["included"])
    reasons = dict(reversed(list(_reasons(plan))))  # of two lists, the first one's reason is told
    run: list[str] = []
    skipped: dict[str, str] = {}
    there: set[str] = set()
    for test in tests:
        identities = TAG.findall(test)
        there.update(identities)
        if not wanted.search(test) or not (included is None or included.intersection(identities)):
            continue
        reason = next((reasons[one] for one in identities if one in reasons), None)
        if reason is None:
            run.append(test)
        else:
            skipped[test] = reason
    return Selection(run, skipped, [told for identity, told in _named(plan) if identity not in there])


def common_package(tests: Iterable[str]) -> str:
    """Return the package (`tempest.api.compute`) below which all tests lie, empty when there is none.

    Test runners import everything below the folder they start in; a narrower one saves seconds for each.
    """
    packages = sorted({tuple(test.partition("[")[0].split(".")[:-3]) for test in tests})
    shared = []
    # What the first and the last in order share, all share.
    for one, other in zip(packages[0], packages[-1]) if packages else ():  # noqa: B905  # a node may have Python 3.9
        if one != other:
            break
        shared.append(one)
    return ".".join(shared)


def _reasons(plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for part in plan["exclude_lists"]:
        for block in part["blocks"]:
            if not block["lifted_by"]:
                reason = f"{block['head']['reason']} ({part['path']}:{block['line']})"
                yield from ((test["id"], reason) for test in block["tests"])


def _named(plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    parts = [*plan["exclude_lists"], *([plan["include_list"]] if plan["include_list"] else [])]
    for part in parts:
        for block in part["blocks"]:
            for test in block["tests"]:
                yield test["id"], f"{part['path']}:{test['line']}: {test['id']}  # {', '.join(test['names'])}"
