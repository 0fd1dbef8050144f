"""Chains of changes in real git: each project of a chain is prepared with its changes merged in, in their order."""

from dataclasses import replace

import pytest

from ci.errors import MergeConflict, Refused
from ci.git.sources import GitSources
from tests.integration.upstream import Upstream, git, settings


@pytest.fixture
def upstream(tmp_path):
    return Upstream(tmp_path / "upstream")


@pytest.fixture
def vendor(tmp_path):
    return Upstream(tmp_path / "vendor")


@pytest.fixture
def gerrits(server):
    """Two Gerrits: projects are told apart by their paths."""
    opendev = settings(server)["gerrit"]
    return {"gerrit": opendev, "vendor": replace(opendev, name="vendor", canonical_hostname="gerrit.vendor.example")}


@pytest.fixture
def sources(gerrits, tmp_path):
    made = GitSources(gerrits, tmp_path / "mirrors")
    yield made
    made.close()


def of_vendor(change):
    return replace(change, connection="vendor")


def branches(folder):
    found = git(folder, "for-each-ref", "--format=%(refname:short) %(objectname)")
    return dict(line.split() for line in found.splitlines())


def test_a_dependency_of_another_gerrit_is_prepared_beside_the_change(sources, upstream, vendor, tmp_path):
    old = vendor.tip()
    vendor.commit({"nova/c.py": "meanwhile\n"}, "meanwhile", start=old)
    vendor.push("master")
    needed = of_vendor(vendor.change(7, {"driver.py": "new\n"}, start=old))
    change = replace(upstream.change(101, {"nova/b.py": "changed\n"}), dependencies=(needed,))
    own, other = sources.prepare(change, (), tmp_path / "src", buildset_id="s1")
    assert (own.commit, own.connection) == (change.revision, "gerrit")
    assert (other.canonical_name, other.checkout) == (f"gerrit.vendor.example/{vendor.project}", "master")
    assert (other.connection, other.required) == ("vendor", False)
    folder = tmp_path / "src" / "gerrit.vendor.example" / vendor.project
    assert git(folder, "show", "-s", "--format=%P", "HEAD").split() == [vendor.tip(), needed.revision]
    assert git(folder, "show", "HEAD:driver.py") == "new"
    assert git(folder, "show", "HEAD:nova/c.py") == "meanwhile"


def test_dependencies_in_the_same_project_are_merged_first_in_their_order(sources, upstream, tmp_path):
    base = upstream.tip()
    first = upstream.change(1, {"first.py": "1\n"}, start=base)
    second = upstream.change(2, {"second.py": "2\n"}, start=base)
    change = replace(upstream.change(3, {"third.py": "3\n"}, start=base), dependencies=(first, second))
    (project,) = sources.prepare(change, (), tmp_path / "src", buildset_id="s1")
    folder = tmp_path / "src/review.example.com" / upstream.project
    assert git(folder, "log", "--first-parent", "--format=%s", "HEAD").splitlines() == [
        "Merge change 3,1 into master with 1,1, 2,1",
        f"Merge change 2,1, a dependency, into master of {upstream.project} with 1,1",
        "a change",
        "start",
    ]
    assert {"first.py", "second.py", "third.py"} <= set(git(folder, "ls-tree", "--name-only", "HEAD").split())
    assert git(folder, "rev-parse", "HEAD") == project.commit


def test_a_series_of_commits_is_what_its_last_one_is(sources, upstream):
    lower = upstream.change(1, {"first.py": "1\n"})
    upper = upstream.change(2, {"second.py": "2\n"}, start=lower.revision)
    (source,) = sources.resolve(replace(upper, dependencies=(lower,)))
    assert source.project.commit == upper.revision


def test_a_dependency_for_another_branch_is_merged_there_and_not_checked_out(sources, upstream, vendor, tmp_path):
    vendor.commit({"pike.py": "pike\n"}, "pike", start=vendor.tip())
    vendor.push("stable/pike")
    needed = of_vendor(vendor.change(7, {"driver.py": "new\n"}, branch="stable/pike"))
    change = replace(upstream.change(3, {"third.py": "3\n"}), dependencies=(needed,))
    _, other = sources.prepare(change, (), tmp_path / "src", buildset_id="s1")
    assert (other.checkout, other.commit) == ("master", vendor.tip())
    folder = tmp_path / "src" / "gerrit.vendor.example" / vendor.project
    assert branches(folder) == {"master": vendor.tip(), "stable/pike": needed.revision}


def test_a_project_without_the_branch_comes_at_its_default_one_with_its_change(sources, upstream, vendor, tmp_path):
    upstream.commit({"nova/p.py": "pike\n"}, "pike", start=upstream.tip())
    upstream.push("stable/pike")
    needed = of_vendor(vendor.change(7, {"driver.py": "new\n"}))
    change = replace(upstream.change(3, {"third.py": "3\n"}, branch="stable/pike"), dependencies=(needed,))
    own, other = sources.prepare(change, (), tmp_path / "src", buildset_id="s1")
    assert (own.checkout, other.checkout, other.commit) == ("stable/pike", "master", needed.revision)


