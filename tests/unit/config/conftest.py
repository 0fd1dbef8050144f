"""A small site in a folder, whose files a test replaces one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.config.site import load_site
from ci.errors import SiteError

if TYPE_CHECKING:
    from pathlib import Path

    from ci.config.site import Site

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICGuM3LYkuordHBBIZ5q7a2TjJXEmnqyMmT7fkrvxUY5"
FILES = {
    "zuul.conf": (
        "[connection gerrit]\ndriver=gerrit\nserver=review.example.org\nuser=ci\nsshkey=key\n\n"
        "[powervm-ci]\nknown_hosts=known_hosts\n"
    ),
    "key": "",
    "known_hosts": "",
    "jobs/tenant.yaml": (
        "- tenant:\n    name: t\n    source:\n      gerrit:\n        config-projects:\n"
        "          - site:\n              extra-config-paths: [jobs/zuul.d/]\n"
        "        untrusted-projects:\n          - nova: {include: []}\n"
    ),
    "jobs/zuul.d/pipelines.yaml": (
        "- pipeline:\n    name: check\n    manager: independent\n"
        "    trigger:\n      gerrit:\n        - event: patchset-created\n"
    ),
    "jobs/zuul.d/jobs.yaml": "- job:\n    name: base\n    parent: null\n    run: playbooks/run.yaml\n",
    "jobs/zuul.d/projects.yaml": "- project:\n    name: nova\n    check:\n      jobs:\n        - base\n",
    "playbooks/run.yaml": "- hosts: all\n",
    "nodepool/nodepool.yaml": (
        "labels:\n  - name: powervm\nproviders:\n  - name: static\n    driver: static\n    pools:\n"
        f"      - name: main\n        nodes:\n          - name: node-1\n            labels: powervm\n"
        f"            host-key: {HOST_KEY}\n"
    ),
}


class SiteFolder:
    """The folder, and what the loader makes of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)

    def add(self, name: str, text: str) -> None:
        self.write(name, (self.folder / name).read_text() + text)

    def load(self) -> Site:
        return load_site(self.folder)

    def errors(self) -> list[str]:
        try:
            self.load()
        except SiteError as error:
            return [str(finding) for finding in error.findings]
        return []


@pytest.fixture
def site(tmp_path: Path) -> SiteFolder:
    return SiteFolder(tmp_path)
