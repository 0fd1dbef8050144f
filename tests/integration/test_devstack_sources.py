"""Sources of a build of devstack: which commit of which project, from where, and the site's patching list on top."""

from __future__ import annotations

import importlib.util
import json
import shutil
import threading
from pathlib import Path

import pytest

from tests.carried import module
from tests.fakes import devstack
from tests.fakes.devstack import git
from tests.fakes.gerrit_patches import FakePatches

LIST = "playbooks/vars/patching.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return devstack.make_upstream(tmp_path_factory.mktemp("upstream"))


class Lab:
    """An upstream of one's own, and the node's folders."""

    def __init__(self, folder, made):
        self.folder, self.upstream, self.base = folder, folder / "upstream", folder / "opt/stack"
        for name in ("nova", "tempest"):
            shutil.copytree(made / "openstack" / name, self.upstream / "openstack" / name)

    def wanted(self, name="openstack/nova", branch="master", prepared=None):
        url = f"file://{self.upstream}/{name}"
        return module("deployment.sources").Wanted(name, f"opendev.org/{name}", branch, url, prepared)

    def place(self, *wanted):
        sources = module("deployment.sources")
        return sources.place_all(list(wanted), sources.Places(str(self.base), str(self.folder / "cache")))

    def commit(self, place, name, text, change_id=None):
        (place / name).write_text(text)
        git(place, "add", "--all")
        footer = f"\n\nChange-Id: {change_id}" if change_id else ""
        git(place, "commit", "--quiet", "--message", f"Write {name}{footer}")
        return git(place, "rev-parse", "HEAD")

    def change(self, name="change", branch="master"):
        place = self.folder / name
        git(self.folder, "clone", "--quiet", "--branch", branch, str(self.upstream / "openstack/nova"), str(place))
        return place

    def head(self, name="nova"):
        return git(self.base / name, "rev-parse", "HEAD")


@pytest.fixture
def lab(tmp_path, made):
    return Lab(tmp_path, made)


def test_a_branch_comes_from_upstream_and_again_when_it_has_moved(lab):
    first = lab.place(lab.wanted())[0]
    assert (first["branch"], first["origin"], first["warning"]) == ("master", "upstream", "")
    assert first["commit"] == git(lab.upstream / "openstack/nova", "rev-parse", "master")
    newer = lab.commit(lab.upstream / "openstack/nova", "a.py", "new")
    assert lab.place(lab.wanted())[0]["commit"] == newer == lab.head()
    assert git(lab.base / "nova", "describe", "--tags") == "1.0.0-1-g" + newer[:7]
    assert git(lab.base / "nova", "symbolic-ref", "--short", "HEAD") == "master"


def test_a_project_without_the_branch_gives_its_master(lab):
    told = {
        one["name"]: one
        for one in lab.place(lab.wanted(branch="stable/pike"), lab.wanted("openstack/tempest", "stable/pike"))
    }
    assert told["openstack/nova"]["branch"] == "stable/pike"
    assert told["openstack/tempest"]["warning"] == "openstack/tempest has no branch stable/pike: master is used"


def test_the_builds_own_source_is_used_and_the_next_build_does_not_see_it(lab):
    change = lab.change()
    commit = lab.commit(change, "patched.py", "patched")
    told = lab.place(lab.wanted(prepared=str(change)))[0]
    assert (told["commit"], told["origin"]) == (commit, "the build")
    (lab.base / "nova/left.pyc").write_text("built")
    lab.place(lab.wanted())
    assert lab.head() != commit
    assert sorted(path.name for path in (lab.base / "nova").iterdir()) == [".git", "setup.cfg"]


def test_what_is_interrupted_in_a_repository_is_forgotten(lab):
    lab.place(lab.wanted())
    nova = lab.base / "nova"
    git(nova, "checkout", "--quiet", "-b", "other")
    lab.commit(nova, "setup.cfg", "one")
    git(nova, "checkout", "--quiet", "master")
    lab.commit(nova, "setup.cfg", "other")
    with pytest.raises(Exception, match="returned non-zero"):
        git(nova, "cherry-pick", "other")
    assert lab.place(lab.wanted())[0]["commit"] == git(lab.upstream / "openstack/nova", "rev-parse", "master")
    assert git(nova, "status", "--porcelain") == ""


