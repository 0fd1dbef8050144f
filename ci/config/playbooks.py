"""Playbooks and what belongs to them, as far as can be said without Ansible: YAML, and a list of plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from ci.config.paths import path_problem
from ci.config.yaml_marks import MAX_BYTES, compose
from ci.errors import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = "playbooks"
SUFFIXES = frozenset({".yaml", ".yml"})
MOST_FILES = 2000
# What a role copies to nodes is not Ansible's, and a template need not be YAML before it is filled in.
_FOR_NODES = frozenset({"files", "templates"})


def playbook_problems(site: Path, name: str) -> list[Finding]:
    """Return what keeps Ansible from reading a playbook; tags such as `!vault` are left to it."""
    root, findings = _composed(site, name)
    if not findings and (not isinstance(root, yaml.SequenceNode) or not root.value):
        return [Finding(name, 1, 1, "is not a list of plays", "a playbook begins with `- hosts: ...`")]
    return findings


def yaml_problems(site: Path) -> list[Finding]:
    """Return what keeps Ansible from reading any YAML file below `playbooks/`: roles, variables, lists."""
    findings: list[Finding] = []
    for number, name in enumerate(_names(site)):
        if number == MOST_FILES:
            return [*findings, Finding(FOLDER, 0, 0, f"has more than {MOST_FILES} YAML files", "remove some")]
        if problem := path_problem(site, name):
            findings.append(Finding(name, 0, 0, problem[0].removeprefix(f"{name} "), problem[1]))
        else:
            findings += _composed(site, name)[1]
    return findings


def _names(site: Path) -> Iterator[str]:
    for path in (site / FOLDER).rglob("*.y*ml"):
        parts = path.relative_to(site).parts
        if path.suffix in SUFFIXES and _FOR_NODES.isdisjoint(parts) and not any(one.startswith(".") for one in parts):
            yield "/".join(parts)


def _composed(site: Path, name: str) -> tuple[yaml.Node | None, list[Finding]]:
    try:
        with (site / name).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        return None, [Finding(name, 0, 0, (error.strerror or "cannot be read").lower())]
    return compose(name, content)
