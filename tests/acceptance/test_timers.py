"""A pipeline with a timer: a job really runs on the tip of a branch, without a change, and nobody is told."""

import io
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import subunit
from lab.service import Service
from lab.sshd_node import SshdNode, free_port
from lab.trivial_site import write_trivial_site

from tests.acceptance.conftest import CI_USER, Stage, ask, until

pytestmark = pytest.mark.gerrit

NIGHTLY = """\
- pipeline:
    name: periodic
    manager: independent
    precedence: low
    trigger: {timer: [{time: '* * * * * */2'}]}
    failure: {opendev: {Verified: -1}}
- job:
    name: nightly
    run: playbooks/nightly.yaml
    vars: {tempest_include_list: skip_lists/list.txt}
- project:
    name: openstack/nova
    periodic:
      jobs: [{nightly: {branches: ^stable/nightly$}}]
"""
PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: There is a branch and no change
      ansible.builtin.assert:
        that:
          - zuul.branch == 'stable/nightly'
          - zuul.ref == 'refs/heads/stable/nightly'
          - zuul.change is undefined
          - zuul.message is undefined
    - name: See what is prepared
      ansible.builtin.command:
        argv: [git, -C, "{{ zuul.executor.src_root }}/{{ zuul.project.canonical_name }}", rev-parse, HEAD]
      delegate_to: localhost
      register: head
    - name: It is the tip
      ansible.builtin.assert:
        that: head.stdout == zuul.commit_id
    - name: Leave the results of some tests
      ansible.builtin.command:
        argv: [cp, "{{ playbook_dir }}/stream", "{{ zuul.executor.log_root }}/testrepository.subunit"]
      delegate_to: localhost
    - name: Write it down
      ansible.builtin.command:
        argv: [sh, -c, 'echo "$1" >"$0/tip"', "{{ zuul.executor.log_root }}", "{{ head.stdout }}"]
      delegate_to: localhost
"""


GOOD, BAD = "585e934c-448e-43c4-acbf-d06a9b899997", "c3d4e5f6-a7b8-9012-cdef-123456789012"
LIST = f"# reason: not yet\n{GOOD}  # tempest.A.test_good\n{BAD}  # tempest.A.test_skipped\n"


def stream():
    """A stream as stestr writes it: one test passes, one is skipped."""
    file = io.BytesIO()
    result = subunit.StreamResultToBytes(file)
    for name, status in ((f"tempest.A.test_good[id-{GOOD}]", "success"), (f"tempest.A.test_skipped[id-{BAD}]", "skip")):
        for one in ("inprogress", status):
            result.status(test_id=name, test_status=one, timestamp=datetime.now(UTC))
    return file.getvalue()


@pytest.fixture(scope="module")
def stage(real_gerrit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    repository = real_gerrit.repository("openstack/nova", folder / "developer").clone()
    place = "projects/openstack%2Fnova/branches/stable%2Fnightly"
    real_gerrit.rest.call("PUT", place, {"revision": repository.head})
    with SshdNode(tmp_path_factory.mktemp("node"), ("127.0.0.6",)) as node:
        site = write_trivial_site(
            folder / "site", real_gerrit, real_gerrit.key(CI_USER), node, port=free_port(("127.0.0.1",)),
            jobs=("quick-one",),
        )  # fmt: skip
        (site.folder / "jobs" / "zuul.d" / "nightly.yaml").write_text(NIGHTLY)
        (site.folder / "playbooks" / "nightly.yaml").write_text(PLAYBOOK)
        (site.folder / "playbooks" / "stream").write_bytes(stream())
        (site.folder / "skip_lists").mkdir(exist_ok=True)
        (site.folder / "skip_lists" / "list.txt").write_text(LIST)
        lab = site.folder / "jobs" / "zuul.d" / "lab.yaml"
        lab.write_text(
            lab.read_text().replace(
                "variant: one\n", "variant: one\n      tempest_exclude_lists: [skip_lists/list.txt]\n"
            )
        )
        with Service(site.folder, folder / "state", port=site.port) as service:
            stage = Stage(real_gerrit, node, service, repository, repository.head)
            stage.connected()
            yield stage


def nightly(stage):
    return ask(stage.service, "builds", "--job", "nightly")


def ended(stage, count):
    return until(
        f"{count} nightly builds have ended: {nightly(stage)}",
        lambda: len(builds := [one for one in nightly(stage) if one["result"]]) >= count and builds,
    )


def test_a_job_runs_on_the_tip_of_the_branch_when_its_time_comes(stage):
    *_, build = ended(stage, 1)
    assert (build["result"], build["error"]) == ("SUCCESS", "")
    assert (build["pipeline"], build["branch"]) == ("periodic", "stable/nightly")
    assert (build["change"], build["patchset"]) == (None, None)
    assert (Path(build["log_folder"]) / "tip").read_text().strip() == stage.base


def test_each_time_is_one_run_also_over_a_kill_and_changes_go_on_meanwhile(stage):
    stage.service.kill()
    stage.service.start()
    stage.connected()
    number = stage.push("pass")
    stage.review(number)
    assert stage.vote(number) == 1
    ended(stage, 3)
    with closing(sqlite3.connect(stage.service.state / "ci.db", timeout=30)) as database:
        rows = database.execute(
            "select natural_key, count(buildsets.id) from events left join buildsets on event_id = events.id"
            " where type = 'timer' group by events.id"
        ).fetchall()
        reviews = database.execute(
            "select count(*) from reviews join buildsets on buildsets.id = buildset_id where pipeline = 'periodic'"
        ).fetchone()[0]
    assert len({key for key, _ in rows}) == len(rows) >= 3
    assert all(key.startswith("timer periodic openstack/nova stable/nightly ") for key, _ in rows)
    assert {count for _, count in rows} <= {0, 1}
    assert reviews == 0


def test_what_the_runs_show_comes_back_as_candidates(stage):
    runs = len(ended(stage, 3))

    def found():
        (one,) = ask(stage.service, "skip-list", "candidates")["jobs"]
        return one if one["would_pass"] and one["would_pass"][0]["passed"] >= runs else None

    one = until("the results are taken in", found)
    assert (one["job"], one["run_by"]) == ("quick-one", ["nightly"])
    assert [entry["id"] for entry in one["would_pass"]] == [GOOD]
    assert "skip_lists/list.txt:2" in stage.service.call("skip-list", "candidates")