def test_repositories_of_an_earlier_build_go_and_other_folders_stay(lab):
    lab.place(lab.wanted(), lab.wanted("openstack/tempest"))
    (lab.base / "data").mkdir()
    lab.place(lab.wanted())
    assert sorted(path.name for path in lab.base.iterdir()) == ["data", "nova"]


def test_upstream_that_is_gone_is_replaced_by_the_cache_and_that_is_said(lab):
    lab.place(lab.wanted())
    (lab.upstream / "openstack").rename(lab.upstream / "gone")
    told = lab.place(lab.wanted())[0]
    assert (
        "openstack/nova at master is from the cache, its last commit is 0 days old: git ls-remote: " in told["warning"]
    )
    with pytest.raises(
        module("deployment.sources").SourceError, match="openstack/tempest: neither the cache nor upstream has master"
    ):
        lab.place(lab.wanted("openstack/tempest"))


def test_the_change_of_an_earlier_build_is_never_taken_for_a_branch_in_the_cache(lab):
    change = lab.change()
    lab.commit(change, "patched.py", "patched")
    lab.place(lab.wanted(prepared=str(change)))
    tip = git(lab.upstream / "openstack/nova", "rev-parse", "master")
    (lab.upstream / "openstack").rename(lab.upstream / "gone")
    assert lab.place(lab.wanted())[0]["commit"] == tip


@pytest.mark.parametrize("folder", ["/", "/opt", "~"])
def test_a_folder_that_is_not_the_deployments_alone_is_refused(lab, folder, monkeypatch):
    monkeypatch.setenv("HOME", str(lab.folder))
    lab.base = folder.replace("~", str(lab.folder))
    with pytest.raises(module("deployment.sources").SourceError, match="is not a folder of the deployment's alone"):
        lab.place(lab.wanted())
    assert lab.upstream.is_dir()


def test_two_projects_for_one_folder_are_refused(lab):
    with pytest.raises(module("deployment.sources").SourceError, match=r"several projects would be .*/nova"):
        lab.place(lab.wanted(), lab.wanted("x/nova"))


def asked_for(**more):
    """Return as (name, branch, folder, prepared) what the module would place for a change of nova-powervm's."""
    prepared = {
        "name": "openstack/nova-powervm", "canonical_name": "opendev.org/openstack/nova-powervm",
        "checkout": "master", "src_dir": "src/opendev.org/openstack/nova-powervm",
    }  # fmt: skip
    given = {
        "base_dir": "/opt/stack", "base_url": "https://opendev.org", "branch": "master", "plugin_ref": "",
        "projects": {"openstack/nova": ""}, "prepared": [prepared], "plugins": {}, "workspace": "/w",
    }  # fmt: skip
    module("deployment.sources")
    path = Path(__file__).parents[2] / "playbooks/library/deployment_sources.py"
    spec = importlib.util.spec_from_file_location("deployment_sources", path)
    library = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(library)
    return [(one.name, one.branch, one.folder, one.prepared) for one in library.wanted({**given, **more})]


PREPARED = "/w/src/opendev.org/openstack/nova-powervm"


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://opendev.org", "https://opendev.org/openstack/nova-powervm"),
        ("https://opendev.org", "https://opendev.org/openstack/nova-powervm.git"),
        ("https://opendev.org", "https://github.com/openstack/nova-powervm/"),
        ("https://mirror.example/git", "https://opendev.org/openstack/nova-powervm stable/x"),
        ("https://opendev.org", "https://mirror.example/git/openstack/nova-powervm.git"),
        ("https://opendev.org", "ssh://ci@review.example:29418/openstack/nova-powervm"),
        ("https://opendev.org", "ci@review.example:openstack/nova-powervm.git"),
    ],
)
def test_a_plugins_own_change_is_known_wherever_the_plugin_comes_from(base_url, url):
    assert asked_for(base_url=base_url, plugins={"nova-powervm": url}) == [
        ("openstack/nova-powervm", "master", "nova-powervm", PREPARED),
        ("openstack/nova", "master", "nova", None),
    ]


def test_a_plugin_of_another_name_gets_the_builds_own_source_too():
    told = asked_for(plugins={"powervm": "https://mirror.example/openstack/nova-powervm"})
    assert ("openstack/nova-powervm", "master", "powervm", PREPARED) in told


