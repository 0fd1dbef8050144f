"""What a change needs: the `Depends-On` lines of its message, and the order of all that it is tested with."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ci.model.change import Account, Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_HEADER = "depends-on:"
_LONGEST_ADDRESS = 2000
_SHOWN_OF_CYCLE = 10
# `/N`, `/#/c/N`, `/c/PROJECT/+/N`; what follows (a patch set, a file) has no say.
_CHANGE_PATH = re.compile(r"/(?:#/c/|c/.*/\+/)?([0-9]{1,10})")
_CHANGE_ID = re.compile(r"I[0-9a-f]{40}", re.IGNORECASE)
_HIGHEST_NUMBER = 2**31 - 1
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class WebPlace:
    """Where people find the changes of a connection: the names of its host, and the port and path of its pages."""

    connection: str
    hosts: tuple[str, ...]
    port: int | None = None
    path: str = ""

    @classmethod
    def of(cls, connection: str, baseurl: str, *hosts: str) -> WebPlace:
        """Return the place of a connection whose pages are at `baseurl` and whose host goes by these names too."""
        parts = urlsplit(baseurl)
        names = dict.fromkeys(name.lower() for name in (*hosts, parts.hostname or "") if name)
        return cls(connection, tuple(names), _port(parts.scheme, parts.port), parts.path.rstrip("/"))


@dataclass(frozen=True, slots=True)
class Chain:
    """What a change is tested with: open changes, each after those that it needs, without the change itself.

    `problem` says why they cannot be put together, "" when they can; `ignored` are lines about what named no change.
    """

    changes: tuple[Change, ...] = ()
    problem: str = ""
    ignored: tuple[str, ...] = ()

    def put_on(self, change: Change) -> Change:
        """Return the change with these dependencies: of each only what is needed to fetch and to name it."""
        slim = (replace(one, message="", owner=Account(), files=None, approvals=(), parents=()) for one in self.changes)
        return replace(change, dependencies=tuple(slim))


# Connection, number, patch set.
Key = tuple[str, int, int]


def key_of(change: Change) -> Key:
    """Return what tells a patch set from all others."""
    return change.connection, change.number, change.patchset


def headers(message: str) -> tuple[str, ...]:
    """Return what the `Depends-On` lines of a message say, each once; they may be anywhere in it, in any case."""
    lines = (line for line in message.split("\n") if line[: len(_HEADER)].lower() == _HEADER)
    return tuple(dict.fromkeys(text for line in lines if (text := line[len(_HEADER) :].strip())))


def stands_alone(change: Change) -> bool:
    """Whether a change plainly depends on no other: it stands on none, and its message has no such line."""
    return not change.parents and not headers(change.message)


def as_change_id(header: str) -> str | None:
    """Return the Change-Id that a header is, in the form that Zuul has given up but still takes; None for no such."""
    return f"I{header[1:].lower()}" if _CHANGE_ID.fullmatch(header) else None


def named(address: str, places: Sequence[WebPlace]) -> tuple[str, int] | None:
    """Return the connection and the number of the change that an address leads to; None when it leads to none of ours.

    Of several connections with the same host the one with the same port comes first, else the first one, as in Zuul.
    """
    if len(address) > _LONGEST_ADDRESS:
        return None
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, _port(parts.scheme, parts.port)
    except ValueError:
        return None
    path = f"{parts.path}#{parts.fragment}" if parts.fragment else parts.path
    for place in sorted(places, key=lambda place: place.port != port):
        if host in place.hosts and path.startswith(f"{place.path}/"):
            found = _CHANGE_PATH.match(path.removeprefix(place.path))
            if found and 0 < int(found[1]) <= _HIGHEST_NUMBER:
                return place.connection, int(found[1])
    return None


def in_order(root: Change, changes: Mapping[Key, Change], needs: Mapping[Key, Sequence[Key]]) -> Chain:
    """Return the chain of a change: depth first, each after what it needs, in the order in which it names that.

    A change that names itself needs nothing; any longer cycle is a problem.
    """
    done: dict[Key, None] = {}
    path: dict[Key, None] = {}  # from the root to where we are
    ways = [(key_of(root), iter(needs.get(key_of(root), ())))]
    path[key_of(root)] = None
    while ways:
        here, rest = ways[-1]
        step = next((key for key in rest if key != here and key not in done), None)
        if step is None:
            ways.pop()
            del path[here]
            done[here] = None
        elif step in path:
            keys = list(path)
            return Chain(problem=_cycle([changes[key] for key in [*keys[keys.index(step) :], step]]))
        else:
            path[step] = None
            ways.append((step, iter(needs.get(step, ()))))
    return Chain(tuple(changes[key] for key in done if key != key_of(root)))


def told(changes: Iterable[Change]) -> str:
    """Return changes as people write them: `4711,2 of x/y, 12,1 of x/z`."""
    return ", ".join(f"{change.name} of {change.project}" for change in changes)


def _cycle(changes: Sequence[Change]) -> str:
    names = [told([change]) for change in changes]
    if len(names) > _SHOWN_OF_CYCLE:
        half = _SHOWN_OF_CYCLE // 2
        names = [*names[:half], f"{len(names) - 2 * half} more", *names[-half:]]
    return f"Dependency cycle detected: {' -> '.join(names)}"


def _port(scheme: str, port: int | None) -> int | None:
    return port or _DEFAULT_PORTS.get(scheme)
