"""A Gerrit's stream of events, made up in the form and in the mix in which OpenStack's own comes."""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]

OUR_PROJECT = "openstack/nova"
OUR_SHARE = 0.2
OTHER_PROJECTS = tuple(f"openstack/{name}" for name in ("neutron", "cinder", "glance", "keystone", "tempest", "heat"))
FIRST_SECOND = 1_480_000_000
# How often each kind of event comes.
WEIGHTS = {
    "bot-comment": 46,
    "comment": 12,
    "patchset-created": 15,
    "ref-updated": 13,
    "reviewer-added": 6,
    "change-merged": 3,
    "recheck": 2,
    "change-abandoned": 1,
    "topic-changed": 1,
}
ACTED_ON = ("patchset-created", "comment-added", "change-merged", "change-abandoned")
NEW_CHANGES = 0.85  # of the patch sets; the others are later ones
LIVELY_CHANGES = 40  # of each project: what people work on now
BOTS = ("zuul", "ibm-powervm-ci", "vmware-ci", "intel-ci", "netapp-ci", "dell-ci")
TEXT = "the driver now asks libvirt for what it used to guess and the instance keeps its ports over a restart"
WORDS = tuple(TEXT.split(" "))


@dataclass
class StreamedChange:
    """A change as it stands after what has been told of it."""

    project: str
    number: int
    subject: str
    message: str
    owner: Record
    created_on: int
    status: str = "NEW"
    patchsets: list[Record] = field(default_factory=list)

    def told(self) -> Record:
        """Return the `change` of an event, and most of a query's row."""
        return {
            "project": self.project,
            "branch": "master",
            "id": _change_id(self.number),
            "number": self.number,
            "subject": self.subject,
            "owner": self.owner,
            "url": f"https://review.example.org/c/{self.project}/+/{self.number}",
            "commitMessage": self.message,
            "createdOn": self.created_on,
            "status": self.status,
        }


