"""The light reader of specs gives back what the codec has written."""

import json

from ci.ansible.spec_file import read_spec
from ci.model.build import BuildSpec
from ci.model.codec import to_json
from ci.model.job import FrozenJob, NodeGroup, NodeRequest, Nodeset, RequiredProject
from ci.model.node import Node


def test_a_spec_is_read_as_it_was_written(tmp_path):
    job = FrozenJob(
        "nova-in-tree",
        pre_run=("a.yaml",),
        run=("b.yaml", "c.yaml"),
        nodeset=Nodeset((NodeRequest("compute", "powervm"),), (NodeGroup("g", ("compute",)),)),
        variables={"deep": {"list": [1, "x", None]}},
        required_projects=(RequiredProject("openstack/requirements", "master"),),
        semaphores=("hmc",),
        definitions=("jobs/jobs.yaml:3",),
    )
    node = Node("n", "p", ("powervm",), "zuul", 22, ("ssh-ed25519 AAAA",), "auto", 2)
    spec = BuildSpec(
        "id", 2, str(tmp_path), "/logs", "/site", job, (node,), "/key", {"change": "1", "message": "\u00fc"}
    )
    (tmp_path / "spec.json").write_text(to_json(spec))
    assert read_spec(tmp_path) == spec


def test_a_spec_of_another_version_is_read(tmp_path):
    spec = BuildSpec("id", 1, str(tmp_path), "/logs", "/site", FrozenJob("j"), (), "/key")
    fields = json.loads(to_json(spec))
    for name in ("uncharged", "disk_limit_mib", "memory_limit_mib"):
        del fields[name]
    fields |= {"weather": "fine", "job": {**fields["job"], "mood": "good"}}
    (tmp_path / "spec.json").write_text(json.dumps(fields))
    assert read_spec(tmp_path) == spec
