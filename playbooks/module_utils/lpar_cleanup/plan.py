"""Which LPARs are to go. Whatever is in doubt stays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible.module_utils.lpar_cleanup.names import node_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

OFF = "not activated"


class Refused(RuntimeError):
    """What the system tells does not fit this node: nothing at all is touched."""


@dataclass(frozen=True)
class Lpar:
    """What a decision needs to know of a partition."""

    id: int
    name: str
    uuid: str
    state: str
    role: str = "client"  # or "management", "service", "vios"


@dataclass(frozen=True)
class Plan:
    """The LPARs to remove; orphans that are only told; those of other nodes by the node's id, with why they stay."""

    doomed: list[Lpar] = field(default_factory=list)
    orphans: list[Lpar] = field(default_factory=list)
    kept: dict[int, tuple[int, str]] = field(default_factory=dict)


def choose(lpars: Collection[Lpar], node_id: int, orphans: str = "leave", dead_nodes: Iterable[int] = ()) -> Plan:
    """Choose among all partitions of a system, for the node whose LPAR id is `node_id`.

    `orphans`: what becomes of LPARs whose node has no LPAR any more: `leave`, `report` or `remove`. A node in
    `dead_nodes` counts as gone when its LPAR is powered off. Raises Refused when the node is not in the list.
    """
    _check_node(lpars, node_id)
    present = {lpar.id: lpar for lpar in lpars}
    dead = {number for number in dead_nodes if number in present and present[number].state == OFF}
    plan = Plan()
    for lpar in lpars:
        owner = node_of(lpar.name)
        if owner is None or lpar.role != "client":
            continue
        if owner == node_id:
            plan.doomed.append(lpar)
        elif orphans == "leave" or (owner in present and owner not in dead):
            count, _ = plan.kept.get(owner, (0, ""))
            plan.kept[owner] = count + 1, _why_kept(owner, present, orphans)
        else:
            (plan.doomed if orphans == "remove" else plan.orphans).append(lpar)
    return plan


def confirmed(first: Plan, second: Plan) -> Plan:
    """Return the second plan without what the first did not have."""
    known = {lpar.uuid for lpar in first.doomed}
    return Plan([lpar for lpar in second.doomed if lpar.uuid in known], second.orphans, second.kept)


def _check_node(lpars: Collection[Lpar], node_id: int) -> None:
    own = [lpar for lpar in lpars if lpar.id == node_id]
    if len(own) != 1:
        raise Refused(f"the system has {len(own)} partitions with the id {node_id} of this node, not one")
    if node_of(own[0].name) is not None:
        raise Refused(f"the partition with the id {node_id} of this node is called {own[0].name!a}, as no node is")


def _why_kept(owner: int, present: dict[int, Lpar], orphans: str) -> str:
    if orphans == "leave":
        return "they are another node's"
    return f"node {owner} has an LPAR ({present[owner].name!a}, {present[owner].state}), so its run may be alive"
