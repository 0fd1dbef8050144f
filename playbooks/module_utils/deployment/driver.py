"""Proves that nova-compute runs the driver that is meant, by its own log and by what nova says of the host."""

from __future__ import annotations

import subprocess
import time

from ansible.module_utils.deployment import program
from ansible.module_utils.deployment.cloud import Cloud, CloudError
from ansible.module_utils.deployment.root import GRACE_SECONDS, as_root
from ansible.module_utils.deployment.verdict import CIFault

LOG_SECONDS = 120
LOADING = "Loading compute driver"


def prove(command: list[str], cloud: Cloud, driver: str, hypervisor_type: str, wait_seconds: float) -> str:
    """Return the line of the log that names the driver; raises CIFault where another one was loaded, or none.

    `command` prints nova-compute's log, as root; the last such line in it is that of the service that runs now.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        loaded = [line.strip() for line in _log(command) if LOADING in line]
        if loaded or time.monotonic() > deadline:
            break
        time.sleep(1)
    if not loaded or f"{LOADING} '{driver}'" not in loaded[-1]:
        said = loaded[-1] if loaded else "nothing about a driver"
        raise CIFault(f"nova-compute did not load the driver {driver}: its log says {said[-300:]}")
    if hypervisor_type:
        _compare_type(cloud, hypervisor_type)
    return loaded[-1]


def _log(command: list[str]) -> list[str]:
    command = as_root(command, LOG_SECONDS)
    done: subprocess.CompletedProcess[str]
    try:
        done = program.answer(command, LOG_SECONDS + GRACE_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CIFault(f"nova-compute's log cannot be read: {error}") from None
    if done.returncode:
        raise CIFault(f"nova-compute's log cannot be read: {' '.join(command)}: {done.stderr.strip()[-300:]}")
    return done.stdout.splitlines()


def _compare_type(cloud: Cloud, wanted: str) -> None:
    try:
        hosts = cloud.ask("hypervisor", "list", "--long")
    except CloudError as error:
        raise CIFault(f"nova does not say what host it has: {error}") from None
    found = sorted({str(host.get("Hypervisor Type")) for host in hosts})
    if found != [wanted]:
        told = f"hosts of type {', '.join(found)}" if found else "no host"
        raise CIFault(f"the driver is not the one of {wanted}: nova has {told}")
