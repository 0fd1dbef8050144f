"""The fake Gerrit's web address: comments on a change, and nothing else."""

from __future__ import annotations

import base64
import json
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from tests.fakes.loopback import LoopbackServer

if TYPE_CHECKING:
    from tests.fakes.gerrit_changes import FakeChanges

PASSWORD = "secret"


class FakeRest(LoopbackServer):
    """A context manager. Switches: `status` other than 200 for every answer, `body` in place of any answer,
    `location` to redirect to. `requests` has the path and authorization of each request.
    """

    def __init__(self, state: FakeChanges) -> None:
        self.state = state
        self.status = 200
        self.body: bytes | None = None
        self.location = ""
        self.requests: list[tuple[str, str]] = []
        super().__init__(_Handler)
        self.url += "/"

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        self.requests.append((path, authorization))
        if self.status != 200:
            return self.status, b"no"
        if self.body is not None:
            return 200, self.body
        user = ""
        if path.startswith("/a/"):
            user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            if password != PASSWORD or user not in self.state.accounts:
                return 401, b"Unauthorized"
        words = path.removeprefix("/a").strip("/").split("/")
        with self.state.lock:
            change = self.state.changes.get(int(words[1])) if len(words) == 3 and words[1].isdigit() else None
            if change is None or not self.state.sees(user, change):
                return 404, b"Not found"
            return 200, b")]}'\n" + json.dumps(self._comments(change)).encode()

    def _comments(self, change: object) -> dict[str, list[dict[str, object]]]:
        told: dict[str, list[dict[str, object]]] = {}
        # In no order, as the real one.
        for comment in sorted(change.comments, key=lambda one: one.text):
            told.setdefault(comment.file, []).append(
                {
                    "author": {"_account_id": 1, **comment.by.told()},
                    "change_message_id": f"{change.number}-{comment.message}",
                    "patch_set": comment.patchset,
                    "updated": time.strftime("%Y-%m-%d %H:%M:%S.000000000", time.gmtime(comment.at)),
                    "message": comment.text,
                    "unresolved": False,
                }
            )
        return told


class _Handler(BaseHTTPRequestHandler):
    owner: FakeRest

    def do_GET(self) -> None:
        status, body = self.owner.answer(self.path, self.headers.get("Authorization", ""))
        if self.owner.location:
            status, body = 302, b""
        self.send_response(status)
        if self.owner.location:
            self.send_header("Location", self.owner.location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""
