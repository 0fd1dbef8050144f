"""A git work tree that changes are made in and pushed to a Gerrit from."""

import hashlib
import itertools
import os
import re
import subprocess
import uuid
from pathlib import Path
from typing import Self

from .gerrit_install import GerritError

GIT_SECONDS = 300.0
_serial = itertools.count()


class Repository:
    """A clone of one project, as one account."""

    def __init__(self, folder: Path, remote: str, key: Path, known_hosts: Path, name: str, email: str) -> None:
        """Work in `folder`; `remote` is an ssh:// address and `key` the account's private key."""
        self.folder = folder
        self.remote = remote
        self._patchsets: dict[int, int] = {}
        self._environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
            "GIT_SSH_COMMAND": f"ssh -F none -i '{key}' -o IdentitiesOnly=yes -o BatchMode=yes "
            f"-o UserKnownHostsFile='{known_hosts}' -o StrictHostKeyChecking=yes",
        }

    def init(self) -> Self:
        """Start a new history in the folder, on a branch named master."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "master")
        return self

    def clone(self) -> Self:
        """Fetch the project and check out its master."""
        self.init()
        self.git("fetch", "-q", self.remote, "master")
        self.git("reset", "-q", "--hard", "FETCH_HEAD")
        return self

    def git(self, *arguments: str) -> str:
        """Run git in the folder and return what it printed, both streams; raises GerritError when it fails."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=GIT_SECONDS,
            check=False,
        )
        text = done.stdout.decode(errors="replace")
        if done.returncode:
            raise GerritError(f"git {arguments[0]}: exit status {done.returncode}\n{text[-2000:]}")
        return text

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD").strip()

    def commit(self, files: dict[str, str], subject: str, footers: tuple[str, ...] = ()) -> str:
        """Write files (path: content) and commit them as a new change; returns the commit's id."""
        self._write(files)
        seed = f"{self.remote} {subject} {next(_serial)} {uuid.uuid4()}"
        change_id = "I" + hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
        self.git("commit", "-q", "--allow-empty", "-m", subject, "-m", "\n".join([*footers, f"Change-Id: {change_id}"]))
        return self.head

    def amend(self, files: dict[str, str], subject: str | None = None) -> str:
        """Make the next patch set of the change at HEAD, with another subject when one is given."""
        self._write(files)
        message = self.git("log", "-1", "--format=%B")
        if subject is not None:
            message = subject + "\n" + message.partition("\n")[2]
        self.git("commit", "-q", "--amend", "--allow-empty", "--date=now", "-m", message.strip())
        return self.head

    def reset(self, commit: str) -> None:
        self.git("reset", "-q", "--hard", commit)

    def push(self, refspec: str, *, force: bool = False) -> None:
        """Push straight to a branch or another ref of the project."""
        self.git("push", "-q", *(["--force"] if force else []), self.remote, refspec)

    def push_change(self, branch: str = "master", options: str = "") -> tuple[int, int, str]:
        """Push HEAD for review; returns number and patch set of its change, and its commit.

        The patch sets are counted here, so that nothing but the push takes time: each change is pushed from one
        repository. `options` are Gerrit's push options, for example `%wip` or `%topic=x`.
        """
        text = self.git("push", self.remote, f"HEAD:refs/for/{branch}{options}")
        numbers = re.findall(r"^remote:\s+http\S+/(\d+)(?:\s|$)", text, re.MULTILINE)
        if not numbers:
            raise GerritError(f"push to refs/for/{branch}: the answer names no change\n{text[-2000:]}")
        number = int(numbers[-1])
        self._patchsets[number] = self._patchsets.get(number, 0) + 1
        return number, self._patchsets[number], self.head

    def _write(self, files: dict[str, str]) -> None:
        for path, content in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        self.git("add", "-A")
