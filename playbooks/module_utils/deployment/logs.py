"""Brings what a deployment leaves on a node to where it is published from: journal, configuration, versions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from ansible.module_utils.deployment import program
from ansible.module_utils.deployment.root import GRACE_SECONDS, as_root

CALL_SECONDS = 120
UNIT = re.compile(r"(?:devstack@)?([A-Za-z0-9][\w.-]*)\.service")
# Neither certificates nor the keys that tokens are made with.
CONFIGURATION = re.compile(r"[\w.-]+\.(?:conf|ini|json|ya?ml|filters)")
# OpenStack-Ansible has a file of nothing but passwords.
SECRETS = re.compile(r"user_secrets.*")
CONFIGURATION_BYTES = 1024 * 1024
REPOSITORY = ["git", "-c", "safe.directory=*", "log", "-3", "--format=%H %cI %s", "HEAD"]
SYSTEM = (
    ["date", "--utc", "--iso-8601=seconds"],
    ["uname", "-a"],
    ["df", "--human-readable"],
    ["free", "--mebi"],
    ["ppc64_cpu", "--smt"],
    ["ps", "-e", "--sort=-rss", "-o", "pid,rss,etime,args"],
)


@dataclass(frozen=True)
class Sources:
    """Where a run leaves things, and since when the journal is about it; `devstack` is empty where there is none."""

    devstack: str
    base_dir: str
    etc: str
    services: list[str]
    units: list[str]
    since: int
    patterns: tuple[str, ...]


def collect(workspace: str, sources: Sources) -> list[str]:
    """Fill `logs`, `etc` and `results` of the workspace; return what could not be had."""
    missing: list[str] = []
    for name in ("logs", "etc", "results"):
        os.makedirs(os.path.join(workspace, name), exist_ok=True)
    steps = (_journal, _configuration, _local_conf, _repositories, _system)
    for step in steps:
        try:
            missing += step(workspace, sources)
        except (OSError, subprocess.SubprocessError) as error:
            missing.append(f"{step.__name__.strip('_')}: {error}")
    return missing


def _journal(workspace: str, sources: Sources) -> list[str]:
    """One file for each service, named as OpenStack's own jobs name them, times in UTC."""
    listing = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", *sources.patterns]
    done = program.answer(listing, CALL_SECONDS)
    units = [line.split()[0] for line in done.stdout.splitlines() if line.split()]
    missing = [f"the list of services: {done.stderr.strip()[-200:]}"] if done.returncode else []
    for unit in dict.fromkeys(units + sources.units):
        named = UNIT.fullmatch(unit)
        if not named:
            continue
        argv = ["journalctl", "--no-pager", "--quiet", "--utc", "--output", "short-iso-precise"]
        argv += ["--since", f"@{sources.since}", "--unit", unit]
        path = os.path.join(workspace, "logs", f"screen-{named[1]}.txt")
        # to others than root journalctl says nothing of the system's units, and calls that no error
        with open(path, "wb") as stream:
            command, bound = as_root(argv, CALL_SECONDS), CALL_SECONDS + GRACE_SECONDS
            subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, check=False, timeout=bound)
        if not os.path.getsize(path):
            os.unlink(path)
            missing.append(f"the journal has nothing of {unit}")
    return missing


def _configuration(workspace: str, sources: Sources) -> list[str]:
    for service in sources.services:
        root = os.path.join(sources.etc, service)
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                chosen = CONFIGURATION.fullmatch(name) and not SECRETS.fullmatch(name)
                wanted = chosen and os.path.isfile(path) and not os.path.islink(path)
                if wanted and os.path.getsize(path) <= CONFIGURATION_BYTES:
                    _copy(path, os.path.join(workspace, "etc", service, os.path.relpath(path, root)))
    return []


def _local_conf(workspace: str, sources: Sources) -> list[str]:
    if not sources.devstack:
        return []
    path = os.path.join(sources.devstack, "local.conf")
    if not os.path.isfile(path):
        return ["local.conf was not written"]
    _copy(path, os.path.join(workspace, "results", "local.conf"))
    return []


def _repositories(workspace: str, sources: Sources) -> list[str]:
    told = []
    for name in sorted(os.listdir(sources.base_dir)):
        folder = os.path.join(sources.base_dir, name)
        if os.path.isdir(os.path.join(folder, ".git")):
            told.append(f"{name}\n{_said(REPOSITORY, folder)}\n")
    _write(os.path.join(workspace, "logs", "repositories.txt"), told)
    return []


def _system(workspace: str, _: Sources) -> list[str]:
    told = [f"$ {' '.join(argv)}\n{_said(argv)}\n" for argv in SYSTEM if shutil.which(argv[0])]
    _write(os.path.join(workspace, "logs", "system.txt"), told)
    return []


def _said(argv: list[str], folder: str | None = None) -> str:
    done = subprocess.run(
        argv,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        timeout=CALL_SECONDS,
    )
    return done.stdout


def _copy(source: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copyfile(source, target)


def _write(path: str, parts: list[str]) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("\n".join(parts))
