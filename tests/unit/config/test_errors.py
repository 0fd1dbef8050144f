"""Every kind of error in the site's files is said with its place and what to do."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

import pytest

from ci.config.yaml_marks import load_yaml

JOBS, PIPELINES, PROJECTS = "jobs/zuul.d/jobs.yaml", "jobs/zuul.d/pipelines.yaml", "jobs/zuul.d/projects.yaml"
MORE, TENANT, POOL, CONF = "jobs/zuul.d/more.yaml", "jobs/tenant.yaml", "nodepool/nodepool.yaml", "zuul.conf"


def test_the_small_site_is_fine(site):
    assert site.errors() == []


LANGUAGE = {
    "unknown section": ("- jobb: {name: x}\n", "1:3: unknown section `jobb` (did you mean `job`?)"),
    "section of Zuul": (
        "- secret: {name: x}\n",
        "1:3: `secret`: Zuul knows this section, but this engine does not run it (remove it)",
    ),
    "two sections in one item": (
        "- job: {name: a}\n  nodeset: {name: b, nodes: []}\n",
        "1:3: must be one section with one name (check the indentation)",
    ),
    "no list": (
        "job:\n  name: x\n",
        "1:1: must be a list of sections, not a mapping (begin each section with a dash: - job:)",
    ),
    "no mapping": ("- job: x\n", "1:8: `job` must be a mapping, not 'x' (check the indentation)"),
    "text in place of a section": ("- x\n", "1:3: must be one section with one name (for example: - job:)"),
    "unknown key": ("- job:\n    name: x\n    timout: 3\n", "3:5: unknown key `timout` (did you mean `timeout`?)"),
    "key of Zuul": (
        "- job:\n    name: x\n    secrets: [a]\n",
        "3:5: `secrets`: Zuul knows this key, but this engine does not run it (remove it)",
    ),
    "wrong type": ("- job:\n    name: x\n    timeout: soon\n", "3:14: `timeout` must be a whole number, not 'soon'"),
    "yes is no text": ("- job:\n    name: yes\n", '2:11: `name` must be text, not true (quote it: "True")'),
    "number is no text": ("- job:\n    name: 1.5\n", '2:11: `name` must be text, not 1.5 (quote it: "1.5")'),
    "missing name": ("- job:\n    timeout: 3\n", "2:5: `name` is missing (add it)"),
    "too small": (
        "- job:\n    name: x\n    attempts: 0\n",
        "3:15: `attempts` input should be greater than or equal to 1",
    ),
    "dangling parent": (
        "- job:\n    name: x\n    parent: bas\n",
        "3:13: no job `bas` to be the parent (did you mean `base`?)",
    ),
    "dangling nodeset": ("- job:\n    name: x\n    nodeset: nothing\n", "3:14: no nodeset `nothing`"),
    "dangling playbook": (
        "- job:\n    name: x\n    run: [playbooks/run.yaml, playbooks/run]\n",
        "3:31: playbook: no file playbooks/run (did you mean `playbooks/run.yaml`?)",
    ),
    "playbook outside": (
        "- job:\n    name: x\n    run: ../run.yaml\n",
        "3:10: playbook: '../run.yaml' is not a path inside the site (write it relative to the site's folder, without `..`)",
    ),
    "absolute playbook": (
        "- job:\n    name: x\n    run: /etc/passwd\n",
        "3:10: playbook: '/etc/passwd' is not a path inside the site (write it relative to the site's folder, without `..`)",
    ),
    "folder as playbook": (
        "- job:\n    name: x\n    run: playbooks\n",
        "3:10: playbook: playbooks is not a file (name a file)",
    ),
    "dangling semaphore": ("- job:\n    name: x\n    semaphores: [a]\n", "3:18: no semaphore `a`"),
    "dangling required project": (
        "- job:\n    name: x\n    required-projects:\n      - name: novaa\n",
        "4:9: no project `novaa` in the tenant (did you mean `nova`?)",
    ),
    "dangling skip list": (
        "- job:\n    name: x\n    vars:\n      tempest_exclude_lists: [skip_lists/no.txt]\n",
        "4:30: `tempest_exclude_lists`: no file skip_lists/no.txt (paths start at the site's folder)",
    ),
    "skip list outside": (
        "- job:\n    name: x\n    vars:\n      tempest_include_list: ../a.txt\n",
        (
            "4:29: `tempest_include_list`: '../a.txt' is not a path inside the site "
            "(write it relative to the site's folder, without `..`)"
        ),
    ),
    "reserved variable": (
        "- job:\n    name: x\n    vars: {zuul: 1}\n",
        "3:12: the variable `zuul` is reserved (choose another name)",
    ),
    "reserved connection variable": (
        "- job:\n    name: x\n    vars: {ansible_host: 1}\n",
        "3:12: the variable `ansible_host` is reserved (choose another name)",
    ),
    "name of a variable": (
        "- job:\n    name: x\n    vars: {a-b: 1}\n",
        "3:12: `a-b` is no name for a variable (use letters, digits and _)",
    ),
    "over the tenant's limit": (
        "- job:\n    name: x\n    timeout: 10801\n",
        "3:14: `timeout` of 10801 s is over the tenant's 10800 s (raise max-job-timeout in the tenant file)",
    ),
    "lookahead": (
        "- job:\n    name: x\n    branches: ^(?!stable)\n",
        (
            "3:16: `branches` not an RE2 regular expression: invalid perl operator: (?! "
            "(RE2 has no lookahead or lookbehind: use the form {regex: ..., negate: true})"
        ),
    ),
    "broken expression in a list": (
        "- job:\n    name: x\n    files:\n      - a\n      - 'b[z-a]'\n",
        "5:12: `files` not an RE2 regular expression: invalid character class range: z-a",
    ),
    "broken expression in the long form": (
        "- job:\n    name: x\n    files:\n      regex: b**\n",
        "4:15: `files` not an RE2 regular expression: bad repetition operator: **",
    ),
    "expression of a wrong type": (
        "- job:\n    name: x\n    branches: 2.0\n",
        '3:15: `branches` must be a regular expression (text, or regex: and negate:), not 2.0 (quote it: "2.0")',
    ),
    "override where it means nothing": (
        "- job:\n    name: x\n    run: !override playbooks/run.yaml\n",
        "3:10: `run` takes no !override or !inherit (remove the tag)",
    ),
    "nodeset: unknown node in a group": (
        "- nodeset:\n    name: n\n    nodes: [{name: a, label: powervm}]\n    groups: [{name: g, nodes: [b]}]\n",
        "4:32: no node `b` in this nodeset (known: a)",
    ),
    "nodeset: label": (
        "- nodeset:\n    name: n\n    nodes: [{name: a, label: power}]\n",
        "3:30: no label `power` in nodepool's file (did you mean `powervm`?)",
    ),
    "nodeset: label inside a job": (
        "- job:\n    name: x\n    nodeset:\n      nodes:\n        - name: a\n          label: y\n",
        "6:18: no label `y` in nodepool's file (known: powervm)",
    ),
    "nodeset: twice": (
        "- nodeset:\n    name: n\n    nodes: [{name: a, label: powervm}, {name: a, label: powervm}]\n",
        "3:47: the node `a` is there twice (rename one of them)",
    ),
    "nodeset: localhost": (
        "- nodeset:\n    name: n\n    nodes: [{name: localhost, label: powervm}]\n",
        "3:20: a node must not be called localhost (rename it)",
    ),
    "nodeset: alternatives": (
        "- nodeset:\n    name: n\n    nodes: []\n    alternatives: []\n",
        "4:5: `alternatives`: Zuul knows this key, but this engine does not run it (remove it)",
    ),
    "semaphore twice": (
        "- semaphore: {name: s}\n- semaphore: {name: s}\n",
        "2:21: the semaphore `s` is already defined at jobs/zuul.d/more.yaml:1 (rename one of them)",
    ),
    "other manager": (
        "- pipeline:\n    name: gate\n    manager: dependent\n",
        "3:14: `manager` must be 'independent', not 'dependent'",
    ),
    "unknown connection": (
        "- pipeline:\n    name: p\n    manager: independent\n    trigger:\n      gerit: []\n",
        "5:7: no Gerrit connection `gerit` in zuul.conf (did you mean `gerrit`?)",
    ),
    "unknown event": (
        "- pipeline:\n    name: p\n    manager: independent\n    trigger:\n      gerrit:\n        event: ref-updated\n",
        (
            "6:16: `event` must be 'patchset-created', 'change-restored', 'change-abandoned', 'change-merged', 'comment-added' or "
            "'wip-state-changed', not 'ref-updated'"
        ),
    ),
    "trigger without event": (
        "- pipeline:\n    name: p\n    manager: independent\n    trigger:\n      gerrit:\n        - comment: x\n",
        "6:11: `event` is missing (add it)",
    ),
    "broken comment expression": (
        (
            "- pipeline:\n    name: p\n    manager: independent\n    trigger:\n      gerrit:\n        - event: comment-added\n"
            "          comment: (recheck\n"
        ),
        "7:20: `comment` not an RE2 regular expression: missing ): (recheck",
    ),
    "requirement of a wrong type": (
        "- pipeline:\n    name: p\n    manager: independent\n    require:\n      gerrit:\n        open: maybe\n",
        "6:15: `open` must be true or false, not 'maybe'",
    ),
    "unknown status": (
        "- pipeline:\n    name: p\n    manager: independent\n    reject:\n      gerrit:\n        status: [MERGD]\n",
        "6:18: no change has the status 'MERGD' (did you mean `MERGED`?)",
    ),
    "age of an approval": (
        "- pipeline:\n    name: p\n    manager: independent\n    require:\n      gerrit:\n        approval:\n          - newer-than: 2 days\n",
        "7:25: `newer-than` must be a span of time such as 30s, 5m, 12h, 2d or 1w, not '2 days'",
    ),
    "vote that is no number": (
        "- pipeline:\n    name: p\n    manager: independent\n    success:\n      gerrit:\n        Verified: yes please\n",
        "6:19: the label `Verified` needs a whole number (for example: Verified: 1)",
    ),
    "misspelt reporter key": (
        "- pipeline:\n    name: p\n    manager: independent\n    success:\n      gerrit:\n        coment: false\n",
        "6:17: the label `coment` needs a whole number (did you mean `comment`?)",
    ),
    "submit": (
        "- pipeline:\n    name: p\n    manager: independent\n    success:\n      gerrit:\n        submit: true\n",
        "6:9: `submit`: Zuul knows this key, but this engine does not run it (remove it)",
    ),
    "cron line": (
        "- pipeline:\n    name: p\n    manager: independent\n    trigger:\n      timer:\n        - time: daily\n",
        "6:17: 'daily' is no cron line: has five fields, or six with seconds, or seven with jitter (minute hour day month weekday, for example: 0 3 * * *)",
    ),
    "dangling job": (
        "- project:\n    name: nova\n    check:\n      jobs: [bse]\n",
        "4:14: no job `bse` (did you mean `base`?)",
    ),
    "dangling template": (
        "- project:\n    name: nova\n    templates: [t]\n",
        "3:17: no project-template `t`",
    ),
    "dangling pipeline": (
        "- project:\n    name: nova\n    chek:\n      jobs: [base]\n",
        "3:5: `chek` is neither a pipeline nor a key of a project (did you mean `check`?)",
    ),
    "unknown project": (
        "- project:\n    name: novaa\n",
        "2:11: no project `novaa` in the tenant (did you mean `nova`?)",
    ),
    "broken expression of projects": (
        "- project:\n    name: ^nov(a\n",
        "2:11: not an RE2 regular expression: missing ): ^nov(a",
    ),
    "expression that matches no project": (
        "- project:\n    name: ^nov$\n",
        "2:11: no project matches `^nov$` (it must match a whole name)",
    ),
    "key of a job list": (
        "- project:\n    name: nova\n    check:\n      fail-fast: true\n",
        "4:7: `fail-fast`: Zuul knows this key, but this engine does not run it (remove it)",
    ),
    "variant without attributes": (
        "- project:\n    name: nova\n    check:\n      jobs:\n        - base:\n",
        "5:16: must be a mapping, not nothing",
    ),
    "key that is there twice": (
        "- job:\n    name: x\n    name: y\n",
        "3:5: the key `name` is there twice (first on line 2: keep one of them)",
    ),
    "tab": (
        "- job:\n\tname: x\n",
        "2:1: not YAML: found character that cannot start any token while scanning for the next token (indent with spaces, not tabs)",
    ),
    "two documents": (
        "- job: {name: x}\n---\n- job: {name: y}\n",
        "2:1: holds several YAML documents (keep one document in a file: remove the line `---`)",
    ),
    "encrypted": (
        "- job:\n    name: x\n    vars:\n      a: !encrypted/pkcs1-oaep abc\n",
        "4:10: encrypted values are for Zuul secrets, which this engine does not keep (remove it)",
    ),
    "unknown tag": ("- job:\n    name: !x y\n", "2:11: unknown tag !x (only !override and !inherit are known)"),
    "date": (
        "- job:\n    name: x\n    vars: {a: 2017-01-03}\n",
        '3:15: 2017-01-03 is a date to YAML (quote it: "2017-01-03")',
    ),
    "template brace": (
        "- job:\n    name: x\n    vars: {a: {{ b }}}\n",
        '3:16: a key must be text (quote a value that begins with a brace: "{{ name }}")',
    ),
    "number as a key": (
        "- job:\n    name: x\n    vars: {a: {1: x}}\n",
        '3:16: the key 1 is not text to YAML (quote it: "1")',
    ),
    "own ancestor": (
        "- job:\n    name: x\n    parent: x\n",
        "3:13: a job cannot be its own ancestor: x -> x (break the circle)",
    ),
}


@pytest.mark.parametrize("case", LANGUAGE)
def test_the_job_language(site, case):
    text, expected = LANGUAGE[case]
    site.write(MORE, text)
    assert [line.removeprefix(MORE + ":") for line in site.errors()][:1] == [expected]


def test_a_second_pipeline_of_the_same_name(site):
    site.write(MORE, "- pipeline:\n    name: check\n    manager: independent\n")
    assert site.errors() == [
        f"{PIPELINES}:2:11: the pipeline `check` is already defined at {MORE}:2 (rename one of them)"
    ]


def test_an_unknown_key_without_a_likeness_lists_what_there_is(site):
    site.write(MORE, "- semaphore:\n    name: s\n    xyzzy: 1\n")
    assert site.errors() == [f"{MORE}:3:5: unknown key `xyzzy` (known: max, name)"]


def test_not_utf_8(site):
    site.write(MORE, b"- job:\n    name: caf\xe9\n")
    assert site.errors() == [f"{MORE}:2:14: is not UTF-8 (save the file as UTF-8)"]


def test_a_nul_byte(site):
    site.write(MORE, b"- job: \x00\n")
    assert site.errors() == [f"{MORE}:1:8: holds the character 0x0 (remove it)"]


def test_an_alias_bomb_is_refused_quickly(site):
    lines = ["- x: &a0 [z, z, z, z, z, z, z, z, z, z]"]
    lines += [f"- x: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    site.write(MORE, "\n".join(lines))
    assert any("holds more than 100000 values (use fewer aliases)" in error for error in site.errors())


def test_deep_nesting_is_one_clear_line(site):
    site.write(MORE, "[" * 20000)
    errors = site.errors()
    assert len(errors) == 1
    assert errors[0].startswith(MORE)


def test_a_circle_of_parents_is_reported_once(site):
    site.write(MORE, "".join(f"- job:\n    name: {a}\n    parent: {b}\n" for a, b in ("xy", "yz", "zx")))
    assert site.errors() == [f"{MORE}:9:13: a job cannot be its own ancestor: x -> y -> z -> x (break the circle)"]


def test_a_circle_through_a_variant_is_found(site):
    site.write(MORE, "- job: {name: x}\n- job: {name: y, parent: x}\n- job: {name: x, parent: y, branches: master}\n")
    assert len([error for error in site.errors() if "own ancestor" in error]) == 1


def test_no_base_job(site):
    site.write(JOBS, "- job:\n    name: x\n    run: playbooks/run.yaml\n")
    site.write(PROJECTS, "- project: {name: nova, check: {jobs: [x]}}\n")
    assert site.errors() == [
        (
            f"{JOBS}:2:5: no job `base`, the parent that a job has by default "
            "(define `base`, or write `parent: null` to make this a base job)"
        )
    ]


def test_a_final_parent(site):
    site.write(MORE, "- job: {name: f, final: true}\n- job:\n    name: c\n    parent: f\n")
    assert site.errors() == [f"{MORE}:4:13: the job `f` is final and cannot be a parent (choose another)"]


def test_a_final_job_is_not_changed_in_a_project(site):
    site.write(JOBS, "- job: {name: base, parent: null, final: true, run: playbooks/run.yaml}\n")
    site.write(
        PROJECTS, "- project:\n    name: nova\n    check:\n      jobs:\n        - base:\n            vars: {a: 1}\n"
    )
    assert site.errors() == [f"{PROJECTS}:6:13: the job base is final and cannot take `vars` at {PROJECTS}:6"]


def test_an_abstract_job_is_not_run(site):
    site.write(JOBS, "- job: {name: base, parent: null, abstract: true, run: playbooks/run.yaml}\n")
    assert site.errors() == [f"{PROJECTS}:5:11: base: an abstract job cannot run itself, only its children can"]


def test_a_job_without_run_is_not_run(site):
    site.write(JOBS, "- job: {name: base, parent: null}\n")
    assert site.errors() == [f"{PROJECTS}:5:11: base: the job has no `run` playbook"]


def test_a_broken_variant_is_found_on_its_own_branch(site):
    site.add(JOBS, "- job: {name: base, parent: null, branches: ^stable/pike$, abstract: true}\n")
    assert site.errors() == [f"{PROJECTS}:5:11: base: an abstract job cannot run itself, only its children can"]


def test_a_link_out_of_the_site(site, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "run.yaml"
    outside.write_text("[]")
    (site.folder / "playbooks/link.yaml").symlink_to(outside)
    site.write(MORE, "- job:\n    name: x\n    run: playbooks/link.yaml\n")
    assert site.errors() == [
        (
            f"{MORE}:3:10: playbook: playbooks/link.yaml is a link that leads out of the site "
            "(keep the file itself in the site's folder)"
        ),
        "playbooks/link.yaml: is a link that leads out of the site (keep the file itself in the site's folder)",
    ]


def test_a_linked_language_file_from_outside_is_not_read(site, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "x.yaml"
    outside.write_text("- job: {name: y}\n")
    (site.folder / MORE).symlink_to(outside)
    assert site.errors() == [f"{MORE}: leads out of the site (keep the file itself in the site's folder)"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("group_vars/all.yaml", "a: 1\nb: [\n", ":3:1: not YAML: did not find expected node content"),
        ("roles/x/vars/main.yml", "a: 1\n\tb: 2\n", ":2:1: not YAML: found a tab character that violates indentation"),
        ("roles/x/tasks/deep.yaml", "[" * 50_000, ":1:1: is nested too deeply"),
        ("vars/latin.yaml", b"a: \xe9\n", ":1:4: is not UTF-8"),
        ("vars/large.yaml", "a: 1\n" + "#" * (1 << 20), ": is larger than 1048576 bytes"),
        ("vars/two.yaml", "a: 1\n---\na: 2\n", ":2:1: holds several YAML documents"),
    ],
)
def test_a_broken_file_beside_the_playbooks(site, name, text, expected):
    site.write(f"playbooks/{name}", text)
    (error,) = site.errors()
    assert error.startswith(f"playbooks/{name}{expected}")


def test_what_ansible_alone_understands_and_what_it_only_copies_is_left_to_it(site):
    site.write(
        "playbooks/group_vars/all.yaml", "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  00\nb: !unsafe '{{'\n1: 2\n"
    )
    site.write("playbooks/vars/sealed.yaml", "$ANSIBLE_VAULT;1.1;AES256\n3862\n6331\n")
    for folder in ("files", "templates", ".cache"):
        site.write(f"playbooks/roles/x/{folder}/x.yaml", "{% if a %}\n{{ a }}: [\n")
    assert site.errors() == []


@pytest.mark.parametrize(("source", "errors"), [("folder", 0), ("gerrit", 1)])
def test_a_tenant_file_that_is_a_link_is_the_operators_and_none_of_a_repository(site, tmp_path_factory, source, errors):
    outside = tmp_path_factory.mktemp("outside") / "tenant.yaml"
    (site.folder / TENANT).rename(outside)
    (site.folder / TENANT).symlink_to(outside)
    site.add(CONF, f"site_source={source}\n")
    assert site.errors() == [f"{TENANT}: leads out of the site (keep the file itself in the site's folder)"] * errors


def test_all_errors_of_all_files_come_at_once(site):
    site.write(MORE, "- job:\n    name: 1\n    timeout: x\n    attemps: 3\n- pipeline: {name: p, manager: serial}\n")
    site.add(POOL, "            username: 3\n")
    site.add(CONF, "listen_adress=x\n")
    assert [error.split(": ")[0] for error in site.errors()] == [
        f"{MORE}:2:11", f"{MORE}:3:14", f"{MORE}:4:5", f"{MORE}:5:32", f"{POOL}:12:23", f"{CONF}:9:1",
    ]  # fmt: skip


def test_a_definition_with_errors_still_counts_as_defined(site):
    site.write(JOBS, "- job: {name: base, parent: null, run: playbooks/run.yaml, x: 1}\n")
    assert site.errors() == [f"{JOBS}:1:60: unknown key `x` (" + site.errors()[0].split(" (", 1)[1]]


def test_a_folder_that_is_not_there(site):
    site.folder = site.folder / "nowhere"
    assert site.errors() == [f"{site.folder}: is not a folder (name the site by --site)"]


@pytest.mark.parametrize("name", [CONF, TENANT, POOL])
def test_a_file_that_is_not_there(site, name):
    (site.folder / name).unlink()
    assert [error.split(" (")[0] for error in site.errors()] == [f"{name}: no such file or directory"]


@pytest.mark.parametrize("depth", [500, 5000, 100_000])
@pytest.mark.parametrize("opening", ["[", "- ", "{a: "])
def test_yaml_that_is_nested_too_deeply(depth, opening):
    assert load_yaml("x", (opening * depth).encode()).findings
