"""Changes in memory that behave and are told of as Gerrit 3.10 does it: the state behind the fake Gerrit."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import Any

MESSAGE_LIMIT = 16_384
LABELS = {"Verified": (-1, 1), "Code-Review": (-2, 2)}
BRANCH = "master"


class GerritRefuses(Exception):
    """What a command answers on standard error, with exit status 1."""


@dataclass
class FakeAccount:
    username: str
    name: str
    email: str
    rights: dict[str, tuple[int, int]] = field(default_factory=dict)
    stream_events: bool = True

    def told(self) -> dict[str, str]:
        return {"name": self.name, "email": self.email, "username": self.username}


@dataclass
class FakePatchset:
    number: int
    revision: str
    created_on: int
    files: dict[str, str]
    votes: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # (user, label): value, second


@dataclass
class FakeComment:
    at: int
    by: FakeAccount
    patchset: int
    file: str
    text: str
    message: int  # its place among the change's messages


@dataclass
class FakeChange:
    number: int
    project: str
    owner: FakeAccount
    subject: str
    message: str
    patchsets: list[FakePatchset]
    created_on: int
    status: str = "NEW"
    wip: bool = False
    private: bool = False
    topic: str | None = None
    parent: str | None = None  # the commit of an open change that this one stands on
    messages: list[tuple[int, FakeAccount, str]] = field(default_factory=list)
    comments: list[FakeComment] = field(default_factory=list)
    drafts: list[tuple[str, int, str]] = field(default_factory=list)  # user, patch set, text


class FakeChanges:
    """All changes of one fake Gerrit; `emit` is called with every event and whoever may see it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.accounts: dict[str, FakeAccount] = {}
        self.changes: dict[int, FakeChange] = {}
        self.lock = threading.RLock()
        self.listeners: list[Any] = []
        self._serial = itertools.count(1)

    # --- what people do

    def push(
        self, project: str, owner: str, subject: str, files: dict[str, str], options: dict[str, Any]
    ) -> FakeChange:
        with self.lock:
            number = next(self._serial)
            message = f"{subject}\n\nChange-Id: I{_commit(number, subject)}\n"
            first = FakePatchset(1, _commit(number, 1, files), _now(), files)
            change = FakeChange(number, project, self.accounts[owner], subject, message, [first], _now(), **options)
            self.changes[number] = change
            change.messages.append((_now(), change.owner, "Uploaded patch set 1."))
            self._event(change, "patchset-created", "uploader", change.owner)
            return change

    def amend(self, number: int, files: dict[str, str], *, publish: bool = False) -> FakeChange:
        with self.lock:
            change = self.changes[number]
            last = change.patchsets[-1]
            count = last.number + 1
            change.patchsets.append(FakePatchset(count, _commit(number, count, files), _now(), last.files | files))
            change.messages.append((_now(), change.owner, f"Uploaded patch set {count}."))
            self._event(change, "patchset-created", "uploader", change.owner)
            if publish:
                self.publish_drafts(number, change.owner.username, by_push=True)
            return change

    def set_status(self, number: int, user: str, status: str) -> None:
        kinds = {
            "ABANDONED": ("change-abandoned", "abandoner", "Abandoned"),
            "NEW": ("change-restored", "restorer", "Restored"),
            "MERGED": ("change-merged", "submitter", "Change has been successfully merged"),
        }
        kind, actor, text = kinds[status]
        with self.lock:
            change = self.changes[number]
            change.status = status
            change.messages.append((_now(), self.accounts[user], text))
            self._event(change, kind, actor, self.accounts[user])

    def set_wip(self, number: int, user: str, *, wip: bool) -> None:
        with self.lock:
            change, who = self.changes[number], self.accounts[user]
            change.wip = wip
            change.messages.append((_now(), who, "Set Work In Progress" if wip else "Set Ready For Review"))
            self._event(change, "wip-state-changed", "changer", who)

    def start_review(self, number: int, user: str) -> None:
        """Say that a change is ready, as the web page does it: a review without words."""
        with self.lock:
            change, who, text = self.changes[number], self.accounts[user], "This change is ready for review."
            change.wip = False
            text = f"Patch Set {change.patchsets[-1].number}:\n\n{text}"
            change.messages.append((_now(), who, text))
            self._event(change, "wip-state-changed", "changer", who)
            self._commented(change, change.patchsets[-1], who, text, {})

    def set_private(self, number: int, user: str, *, private: bool) -> None:
        with self.lock:
            change, who = self.changes[number], self.accounts[user]
            change.private = private
            change.messages.append((_now(), who, "Set private" if private else "Unset private"))
            self._event(change, "private-state-changed", "changer", who)

    def comment_at_patchset_level(self, number: int, user: str, text: str) -> None:
        """Comment as the web page does: the list of messages has a count where the stream has the text."""
        with self.lock:
            change = self.changes[number]
            self._publish(change, self.accounts[user], [(change.patchsets[-1].number, text)], text)

    def draft(self, number: int, user: str, text: str) -> None:
        """Keep a comment at patch set level for the user alone."""
        with self.lock:
            change = self.changes[number]
            change.drafts.append((user, change.patchsets[-1].number, text))

    def publish_drafts(self, number: int, user: str, *, by_push: bool = False) -> None:
        """Publish the user's drafts in one review of the current patch set; the stream tells no texts `by_push`."""
        with self.lock:
            change, who = self.changes[number], self.accounts[user]
            mine = [(patchset, text) for author, patchset, text in change.drafts if author == user]
            change.drafts = [draft for draft in change.drafts if draft[0] != user]
            self._publish(change, who, mine, None if by_push else "\n\n".join(text for _, text in mine))

    def _publish(self, change: FakeChange, who: FakeAccount, texts: list[tuple[int, str]], told: str | None) -> None:
        head, count = f"Patch Set {change.patchsets[-1].number}:", f"({len(texts)} comment{'s' * (len(texts) > 1)})"
        place = len(change.messages)
        change.comments += [FakeComment(_now(), who, at, "/PATCHSET_LEVEL", text, place) for at, text in texts]
        change.messages.append((_now(), who, f"{head}\n\n{count}"))
        self._commented(change, change.patchsets[-1], who, f"{head}\n\n{told or count}", {})

    def review(self, username: str, number: int, patchset: int, body: dict[str, Any]) -> None:
        """Take a review as `gerrit review --json` does; raises GerritRefuses."""
        with self.lock:
            user = self.accounts[username]
            change, reviewed = self._reviewable(user, number, patchset)
            message = body.get("message", "").strip()
            if len(message) > MESSAGE_LIMIT:
                size = f"{len(message)} > {MESSAGE_LIMIT}"
                reason = f"One or more comments were rejected in validation: Comment size exceeds limit ({size})"
                raise GerritRefuses(f"error: {reason}\n\nfatal: one or more reviews failed; review output above")
            changed = self._votes(user, change, reviewed, body.get("labels", {}))
            if not changed and not message:
                return
            for label, (_, value) in changed.items():
                reviewed.votes[username, label] = (value, _now())
            votes = "".join(f" {label}{value:+d}" for label, (_, value) in changed.items())
            text = f"Patch Set {patchset}:{votes}" + (f"\n\n{message}" if message else "")
            change.messages.append((_now(), user, text))
            self._commented(change, reviewed, user, text, changed)

    def _reviewable(self, user: FakeAccount, number: int, patchset: int) -> tuple[FakeChange, FakePatchset]:
        change = self.changes.get(number)
        if change is None:
            raise GerritRefuses(f'fatal: "{number}" no such change')
        if not 1 <= patchset <= len(change.patchsets):
            raise GerritRefuses(f'fatal: "{number},{patchset}" no such patch set')
        if not self.sees(user.username, change):
            raise GerritRefuses("fatal: internal server error while reviewing " + f"{number},{patchset}")
        return change, change.patchsets[patchset - 1]

    def _votes(
        self, user: FakeAccount, change: FakeChange, patchset: FakePatchset, labels: dict[str, int]
    ) -> dict[str, tuple[int, int]]:
        """Return old and new value of each vote that changes; labels and values that do not exist are dropped."""
        changed = {}
        if change.status == "ABANDONED" and labels:
            raise GerritRefuses("error: change is closed\n\nfatal: one or more reviews failed; review output above")
        for label, value in labels.items():
            old = patchset.votes.get((user.username, label), (0, 0))[0]
            lowest, highest = LABELS.get(label, (0, 0))
            if not lowest <= value <= highest or value == old:
                continue
            allowed = user.rights.get(label, (0, 0))
            if not allowed[0] <= value <= allowed[1]:
                raise GerritRefuses(f'error: Applying label "{label}": {value} is restricted')
            if change.status == "MERGED" and value < old:
                raise GerritRefuses(f"error: Cannot reduce vote on labels for closed change: {label}")
            changed[label] = (old, value)
        return changed

    # --- how it is told

    def sees(self, username: str, change: FakeChange) -> bool:
        return not change.private or change.owner.username == username

    def row(self, change: FakeChange, flags: set[str]) -> dict[str, Any]:
        """Return a row of `gerrit query` with these options."""
        row = self._change(change) | {
            "lastUpdated": change.messages[-1][0],
            "open": change.status == "NEW",
            "hashtags": [],
        }
        if "--commit-message" not in flags:
            del row["commitMessage"]
        if "--comments" in flags:
            row["comments"] = [
                {"timestamp": at, "reviewer": by.told(), "message": text} for at, by, text in change.messages
            ]
        if "--current-patch-set" in flags:
            row["currentPatchSet"] = self._patchset(change, change.patchsets[-1], flags | {"--all-approvals"})
        if "--dependencies" in flags:
            below = [one for one in self.changes.values() for ps in one.patchsets
                     if (one.project, ps.revision) == (change.project, change.parent)]  # fmt: skip
            if below:  # Gerrit says nothing of none
                row["dependsOn"] = [{"id": "I", "number": one.number, "revision": change.parent} for one in below]
        if flags & {"--patch-sets", "--all-approvals"}:
            row["patchSets"] = [self._patchset(change, patchset, flags) for patchset in change.patchsets]
        return row

    def _change(self, change: FakeChange) -> dict[str, Any]:
        told: dict[str, Any] = {"project": change.project, "branch": BRANCH}
        if change.topic:
            told["topic"] = change.topic
        told |= {
            "id": change.message.rsplit(maxsplit=1)[1],
            "number": change.number,
            "subject": change.subject,
            "owner": change.owner.told(),
            "url": f"{self.url}c/{change.project}/+/{change.number}",
            "commitMessage": change.message,
            "createdOn": change.created_on,
            "status": change.status,
        }
        # Gerrit only tells of these when they are true.
        return told | {name: True for name in ("wip", "private") if getattr(change, name)}

    def _patchset(self, change: FakeChange, patchset: FakePatchset, flags: set[str]) -> dict[str, Any]:
        told: dict[str, Any] = {
            "number": patchset.number,
            "revision": patchset.revision,
            "parents": [change.parent or _commit(0)],
            "ref": f"refs/changes/{change.number % 100:02d}/{change.number}/{patchset.number}",
            "uploader": change.owner.told(),
            "createdOn": patchset.created_on,
            "author": change.owner.told(),
            "kind": "REWORK",
            "sizeInsertions": len(patchset.files),
            "sizeDeletions": 0,
        }
        if "--all-approvals" in flags and patchset.votes:
            told["approvals"] = [
                {
                    "type": label,
                    "description": label,
                    "value": str(value),
                    "grantedOn": second,
                    "by": self.accounts[user].told(),
                }
                for (user, label), (value, second) in patchset.votes.items()
                if value
            ]
        comments = [comment for comment in change.comments if comment.patchset == patchset.number]
        if "--comments" in flags and comments:
            told["comments"] = [
                {"file": one.file, "line": 0, "reviewer": one.by.told(), "message": one.text} for one in comments
            ]
        if "--files" in flags:
            paths = ["/COMMIT_MSG", *sorted(patchset.files)]
            told["files"] = [{"file": path, "type": "ADDED", "insertions": 1, "deletions": 0} for path in paths]
        return told

    def _event(self, change: FakeChange, kind: str, actor: str, who: FakeAccount) -> None:
        self._emit(change, {actor: who.told(), "patchSet": self._patchset(change, change.patchsets[-1], set())}, kind)

    def _commented(
        self,
        change: FakeChange,
        patchset: FakePatchset,
        who: FakeAccount,
        text: str,
        changed: dict[str, tuple[int, int]],
    ) -> None:
        approvals = []
        for label in LABELS:
            value = patchset.votes.get((who.username, label), (0, 0))[0]
            approval = {"type": label, "description": label, "value": str(value)}
            approvals.append(approval | ({"oldValue": str(changed[label][0])} if label in changed else {}))
        told = {"author": who.told(), "approvals": approvals, "comment": text}
        self._emit(change, told | {"patchSet": self._patchset(change, patchset, set())}, "comment-added")

    def _emit(self, change: FakeChange, told: dict[str, Any], kind: str) -> None:
        event = told | {
            "change": self._change(change),
            "project": change.project,
            "refName": f"refs/heads/{BRANCH}",
            "changeKey": {"id": change.message.rsplit(maxsplit=1)[1]},
            "type": kind,
            "eventCreatedOn": _now(),
        }
        for listener in list(self.listeners):
            listener(event, change)


def _commit(*parts: object) -> str:
    return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()


def _now() -> int:
    return int(time.time())
