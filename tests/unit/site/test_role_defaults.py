"""What more than one role has a default for, because each can run alone, is the same in all of them."""

from collections import defaultdict
from pathlib import Path

import yaml

ROLES = Path(__file__).parents[3] / "playbooks" / "roles"
# These tell the roles that serve every deployment where theirs is, each its own.
DEPLOYMENTS = {"deploy_devstack", "deploy_osa"}


def read(role, place):
    return yaml.safe_load((ROLES / role / place / "main.yaml").read_text()) or {}


def test_a_default_that_several_roles_have_is_the_same_in_all():
    found = defaultdict(dict)
    for path in ROLES.glob("*/defaults/main.yaml"):
        for name, value in read(path.parts[-3], "defaults").items():
            found[name][path.parts[-3]] = value
    shared = {name: told for name, told in found.items() if len(told) > 1 and not told.keys() <= DEPLOYMENTS}
    assert {"devstack_base_dir", "osa_base_dir", "osa_scenario"} <= shared.keys()
    assert {name: told for name, told in shared.items() if len({repr(value) for value in told.values()}) > 1} == {}


def test_tempest_is_looked_for_where_openstack_ansible_is_told_to_put_it():
    told, looked = read("osa_variables", "vars"), read("deploy_osa", "defaults")
    assert looked["cloud_tempest_programs"] == f"{{{{ osa_venvs }}}}/tempest-{told['osa_variables_tag']}/bin"
    assert looked["cloud_tempest_conf"] == told["osa_variables_tempest_conf"]
