"""The inventory and the variables that playbooks get."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ci.ansible import inventory
from ci.ansible.inventory import Unsafe, to_yaml
from ci.model.build import BuildSpec
from ci.model.job import FrozenJob, NodeGroup, NodeRequest, Nodeset
from ci.model.node import Node


class Loader(yaml.SafeLoader):
    """Reads the tag `!unsafe` as the string that it marks."""


Loader.add_constructor("!unsafe", lambda _loader, node: f"unsafe:{node.value}")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=20), inner),
    max_leaves=20,
)


def load(text):
    return yaml.load(text, Loader)  # noqa: S506 - a safe loader


def spec(**job):
    node = Node("node1.example.com", "static", ("powervm",), "zuul", 2222, ("ssh-ed25519 AAAA",), "/usr/bin/python3", 1)
    nodeset = Nodeset((NodeRequest("compute", "powervm"),), (NodeGroup("all-computes", ("compute",)),))
    return BuildSpec("b", 1, "/b", "/b/logs", "/site", FrozenJob("j", nodeset=nodeset, **job), (node,), "/keys/node")


@given(JSON)
def test_json_values_come_out_as_they_went_in(value):
    if not any(0xD800 <= ord(character) <= 0xDFFF for character in str(value)):
        assert load(to_yaml(value)) == value


def test_half_a_surrogate_pair_does_not_break_the_file():
    assert load(to_yaml({"a": "x\ud800y"})) == {"a": "x\ufffdy"}


@pytest.mark.parametrize("text", ["{{ 1/0 }}", "a {% b %}", "{# c #}", 'quo"te {{\n'])
def test_foreign_text_that_could_be_a_template_is_marked(text):
    assert load(to_yaml({"deep": Unsafe([{"x": text}])})) == {"deep": [{"x": f"unsafe:{text}"}]}


def test_foreign_text_that_looks_like_a_number_stays_text():
    assert load(to_yaml(Unsafe({"change": "12", "yes": "true"}))) == {"change": "12", "yes": "true"}


def test_a_host_has_the_name_of_the_nodeset_and_what_zuul_tells_of_it():
    everything = load(inventory.inventory(spec(variables={"deployment": "{{ kind }}"})))["all"]
    host = everything["hosts"]["compute"]
    assert (host["ansible_host"], host["ansible_port"], host["ansible_user"]) == ("node1.example.com", 2222, "zuul")
    assert host["ansible_python_interpreter"] == "/usr/bin/python3"
    assert host["ansible_ssh_private_key_file"] == "/keys/node"
    assert (host["nodepool"]["label"], host["nodepool"]["slot"]) == ("powervm", 1)
    assert everything["vars"] == {"deployment": "{{ kind }}"}
    assert everything["children"]["all-computes"] == {"hosts": {"compute": None}}


def test_a_job_may_choose_the_interpreter():
    everything = load(inventory.inventory(spec(variables={"ansible_python_interpreter": "auto"})))["all"]
    assert "ansible_python_interpreter" not in everything["hosts"]["compute"]


def test_the_executor_is_part_of_zuul():
    variables = load(inventory.zuul_variables(spec(), {"work_root": "/b/work"}, "2.19"))
    assert variables["zuul"]["executor"] == {"work_root": "/b/work"}
    assert variables["zuul"]["ansible_version"] == "2.19"


def test_host_keys_stand_under_the_address_and_port():
    assert inventory.known_hosts(spec()) == "[node1.example.com]:2222 ssh-ed25519 AAAA\n"