def test_a_project_that_is_required_and_has_a_dependency_is_there_once_with_it(sources, upstream, vendor, tmp_path):
    needed = of_vendor(vendor.change(7, {"driver.py": "new\n"}))
    change = replace(upstream.change(3, {"third.py": "3\n"}), dependencies=(needed,))
    name = f"gerrit.vendor.example/{vendor.project}"
    _, other = sources.prepare(change, (), tmp_path / "one", buildset_id="s1")
    _, required = sources.prepare(change, (name,), tmp_path / "two", buildset_id="s1")
    assert (other.required, required.required) == (False, True)
    assert other.commit == required.commit == needed.revision


def test_retries_and_later_services_test_the_same_commits_on_all_branches(gerrits, upstream, vendor, tmp_path):
    vendor.commit({"pike.py": "pike\n"}, "pike", start=vendor.tip())
    vendor.push("stable/pike")
    needs = (
        of_vendor(vendor.change(7, {"driver.py": "new\n"}, branch="stable/pike")),
        of_vendor(vendor.change(8, {"other.py": "new\n"})),
        upstream.change(2, {"second.py": "2\n"}),
    )
    change = replace(upstream.change(3, {"third.py": "3\n"}), dependencies=needs)
    folder = "gerrit.vendor.example/" + vendor.project
    found = []
    for name in ("first", "second", "third"):
        sources = GitSources(gerrits, tmp_path / "mirrors")
        projects = sources.prepare(change, (), tmp_path / name, buildset_id="s1")
        found.append((projects, branches(tmp_path / name / folder)))
        sources.tidy(lambda: {"s1"}, lambda: True)
        sources.close()
        for moved in (upstream, vendor):
            for branch in ("master", "stable/pike"):
                moved.commit({f"{name}.py": f"{branch}\n"}, name, start=moved.tip("master"))
                moved.push(branch)
    assert found[0] == found[1] == (found[2][0], found[2][1])
    assert found[0][1] == {"master": needs[1].revision, "stable/pike": needs[0].revision}


def test_when_its_buildset_has_ended_nothing_of_a_chain_is_kept(sources, upstream, vendor, tmp_path):
    vendor.push("stable/pike")
    needed = of_vendor(vendor.change(7, {"driver.py": "new\n"}, branch="stable/pike"))
    sources.resolve(replace(upstream.change(3, {"third.py": "3\n"}), dependencies=(needed,)), buildset_id="s1")
    (mirror,) = (tmp_path / "mirrors").glob("gerrit.vendor.example/*.git")
    assert "refs/ci/s1.other/stable/pike" in git(mirror, "for-each-ref", "--format=%(refname)")
    assert sources.tidy(lambda: (), lambda: True)
    assert git(mirror, "for-each-ref", "refs/ci", "refs/changes") == ""


def test_a_chain_that_does_not_merge_says_which_change_onto_what(sources, upstream, vendor):
    base = upstream.tip()
    first = upstream.change(1, {"nova/a.py": "one\n"}, start=base)
    second = upstream.change(2, {"nova/a.py": "two\n"}, start=base)
    last = replace(upstream.change(3, {"third.py": "3\n"}, start=base), dependencies=(first, second))
    told = (
        rf"^change 2,1, a dependency, into master of {upstream.project} with 1,1 does not merge: conflicts in nova/a.py"
    )
    with pytest.raises(MergeConflict, match=told):
        sources.resolve(last)
    other = of_vendor(vendor.change(7, {"nova/a.py": "old\n"}, start=vendor.tip()))
    vendor.commit({"nova/a.py": "meanwhile\n"}, "meanwhile", start=vendor.tip())
    vendor.push("master")
    told = rf"^change 7,1, a dependency, into master of {vendor.project} does not merge"
    with pytest.raises(MergeConflict, match=told):
        sources.resolve(replace(last, dependencies=(other,)))
    with pytest.raises(MergeConflict, match=r"^change 2,1 into master with 1,1 does not merge: conflicts in nova/a.py"):
        sources.resolve(replace(second, dependencies=(first,)))


def test_a_dependency_that_has_merged_meanwhile_changes_nothing_more(sources, upstream):
    base = upstream.tip()
    first = upstream.change(1, {"first.py": "1\n"}, start=base)
    upstream.push("master")
    change = replace(upstream.change(3, {"third.py": "3\n"}, start=base), dependencies=(first,))
    (source,) = sources.resolve(change)
    assert git(source.mirror, "show", "-s", "--format=%P", source.project.commit).split() == [
        first.revision,
        change.revision,
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [("project", "../../etc"), ("branch", "--all"), ("ref", "refs/heads/master"), ("revision", "HEAD")],
)
def test_hostile_names_of_dependencies_are_refused_before_git_sees_them(sources, upstream, vendor, field, value):
    needed = replace(of_vendor(vendor.change(7, {"driver.py": "new\n"})), **{field: value})
    with pytest.raises(Refused, match=r"^not "):
        sources.resolve(replace(upstream.change(3, {"third.py": "3\n"}), dependencies=(needed,)))
