"""nodepool.yaml: static pools become nodes, one for each parallel place."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

import pytest

from tests.unit.config.conftest import FILES, HOST_KEY

POOL = "nodepool/nodepool.yaml"
HEAD = "labels:\n  - name: powervm\nproviders:\n  - name: static\n    driver: static\n    pools:\n      - name: main\n        nodes:\n"
NODE = "          - name: n\n            labels: powervm\n"


def test_a_node_for_each_parallel_place(site):
    site.write(
        POOL,
        FILES[POOL] + "            max-parallel-jobs: 2\n            connection-port: 2222\n            username: ci\n",
    )
    nodes = site.load().nodes
    assert [node.id for node in nodes] == ["static/node-1/0", "static/node-1/1"]
    assert (nodes[0].port, nodes[0].username, nodes[0].python_path) == (2222, "ci", "auto")
    assert nodes[0].host_keys == (HOST_KEY,)


def test_nodepools_defaults(site):
    node = site.load().nodes[0]
    assert (node.port, node.username, node.labels, node.python_path) == (22, "zuul", ("powervm",), "auto")


def test_what_only_a_launcher_needs_is_accepted_with_a_word(site):
    extra = "  - name: cloud\n    driver: openstack\n    pools: []\nzookeeper-servers:\n  - host: z\ndiskimages: []\n"
    site.write(POOL, FILES[POOL] + extra)
    assert [str(warning) for warning in site.load().warnings] == [
        f"{POOL}:13:13: the provider cloud (driver openstack) gives nodes only through a nodepool-launcher"
    ]


CLOUD = (
    "  - name: cloud\n    driver: openstack\n    pools:\n      - name: main\n        labels:\n          - name: {}\n"
)


def test_a_label_that_fixed_machines_serve_too_needs_no_launcher(site):
    site.write(
        POOL,
        FILES[POOL].replace("- name: powervm\n", "- name: powervm\n    min-ready: 2\n", 1) + CLOUD.format("powervm"),
    )
    assert site.load().warnings == ()


def test_an_unknown_label_of_a_launchers_provider_is_an_error(site):
    site.write(POOL, FILES[POOL] + CLOUD.format("powerwm"))
    assert site.errors() == [f"{POOL}:17:19: no label `powerwm` in `labels` (add it there)"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + NODE, "9:13: the node n has no `host-key` (get it by: ssh-keyscan -t ed25519 -p 22 n; compare it by hand)"),
        (HEAD + NODE + "            host-key: abc\n", "11:23: is not a host key (a type and the key, for example: ssh-ed25519 AAAAC3...)"),
        (HEAD + NODE + f"            host-key: {HOST_KEY.replace('ed25519', 'rsa')}\n", "11:23: is not a host key"),
        (HEAD + NODE + f"            host-key: {HOST_KEY}\n            host-key-checking: false\n", "12:32: host keys are always checked"),
        (HEAD + NODE + f"            host-key: {HOST_KEY}\n            connection-type: winrm\n", "12:30: `connection-type` must be 'ssh', not 'winrm'"),
        (HEAD + NODE + f"            host-key: {HOST_KEY}\n            hostkey: x\n", "12:13: unknown key `hostkey` (did you mean `host-key`?)"),
        (HEAD + NODE + f"            host-key: {HOST_KEY}\n            shell-type: x\n", "12:13: `shell-type`: nodepool knows this key"),
        (HEAD + NODE.replace("powervm", "[pvm]") + f"            host-key: {HOST_KEY}\n", "10:22: no label `pvm` in `labels`"),
        (HEAD.replace("providers", "  - name: powervm\nproviders", 1) + NODE + f"            host-key: {HOST_KEY}\n", "3:11: the label powervm is there twice (first on line 2: remove one of them)"),
        (HEAD.replace("        nodes:\n", "        nodes: []\n"), "7:9: the pool main has no nodes (list some or remove the pool)"),
        (HEAD.replace("        nodes:\n", ""), "7:9: the pool main has no nodes"),
        ("labels: []\nprovider: []\n", "2:1: unknown key `provider` (did you mean `providers`?)"),
        ("providers: [3]\n", "1:13: a provider must be a mapping with a `name`"),
    ],
)  # fmt: skip
def test_errors(site, text, expected):
    site.write(POOL, text)
    errors = [error.removeprefix(POOL + ":") for error in site.errors() if error.startswith(POOL)]
    assert errors[0].startswith(expected)


def test_a_machine_that_is_listed_twice(site):
    one = f"          - name: node-1\n            labels: powervm\n            host-key: {HOST_KEY}\n"
    site.write(POOL, FILES[POOL] + one)
    assert site.errors() == [
        f"{POOL}:12:19: the node node-1 is there twice (first on line 9: raise max-parallel-jobs instead)"
    ]
