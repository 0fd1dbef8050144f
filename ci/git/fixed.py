"""The commits that buildsets test, kept as `refs/ci/BUILDSET/BRANCH` in the mirrors: a later service tests the same."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ci.git import names
from ci.git.command import git
from ci.git.mirror import storage_error

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ci.git.mirror import Mirror

REFS = "refs/ci/"
CHANGES = "refs/changes/"
FORGOTTEN_AT_ONCE = 500
GC_TIMEOUT_SECONDS = 900.0
# Packing is worth its time from here on.
MANY_PACKS = 20
MANY_LOOSE_OBJECTS = 2000
STALE_SECONDS = 24 * 3600.0
# A pack of this size is left as it is: nova's whole history would cost minutes and a gigabyte of memory. What nothing
# holds goes into a pack of its own: older gits leave it loose for two weeks, and there would be no end of packing.
GC_OPTIONS = (
    "-c", "gc.bigPackThreshold=100m", "-c", "pack.threads=1", "-c", "pack.windowMemory=100m",
    "-c", "gc.cruftPacks=true",
)  # fmt: skip
_BUILDSET = re.compile(r"[A-Za-z0-9_-]{1,64}")


def read(mirror: Mirror, buildset_id: str) -> tuple[str, str] | None:
    """Return the branch and the commit that were fixed for a buildset; None when there is no such commit."""
    if not _BUILDSET.fullmatch(buildset_id):
        return None
    prefix = f"{REFS}{buildset_id}/"
    if not _may_have(mirror.path, prefix):
        return None
    _, output = mirror.git(["for-each-ref", "--format=%(objectname) %(refname)", prefix])
    commit, _, name = output.partition("\n")[0].partition(" ")
    if not commit or mirror.git(["cat-file", "-e", f"{commit}^{{commit}}"], accepted=(0, 1, 128))[0]:
        return None
    return names.branch(name.removeprefix(prefix)), names.revision(commit)


def write(mirror: Mirror, buildset_id: str, branch: str, commit: str) -> None:
    """Keep a commit for a buildset; git removes none of its objects."""
    if not _BUILDSET.fullmatch(buildset_id):
        return
    # As git itself writes it, but without a process for each.
    path = mirror.path / REFS / buildset_id / branch
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with Path(f"{path}.lock").open("w", encoding="ascii") as file:
            file.write(f"{commit}\n")
            file.flush()
            os.fsync(file.fileno())
        Path(f"{path}.lock").rename(path)
    except OSError as error:
        raise storage_error(path, error) from error


def forget(mirror: Mirror, open_buildset_ids: Callable[[], Collection[str]]) -> int:
    """Let go of the commits of all but the open buildsets, and of fetched patch sets; returns how many refs went.

    Raises Interrupted when somebody else is at work in the mirror: a fetch may take half an hour.
    """
    no_patience = threading.Event()
    no_patience.set()
    with mirror.locked(no_patience):
        no_patience.clear()  # git itself is not to be interrupted
        _, output = mirror.git(["for-each-ref", "--format=%(refname)", REFS, CHANGES])
        kept = open_buildset_ids()  # not before: one that began meanwhile has its ref here, too
        doomed = [name for name in output.splitlines() if name.removeprefix(REFS).partition("/")[0] not in kept]
        for start in range(0, len(doomed), FORGOTTEN_AT_ONCE):
            part = doomed[start : start + FORGOTTEN_AT_ONCE]
            mirror.git(["update-ref", "--stdin"], given="".join(f"delete {name}\n" for name in part))
    return len(doomed)


def pack(mirror: Mirror) -> bool:
    """Pack a mirror that needs it; returns whether it did. Objects that nothing holds go when they are two weeks old.

    Not under the lock: git itself keeps it apart from fetches, and it may take minutes.
    """
    packs = len(list(mirror.path.glob("objects/pack/pack-*.pack")))
    loose = 256 * len(list(mirror.path.glob("objects/17/*")))  # git's own way to guess
    if packs < MANY_PACKS and loose < MANY_LOOSE_OBJECTS:
        return False
    _remove_rests(mirror.path)
    git(
        [*GC_OPTIONS, "gc", "--quiet", "--prune=2.weeks.ago"],
        cwd=mirror.path.parent,
        environment={"GIT_DIR": str(mirror.path)},
        timeout_seconds=GC_TIMEOUT_SECONDS,
        about=f"packing {mirror.path.name}",
    )
    return True


def _remove_rests(path: Path) -> None:
    """Remove what a git that was killed has left."""
    for rest in (*path.glob("objects/pack/tmp_*"), *path.glob("gc.pid*"), *path.glob("packed-refs.*lock")):
        try:
            if time.time() - rest.stat().st_mtime > STALE_SECONDS:
                rest.unlink()
        except FileNotFoundError:
            continue


def _may_have(path: Path, prefix: str) -> bool:
    """Whether a mirror may have such a ref: no process is started to find out that it has not."""
    try:
        return (path / prefix).is_dir() or prefix in (path / "packed-refs").read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return False
