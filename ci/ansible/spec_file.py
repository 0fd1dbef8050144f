"""Reads `spec.json` without pydantic, whose import alone would cost a build 0.15 s."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ci.model.build import SPEC_FILE, BuildSpec
from ci.model.job import FrozenJob, NodeGroup, NodeRequest, Nodeset, RequiredProject
from ci.model.node import Node

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import DataclassInstance


def read_spec(folder: Path) -> BuildSpec:
    """Read what `ci.model.codec.to_json` has written for a build, also in an older or a newer version."""
    fields: dict[str, Any] = json.loads((folder / SPEC_FILE).read_bytes())
    fields["job"] = _job(fields["job"])
    fields["nodes"] = tuple(_node(node) for node in fields["nodes"])
    return BuildSpec(**_known(BuildSpec, fields))


def _job(fields: dict[str, Any]) -> FrozenJob:
    nodeset = fields["nodeset"]
    fields["nodeset"] = Nodeset(
        nodes=tuple(NodeRequest(**_known(NodeRequest, node)) for node in nodeset["nodes"]),
        groups=tuple(NodeGroup(group["name"], tuple(group["nodes"])) for group in nodeset["groups"]),
    )
    fields["required_projects"] = tuple(
        RequiredProject(**_known(RequiredProject, project)) for project in fields.get("required_projects", ())
    )
    for name in {"pre_run", "run", "post_run", "cleanup_run", "semaphores", "definitions"} & fields.keys():
        fields[name] = tuple(fields[name])
    return FrozenJob(**_known(FrozenJob, fields))


def _node(fields: dict[str, Any]) -> Node:
    values = {**fields, "labels": tuple(fields["labels"]), "host_keys": tuple(fields["host_keys"])}
    return Node(**_known(Node, values))


def _known(kind: type[DataclassInstance], fields: dict[str, Any]) -> dict[str, Any]:
    """Return what this version knows of a record that another one may have written."""
    return {name: fields[name] for name in kind.__dataclass_fields__ if name in fields}
