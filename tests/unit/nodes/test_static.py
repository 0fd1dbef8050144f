"""The provider of nodes that are always there."""

import pytest

from ci.errors import CIError
from ci.model.node import Node
from ci.nodes.static import StaticNodes


def node(slot):
    return Node("n1", "static", ("powervm",), "zuul", 22, ("ssh-ed25519 AAAA",), "auto", slot)


def test_nodes_are_offered_in_order():
    assert StaticNodes(lambda: (node(0), node(1))).nodes() == (node(0), node(1))


def test_two_nodes_with_one_id_are_refused():
    with pytest.raises(CIError, match="node static/n1/0 is there twice"):
        StaticNodes(lambda: (node(0), node(0)))
