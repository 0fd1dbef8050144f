"""A job that the CI cannot bring to an end: run again by itself, then told in one comment without a vote."""

from pathlib import Path

import pytest
from lab.service import Service
from lab.site import CI_USER
from lab.sshd_node import free_port
from lab.trivial_site import write_trivial_site

from tests.acceptance.conftest import PROJECT, Stage

pytestmark = pytest.mark.gerrit

BROKEN_PRE = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Prepare what cannot be prepared
      ansible.builtin.fail:
        msg: no licence on 10.9.8.7 below /opt/powervm
      when: variant == 'two'
"""


@pytest.fixture(scope="module")
def stage(real_gerrit, nodes, tmp_path_factory):
    """The second of two jobs fails in pre-run, each time; an attempt a round, two rounds."""
    folder = Path(tmp_path_factory.mktemp("infra"))
    key = real_gerrit.key(CI_USER)
    site = write_trivial_site(folder / "site", real_gerrit, key, nodes, port=free_port(("127.0.0.1",)))
    (site.folder / "playbooks" / "pre.yaml").write_text(BROKEN_PRE)
    jobs = site.folder / "jobs" / "zuul.d" / "lab.yaml"
    jobs.write_text(jobs.read_text().replace("    timeout: 300\n", "    timeout: 300\n    attempts: 1\n"))
    with (site.folder / "zuul.conf").open("a") as conf:
        conf.write("infra-failure=retry\ninfra_retries=1\ninfra_retry_delay=2\nrecheck_comment=run-LAB CI\n")
    repository = real_gerrit.repository(PROJECT, folder / "developer").clone()
    with Service(site.folder, folder / "state", port=site.port) as service:
        stage = Stage(real_gerrit, nodes, service, repository, repository.head)
        stage.connected()
        yield stage


def test_only_the_failed_build_is_run_again_and_then_there_is_one_comment_without_a_vote(stage):
    number = stage.push("pass")
    text = stage.review(number)
    builds = {build["job"]: (build["result"], build["attempt"]) for build in stage.builds(number)}
    assert builds == {"quick-one": ("SUCCESS", 1), "quick-two": ("RETRY_LIMIT", 2)}
    assert stage.vote(number) is None
    assert "The CI failed, not the patch: no vote." in text
    assert 'To run again, comment "run-LAB CI"' in text
    assert "10.9.8.7" not in text
    assert "/opt/powervm" not in text
    assert len(stage.reviews(number)) == 1
