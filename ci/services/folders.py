"""Where things lie in the state folder; no path is ever made of a text from outside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ci.model.build import HOLD_FILE
from ci.model.change import Change

if TYPE_CHECKING:
    from ci.model.build import Build
    from ci.model.change import Ref

LONGEST_PART = 200
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True, slots=True)
class Folders:
    """The state folder.

    `ci.db`, `git/` (mirrors), `sites/` (the site by commit), `builds/` (work of running builds), `logs/` (published).
    """

    state: Path

    @property
    def database(self) -> Path:
        return self.state / "ci.db"

    @property
    def mirrors(self) -> Path:
        return self.state / "git"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def builds(self) -> Path:
        return self.state / "builds"

    @property
    def sites(self) -> Path:
        return self.state / "sites"

    def site(self, commit: str) -> Path:
        """The files of a commit of the site's own repository."""
        if not _COMMIT.fullmatch(commit):
            raise ValueError(f"no commit: {commit!r}")
        return self.sites / commit

    @property
    def lock(self) -> Path:
        return self.state / "serve.lock"

    def build(self, build: Build) -> Path:
        """The folder of one attempt at a build."""
        return self.builds / build.id / str(build.attempt)

    def ask_to_hold(self, build: Build) -> None:
        """Have an attempt that runs leave its nodes as they are when it fails: no cleanup-run, `is_held`."""
        (self.build(build) / HOLD_FILE).touch()

    def build_logs(self, build: Build, change: Ref, pipeline: str) -> Path:
        """The published folder of one attempt, in OpenStack's layout: shard/change/patch set/pipeline/job/build.

        For a branch it is branch/project/name of the branch/pipeline/job/build. Pipelines and jobs have names that the
        site's schema has checked.
        """
        suffix = "" if build.attempt == 1 else f"-{build.attempt}"
        if isinstance(change, Change):
            item = f"{change.number % 100:02}/{change.number}/{change.patchset}"
        else:
            item = f"branch/{_flat(change.project)}/{_flat(change.branch)}"
        return self.logs / item / pipeline / build.job.name / f"{build.id[:10]}{suffix}"


def _flat(name: str) -> str:
    """Return a name as one part of a path; two names may look alike, their builds have ids of their own."""
    return _UNFIT.sub("_", name)[:LONGEST_PART].lstrip(".") or "_"
