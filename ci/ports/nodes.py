"""What the services ask of who has nodes, and looks at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ci.model.build import Build, BuildOutcome
    from ci.model.node import Node


class NodeProvider(Protocol):
    """Knows the machines that builds may have."""

    def nodes(self) -> tuple[Node, ...]:
        """All places for builds, also those in use."""
        ...


class NodeProber(Protocol):
    """Looks whether a machine is fit for a build."""

    def problem(self, node: Node) -> str:
        """What is wrong with the node, as one printable line; "" when nothing is.

        Raises `CIError` when it could not be looked at for a reason that is not the node's.
        """
        ...


class NodeHealth(NodeProber, Protocol):
    """A prober that does not look again at what was fine a moment ago."""

    def ended(self, build: Build, outcome: BuildOutcome) -> None:
        """What the end of an attempt says about its machines: whether they are to be looked at before the next one."""
        ...
