"""Jobs, frozen for one change: parents and variants applied, as Zuul freezes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class NodeRequest:
    """One node that a job asks for: the name it has in the inventory and the label of the pool."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """A group of the inventory and the nodes in it."""

    name: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nodeset:
    """The nodes that a job asks for, all at once; empty means that the job runs on the executor alone."""

    nodes: tuple[NodeRequest, ...] = ()
    groups: tuple[NodeGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class RequiredProject:
    """A project whose source a job wants besides the change's own."""

    name: str
    override_checkout: str | None = None


@dataclass(frozen=True, slots=True)
class FrozenJob:
    """A job as it will run for one change.

    Playbooks are paths relative to the site, in the order in which they run (pre-run: parents first; post-run and
    cleanup-run: children first). Timeouts in seconds, None for no limit. `variables` holds JSON values only.
    `definitions` names the places (`path:line`) of the definitions that were applied, in order.
    """

    name: str
    pre_run: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    post_run: tuple[str, ...] = ()
    cleanup_run: tuple[str, ...] = ()
    nodeset: Nodeset = Nodeset()
    variables: dict[str, Any] = field(default_factory=dict)
    timeout_seconds: int | None = 10800
    post_timeout_seconds: int | None = 1800
    attempts: int = 3
    voting: bool = True
    required_projects: tuple[RequiredProject, ...] = ()
    semaphores: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()
