"""Nodepool's file: the labels, and the nodes of static pools."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ci.config.fields import HostPart, PythonPath
from ci.config.reading import ListOf, Reader, Section, described, suggestion
from ci.config.yaml_marks import Mapping
from ci.errors import Finding
from ci.model.node import Node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.config.yaml_marks import Document, Place

_KEY_TYPES = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")


class _NodepoolSection(Section):
    origin: ClassVar[str] = "nodepool"


class LabelSection(_NodepoolSection):
    """A label that jobs may ask for; how many are kept ready is a launcher's business."""

    name: str
    min_ready: int = 0
    max_ready_age: int = 0


class StaticNodeSection(_NodepoolSection):
    """A machine of a static pool."""

    zuul_keys: ClassVar[frozenset[str]] = frozenset({"shell-type"})

    name: HostPart
    labels: ListOf[str] = Field(min_length=1)
    username: HostPart = "zuul"
    timeout: int = Field(default=5, ge=1)
    host_key_checking: bool = True
    host_key: ListOf[str] = Field(default_factory=list)
    connection_port: int = Field(default=22, ge=1, le=65535)
    connection_type: Literal["ssh"] = "ssh"
    max_parallel_jobs: int = Field(default=1, ge=1, le=1000)
    python_path: PythonPath = "auto"


class StaticPoolSection(_NodepoolSection):
    """A pool of machines."""

    name: str
    nodes: list[StaticNodeSection] = Field(default_factory=list)
    node_attributes: Any = None
    priority: int | None = None


class StaticProviderSection(_NodepoolSection):
    """A provider with machines that are always there."""

    name: str
    driver: Literal["static"]
    max_concurrency: int | None = None
    pools: list[StaticPoolSection] = Field(default_factory=list)


class NodepoolFile(_NodepoolSection):
    """The file as a whole; what only a nodepool-launcher needs is taken as it is."""

    labels: list[LabelSection] = Field(default_factory=list)
    providers: list[Any] = Field(default_factory=list)
    zookeeper_servers: Any = None
    zookeeper_tls: Any = None
    zookeeper_timeout: Any = None
    diskimages: Any = None
    elements_dir: Any = None
    images_dir: Any = None
    build_log_dir: Any = None
    build_log_retention: Any = None
    webapp: Any = None
    max_hold_age: Any = None
    tenant_resource_limits: Any = None

    @classmethod
    def keys(cls) -> frozenset[str]:
        return super().keys() | {"zookeeper-servers"}


class NodepoolReader:
    """Reads the file; `labels` are all that it defines."""

    def __init__(self, document: Document, findings: list[Finding], warnings: list[Finding]) -> None:
        self._reader = Reader(document, findings)
        self._document = document
        self._warnings = warnings
        self.labels: frozenset[str] = frozenset()

    def read(self) -> tuple[Node, ...]:
        """Return the nodes, one for each parallel place; errors go to the findings."""
        self._reader.findings.extend(self._document.findings)
        if self._document.root is None:
            return ()
        file = self._reader.read(NodepoolFile, self._document.root, self._document.root_place)
        if file is None:
            return ()
        self._read_labels(file.labels)
        nodes: list[Node] = []
        taken: dict[str, int] = {}
        for index, value in enumerate(file.providers):
            place = file.place("providers", index)
            for provider, section in self._static(value, place):
                nodes.extend(self._nodes(provider, section, taken))
        for index, value in enumerate(file.providers):
            self._check_launcher(
                value, file.place("providers", index), {label for node in nodes for label in node.labels}
            )
        return tuple(nodes)

    def _read_labels(self, labels: list[LabelSection]) -> None:
        lines: dict[str, int] = {}
        for label in labels:
            line = label.place("name")[0]
            if label.name in lines:
                hint = f"first on line {lines[label.name]}: remove one of them"
                self._reader.report(label.place("name"), f"the label {label.name} is there twice", hint)
            lines.setdefault(label.name, line)
        self.labels = frozenset(lines)

    def _static(self, value: Any, place: Place) -> Iterator[tuple[str, StaticNodeSection]]:
        if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
            self._reader.report(place, "a provider must be a mapping with a `name`", f"it is {described(value)}")
            return
        if _driver(value) != "static":
            return
        provider = self._reader.read(StaticProviderSection, value, place)
        for pool in provider.pools if provider else ():
            if not pool.nodes:
                self._reader.report(pool.place(), f"the pool {pool.name} has no nodes", "list some or remove the pool")
            for node in pool.nodes:
                yield value["name"], node

    def _check_launcher(self, value: Any, place: Place, static: set[str]) -> None:
        """Check the labels of a launcher's provider, and warn where fixed machines do not serve them too."""
        if not isinstance(value, Mapping) or not isinstance(value.get("name"), str) or _driver(value) == "static":
            return
        offered = [label for pool in _mappings(value.get("pools")) for label in _mappings(pool.get("labels"))]
        for label in offered:
            if label.get("name") not in self.labels:
                where = label.value_places.get("name", place)
                self._reader.report(where, f"no label `{label.get('name')}` in `labels`", "add it there")
        if not offered or {label.get("name") for label in offered} - static:
            where = value.value_places.get("driver", place)
            message = (
                f"the provider {value['name']} (driver {_driver(value)}) gives nodes only through a nodepool-launcher"
            )
            self._warnings.append(Finding(self._document.path, *where, message))

    def _nodes(self, provider: str, section: StaticNodeSection, taken: dict[str, int]) -> Iterator[Node]:
        name = section.name
        if name in taken:
            hint = f"first on line {taken[name]}: raise max-parallel-jobs instead"
            self._reader.report(section.place("name"), f"the node {name} is there twice", hint)
        taken[name] = section.place("name")[0]
        for index, label in enumerate(section.labels):
            if label not in self.labels:
                where = section.place("labels", index)
                self._reader.report(where, f"no label `{label}` in `labels`", suggestion(label, self.labels))
        self._check_keys(section)
        for slot in range(section.max_parallel_jobs):
            yield Node(
                name=name,
                provider=provider,
                labels=tuple(section.labels),
                username=section.username,
                port=section.connection_port,
                host_keys=tuple(key.strip() for key in section.host_key),
                python_path=section.python_path,
                slot=slot,
            )

    def _check_keys(self, section: StaticNodeSection) -> None:
        if not section.host_key_checking:
            where = section.place("host-key-checking")
            self._reader.report(where, "host keys are always checked", "remove the line and give host-key")
        if not section.host_key:
            hint = f"get it by: ssh-keyscan -t ed25519 -p {section.connection_port} {section.name}; compare it by hand"
            self._reader.report(section.place(), f"the node {section.name} has no `host-key`", hint)
        for index, key in enumerate(section.host_key):
            if not _is_host_key(key):
                where = section.place("host-key", index)
                self._reader.report(
                    where, "is not a host key", "a type and the key, for example: ssh-ed25519 AAAAC3..."
                )


def _driver(provider: Mapping) -> str:
    return str(provider.get("driver", "openstack"))


def _mappings(value: Any) -> list[Mapping]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _is_host_key(text: str) -> bool:
    kind, _, rest = text.strip().partition(" ")
    if kind not in _KEY_TYPES:
        return False
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
    except binascii.Error:
        return False
    # the key begins with its own type, after its length in four bytes
    begin = len(kind).to_bytes(4) + kind.encode()
    return blob.startswith(begin) and len(blob) > len(begin)