@pytest.mark.parametrize("path", ["x/nova-powervm", "xopenstack/nova-powervm", "openstack/nova-powervm/more"])
def test_a_plugin_of_another_project_is_not_taken_for_the_builds_own(path):
    url = f"https://opendev.org/{path}"
    assert (path, "stable/x", "other", None) in asked_for(branch="stable/x", plugins={"other": url})


def test_a_plugin_of_a_project_that_the_build_does_not_bring_is_where_the_job_says():
    url = "https://github.com/fork/openstack/nova"
    assert (url, "my", "nova", None) in asked_for(plugins={"nova": f"{url} my"})


def test_a_commit_of_a_plugin_that_stack_sh_would_fetch_over_the_builds_own_is_refused():
    with pytest.raises(
        module("deployment.sources").SourceError, match=r"refs/changes/1/1/1 over the build's own source"
    ):
        asked_for(plugins={"nova-powervm": "https://opendev.org/openstack/nova-powervm refs/changes/1/1/1"})


IDS = {letter: "I" + letter * 40 for letter in "abcd"}


@pytest.fixture
def patches(lab):
    with FakePatches(lab.folder / "gerrit") as server:
        yield server


def apply(lab, server, entries):
    return module("deployment.patches").apply_all(entries, LIST, server.url, str(lab.base))


def test_an_open_change_is_applied_in_its_newest_patch_set_or_the_one_that_is_named(lab, patches):
    change = lab.change()
    lab.commit(change, "a.py", "1", IDS["a"])
    patches.add(7, change)
    git(change, "reset", "--quiet", "--hard", "HEAD~")
    lab.commit(change, "a.py", "2", IDS["a"])
    patches.add(7, change)
    for entry, content in (("7", "2"), ("7,1", "1")):
        lab.place(lab.wanted())
        assert apply(lab, patches, {"openstack/nova": [entry]}) == [f"openstack/nova {entry}: applied"]
        assert (lab.base / "nova/a.py").read_text() == content


def test_what_is_in_the_source_is_passed_over_and_so_is_another_branch_and_another_project(lab, patches):
    change, pike = lab.change(), lab.change("pike", "stable/pike")
    lab.commit(change, "a.py", "1", IDS["a"])
    patches.add(7, change)
    lab.commit(pike, "b.py", "1", IDS["b"])
    patches.add(8, pike, branch="stable/pike")
    patches.add(9, change, project="openstack/neutron")
    lab.place(lab.wanted(prepared=str(change)))
    head = lab.head()
    assert apply(lab, patches, {"openstack/nova": [7, 8], "openstack/neutron": [9]}) == [
        "openstack/nova 7: in the source already",
        "openstack/nova 8: passed over, it is for stable/pike and the source is at master",
        "openstack/neutron 9: passed over, this build does not use the project",
    ]
    assert lab.head() == head


def test_the_same_content_under_another_name_is_passed_over(lab, patches):
    change = lab.change()
    lab.commit(change, "a.py", "1", IDS["a"])
    patches.add(7, change)
    git(change, "reset", "--quiet", "--hard", "HEAD~")
    lab.commit(change, "a.py", "1", IDS["b"])
    lab.place(lab.wanted(prepared=str(change)))
    assert apply(lab, patches, {"openstack/nova": [7]}) == ["openstack/nova 7: the source has all of it already"]


@pytest.mark.parametrize(("status", "says"), [("MERGED", "has merged"), ("ABANDONED", "is abandoned")])
def test_a_stale_entry_is_reported_and_not_applied(lab, patches, status, says):
    change = lab.change()
    lab.commit(change, "a.py", "1", IDS["a"])
    patches.add(7, change, status=status)
    lab.place(lab.wanted())
    assert apply(lab, patches, {"openstack/nova": 7}) == [
        f"WARNING: openstack/nova 7: stale, it {says}: remove it from {LIST}"
    ]
    assert not (lab.base / "nova/a.py").exists()


