"""Nodes that are always there: the static pools of nodepool's file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ci.errors import CIError

if TYPE_CHECKING:
    from ci.model.node import Node


class StaticNodes:
    """A `NodeProvider` over a fixed list."""

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        """Take the nodes in the order in which they are offered; raises CIError where two have the same id."""
        twice = [node_id for node_id, count in Counter(node.id for node in nodes).items() if count > 1]
        if twice:
            raise CIError(f"node {twice[0]} is there twice: its leases could not be told apart")
        self._nodes = nodes

    def nodes(self) -> tuple[Node, ...]:
        """All places, also those in use."""
        return self._nodes
