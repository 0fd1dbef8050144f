"""A repository on a server, for tests with real git over a real sshd."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ci.config.settings import GerritSettings
from ci.model.change import Change

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.com",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.com",
}


def git(folder, *arguments, date="1700000000 +0000"):
    environment = {**ENVIRONMENT, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@dataclass
class Upstream:
    """A repository on the server, with a work tree beside it to make changes in."""

    folder: Path

    def __post_init__(self):
        self.folder.mkdir(parents=True)
        git(self.folder, "init", "-q", "-b", "master", "work")
        self.work = self.folder / "work"
        self.commit({"nova/a.py": "one\n" * 20, "nova/b.py": "two\n" * 20}, "start")
        git(self.folder, "init", "-q", "--bare", "-b", "master", "nova")
        self.push("master")

    @property
    def project(self):
        return str(self.folder / "nova").lstrip("/")

    def commit(self, files, message, *, start=None):
        if start:
            git(self.work, "checkout", "-q", "--detach", start)
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", message)
        return git(self.work, "rev-parse", "HEAD")

    def push(self, branch):
        git(self.work, "push", "-q", "--force", str(self.folder / "nova"), f"HEAD:refs/heads/{branch}")

    def tip(self, branch="master"):
        return git(self.folder / "nova", "rev-parse", f"refs/heads/{branch}")

    def change(self, number, files, *, start=None, branch="master", message="a change"):
        revision = self.commit(files, message, start=start or self.tip(branch))
        ref = f"refs/changes/{number % 100:02}/{number}/1"
        git(self.work, "push", "-q", str(self.folder / "nova"), f"HEAD:{ref}")
        return Change("gerrit", self.project, branch, number, 1, revision, ref)


def settings(server, **changes):
    fields = {
        "name": "gerrit",
        "server": "127.0.0.2",
        "port": server.port,
        "user": server.username,
        "sshkey": server.private_key,
        "known_hosts": server.folder / "known_hosts",
        "canonical_hostname": "review.example.com",
    }
    return {"gerrit": GerritSettings(**{**fields, **changes})}
