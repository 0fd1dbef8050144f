"""Blocks of TCP ports that builds on one machine claim without meeting each other."""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Below the usual ephemeral range (32768-60999), so that no outgoing connection takes a claimed port.
FIRST, LAST, SIZE = 20000, 32000, 16
ADDRESS = "127.0.0.1"


class NoFreePortsError(RuntimeError):
    """Every block is claimed or in use."""


def claim(folder: str, owner: str) -> int:
    """Return the first port of a block of 16 that is free now and belongs to `owner` from now on.

    `folder` holds one file for each claim; `owner` is a path: when it is gone, its claim is void.
    Claiming again for the same owner gives the same block.
    """
    with _locked(folder):
        claims = _valid_claims(folder)
        mine = [base for base, holder in claims.items() if holder == owner]
        if mine:
            return mine[0]
        for base in range(FIRST, LAST, SIZE):
            if base not in claims and all(is_free(base + offset) for offset in range(SIZE)):
                with open(os.path.join(folder, str(base)), "w", encoding="utf-8") as claim_file:
                    claim_file.write(owner)
                return base
    raise NoFreePortsError(f"no block of {SIZE} free ports between {FIRST} and {LAST} on {ADDRESS}")


def release(folder: str, owner: str) -> None:
    """Give back what `owner` has claimed; harmless when it has nothing."""
    if not os.path.isdir(folder):
        return
    with _locked(folder):
        for base, holder in _valid_claims(folder).items():
            if holder == owner:
                os.unlink(os.path.join(folder, str(base)))


def is_free(port: int) -> bool:
    """Whether nothing listens on this port of the loopback address."""
    with closing(socket.socket()) as candidate:
        # A connection in TIME_WAIT must not make the port look taken; a listener still does.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((ADDRESS, port))
        except OSError:
            return False
    return True


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _valid_claims(folder: str) -> dict[int, str]:
    claims = {}
    for name in os.listdir(folder):
        if not name.isdigit():
            continue
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as claim_file:
            owner = claim_file.read()
        if os.path.isdir(owner):
            claims[int(name)] = owner
        else:
            os.unlink(path)
    return claims
