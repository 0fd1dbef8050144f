"""The inventory and the variables of a build, as Zuul gives them to playbooks."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ci.model.build import BuildSpec
    from ci.model.job import NodeRequest
    from ci.model.node import Node

# What a YAML reader takes as it stands inside double quotes; line separators and a byte order mark are not among it.
_ESCAPED = re.compile("[^\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Unsafe:
    """A value whose strings come from outside: Ansible must never take them for templates."""

    value: Any


def inventory(spec: BuildSpec) -> str:
    """Return the inventory of the build's nodes as YAML: hosts by their names in the nodeset, groups, job variables."""
    requests = spec.job.nodeset.nodes
    hosts = {request.name: _host(spec, request, node) for request, node in zip(requests, spec.nodes, strict=True)}
    groups = {group.name: {"hosts": dict.fromkeys(group.nodes)} for group in spec.job.nodeset.groups}
    groups.setdefault("zuul_unreachable", {"hosts": {}})
    return to_yaml({"all": {"hosts": hosts, "vars": spec.job.variables, "children": groups}})


def zuul_variables(spec: BuildSpec, executor: dict[str, str], ansible_version: str) -> str:
    """Return the `zuul` variables as YAML; they win over everything, and none of their text is a template."""
    zuul = {"resources": {}, **spec.zuul, "executor": executor, "ansible_version": ansible_version}
    user_folder = "{{ inventory_hostname == 'localhost' and zuul.executor.work_root or ansible_user_dir }}"
    return to_yaml({"zuul": Unsafe(zuul), "zuul_user_dir": user_folder})


def known_hosts(spec: BuildSpec) -> str:
    """Return the host keys of the build's nodes as lines for a known_hosts file."""
    lines = []
    for node in spec.nodes:
        host = node.name if node.port == 22 else f"[{node.name}]:{node.port}"  # noqa: PLR2004  # ssh's own port
        lines += [f"{host} {key}\n" for key in node.host_keys]
    return "".join(dict.fromkeys(lines))


def _host(spec: BuildSpec, request: NodeRequest, node: Node) -> dict[str, Any]:
    variables = {
        "ansible_connection": "ssh",
        "ansible_host": node.name,
        "ansible_port": node.port,
        "ansible_user": node.username,
        "ansible_ssh_private_key_file": spec.private_key,
        "nodepool": _nodepool(request, node),
        "zuul_node": {**_nodepool(request, node), "uuid": node.id},
    }
    if "ansible_python_interpreter" not in spec.job.variables:
        variables["ansible_python_interpreter"] = node.python_path
    return variables


def _nodepool(request: NodeRequest, node: Node) -> dict[str, Any]:
    unknown = dict.fromkeys(("az", "cloud", "region", "host_id", "external_id", "public_ipv6", "private_ipv6"))
    return {
        **unknown,
        "label": request.label,
        "provider": node.provider,
        "slot": node.slot,
        "interface_ip": node.name,
        "public_ipv4": node.name,
        "private_ipv4": node.name,
        "node_properties": {},
    }


def to_yaml(value: Any, *, unsafe: bool = False) -> str:
    """Return a JSON value as YAML on one line, with the strings of `Unsafe` parts tagged so."""
    if isinstance(value, Unsafe):
        return to_yaml(value.value, unsafe=True)
    if isinstance(value, str):
        # Under this tag even a quoted "12" becomes a number: only what could be a template may have it.
        return ("!unsafe " if unsafe and "{" in value else "") + _quoted(value)
    if isinstance(value, dict):
        items = (f"{_quoted(str(key))}: {to_yaml(item, unsafe=unsafe)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(to_yaml(item, unsafe=unsafe) for item in value) + "]"
    return json.dumps(value)


def _quoted(text: str) -> str:
    return _ESCAPED.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004  # half of a surrogate pair is no character
        code = 0xFFFD
    return f"\\u{code:04x}"
