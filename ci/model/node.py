"""Nodes: the machines that builds run on."""

from __future__ import annotations

from dataclasses import dataclass


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
