"""A repository such as nova's, written commit by commit, with Change-Ids and reverts."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zlib

CHANGE, OTHER = "I" + "a" * 40, "I" + "b" * 40


class History:
    """A repository that is written commit by commit."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "master")
        self.commit("First")

    def git(self, *arguments, text=None):
        identity = {"GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.folder), "PATH": os.environ["PATH"]}
        for who in ("AUTHOR", "COMMITTER"):
            identity |= {f"GIT_{who}_NAME": "A", f"GIT_{who}_EMAIL": "a@example.org"}
        argv = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(argv, input=text, capture_output=True, text=True, check=True, env=identity).stdout.strip()

    def commit(self, message, **footer):
        """Commit with a footer of `Key: value` lines; returns the commit."""
        lines = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in footer.items())
        self.git("commit", "-q", "--allow-empty", "-F", "-", text=f"{message}\n\n{lines}")
        return self.git("rev-parse", "HEAD")

    def chain_of_reverts(self, commit, count):
        """Put so many commits on top, each of which reverts the one below; as git does, without a process each."""
        tree, named = self.git("rev-parse", f"{commit}^{{tree}}"), commit
        for _ in range(count):
            who = "A <a@example.org> 1000000000 +0000"
            message = f"Revert\n\nThis reverts commit {named}.\n"
            text = f"tree {tree}\nparent {named}\nauthor {who}\ncommitter {who}\n\n{message}".encode()
            named = self._write(b"commit %d\0%s" % (len(text), text))
        self.git("update-ref", "HEAD", named)

    def _write(self, content):
        name = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        path = self.folder / ".git/objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(content))
        return name

    def revert(self, commit, change_id="I" + "c" * 40):
        return self.commit(f'Revert "it"\n\nThis reverts commit {commit}.', Change_Id=change_id)