def test_a_conflict_names_entry_and_file_and_leaves_the_source_as_it_was(lab, patches):
    change = lab.change()
    lab.commit(change, "setup.cfg", "theirs", IDS["a"])
    patches.add(7, change)
    git(change, "reset", "--quiet", "--hard", "HEAD~")
    commit = lab.commit(change, "setup.cfg", "ours", IDS["b"])
    lab.place(lab.wanted(prepared=str(change)))
    with pytest.raises(module("deployment.patches").PatchError) as failed:
        apply(lab, patches, {"openstack/nova": [7]})
    assert str(failed.value) == (
        f"{LIST}: openstack/nova 7 does not apply to master: conflict in setup.cfg "
        "(rebase it, or remove it from the list)"
    )
    assert (lab.head(), git(lab.base / "nova", "status", "--porcelain")) == (commit, "")


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"openstack/nova": [404]}, "openstack/nova 404: Gerrit has no such change (remove it)"),
        ({"openstack/nova": ["7,9"]}, "openstack/nova 7,9: Gerrit has no such patch set (remove it)"),
        ({"openstack/nova": ["x"]}, "openstack/nova: 'x' is not a change (write 12345 or 12345,2)"),
        ({7: [7]}, "'7' is not the name of a project"),
        ({"../../etc": [7]}, "'../../etc' is not the name of a project"),
        (["openstack/nova"], "it holds no projects with their changes (write openstack/nova: [12345])"),
        ("openstack/nova", "it holds no projects with their changes (write openstack/nova: [12345])"),
    ],
)
def test_an_entry_that_is_of_no_use(lab, patches, entries, says):
    change = lab.change()
    lab.commit(change, "a.py", "1", IDS["a"])
    patches.add(7, change)
    lab.place(lab.wanted())
    with pytest.raises(module("deployment.patches").PatchError) as failed:
        apply(lab, patches, entries)
    assert str(failed.value) == f"{LIST}: {says}"


def test_a_gerrit_that_does_not_answer_is_said(lab, patches):
    lab.place(lab.wanted())
    patches.url = "http://127.0.0.1:1"
    with pytest.raises(module("deployment.patches").PatchError, match="openstack/nova 7: Gerrit cannot be asked: "):
        apply(lab, patches, {"openstack/nova": [7]})


GOOD = {
    "status": "NEW", "branch": "master", "change_id": IDS["a"], "current_revision": "c",
    "revisions": {"c": {"_number": 1, "ref": "refs/changes/07/7/1"}},
}  # fmt: skip
NO_GERRIT = r"what answers at http://\S+ is no Gerrit \(correct patching_list_gerrit_url\)"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        *((json.dumps(one), NO_GERRIT) for one in ([], "x", None, 7, {})),
        *((json.dumps({name: value for name, value in GOOD.items() if name != left}), NO_GERRIT) for left in GOOD),
        *((json.dumps({**GOOD, name: 7}), NO_GERRIT) for name in GOOD if name != "current_revision"),
        (json.dumps({**GOOD, "current_revision": []}), NO_GERRIT),
        (json.dumps({**GOOD, "revisions": {"c": 7}}), NO_GERRIT),
        (json.dumps({**GOOD, "revisions": {"c": {"_number": 1, "ref": 7}}}), NO_GERRIT),
        ("[" * 200_000, "Gerrit cannot be asked: maximum recursion depth exceeded.*"),
        ("<html>", "Gerrit cannot be asked: Expecting value.*"),
        (" " * 2**20, "Gerrit cannot be asked: its answer has more than 1048576 bytes"),
    ],
)
def test_an_answer_that_is_not_gerrits_is_one_clear_line(lab, patches, answer, says):
    patches.strange[7] = [b")]}'\n", answer.encode()]
    with pytest.raises(module("deployment.patches").PatchError, match=f"^{LIST}: openstack/nova 7: {says}$"):
        apply(lab, patches, {"openstack/nova": [7]})


def test_an_answer_without_an_end_is_waited_for_but_so_long(lab, patches, monkeypatch):
    monkeypatch.setattr(module("deployment.patches"), "ASK_SECONDS", 0.2)
    pause = threading.Event()

    def drops():
        while not pause.wait(0.02):
            yield b" "

    patches.strange[7] = drops()
    with pytest.raises(module("deployment.patches").PatchError, match=r"cannot be asked: no whole answer in 0\.2 s$"):
        apply(lab, patches, {"openstack/nova": [7]})
    pause.set()


def test_what_gerrit_says_is_shown_as_one_line(lab, patches):
    lab.place(lab.wanted())
    patches.strange[7] = [b"\n", json.dumps({**GOOD, "branch": "a\x1b[2J\nb"}).encode()]
    assert apply(lab, patches, {"openstack/nova": [7]}) == [
        "openstack/nova 7: passed over, it is for a?[2J?b and the source is at master"
    ]
