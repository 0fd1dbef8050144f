"""The tenant file, and which of the site's files hold job language."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

import pytest

HEAD = "- tenant:\n    name: t\n    source:\n      gerrit:\n"
CONFIG = "        config-projects:\n          - site: {extra-config-paths: [jobs/zuul.d/]}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x: 1\n", "1:1: must be a list of one tenant (begin it: - tenant:)"),
        ("- tenant: {name: t}\n", "1:11: `source` is missing (add it)"),
        ("- tenant: {name: t, source: {gerit: {}}}\n", "1:30: no Gerrit connection `gerit` in zuul.conf (did you mean `gerrit`?)"),
        ("- tenant: {name: t, sourc: {}}\n", "1:11: `source` is missing (add it)"),
        ("- tenant: {name: t, source: {}, web-root: x}\n", "1:33: `web-root`: Zuul knows this key, but this engine does not run it (remove it)"),
        (HEAD + CONFIG + "          - two\n", "7:13: a second config project: two (the site's own repository is the only config project of this engine)"),
        (HEAD + CONFIG + "        untrusted-projects: [nova]\n", "7:30: job definitions inside a project under test are not read (the jobs come from the site alone: write `include: []` below the project's name)"),
        (HEAD + CONFIG + "        untrusted-projects: [{nova: {include: [job]}}]\n", "7:47: job definitions inside a project under test are not read (the jobs come from the site alone: write `include: []` below the project's name)"),
        (HEAD + CONFIG + "        untrusted-projects: [{nova: {include: []}}, {nova: {include: []}}]\n", "7:53: the project nova is there twice (remove one of them)"),
        (HEAD + CONFIG + "        untrusted-projects: [3]\n", "7:30: must be a project's name, not 3"),
        (HEAD + CONFIG + "        untrusted-projects: [{a b: {include: []}}]\n", "7:30: not a project name: 'a b' (letters, digits and _ . + @ ~ - /, and each part begins with a letter, a digit or _)"),
        ("- global-semaphore: {name: x}\n", "1:3: unknown section `global-semaphore` (this engine serves one tenant and reads nothing else here: remove it)"),
    ],
)  # fmt: skip
def test_errors(site, text, expected):
    site.write("jobs/tenant.yaml", text)
    assert site.errors()[0] == f"jobs/tenant.yaml:{expected}"


@pytest.mark.parametrize("name", ["a b", "x/-a", "a//b", "a/../b", "a}b", "a\\'b", "x" * 201])
def test_a_project_name_that_cannot_be(site, name):
    site.write(
        "jobs/tenant.yaml",
        HEAD + CONFIG + f"        untrusted-projects: [{{'{name}': {{include: []}}}}]\n".replace("\\'", "''"),
    )
    assert site.errors()[0].startswith("jobs/tenant.yaml:7:30: not a project name: ")


def test_a_project_name_with_unusual_characters(site):
    site.write("jobs/tenant.yaml", HEAD + CONFIG + "        untrusted-projects: [{'x/a~b@c+d.e': {include: []}}]\n")
    assert not any("not a project name" in one for one in site.errors())


def test_a_path_without_job_language(site):
    site.write("jobs/tenant.yaml", HEAD + CONFIG.replace("zuul.d", "nothing") + "        untrusted-projects: []\n")
    assert "jobs/nothing/: is named in the tenant file, but holds no *.yaml file" in site.errors()


def test_files_are_read_below_folders_in_order_and_ignored_folders_are_not(site):
    site.write("jobs/zuul.d/sub/more.yaml", "- job: {name: more}\n")
    site.write("jobs/zuul.d/data/.zuul.ignore", "")
    site.write("jobs/zuul.d/data/x.yaml", "not: language\n")
    site.write("zuul.d/first.yaml", "- job: {name: first}\n")
    loaded = site.load()
    assert set(loaded.layout.jobs) == {"base", "first", "more"}
    assert loaded.files[3] == "zuul.d/first.yaml"


def test_two_connections_must_not_mean_different_projects_by_one_canonical_name(site):
    site.add("zuul.conf", "[connection two]\ndriver=gerrit\nserver=review.example.org\nport=1\nuser=u\nsshkey=key\n")
    site.add("jobs/tenant.yaml", "      two:\n        untrusted-projects: [{nova: {include: []}}]\n")
    assert site.errors()[0].endswith(
        "the project nova of two has the same canonical name as that of gerrit"
        " (set canonical_hostname in [connection two])"
    )


def test_a_short_name_of_two_connections_must_be_spelt_out(site):
    site.add("zuul.conf", "[connection two]\ndriver=gerrit\nserver=two.example\nuser=u\nsshkey=key\n")
    site.add("jobs/tenant.yaml", "      two:\n        untrusted-projects: [{nova: {include: []}}]\n")
    assert site.errors() == [
        (
            "jobs/zuul.d/projects.yaml:2:11: several projects are called `nova` in the tenant "
            "(write one of: review.example.org/nova, two.example/nova)"
        )
    ]


def test_the_branch_of_the_site_s_own_files(site):
    assert site.load().layout.tenant.config_branch is None
    options = "{extra-config-paths: [jobs/zuul.d/], load-branch: production}"
    projects = "        untrusted-projects: [{nova: {include: []}}]\n"
    site.write("jobs/tenant.yaml", HEAD + f"        config-projects:\n          - site: {options}\n" + projects)
    assert site.load().layout.tenant.config_branch == "production"
