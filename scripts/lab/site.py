"""A site for the laboratory: the shipped files, pointed at a Gerrit and at nodes on loopback."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .sshd_node import SshdNode

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = ("jobs", "playbooks", "skip_lists")
CI_USER = "powervm-ci"
CI_NAME = "IBM PowerVM CI"


class GerritPlace(Protocol):
    """Where a Gerrit is, or what stands in for one."""

    @property
    def address(self) -> str: ...

    @property
    def ssh_port(self) -> int: ...

    @property
    def url(self) -> str: ...

    @property
    def known_hosts(self) -> Path: ...


@dataclass(frozen=True)
class LabSite:
    """Where the site lies and at which address its pages will be."""

    folder: Path
    port: int


def write_site(folder: Path, gerrit: GerritPlace, key: Path, nodes: SshdNode, *, port: int, slots: int = 1) -> LabSite:
    """Write a site into `folder`: shipped jobs, playbooks and skip lists, the CI account's `key`, these nodes.

    `slots` is how many builds each node takes at once; `port` where the pages will listen on 127.0.0.1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHIPPED:
        shutil.copytree(REPOSITORY / name, folder / name, dirs_exist_ok=True)
    return write_connections(folder, gerrit, key, nodes, port=port, slots=slots)


def write_connections(
    folder: Path, gerrit: GerritPlace, key: Path, nodes: SshdNode, *, port: int, slots: int = 1, user: str = CI_USER
) -> LabSite:
    """Write only what says where Gerrit and the nodes are: `zuul.conf` and `nodepool/nodepool.yaml`."""
    (folder / "zuul.conf").write_text(_zuul_conf(gerrit, user, key, nodes, port), encoding="utf-8")
    (folder / "nodepool").mkdir(exist_ok=True)
    (folder / "nodepool" / "nodepool.yaml").write_text(_nodepool(nodes, slots), encoding="utf-8")
    return LabSite(folder, port)


def add_language(site: LabSite, name: str, text: str) -> None:
    """Add a file of Zuul's language to the site, for example another variant of a shipped job."""
    (site.folder / "jobs" / "zuul.d" / f"{name}.yaml").write_text(text, encoding="utf-8")


def connection(name: str, host: str, gerrit: GerritPlace, user: str, key: Path) -> str:
    """Return the section of a connection in `zuul.conf`; `host` is the canonical one of its projects."""
    return f"""\
[connection {name}]
driver=gerrit
server={gerrit.address}
port={gerrit.ssh_port}
baseurl={gerrit.url}
canonical_hostname={host}
user={user}
sshkey={key}

"""


def _zuul_conf(gerrit: GerritPlace, user: str, key: Path, nodes: SshdNode, port: int) -> str:
    return f"""\
{connection("opendev", "review.opendev.org", gerrit, user, key)}[powervm-ci]
known_hosts={gerrit.known_hosts}
node_private_key={nodes.private_key}
port={port}
"""


def _nodepool(nodes: SshdNode, slots: int) -> str:
    lines = [
        "labels:",
        "  - name: powervm",
        "  - name: powervm-osa",
        "providers:",
        "  - name: lab",
        "    driver: static",
        "    pools:",
        "      - name: main",
        "        nodes:",
    ]
    for address in nodes.addresses:
        lines += [
            f"          - name: {address}",
            "            labels: [powervm]",
            f"            username: {nodes.username}",
            f"            connection-port: {nodes.port}",
            f"            host-key: {nodes.host_key}",
            f"            max-parallel-jobs: {slots}",
            "            python-path: /usr/bin/python3",
        ]
    return "\n".join(lines) + "\n"
