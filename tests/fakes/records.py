"""Model records for tests, complete but for what a test cares about."""

from __future__ import annotations

from dataclasses import replace

from ci.model.build import Build, Buildset, BuildsetState, BuildState, Result
from ci.model.change import Account, Change
from ci.model.event import Event, EventType
from ci.model.job import FrozenJob, NodeRequest, Nodeset
from ci.model.node import Node

REVISION = "1234567890123456789012345678901234567890"


def change(**values):
    """An open nova change on master, number 4711, patch set 2."""
    known = {
        "connection": "gerrit",
        "project": "openstack/nova",
        "branch": "master",
        "number": 4711,
        "patchset": 2,
        "revision": REVISION,
        "ref": "refs/changes/11/4711/2",
        "subject": "Fix it",
        "url": "https://review.example.org/4711",
        "owner": Account("dev", "A Developer", "dev@example.org"),
        "files": ("nova/compute/manager.py",),
    }
    return Change(**(known | values))


def event(event_type=EventType.PATCHSET_CREATED, *, key="key-1", about=None, **values):
    """An event about `change()`."""
    about = about or change()
    known = {"author": Account("dev", "A Developer", "dev@example.org"), "created_at": 1_480_000_000}
    return Event(about.connection, event_type, str(event_type), key, change=about, **(known | values))


def job(name="nova-in-tree", *, label="powervm", nodes=1, **values):
    """A job that asks for so many nodes of one label."""
    requests = tuple(NodeRequest(f"node{n}", label) for n in range(nodes))
    return FrozenJob(name, run=("playbooks/run.yaml",), nodeset=Nodeset(requests), **values)


def build(build_id="b1", *, of=None, state=BuildState.WAITING, **values):
    return Build(build_id, "s1", of or job(), state, **values)


def ended(build_id, name, result, *, seconds=62.0, voting=True, **values):
    """A build that ended with a result after so many seconds."""
    return build(
        build_id,
        of=job(name, voting=voting),
        state=BuildState.ENDED,
        result=Result(result),
        started_at=100.0,
        ended_at=100.0 + seconds,
        **values,
    )


def buildset(*builds, buildset_id="s1", about=None):
    own = tuple(replace(one, buildset_id=buildset_id) for one in builds)
    return Buildset(buildset_id, "check", about or change(), BuildsetState.RUNNING, own)


def node(name="127.0.0.2", *, slot=0, labels=("powervm",)):
    return Node(name, "static", labels, "root", 22, ("ssh-ed25519 AAAA",), "auto", slot)
