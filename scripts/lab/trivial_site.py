"""A site whose two jobs do next to nothing: what is left is the CI itself. The patch says how its builds end."""

from pathlib import Path

from .site import CI_USER, GerritPlace, LabSite, write_connections
from .sshd_node import SshdNode

# The file `verdict` of the patch names, a word a line, what the run playbook does: pass, fail, hang.
LANGUAGE = """\
- pipeline:
    name: check
    manager: independent
    trigger:
      opendev:
        - event: patchset-created
        - event: change-restored
        - event: comment-added
          comment: '(?i)^(Patch Set [0-9]+:)?( [\\w\\\\+-]*)*(\\n\\n)?\\s*recheck'
    require:
      opendev:
        open: true
        current-patchset: true
    success-message: Build succeeded (check pipeline).
    failure-message: Build failed (check pipeline).
    success:
      opendev:
        Verified: 1
    failure:
      opendev:
        Verified: -1
    merge-conflict:
      opendev:
        comment: false
- job:
    name: base
    parent: null
    pre-run: playbooks/pre.yaml
    run: playbooks/run.yaml
    post-run: playbooks/post.yaml
    timeout: 300
    nodeset:
      nodes:
        - name: node
          label: powervm
- job:
    name: quick-one
    vars:
      variant: one
- job:
    name: quick-two
    vars:
      variant: two
"""

PROJECT = """\
- project:
    name: openstack/nova
    check:
      jobs: [{jobs}]
"""

TENANT = """\
- tenant:
    name: lab
    source:
      opendev:
        config-projects:
          - lab/config:
              extra-config-paths: [jobs/zuul.d/]
        untrusted-projects:
          - openstack/nova:
              include: []
"""

PRE = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Leave a mark that says when the first task ran
      ansible.builtin.command:
        argv: [sh, -c, 'mkdir -p "$0" && date +%s.%N >"$0/$1"', "{{ zuul.executor.log_root }}", first-task]
"""

RUN = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Ask the patch how this shall end
      ansible.builtin.command:
        argv: [git, -C, "{{ zuul.executor.src_root }}/{{ zuul.project.canonical_name }}", show, "HEAD:verdict"]
      delegate_to: localhost
      register: verdict
      failed_when: false
    - name: Hang when the patch says so
      ansible.builtin.command:
        argv: [sleep, "600"]
      when: "'hang' in verdict.stdout_lines"
    - name: Fail when the patch says so
      ansible.builtin.fail:
        msg: "the patch says fail, in {{ variant }}"
      when: "'fail' in verdict.stdout_lines or ('fail-' ~ variant) in verdict.stdout_lines"
"""

POST = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Leave a mark that says when the last task ran
      ansible.builtin.command:
        argv: [sh, -c, 'date +%s.%N >"$0/$1"', "{{ zuul.executor.log_root }}", last-task]
"""

PLAYBOOKS = {"playbooks/pre.yaml": PRE, "playbooks/run.yaml": RUN, "playbooks/post.yaml": POST}


def write_trivial_site(
    folder: Path, gerrit: GerritPlace, key: Path, nodes: SshdNode, *, port: int, slots: int = 1,
    jobs: tuple[str, ...] = ("quick-one", "quick-two"), user: str = CI_USER,
) -> LabSite:  # fmt: skip
    """Write the site into `folder`; arguments as for `write_site`."""
    files = {
        "jobs/tenant.yaml": TENANT,
        "jobs/zuul.d/lab.yaml": LANGUAGE + PROJECT.format(jobs=", ".join(jobs)),
        **PLAYBOOKS,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return write_connections(folder, gerrit, key, nodes, port=port, slots=slots, user=user)
