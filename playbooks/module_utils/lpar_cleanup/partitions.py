"""Powering LPARs off, and deleting them with the ports that are theirs alone."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from ansible.module_utils.lpar_cleanup.attempts import ChangedError, NotYetError, if_there, insist
from ansible.module_utils.lpar_cleanup.plan import OFF, Lpar
from pypowervm import exceptions as pvm_errors
from pypowervm.tasks import power, vterm
from pypowervm.tasks.power_opts import PowerOffOpts
from pypowervm.wrappers import iocard
from pypowervm.wrappers import logical_partition as partition

if TYPE_CHECKING:
    from ansible.module_utils.lpar_cleanup.report import Report
    from ansible.module_utils.lpar_cleanup.system import System

HARD_SECONDS = 60
PORTS = {"vNIC": iocard.VNIC, "SR-IOV logical port": iocard.SRIOVEthLPort}


def power_off(system: System, lpar: Lpar, normal_seconds: int) -> None:
    """Power an LPAR off: first as its operating system wishes, for so long, then hard. One that is gone is off."""
    wrapper = if_there(lambda: _unchanged(system, lpar), None)
    if wrapper is None or wrapper.state == OFF:
        return
    try:
        power.PowerOp.stop(wrapper, opts=PowerOffOpts().soft_detect(wrapper), timeout=normal_seconds)
    except (pvm_errors.VMPowerOffFailure, pvm_errors.VMPowerOffTimeout):
        hard_seconds = max(1, int(min(HARD_SECONDS, system.deadline.left_seconds())))
        hard = PowerOffOpts().vsp_hard()
        insist(lambda: power.PowerOp.stop(wrapper, opts=hard, timeout=hard_seconds), system.deadline)


def delete_ports(system: System, lpar: Lpar, report: Report, *, dry: bool) -> None:
    """Delete what an LPAR has of SR-IOV adapters; its virtual Ethernet adapters go with it."""
    for kind, wrapper_class in PORTS.items():
        for port in _ports(system, lpar, wrapper_class):
            if not dry:
                insist(lambda uuid=port.uuid, cls=wrapper_class: _delete_port(system, lpar, cls, uuid), system.deadline)
            report.removed(kind, port.mac, lpar.name)


def delete(system: System, lpar: Lpar) -> None:
    """Delete an LPAR that is off and has nothing any more; one that is gone is deleted."""
    try:
        insist(lambda: _delete(system, lpar), system.deadline)
    except pvm_errors.HttpError as error:
        # An open console holds an LPAR; tempest's tests of consoles leave some.
        with contextlib.suppress(pvm_errors.Error, OSError):
            vterm.close_vterm(system.adapter, lpar.uuid)
            insist(lambda: _delete(system, lpar), system.deadline)
            return
        raise error from None


def _delete(system: System, lpar: Lpar) -> None:
    wrapper = if_there(lambda: _unchanged(system, lpar), None)
    if wrapper is None:
        return
    if wrapper.state != OFF:
        raise NotYetError(f"it is still {wrapper.state}")
    # By its own path, not by the link that the answer holds: that one may lead elsewhere.
    if_there(lambda: system.adapter.delete(partition.LPAR.schema_type, lpar.uuid, etag=wrapper.etag), None)


def _unchanged(system: System, lpar: Lpar) -> Any:
    """Return the LPAR as it is now: an id or a UUID that another one got meanwhile must not lead to that one."""
    now = system.lpar(lpar.uuid)
    if (now.id, now.name) != (lpar.id, lpar.name) or now.is_mgmt_partition:
        raise ChangedError(f"it is now {now.name!a} with the id {now.id}")
    if now.migration_state not in ("Not_Migrating", "Migration_Failed", "Invalid"):
        raise ChangedError(f"it migrates: {now.migration_state}")
    return now


def _ports(system: System, lpar: Lpar, wrapper_class: Any) -> list[Any]:
    # A system without SR-IOV does not know the kind.
    with contextlib.suppress(pvm_errors.HttpError):
        return list(system.get(wrapper_class, parent_type=partition.LPAR, parent_uuid=lpar.uuid))
    return []


def _delete_port(system: System, lpar: Lpar, wrapper_class: Any, uuid: str) -> None:
    where = {"parent_type": partition.LPAR, "parent_uuid": lpar.uuid, "uuid": uuid}
    port = if_there(lambda: wrapper_class.get(system.adapter, **where), None)
    if port is not None:
        if_there(port.delete, None)
