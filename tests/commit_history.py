"""A repository such as nova's, written commit by commit, with Change-Ids and reverts."""

from __future__ import annotations

import os
import subprocess

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

    def revert(self, commit, change_id="I" + "c" * 40):
        return self.commit(f'Revert "it"\n\nThis reverts commit {commit}.', Change_Id=change_id)
