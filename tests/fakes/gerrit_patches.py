"""What the patching list asks of a Gerrit: changes over REST, and their commits over git's plain HTTP."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.fakes.devstack import git
from tests.fakes.loopback import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class FakePatches(LoopbackServer):
    """A context manager with one bare repository for each project that has a change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changes: dict[int, dict[str, object]] = {}
        self.strange: dict[int, Iterable[bytes]] = {}  # what it says in place of an answer
        folder.mkdir(parents=True)
        super().__init__(_Handler)

    def add(self, number: int, source: Path, project: str = "openstack/nova", **told: object) -> None:
        """Add a change, or its next patch set: the HEAD of a repository."""
        message = git(source, "log", "-1", "--format=%B")
        change = self.changes.setdefault(number, {
            "project": project, "branch": "master", "status": "NEW",
            "change_id": re.findall("^Change-Id: (I[0-9a-f]{40})$", message, re.MULTILINE)[-1], "revisions": {},
        })  # fmt: skip
        patchset = len(change["revisions"]) + 1
        ref = f"refs/changes/{number % 100:02}/{number}/{patchset}"
        bare = self.folder / project
        if not bare.exists():
            git(source, "init", "--quiet", "--bare", str(bare))
        git(source, "push", "--quiet", str(bare), f"HEAD:{ref}")
        git(bare, "update-server-info")
        commit = git(source, "rev-parse", "HEAD")
        change["revisions"][commit] = {"_number": patchset, "ref": ref}
        change |= {"current_revision": commit, **told}

    def answer(self, path: str) -> Iterable[bytes] | None:
        """Return what Gerrit says of a change."""
        project, _, number = unquote(path.removeprefix("/changes/").partition("?")[0]).partition("~")
        if int(number) in self.strange:
            return self.strange[int(number)]
        change = self.changes.get(int(number))
        return [b")]}'\n", json.dumps(change).encode()] if change and change["project"] == project else None


class _Handler(SimpleHTTPRequestHandler):
    owner: FakePatches

    def do_GET(self) -> None:
        """Answer REST, and files of repositories."""
        if not self.path.startswith("/changes/"):
            super().do_GET()
            return
        content = self.owner.answer(self.path)
        self.send_response(200 if content else 404)
        self.end_headers()
        with suppress(ConnectionError):
            for part in content or [b"Not found"]:
                self.wfile.write(part)

    def translate_path(self, path: str) -> str:
        return str(self.owner.folder / unquote(path.partition("?")[0]).strip("/"))

    def log_message(self, *_: object) -> None:
        pass

    def copyfile(self, source: object, outputfile: object) -> None:
        shutil.copyfileobj(source, outputfile)
