"""Puts the repositories of a deployment in their places: the build's own where it has them, else a branch's tip."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.deployment import program

GIT_SECONDS = 1800
AT_ONCE = 4
KEPT = "refs/upstream"


class SourceError(RuntimeError):
    """A repository cannot be had or used; the message says which and why."""


@dataclass(frozen=True)
class Wanted:
    """A project, the name of its cache, the branch, where upstream is, and the build's own source, if it has one."""

    name: str
    canonical_name: str
    branch: str
    url: str
    prepared: str | None = None
    plugin: str = ""

    @property
    def folder(self) -> str:
        """Where the deployment looks for it: by a plugin's name, or the last part of the project's."""
        return self.plugin or self.name.rpartition("/")[2]


@dataclass(frozen=True)
class Places:
    """The deployment's folder of sources, and the node's cache of bare repositories."""

    base_dir: str
    cache: str


def place_all(wanted: list[Wanted], places: Places) -> list[dict[str, Any]]:
    """Return for each project: name, branch, commit, its `origin`, and a warning if there is one to give.

    Repositories in the folder that nobody asked for are those of an earlier build, and are removed.
    """
    _check(places.base_dir)
    names = [one.folder for one in wanted]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(f"several projects would be {places.base_dir}/{twice[0]}: leave one of them out")
    os.makedirs(places.base_dir, exist_ok=True)
    for name in sorted(os.listdir(places.base_dir)):
        path = os.path.join(places.base_dir, name)
        if name not in names and os.path.isdir(os.path.join(path, ".git")) and not os.path.islink(path):
            shutil.rmtree(path)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda one: _place(one, places), wanted))


def _check(base_dir: str) -> None:
    home = os.path.expanduser("~")
    if os.path.dirname(base_dir.rstrip("/")) in {"", "/"} or base_dir.rstrip("/") == home.rstrip("/"):
        raise SourceError(f"{base_dir} is not a folder of the deployment's alone (choose one like /opt/stack)")


def _place(one: Wanted, places: Places) -> dict[str, Any]:
    bare = os.path.join(places.cache, one.canonical_name + ".git")
    target = os.path.join(places.base_dir, one.folder)
    with _locked(bare):
        branch, warning = _refresh(one, bare)
        if not os.path.isdir(os.path.join(target, ".git")):
            shutil.rmtree(target, ignore_errors=True)
            git(None, "init", "--quiet", target)
        _borrow(target, bare)
        source, ref = (one.prepared, "HEAD") if one.prepared else (bare, f"{KEPT}/{branch}")
        git(target, "fetch", "--quiet", "--no-tags", source, f"+{ref}:refs/placed")
        git(target, "fetch", "--quiet", "--no-tags", bare, "+refs/tags/*:refs/tags/*")  # pbr asks them for versions
    with contextlib.suppress(SourceError):
        git(target, "cherry-pick", "--quit")
    git(target, "checkout", "--quiet", "--force", "-B", branch, "refs/placed")
    git(target, "clean", "--quiet", "-ffdx")
    commit = git(target, "rev-parse", "HEAD").strip()
    origin = "the build" if one.prepared else "upstream"
    return {"name": one.name, "branch": branch, "commit": commit, "origin": origin, "warning": warning}


def _refresh(one: Wanted, bare: str) -> tuple[str, str]:
    """Bring the cache up to date; return the branch (master where the project has no such one) and a warning."""
    if not os.path.isdir(bare):
        git(None, "init", "--quiet", "--bare", bare)
    try:
        listed = git(None, "ls-remote", "--heads", one.url, f"refs/heads/{one.branch}", "refs/heads/master")
        there = {line.partition("\trefs/heads/")[2] for line in listed.splitlines()}
        branch = one.branch if one.branch in there else "master"
        git(bare, "fetch", "--quiet", one.url, f"+refs/heads/{branch}:{KEPT}/{branch}", "+refs/tags/*:refs/tags/*")
    except SourceError as error:
        if one.prepared:
            return one.branch, f"{one.name}: no tags, {error}"
        return _kept(one, bare, error)
    return branch, "" if branch == one.branch else f"{one.name} has no branch {one.branch}: master is used"


def _kept(one: Wanted, bare: str, error: SourceError) -> tuple[str, str]:
    for branch in dict.fromkeys((one.branch, "master")):
        for ref in (f"{KEPT}/{branch}", f"refs/heads/{branch}"):
            with contextlib.suppress(SourceError):
                stamp = int(git(bare, "log", "-1", "--format=%ct", ref, "--"))
                git(bare, "update-ref", f"{KEPT}/{branch}", ref)
                days = int((time.time() - stamp) // 86400)
                return branch, f"{one.name} at {branch} is from the cache, its last commit is {days} days old: {error}"
    raise SourceError(f"{one.name}: neither the cache nor upstream has {one.branch} or master: {error}")


def _borrow(target: str, bare: str) -> None:
    path = os.path.join(target, ".git", "objects", "info", "alternates")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    line = os.path.join(bare, "objects") + "\n"
    with open(path, "a+", encoding="utf-8") as stream:
        stream.seek(0)
        if line not in stream.readlines():
            stream.write(line)


@contextlib.contextmanager
def _locked(bare: str) -> Any:
    """Builds beside each other on one machine share the cache."""
    os.makedirs(os.path.dirname(bare), exist_ok=True)
    with open(bare + ".lock", "w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def git(folder: str | None, *arguments: str) -> str:
    """Run git and return what it says; raises SourceError with its last line."""
    argv = ["git", "-c", "safe.directory=*", "-c", "advice.detachedHead=false", "-c", "gc.auto=0", *arguments]
    variables = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    done: subprocess.CompletedProcess[str]
    try:
        done = program.answer(argv, GIT_SECONDS, folder=folder, variables=variables)
    except subprocess.TimeoutExpired:
        raise SourceError(f"git {arguments[0]} did not end in {GIT_SECONDS} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit status {done.returncode}"]
        raise SourceError(f"git {arguments[0]}: {said[-1][:300]}")
    return done.stdout
