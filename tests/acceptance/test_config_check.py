"""The vendor's own Gerrit, by the README's recipe: a change of the site gets a vote, and is in force once merged."""

import shutil
import sys
import uuid

import pytest
from lab.service import Service
from lab.site import CI_USER, REPOSITORY, connection, write_site
from lab.sshd_node import free_port

from tests import vendor_recipe
from tests.acceptance.conftest import Stage, until

pytestmark = pytest.mark.gerrit

JOBS = "jobs/zuul.d/jobs.yaml"


@pytest.fixture
def vendor(real_gerrit, nodes, tmp_path):
    """A service that follows the shipped site's own repository in the vendor's Gerrit."""
    config = f"ci-{uuid.uuid4().hex[:8]}"
    real_gerrit.rest.create_project(config)
    key, port = real_gerrit.key(CI_USER), free_port(("127.0.0.1",))
    site = write_site(tmp_path / "site", real_gerrit, key, nodes, port=port)
    for name in ("ci", "scripts/powervm"):
        shutil.copytree(REPOSITORY / name, site.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "LICENSE", "pyproject.toml", "constraints.txt"):
        shutil.copy(REPOSITORY / name, site.folder)
    vendor_recipe.follow(site.folder)
    language = site.folder / "jobs/zuul.d"
    for path in (site.folder / "jobs/tenant.yaml", language / "vendor.yaml", language / "projects.yaml"):
        path.write_text(path.read_text().replace("x/powervm-ci", config))
    recipe = (language / "vendor.yaml").read_text()
    own = f"jobs: [{{ci-config-check: {{vars: {{config_check_python: {sys.executable}}}}}}}]"
    (language / "vendor.yaml").write_text(recipe.replace("jobs: [ci-config-check]", own))
    conf = site.folder / "zuul.conf"
    section = connection("vendor", "gerrit.vendor.example", real_gerrit, CI_USER, key)
    conf.write_text(conf.read_text().replace("[powervm-ci]\n", f"{section}[powervm-ci]\nsite_source=gerrit\n"))
    files = real_gerrit.repository(config, tmp_path / "files").clone()
    shutil.copytree(site.folder, files.folder, dirs_exist_ok=True)
    files.commit({}, "The site")
    files.push("HEAD:refs/heads/master")
    with Service(site.folder, tmp_path / "state", port=port) as service:
        stage = Stage(real_gerrit, nodes, service, files, files.head)
        stage.connected()
        yield stage


def test_a_change_of_the_site_gets_a_vote_and_is_in_force_once_merged(vendor):
    text = (vendor.repository.folder / JOBS).read_text()
    wrong = text.replace("l2: sea", "l2: see", 1)
    line = wrong.splitlines().index("        l2: see") + 1
    vendor.repository.commit({JOBS: wrong}, "A variant on another network")
    number = vendor.repository.push_change()[0]
    assert f"{JOBS}:{line}:13: `network.l2` is one L2 plugin: ovs, sea" in vendor.review(number)
    assert vendor.vote(number) == -1

    vendor.repository.amend({JOBS: text.replace("l2: sea", "l2: ovs", 1)})
    vendor.repository.push_change()
    assert "ci-config-check" in vendor.review(number, 2)
    assert vendor.vote(number) == 1
    (difference,) = (vendor.service.state / "logs").rglob("local-conf.diff")
    assert "-NEUTRON_AGENT=pvm_sea\n+NEUTRON_AGENT=openvswitch\n" in difference.read_text()

    vendor.gerrit.rest.review(number, {"labels": {"Code-Review": 2}})
    vendor.gerrit.rest.call("POST", f"changes/{number}/submit", {})
    vendor.repository.git("fetch", "-q", vendor.repository.remote, "master")
    merged = vendor.repository.git("rev-parse", "FETCH_HEAD").strip()
    until("it is in force", lambda: vendor.service.status()["site"]["commit"] == merged)
