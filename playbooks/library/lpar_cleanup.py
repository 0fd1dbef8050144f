"""Ansible module: remove the LPARs that tempest runs of this node left on its PowerVM system, with all they had."""

from __future__ import annotations

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lpar_cleanup.bounded import run_bounded
from ansible.module_utils.lpar_cleanup.node import Node, read_node
from ansible.module_utils.lpar_cleanup.outcome import outcome

try:
    from ansible.module_utils.lpar_cleanup.cleanup import Orders, clean_up
except ImportError as error:
    MISSING = str(error)
else:
    MISSING = ""

DOCUMENTATION = """
module: lpar_cleanup
short_description: Removes LPARs named pvm<LPAR id of this node>-tempest*, their storage and their ports
description:
  - Never fails for what it meets on the system: what stays is in `left`, and `complete` is false.
  - In check mode nothing is changed, and `removed` tells what would be.
  - On a machine that is no LPAR of a PowerVM system it does nothing; `skipped_why` says so.
options:
  lparcfg: {description: Where the kernel tells which LPAR this is, type: path, default: /proc/ppc64/lparcfg}
  host: {description: The REST server, type: str, default: localhost}
  port: {description: "Its port; 0 for the usual one (12080, with https 12443)", type: int, default: 0}
  protocol: {description: "`http` or `https`; empty for http without and https with a password", type: str, default: ""}
  username: {description: The account; none is needed without a password, type: str, default: ""}
  password_file:
    description:
      - A file on the node with the password of the account. Without one the node's own REST server is asked,
        which answers whoever may read its token file (the group pvm_admin).
    type: path
  orphans:
    description: What becomes of tempest LPARs of nodes that have no LPAR any more
    type: str
    choices: [leave, report, remove]
    default: leave
  dead_nodes:
    description: LPAR ids of nodes that a person says are dead; they count as gone if they are powered off
    type: list
    elements: int
    default: []
  vlan_offsets:
    description: What is added to the node's LPAR id for the VLANs of its networks, taken from shared Ethernet adapters
    type: list
    elements: int
    default: [1000, 2000]
  parallel: {description: LPARs that are dealt with at once, type: int, default: 8}
  power_off_seconds: {description: How long an LPAR may take to power off normally, type: int, default: 10}
  confirm_seconds: {description: Pause after which a missing node is looked for again, type: int, default: 30}
  timeout_seconds: {description: Bound of all of it, type: int, default: 200}
"""

OPTIONS: dict[str, dict[str, Any]] = {
    "lparcfg": {"type": "path", "default": "/proc/ppc64/lparcfg"},
    "host": {"type": "str", "default": "localhost"},
    "port": {"type": "int", "default": 0},
    "protocol": {"type": "str", "default": ""},
    "username": {"type": "str", "default": ""},
    "password_file": {"type": "path", "no_log": False},
    "orphans": {"type": "str", "choices": ["leave", "report", "remove"], "default": "leave"},
    "dead_nodes": {"type": "list", "elements": "int", "default": []},
    "vlan_offsets": {"type": "list", "elements": "int", "default": [1000, 2000]},
    "parallel": {"type": "int", "default": 8},
    "power_off_seconds": {"type": "int", "default": 10},
    "confirm_seconds": {"type": "int", "default": 30},
    "timeout_seconds": {"type": "int", "default": 200},
}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(OPTIONS, supports_check_mode=True)
    given = module.params
    try:
        node = read_node(given["lparcfg"])
    except (OSError, ValueError) as error:
        module.exit_json(**outcome([], f"this node's LPAR id cannot be read: {error}"))
    if node is None:
        why = f"no LPAR of a PowerVM system: there is no {given['lparcfg']}"
        module.exit_json(changed=False, complete=True, skipped_why=why, console=[why], removed=[], left=[], kept=[])
    if MISSING:
        module.exit_json(**outcome([], f"pypowervm cannot be used: {MISSING}"))
    begun = time.monotonic()
    records, why = run_bounded(lambda tell: clean_up(_orders(given, node, dry=module.check_mode), tell), _bound(given))
    module.exit_json(
        **outcome(records, why, dry=module.check_mode), seconds=round(time.monotonic() - begun, 1), node=node.id
    )


def _bound(given: dict[str, Any]) -> float:
    return float(max(1, given["timeout_seconds"]))


def _orders(given: dict[str, Any], node: Node, *, dry: bool) -> Orders:
    return Orders(
        node=node,
        connection=given,
        orphans=given["orphans"],
        dead_nodes=tuple(given["dead_nodes"]),
        vlan_offsets=tuple(given["vlan_offsets"]),
        parallel=max(1, given["parallel"]),
        normal_seconds=max(1, given["power_off_seconds"]),
        confirm_seconds=given["confirm_seconds"],
        timeout_seconds=_bound(given),
        dry=dry,
    )


if __name__ == "__main__":
    main()
