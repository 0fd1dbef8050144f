"""The commits that buildsets test, kept as refs in the mirrors: a later service tests the same.

`refs/ci/BUILDSET/BRANCH` is what is checked out, `refs/ci/BUILDSET.other/BRANCH` what has changes in it beside that.
"""

from __future__ import annotations

import os
import re
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ci.git import names, rests
from ci.git.command import git
from ci.git.mirror import storage_error

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from ci.git.mirror import Mirror

REFS = "refs/ci/"
OTHER = ".other"  # no buildset's id has a dot
CHANGES = "refs/changes/"
FORGOTTEN_AT_ONCE = 500
GC_TIMEOUT_SECONDS = 900.0
# Packing is worth its time from here on.
MANY_PACKS = 20
MANY_LOOSE_OBJECTS = 2000
# A pack of this size is left as it is: a long history would cost minutes and a gigabyte of memory. What nothing
# holds goes into a pack of its own: older gits leave it loose for two weeks, and there would be no end of packing.
GC_OPTIONS = (
    "-c", "gc.bigPackThreshold=100m", "-c", "pack.threads=1", "-c", "pack.windowMemory=100m",
    "-c", "gc.cruftPacks=true",
)  # fmt: skip
_BUILDSET = re.compile(r"[A-Za-z0-9_-]{1,64}")


def read(mirror: Mirror, buildset_id: str) -> tuple[str, str] | None:
    """Return the branch and the commit that were fixed for a buildset; None when there is no such commit."""
    return next(iter(_read(mirror, buildset_id, "").items()), None)


def read_others(mirror: Mirror, buildset_id: str) -> dict[str, str]:
    """Return the branches that were fixed for a buildset beside the one that it checks out, and their commits."""
    return _read(mirror, buildset_id, OTHER)


def write(
    mirror: Mirror, buildset_id: str, branch: str, commit: str, others: Mapping[str, str] | None = None
) -> None:  # fmt: skip
    """Keep commits for a buildset; git removes none of their objects."""
    if not _BUILDSET.fullmatch(buildset_id):
        return
    # The one that is looked for first comes last: where it is, the others are.
    for name, value in (others or {}).items():
        _write(mirror.path / REFS / f"{buildset_id}{OTHER}" / name, value)
    _write(mirror.path / REFS / buildset_id / branch, commit)


def _read(mirror: Mirror, buildset_id: str, suffix: str) -> dict[str, str]:
    if not _BUILDSET.fullmatch(buildset_id):
        return {}
    prefix = f"{REFS}{buildset_id}{suffix}/"
    if not _may_have(mirror.path, prefix):
        return {}
    found = {}
    _, output = mirror.git(["for-each-ref", "--format=%(objectname) %(refname)", prefix])
    for line in output.splitlines():
        commit, _, name = line.partition(" ")
        if not mirror.git(["cat-file", "-e", f"{commit}^{{commit}}"], accepted=(0, 1, 128))[0]:
            found[names.branch(name.removeprefix(prefix))] = names.revision(commit)
    return found


def _write(path: Path, commit: str) -> None:
    # As git itself writes it, but without a process for each.
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
    with _locked_at_once(mirror):
        rests.remove(mirror.path)
        _, output = mirror.git(["for-each-ref", "--format=%(refname)", REFS, CHANGES])
        kept = open_buildset_ids()  # not before: one that began meanwhile has its ref here, too
        doomed = [name for name in output.splitlines() if _buildset_of(name) not in kept]
        for start in range(0, len(doomed), FORGOTTEN_AT_ONCE):
            part = doomed[start : start + FORGOTTEN_AT_ONCE]
            mirror.git(["update-ref", "--stdin"], given="".join(f"delete {name}\n" for name in part))
    return len(doomed)


@contextmanager
def _locked_at_once(mirror: Mirror) -> Iterator[None]:
    no_patience = threading.Event()
    no_patience.set()
    with mirror.locked(no_patience):
        no_patience.clear()  # git itself is not to be interrupted
        yield


def _buildset_of(ref: str) -> str:
    return ref.removeprefix(REFS).partition("/")[0].removesuffix(OTHER)


def pack(mirror: Mirror) -> bool:
    """Pack a mirror that needs it; returns whether it did. Objects that nothing holds go when they are two weeks old.

    Not under the lock: git itself keeps it apart from fetches, and it may take minutes. Raises Interrupted when a git
    of an earlier service is still at it.
    """
    packs = len(list(mirror.path.glob("objects/pack/pack-*.pack")))
    loose = 256 * len(list(mirror.path.glob("objects/17/*")))  # git's own way to guess
    if packs < MANY_PACKS and loose < MANY_LOOSE_OBJECTS:
        return False
    _gc(mirror, "--prune=2.weeks.ago")
    return True


def make_room(mirror: Mirror) -> None:
    """Remove what nothing has held for a day, in large packs too; the largest one, as a rule the history, stays.

    What was fetched for changes that are huge would else stay for good. Under the lock, unlike `pack`: what goes may be
    what a fetch is about to hold again. Raises Interrupted when somebody is at work in the mirror.
    """
    with _locked_at_once(mirror):
        _gc(mirror, "--keep-largest-pack", "--prune=1.day.ago")


def _gc(mirror: Mirror, *options: str) -> None:
    with rests.packing(mirror.path) as file:
        git(
            [*GC_OPTIONS, "gc", "--quiet", *options],
            cwd=mirror.path.parent,
            environment={"GIT_DIR": str(mirror.path)},
            timeout_seconds=GC_TIMEOUT_SECONDS,
            about=f"packing {mirror.path.name}",
            passed=[file],
        )


def _may_have(path: Path, prefix: str) -> bool:
    """Whether a mirror may have such a ref: no process is started to find out that it has not."""
    try:
        return (path / prefix).is_dir() or prefix in (path / "packed-refs").read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return False