class EventStream:
    """Call `lines` once; then `changes` are as the events have left them, and `starts` what asked for tests."""

    our_project = OUR_PROJECT

    def __init__(self, events: int, seed: int = 1) -> None:
        self._events = events
        self._random = random.Random(seed)  # noqa: S311 - the same stream each time
        self._second = FIRST_SECOND
        self._number = 300_000
        self._open: dict[str, list[StreamedChange]] = {}
        self.changes: dict[int, StreamedChange] = {}
        self.starts: list[tuple[int, int]] = []
        self.counts: dict[str, int] = {}
        self.our_events = 0  # of the project under test, and of a type that a CI acts on
        self.last_key = ""  # the CI's natural key of the last event

    def lines(self) -> Iterator[bytes]:
        """Yield so many events, a line each, without the line's end."""
        kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
        for serial in range(1, self._events + 1):
            self._second += self._random.random() < 0.5
            project = OUR_PROJECT if self._random.random() < OUR_SHARE else self._random.choice(OTHER_PROJECTS)
            kind = self._random.choices(kinds, weights)[0]
            if serial == self._events:
                project, kind = OUR_PROJECT, "patchset-created"
            event = self._event(kind, project)
            self.our_events += project == OUR_PROJECT and event["type"] in ACTED_ON
            self.counts[event["type"]] = self.counts.get(event["type"], 0) + 1
            yield json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()

    def expected_starts(self) -> int:
        """Return how many buildsets a CI starts that tests open changes, and hears of it all afterwards.

        What Gerrit says of a change is then its last state: only the current patch set of an open change is tested.
        """
        return sum(self._is_tested(number, patchset) for number, patchset in self.starts)

    def _is_tested(self, number: int, patchset: int) -> bool:
        change = self.changes[number]
        return change.project == OUR_PROJECT and change.status == "NEW" and patchset == len(change.patchsets)

    def _event(self, kind: str, project: str) -> Record:
        pool = self._open.setdefault(project, [])
        if kind == "patchset-created" or not pool:
            return self._patchset(project, pool)
        if kind == "ref-updated":
            return self._ref_updated(project)
        change = self._random.choice(pool[-LIVELY_CHANGES:])
        if kind in {"bot-comment", "comment", "recheck"}:
            return self._comment(change, kind)
        person = self._account("core")
        about = {"patchSet": change.patchsets[-1], "project": project, "refName": "refs/heads/master"}
        if kind in {"change-merged", "change-abandoned"}:
            change.status = "MERGED" if kind == "change-merged" else "ABANDONED"
            pool.remove(change)
            actor = "submitter" if kind == "change-merged" else "abandoner"
            return self._told(kind, change, {actor: person, "newRev": change.patchsets[-1]["revision"], **about})
        role = "reviewer" if kind == "reviewer-added" else "changer"
        return self._told(kind, change, {role: person, **about})

    def _patchset(self, project: str, pool: list[StreamedChange]) -> Record:
        if not pool or self._random.random() < NEW_CHANGES:
            self._number += 1
            number, subject = self._number, self._text(8)
            message = f"{subject}\n\n{self._text(360)}\n\nChange-Id: {_change_id(number)}\n"
            change = StreamedChange(project, number, subject, message, self._account("dev"), self._second)
            self.changes[number] = change
            pool.append(change)
        else:
            change = self._random.choice(pool[-LIVELY_CHANGES:])
        serial = len(change.patchsets) + 1
        change.patchsets.append(
            {
                "number": serial,
                "revision": _digest(change.number, serial),
                "parents": [_digest(change.number)],
                "ref": f"refs/changes/{change.number % 100:02d}/{change.number}/{serial}",
                "uploader": change.owner,
                "createdOn": self._second,
                "author": change.owner,
                "kind": "REWORK",
                "sizeInsertions": self._random.randrange(300),
                "sizeDeletions": -self._random.randrange(300),
            }
        )
        self.starts.append((change.number, serial))
        revision = change.patchsets[-1]["revision"]
        self.last_key = f"patchset-created {project} {change.number},{serial} {revision}"
        about = {"uploader": change.owner, "patchSet": change.patchsets[-1], "project": project}
        return self._told("patchset-created", change, about)

    def _comment(self, change: StreamedChange, kind: str) -> Record:
        serial, value = len(change.patchsets), self._random.choice((-1, 1))
        if kind == "recheck":
            author, text = self._account("dev"), "recheck"
            self.starts.append((change.number, serial))
            self._second += 1  # a comment has its own second
        elif kind == "comment":
            author, text = self._account("core"), f"(2 comments)\n\n{self._text(60)}"
        else:
            bot = self._random.choice(BOTS)
            author, text = {"name": bot, "email": f"{bot}@example.com", "username": bot}, self._results()
        approvals = [
            {"type": "Verified", "description": "Verified", "value": str(value), "oldValue": "0"},
            {"type": "Code-Review", "description": "Code-Review", "value": "0"},
            {"type": "Workflow", "description": "Workflow", "value": "0"},
        ]
        about = {"author": author, "approvals": approvals, "comment": f"Patch Set {serial}:\n\n{text}"}
        return self._told("comment-added", change, {**about, "patchSet": change.patchsets[-1]})

    def _results(self) -> str:
        """Return what a CI says of its jobs."""
        pages = (f"https://logs.example.org/{self._random.randrange(16**8):08x}" for _ in range(12))
        lines = [f"- job-{serial:02d}-{self._random.choice(WORDS)} {page} : SUCCESS in 1h 02m 03s"
                 for serial, page in enumerate(pages)]  # fmt: skip
        return "Build succeeded (check pipeline).\n\n" + "\n".join(lines)

    def _ref_updated(self, project: str) -> Record:
        old, new = (_digest(self._random.random()) for _ in range(2))
        update = {"oldRev": old, "newRev": new, "refName": "refs/heads/master", "project": project}
        return {
            "submitter": self._account("core"),
            "refUpdate": update,
            "type": "ref-updated",
            "eventCreatedOn": self._second,
        }

    def _told(self, kind: str, change: StreamedChange, about: Record) -> Record:
        key = {"changeKey": {"id": _change_id(change.number)}}
        return {**about, "change": change.told(), **key, "type": kind, "eventCreatedOn": self._second}

    def _account(self, kind: str) -> Record:
        name = f"{kind}-{self._random.randrange(50)}"
        return {"name": f"Person {name}", "email": f"{name}@example.com", "username": name}

    def _text(self, words: int) -> str:
        return " ".join(self._random.choices(WORDS, k=words))


def query_rows(change: StreamedChange) -> tuple[bytes, bytes]:
    """Return what `gerrit query` answers of a change: with its current patch set, and with all of them."""
    files = [{"file": "/COMMIT_MSG", "type": "ADDED"}, {"file": "nova/virt/driver.py", "type": "MODIFIED"}]
    patchsets = [{**patchset, "files": files} for patchset in change.patchsets]
    row = {**change.told(), "open": change.status == "NEW"}
    stats = json.dumps({"type": "stats", "rowCount": 1, "runTimeMilliseconds": 1, "moreChanges": False})
    current, every = (
        json.dumps({**row, **more}) for more in ({"currentPatchSet": patchsets[-1]}, {"patchSets": patchsets})
    )
    return f"{current}\n{stats}\n".encode(), f"{every}\n{stats}\n".encode()


def _change_id(number: int) -> str:
    return f"I{_digest(number)}"


def _digest(*parts: object) -> str:
    return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()
