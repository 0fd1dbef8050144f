"""The whole clean-up. An LPAR goes after all that it has: as long as it is there, it tells what is still to be done."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible.module_utils.lpar_cleanup import networks, partitions, pool, storage
from ansible.module_utils.lpar_cleanup.attempts import TROUBLE, Deadline
from ansible.module_utils.lpar_cleanup.names import node_of
from ansible.module_utils.lpar_cleanup.node import Node
from ansible.module_utils.lpar_cleanup.outcome import EVERYTHING
from ansible.module_utils.lpar_cleanup.plan import Lpar, Plan, Refused, choose, confirmed
from ansible.module_utils.lpar_cleanup.report import Report
from ansible.module_utils.lpar_cleanup.system import System, connect

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Orders:
    """What a clean-up is to do; see the documentation of the module."""

    node: Node
    connection: Mapping[str, Any]
    orphans: str
    dead_nodes: tuple[int, ...]
    vlan_offsets: tuple[int, ...]
    parallel: int
    normal_seconds: int
    confirm_seconds: float
    timeout_seconds: float
    dry: bool


def clean_up(orders: Orders, tell: Callable[[dict[str, Any]], None]) -> None:
    """Clean up after the tempest runs of a node and tell what was removed and what stays; raises nothing."""
    logging.getLogger("pypowervm").addHandler(logging.NullHandler())
    logging.getLogger("pypowervm").propagate = False
    report = Report(tell)
    try:
        system = connect(orders.connection, orders.node, Deadline(orders.timeout_seconds))
        _CleanUp(orders, system, report).run()
    except (Refused, OSError, *TROUBLE) as error:
        report.left(EVERYTHING, "", "", error)


class _CleanUp:
    def __init__(self, orders: Orders, system: System, report: Report) -> None:
        self._orders, self._system, self._report, self._dry = orders, system, report, orders.dry
        self._trunks: dict[str, list[networks.Trunk]] = {}

    def run(self) -> None:
        """Look again after each pass: what was deleted must be gone, and what still ran may have made more."""
        plan, lpars = self._plan()
        self._tell_of_others(plan)
        owners, tried, gone = {self._orders.node.id}, set[str](), set[str]()
        while fresh := [lpar for lpar in plan.doomed if lpar.uuid not in tried]:
            for lpar in fresh:
                self._report.planned(lpar.name)
            tried |= {lpar.uuid for lpar in fresh}
            owners |= {node_of(lpar.name) or 0 for lpar in fresh}
            gone |= self._remove(fresh, lpars)
            plan, lpars = self._plan()
        if not self._dry:
            for lpar in plan.doomed:
                if lpar.uuid in gone:
                    self._report.left("LPAR", lpar.name, lpar.name, "it was deleted, and the system still tells of it")
        rest = [lpar for lpar in lpars if not self._dry or lpar.uuid not in gone]
        self._attempt("logical units", lambda: self._remove_strays(owners, lpars))
        self._attempt("VLANs", lambda: self._remove_vlans(rest))

    def _tell_of_others(self, plan: Plan) -> None:
        for owner, (count, why) in plan.kept.items():
            self._report.kept(owner, count, why)
        for lpar in plan.orphans:
            self._report.left("orphan", lpar.name, lpar.name, f"node {node_of(lpar.name)} has no LPAR any more")

    def _plan(self) -> tuple[Plan, list[Lpar]]:
        orders = self._orders
        lpars = self._system.lpars()
        plan = choose(lpars, orders.node.id, orders.orphans, orders.dead_nodes)
        if any(node_of(lpar.name) != orders.node.id for lpar in plan.doomed):
            # A node that is missing in one answer of the server is not yet gone.
            time.sleep(orders.confirm_seconds)
            lpars = self._system.lpars()
            plan = confirmed(plan, choose(lpars, orders.node.id, orders.orphans, orders.dead_nodes))
        return plan, lpars

    def _remove(self, lpars: list[Lpar], all_lpars: list[Lpar]) -> set[str]:
        """Return the UUIDs of those that are gone."""
        off = lpars if self._dry else self._each(lpars, self._power_off)
        stuck = self._remove_storage(off)
        hosts = [lpar for lpar in all_lpars if lpar.id == self._orders.node.id or lpar.role == "management"]
        self._attempt("trunk adapters", lambda: self._find_trunks(hosts, off))
        return {lpar.uuid for lpar in self._each([one for one in off if one.uuid not in stuck], self._delete)}

    def _power_off(self, lpar: Lpar) -> None:
        partitions.power_off(self._system, lpar, self._orders.normal_seconds)

    def _find_trunks(self, hosts: list[Lpar], lpars: list[Lpar]) -> None:
        self._trunks = networks.trunks(self._system, hosts, lpars)

    def _delete(self, lpar: Lpar) -> None:
        for trunk in self._trunks.get(lpar.uuid, []):
            if not self._dry:
                networks.delete_trunk(self._system, trunk, lpar)
            self._report.removed("trunk adapter", f"{trunk.mac} on {trunk.host.name}", lpar.name)
        partitions.delete_ports(self._system, lpar, self._report, dry=self._dry)
        if not self._dry:
            partitions.delete(self._system, lpar)
        self._report.removed("LPAR", lpar.name, lpar.name)

    def _remove_storage(self, lpars: list[Lpar]) -> set[str]:
        """Return the UUIDs of LPARs which still have something: they stay, to tell the next clean-up of it."""
        stuck: set[str]
        vioses, stuck = storage.unmap_all(self._system, lpars, self._report, self._orders.parallel, dry=self._dry)
        doomed = storage.Doomed(lpar for lpar in lpars if lpar.uuid not in stuck)
        for vios in vioses:
            stuck |= storage.remove_disks(self._system, vios, doomed, self._report, dry=self._dry)
        stuck |= pool.remove_units(self._system, vioses, doomed, self._report, dry=self._dry)
        return stuck

    def _remove_strays(self, owners: set[int], lpars: list[Lpar]) -> None:
        pool.remove_strays(self._system, lpars, owners, self._report, dry=self._dry)

    def _remove_vlans(self, rest: list[Lpar]) -> None:
        orders = self._orders
        vlans = {orders.node.id + offset for offset in orders.vlan_offsets}
        if vlans:
            networks.remove_vlans(self._system, vlans, rest, self._report, parallel=orders.parallel, dry=self._dry)

    def _each(self, lpars: list[Lpar], action: Callable[[Lpar], None]) -> list[Lpar]:
        """Do something to several LPARs at once; return those with which it went well, and tell of the others."""

        def once(lpar: Lpar) -> bool:
            try:
                action(lpar)
            except TROUBLE as error:
                self._report.left("LPAR", lpar.name, lpar.name, error)
                return False
            return True

        with ThreadPoolExecutor(self._orders.parallel) as workers:
            outcomes = list(workers.map(once, lpars))
        return [lpar for lpar, is_well in zip(lpars, outcomes) if is_well]  # noqa: B905 - Python 3.9 has no `strict`

    def _attempt(self, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except TROUBLE as error:
            self._report.left(what, "", "", error)
