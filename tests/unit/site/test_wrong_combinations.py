"""The site's schema refuses wrong combinations of job variables offline, in one clear line each."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

import json
import re

import pytest
import yaml
from powervm.local_conf import Wanted, variables

from ci.config.freeze import deep_update
from ci.config.site import load_site
from ci.config.variables import VariableSchema
from tests.unit.config.conftest import SiteFolder
from tests.unit.site.conftest import ROOT
from tests.unit.site.wrong import OSA, WRONG, WRONG_OSA

# of roles whose argument specs refuse it, if anything does
SUBNET = "`subnet` of `cloud_networks` is one of IPv4 (for example 192.168.100.0/24)"
FLAVORS = "`cloud_flavors` has at least two: tempest resizes a server from the first to the second"
SCHEMA = ROOT / "jobs" / "variables.schema.json"


@pytest.fixture(scope="module")
def schema():
    findings = []
    read = VariableSchema("s", SCHEMA.read_bytes(), findings, ROOT)
    assert findings == []
    return read


def seen(layout, wrong):
    found = layout.job_alone(wrong.job, wrong.branch).variables
    found = deep_update(found, wrong.changes)
    return {**found, "zuul": {"branch": wrong.branch, "job": wrong.job}}


@pytest.mark.parametrize(
    "wrong", [*WRONG.values(), *WRONG_OSA.values()], ids=[*WRONG, *(f"osa: {name}" for name in WRONG_OSA)]
)
def test_a_wrong_combination_is_one_clear_line_at_its_variable(layout, schema, wrong):
    found = schema.problems(seen(layout, wrong))
    assert [(problem.message, problem.path) for problem in found] == [(wrong.says, wrong.path)]


@pytest.mark.parametrize("job", ["nova-in-tree", "nova-out-of-tree", "nova-osa"])
def test_null_takes_away_what_a_variant_says_of_the_network(layout, schema, job):
    found = layout.job_alone(job, "master").variables
    keys = json.loads(SCHEMA.read_text())["properties"]["network"]["properties"]
    needed = {"l2", "sriov"} if job == "nova-osa" else set()
    found["network"] = {**dict.fromkeys(keys), **{key: found["network"][key] for key in needed}}
    assert schema.problems({**found, "zuul": {"branch": "master"}}) == []


def test_what_is_shipped_goes_together(layout, schema):
    for job, branch, _ in layout.trial_variables():
        assert schema.problems({**job.variables, "zuul": {"branch": branch}}) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"netwrok": {}}, "unknown variable `netwrok` (did you mean `network`?)"),
        ({"network": {"l3": True}}, "unknown key `network.l3` (known: "),
        ({"devstack_localrc": {"A": True}}, '`devstack_localrc.A` must be text or nothing, not true (quote it: "True")'),
        ({"devstack_localrc": {"A": "a\nb"}}, "`devstack_localrc.A` must fit "),
        ({"devstack_localrc": {"A-B": "x"}}, "unknown key `devstack_localrc.A-B` (remove it)"),
        ({"devstack_services": {"horizon": "no"}}, "`devstack_services.horizon` must be true or false or nothing, not 'no'"),
        ({"devstack_plugins": {"x": "https://x; reboot"}}, "`devstack_plugins.x` must fit "),
        ({"devstack_plugins": {"x": "https://x $(id)"}}, "`devstack_plugins.x` must fit "),
        ({"devstack_plugins": {"x": "--upload-pack=id"}}, "`devstack_plugins.x` must fit "),
        ({"devstack_plugin_ref": "a; b"}, "`devstack_plugin_ref` must fit "),
        ({"devstack_local_conf": {"postconfig": {}}}, "unknown key `devstack_local_conf.postconfig` (did you mean `post-config`?)"),
        ({"devstack_local_conf": {"post-config": {"$X": {"a": {"b": {}}}}}}, "`devstack_local_conf.post-config.$X.a.b` must be "),
        ({"deployment": "devstak"}, "`deployment` must be devstack, pip or osa, not 'devstak' (did you mean `devstack`?)"),
        ({"cloud_networks": [{"name": "a", "vlan_offset": 1, "subnet": "999.1.1.1/24"}]}, SUBNET),
        ({"cloud_networks": [{"name": "a", "vlan_offset": 1, "subnet": "10.1.1.0/33"}]}, SUBNET),
        ({"cloud_networks": [{"name": "a", "vlan_offset": 1, "subnet": "10.1.0/16"}]}, SUBNET),
        ({"cloud_flavors": [{"name": "a", "ram": 1, "disk": 1, "vcpus": 1}]}, FLAVORS),
        ({"cloud_flavors": 1}, "`cloud_flavors` must be a list, not 1"),
        ({"lpar_cleanup_vlan_offsets": [1000, -1]}, "`lpar_cleanup_vlan_offsets[1]` must be at least 0, not -1"),
        ({"tempest_concurrency": 0}, "`tempest_concurrency` must be at least 1, not 0"),
        ({"deployment": "osa"}, "`network` of OpenStack-Ansible is OVS alone (write l2: ovs and sriov: false)"),
    ],
)  # fmt: skip
def test_what_else_is_wrong(layout, schema, changes, says):
    found = deep_update(layout.job_alone("nova-in-tree", "master").variables, changes)
    told = [
        f"{one.message} ({one.hint})" if one.hint else one.message
        for one in schema.problems({**found, "zuul": {"branch": "master"}})
    ]
    assert told
    assert all(line.startswith(says) for line in told)


def test_osa_with_another_network_is_refused_where_it_is_written(tmp_path):
    site = SiteFolder(tmp_path)
    site.write("jobs/variables.schema.json", SCHEMA.read_text())
    site.add(
        "jobs/zuul.d/jobs.yaml",
        "- job:\n    name: osa\n    vars:\n      deployment: osa\n      network:\n        l2: sea\n        sriov: false\n",
    )
    assert f"jobs/zuul.d/jobs.yaml:10:13: {OSA}" in site.errors()


def test_the_laboratorys_jobs_fit_the_schema(tmp_path):
    """They are later variants of the shipped ones, for machines without PowerVM."""
    from lab.demo import DEMO_JOBS  # noqa: PLC0415 - its imports are many

    site = SiteFolder(tmp_path)
    shipped = (ROOT / "jobs/zuul.d/jobs.yaml").read_text()
    for path in [
        *(ROOT / "playbooks").glob("*.yaml"),
        *(ROOT / "skip_lists").rglob("*.txt"),
        SCHEMA,
        ROOT / "jobs/zuul.d/nodesets.yaml",
        ROOT / "nodepool/nodepool.yaml",
    ]:
        site.write(str(path.relative_to(ROOT)), path.read_bytes())
    site.write("jobs/zuul.d/jobs.yaml", shipped)
    site.write("jobs/zuul.d/lab.yaml", DEMO_JOBS)
    site.write(
        "jobs/zuul.d/projects.yaml",
        "- project:\n    name: nova\n    check:\n      jobs: [nova-in-tree, nova-out-of-tree]\n",
    )
    site.write(
        "jobs/tenant.yaml",
        (site.folder / "jobs/tenant.yaml").read_text().replace("name: t", "name: t\n    max-job-timeout: 21600"),
    )
    assert site.errors() == []


def said_by(role):
    check = yaml.safe_load((ROOT / f"playbooks/roles/{role}/tasks/check.yaml").read_text())
    rules = {name: found for name, found in check[0]["vars"].items() if name.endswith("_rules")}
    return {rule["says"] for found in rules.values() for rule in found}


def test_the_schema_and_the_roles_say_the_same_words():
    of_schema = set(re.findall(r'"errorMessage": (?:\{"pattern": )?"((?:[^"\\]|\\.)*)"', SCHEMA.read_text()))
    said = {json.loads(f'"{text}"') for text in of_schema} - {SUBNET}
    assert said == said_by("local_conf") | said_by("osa_variables")
    assert said_by("local_conf") == {wrong.says for wrong in WRONG.values()}
    assert said_by("osa_variables") == {wrong.says for wrong in WRONG_OSA.values()}


def test_the_schema_refuses_each_name_that_the_role_decides():
    decided = yaml.safe_load((ROOT / "playbooks/roles/osa_variables/vars/main.yaml").read_text())[
        "osa_variables_decided"
    ]
    refused = json.loads(SCHEMA.read_text())["properties"]["osa_user_variables"]["patternProperties"]
    assert set(next(iter(refused))[2:-2].split("|")) == set(decided)


@pytest.mark.parametrize("kind", ["localrc", "services", "plugins"])
def test_the_schema_refuses_each_name_that_the_role_local_conf_decides(kind):
    of_role = yaml.safe_load((ROOT / "playbooks/roles/local_conf/vars/main.yaml").read_text())
    parts = ["decided_services", "no_agents", "own_agents"] if kind == "services" else [f"decided_{kind}"]
    found = [of_role[f"local_conf_{part}"] for part in parts]
    decided = {name for one in found if isinstance(one, dict) for name in one}
    if kind == "services":
        decided |= of_role["local_conf_neutron_agents"].keys()
    refused = json.loads(SCHEMA.read_text())["properties"][f"devstack_{kind}"]["patternProperties"]
    assert set(next(iter(refused))[2:-2].split("|")) == decided


@pytest.mark.parametrize("where", ["properties", "network"])
def test_every_variable_is_described_in_the_readme_as_in_the_schema(where):
    properties = json.loads(SCHEMA.read_text())["properties"]
    described = properties if where == "properties" else properties["network"]["properties"]
    text = (ROOT / "jobs/README.md").read_text()
    for name in described.keys() - {"zuul"}:
        assert re.search(
            rf"^\| `{name}` \| [^|]*\| {re.escape(described[name]['description'])} \|$", text, re.MULTILINE
        ), name


def test_the_defaults_in_the_readme_are_those_of_the_roles():
    text = (ROOT / "jobs/README.md").read_text()
    for role in ("deploy_pip", "tempest"):
        for name, value in yaml.safe_load((ROOT / f"playbooks/roles/{role}/defaults/main.yaml").read_text()).items():
            row = re.search(rf"^\| `{name}` \| ([^|]*)\|", text, re.MULTILINE)
            assert row, name
            assert not value or str(value) in row[1], name


def test_variables_are_known_on_every_branch_that_the_site_names():
    layout = load_site(ROOT).layout
    assert set(layout.branches) == {"master", "stable/pike", "stable/2026.2"}
    assert variables(layout, Wanted("nova-in-tree", "stable/pike"))["network"] == {
        "l2": "none",
        "interface": "ibmveth3",
    }
