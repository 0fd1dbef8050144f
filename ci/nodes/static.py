"""Nodes that are always there: the static pools of nodepool's file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ci.errors import CIError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.model.node import Node


class StaticNodes:
    """A `NodeProvider` over a list, which is another one when another state of the site is in force."""

    def __init__(self, nodes: Callable[[], tuple[Node, ...]]) -> None:
        """Take what tells the nodes in the order in which they are offered; raises what `assert_told_apart` does."""
        self._nodes = nodes
        assert_told_apart(nodes())

    def nodes(self) -> tuple[Node, ...]:
        """All places, also those in use."""
        return self._nodes()


def assert_told_apart(nodes: tuple[Node, ...]) -> None:
    """Raise CIError where two nodes have the same id."""
    twice = [node_id for node_id, count in Counter(node.id for node in nodes).items() if count > 1]
    if twice:
        raise CIError(f"node {twice[0]} is there twice: its leases could not be told apart")
