"""Nodes: the machines that builds run on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Node:
    """A machine that a build may have; `slot` tells apart the parallel places of one machine (from 0).

    `host_keys` are known_hosts key fields ("ssh-ed25519 AAAA..."); without any the node is refused.
    """

    name: str
    provider: str
    labels: tuple[str, ...]
    username: str
    port: int
    host_keys: tuple[str, ...]
    python_path: str
    slot: int = 0

    @property
    def machine(self) -> str:
        """The machine that this is a place on: what is healthy, drained or set aside as a whole."""
        return f"{self.provider}/{self.name}"

    @property
    def id(self) -> str:
        return f"{self.provider}/{self.name}/{self.slot}"


class NodeState(StrEnum):
    """What a machine is to builds that look for a node.

    ready -> set-aside: it failed thrice in a row; set-aside -> ready: a person said so, or it was ill and is well now.
    Any -> draining -> ready: a person said so.
    """

    READY = "ready"
    DRAINING = "draining"
    SET_ASIDE = "set-aside"


@dataclass(frozen=True, slots=True)
class Condition:
    """How a machine has done lately; `failures` are those in a row, `reason` is the last one's or a person's.

    A machine gets no build before `retry_at`; one that is set aside is looked at again then, when it `is_ill`: its last
    failure was a health check. `since` is when it came into its state. Times in seconds since the epoch.
    """

    machine: str
    state: NodeState = NodeState.READY
    failures: int = 0
    reason: str = ""
    since: float = 0.0
    retry_at: float = 0.0
    is_ill: bool = False
    last_build: str = ""

    def takes_builds(self, now: float) -> bool:
        return self.state is NodeState.READY and self.retry_at <= now
