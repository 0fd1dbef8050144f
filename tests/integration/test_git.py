"""Real git over a real sshd: mirrors, merging, layout, and what is said when something is wrong."""

import concurrent.futures
import os
import pickle
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ci import ssh_sockets
from ci.errors import CIError, DiskFull, HostKeyMismatch, Interrupted, MergeConflict, Refused, Unavailable
from ci.git import rests
from ci.git.mirror import Mirror
from ci.git.sources import GitSources
from ci.model.change import Branch, Change
from tests.integration.upstream import Upstream, git, settings


@pytest.fixture
def upstream(tmp_path):
    return Upstream(tmp_path / "upstream")


@pytest.fixture
def sources(server, tmp_path):
    made = GitSources(settings(server), tmp_path / "mirrors")
    yield made
    made.close()


def test_a_change_on_an_old_base_is_merged_onto_the_tip(sources, upstream, tmp_path):
    old = upstream.tip()
    upstream.commit({"nova/c.py": "new\n"}, "meanwhile", start=old)
    upstream.push("master")
    change = upstream.change(101, {"nova/b.py": "changed\n"}, start=old)
    (project,) = sources.prepare(change, (), tmp_path / "src", buildset_id="s1")
    folder = tmp_path / "src/review.example.com" / change.project
    assert project.canonical_name == f"review.example.com/{change.project}"
    assert project.checkout == "master"
    assert git(folder, "rev-parse", "HEAD") == project.commit
    assert git(folder, "symbolic-ref", "HEAD") == "refs/heads/master"
    assert git(folder, "show", "-s", "--format=%P", "HEAD").split() == [upstream.tip(), change.revision]
    assert git(folder, "show", "HEAD:nova/b.py") == "changed"
    assert git(folder, "show", "HEAD:nova/c.py") == "new"
    assert git(folder, "fsck", "--connectivity-only") == ""


def test_the_merge_is_the_same_commit_each_time_it_is_made(server, upstream, tmp_path):
    old = upstream.tip()
    upstream.commit({"nova/c.py": "new\n"}, "meanwhile", start=old)
    upstream.push("master")
    change = upstream.change(102, {"nova/b.py": "changed\n"}, start=old)
    commits = set()
    for name in ("one", "two"):
        sources = GitSources(settings(server), tmp_path / name)
        (source,) = sources.resolve(change)
        commits.add(source.project.commit)
        date = git(source.mirror, "show", "-s", "--format=%at %ct", source.project.commit)
        sources.close()
    assert len(commits) == 1
    assert date == "1700000000 1700000000"


def test_a_change_on_the_tip_is_tested_as_it_is(sources, upstream):
    change = upstream.change(103, {"nova/b.py": "changed\n"})
    assert sources.resolve(change)[0].project.commit == change.revision


def test_a_change_that_is_already_merged_leaves_the_tip(sources, upstream):
    change = upstream.change(104, {"nova/b.py": "changed\n"})
    upstream.push("master")
    upstream.commit({"nova/d.py": "later\n"}, "later", start=change.revision)
    upstream.push("master")
    assert sources.resolve(change)[0].project.commit == upstream.tip()


def test_a_conflict_names_the_files(sources, upstream):
    old = upstream.tip()
    upstream.commit({"nova/a.py": "theirs\n", "nova/b.py": "theirs\n"}, "meanwhile", start=old)
    upstream.push("master")
    change = upstream.change(105, {"nova/a.py": "ours\n", "nova/b.py": "ours\n"}, start=old)
    with pytest.raises(MergeConflict, match=r"^change 105,1 into master .* conflicts in nova/a.py, nova/b.py$"):
        sources.resolve(change)


def test_a_change_without_common_history_is_a_conflict(sources, upstream):
    git(upstream.work, "checkout", "-q", "--orphan", "alien")
    revision = upstream.commit({"x": "y\n"}, "alien")
    git(upstream.work, "push", "-q", str(upstream.folder / "nova"), "HEAD:refs/changes/06/106/1")
    with pytest.raises(MergeConflict, match="no history in common"):
        sources.resolve(Change("gerrit", upstream.project, "master", 106, 1, revision, "refs/changes/06/106/1"))


def test_two_jobs_at_once_share_one_merge(sources, upstream, tmp_path, monkeypatch):
    change = upstream.change(107, {"nova/b.py": "changed\n"})
    fetches = []
    fetch = Mirror.fetch
    monkeypatch.setattr(Mirror, "fetch", lambda mirror, ref=None: (fetches.append(ref), fetch(mirror, ref))[1])
    start = threading.Barrier(4)

    def job(number):
        start.wait()
        return sources.prepare(change, (), tmp_path / f"job{number}", buildset_id="s1")

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        prepared = set(pool.map(job, range(4)))
    assert len(prepared) == 1
    assert fetches == [change.ref]


def test_the_jobs_of_a_buildset_get_one_commit_whatever_else_they_require(sources, upstream, tmp_path):
    other = Upstream(tmp_path / "other")
    old = upstream.tip()
    change = upstream.change(127, {"nova/b.py": "changed\n"}, start=old)
    first = sources.resolve(change, buildset_id="s1")[0].project.commit
    upstream.commit({"nova/z.py": "z\n"}, "moved", start=old)
    upstream.push("master")
    assert sources.resolve(change, (other.project,), buildset_id="s1")[0].project.commit == first
    assert sources.resolve(change, buildset_id="s2")[0].project.commit != first


def test_what_is_resolved_can_be_laid_out_again_when_the_branch_has_moved(sources, upstream, tmp_path):
    change = upstream.change(108, {"nova/b.py": "changed\n"})
    resolved = sources.resolve(change)
    upstream.commit({"nova/z.py": "z\n"}, "moved", start=upstream.tip())
    upstream.push("master")
    assert sources.lay_out(resolved, tmp_path / "late")[0].commit == change.revision


def test_a_required_project_comes_at_the_same_branch_or_else_the_default_one(sources, upstream, server, tmp_path):
    other = Upstream(tmp_path / "other")
    change = upstream.change(109, {"nova/b.py": "changed\n"})
    _, required = sources.prepare(change, (other.project,), tmp_path / "src", buildset_id="s1")
    assert (required.checkout, required.commit, required.required) == ("master", other.tip(), True)

    upstream.commit({"nova/p.py": "pike\n"}, "pike", start=upstream.tip())
    upstream.push("stable/pike")
    change = upstream.change(110, {"nova/b.py": "changed\n"}, branch="stable/pike")
    first, required = sources.prepare(
        change, (f"review.example.com/{other.project}",), tmp_path / "pike", buildset_id="s2"
    )
    assert (first.checkout, required.checkout) == ("stable/pike", "master")


def test_other_branches_are_there(sources, upstream, tmp_path):
    upstream.push("stable/pike")
    change = upstream.change(111, {"nova/b.py": "changed\n"})
    sources.prepare(change, (), tmp_path / "src", buildset_id="s1")
    folder = tmp_path / "src/review.example.com" / change.project
    assert git(folder, "rev-parse", "refs/heads/stable/pike") == upstream.tip("stable/pike")


def test_a_deleted_branch_does_not_stand_in_the_way_of_a_folder_of_branches(sources, upstream):
    upstream.push("feature")
    sources.resolve(upstream.change(112, {"nova/b.py": "changed\n"}))
    git(upstream.folder / "nova", "update-ref", "-d", "refs/heads/feature")
    upstream.push("feature/two")
    sources.resolve(upstream.change(113, {"nova/b.py": "changed\n"}))


def test_a_damaged_mirror_is_made_anew(sources, upstream, tmp_path):
    sources.resolve(upstream.change(115, {"nova/b.py": "changed\n"}))
    (mirror,) = (tmp_path / "mirrors").glob("*/*.git")
    for path in [*mirror.glob("objects/??/*"), *mirror.glob("objects/pack/*")]:
        path.chmod(0o644)
        path.write_bytes(b"")
    change = upstream.change(116, {"nova/a.py": "changed\n"})
    assert sources.resolve(change)[0].project.commit == change.revision


def test_a_mirror_without_a_head_never_reaches_a_repository_around_it(sources, upstream, tmp_path):
    git(tmp_path, "init", "-q", "-b", "around", ".")
    sources.resolve(upstream.change(117, {"nova/b.py": "changed\n"}))
    (mirror,) = (tmp_path / "mirrors").glob("*/*.git")
    (mirror / "HEAD").unlink()
    sources.resolve(upstream.change(118, {"nova/b.py": "changed\n"}))
    assert git(tmp_path, "for-each-ref") == ""


def test_the_tip_of_a_branch_is_what_is_prepared_and_stays_so_for_a_buildset(server, sources, upstream, tmp_path):
    upstream.push("stable/pike")
    about = Branch("gerrit", upstream.project, "stable/pike")
    (project,) = sources.prepare(about, (), tmp_path / "src", buildset_id="s1")
    assert (project.checkout, project.commit) == ("stable/pike", upstream.tip("stable/pike"))
    upstream.commit({"nova/a.py": "later\n"}, "later")
    upstream.push("stable/pike")
    again = GitSources(settings(server), tmp_path / "mirrors")
    assert again.prepare(about, (), tmp_path / "again", buildset_id="s1") == (project,)
    (later,) = sources.prepare(about, (), tmp_path / "later", buildset_id="s2")
    assert later.commit == upstream.tip("stable/pike") != project.commit
    again.close()


def test_a_branch_that_is_gone_is_refused(sources, upstream, tmp_path):
    with pytest.raises(Refused, match="has no branch stable/gone"):
        sources.prepare(Branch("gerrit", upstream.project, "stable/gone"), (), tmp_path / "src", buildset_id="s1")


def test_the_server_tells_its_branches_but_for_those_that_cannot_be_checked_out(sources, upstream):
    upstream.push("stable/pike")
    upstream.push("-odd")
    assert sources.branch_names("gerrit", upstream.project) == ("master", "stable/pike")
    with pytest.raises(Refused):
        sources.branch_names("gerrit", "no/such/project")


def test_the_branches_of_a_server_that_is_away_are_worth_another_try(server, upstream, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        away = GitSources(settings(server, port=unused.getsockname()[1]), tmp_path / "mirrors")
    with pytest.raises(Unavailable):
        away.branch_names("gerrit", upstream.project)
    away.close()


def test_an_unreachable_server_is_worth_another_try(server, upstream, tmp_path):
    sources = GitSources(settings(server, port=1), tmp_path / "mirrors")
    with pytest.raises(Unavailable, match="Connection refused"):
        sources.resolve(upstream.change(119, {"nova/b.py": "changed\n"}))
    sources.close()


def test_an_unknown_host_key_is_refused(server, upstream, tmp_path):
    (tmp_path / "known_hosts").write_text("")
    sources = GitSources(settings(server, known_hosts=tmp_path / "known_hosts"), tmp_path / "mirrors")
    with pytest.raises(HostKeyMismatch, match="Host key verification failed"):
        sources.resolve(upstream.change(120, {"nova/b.py": "changed\n"}))
    sources.close()


def test_a_missing_project_or_patch_set_is_refused(sources, upstream):
    change = upstream.change(121, {"nova/b.py": "changed\n"})
    with pytest.raises(Refused):
        sources.resolve(Change("gerrit", "no/such", "master", 121, 1, change.revision, change.ref))
    with pytest.raises(Refused, match="remote ref"):
        sources.resolve(Change("gerrit", change.project, "master", 121, 2, change.revision, "refs/changes/21/121/2"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("project", "../../etc"),
        ("project", "--upload-pack=touch /tmp/x"),
        ("branch", "--all"),
        ("branch", "a..b"),
        ("ref", "refs/heads/master"),
        ("ref", "refs/changes/21/121/1:refs/heads/master"),
        ("revision", "HEAD"),
    ],
)
def test_hostile_names_are_refused_before_git_sees_them(sources, upstream, field, value):
    change = upstream.change(122, {"nova/b.py": "changed\n"})
    hostile = {
        "connection": "gerrit",
        "project": change.project,
        "branch": "master",
        "number": 122,
        "patchset": 1,
        "revision": change.revision,
        "ref": change.ref,
        field: value,
    }
    with pytest.raises(Refused, match=r"^not "):
        sources.resolve(Change(**hostile))


def test_a_second_fetch_shares_the_connection_of_the_first(sources, server, upstream):
    sources.resolve(upstream.change(123, {"nova/b.py": "changed\n"}))
    logins = server.log.read_text().count("Accepted publickey")
    assert logins
    sources.resolve(upstream.change(124, {"nova/b.py": "changed again\n"}))
    assert server.log.read_text().count("Accepted publickey") == logins


def test_laying_out_copies_no_objects_and_checks_nothing_out(sources, upstream, tmp_path):
    resolved = sources.resolve(upstream.change(126, {"nova/b.py": "changed\n"}))
    (project,) = sources.lay_out(resolved, tmp_path / "src")
    checkout = tmp_path / "src" / project.canonical_hostname / project.name
    files = sorted(str(path.relative_to(checkout)) for path in checkout.rglob("*") if path.is_file())
    assert files == [".git/HEAD", ".git/config", ".git/objects/info/alternates", ".git/packed-refs"]


def test_no_room_for_a_mirror_is_one_clear_line(server, upstream, tmp_path):
    (tmp_path / "mirrors").write_text("a file where the folder should be")
    sources = GitSources(settings(server), tmp_path / "mirrors")
    with pytest.raises(CIError, match=r"^cannot write"):
        sources.resolve(upstream.change(125, {"nova/b.py": "changed\n"}))
    sources.close()
    shutil.rmtree(tmp_path / "mirrors", ignore_errors=True)


def test_a_later_service_tests_the_same_commits(server, upstream, tmp_path):
    other = Upstream(tmp_path / "other")
    old = upstream.tip()
    upstream.commit({"nova/c.py": "new\n"}, "meanwhile", start=old)
    upstream.push("master")
    change = upstream.change(128, {"nova/b.py": "changed\n"}, start=old)
    commits = []
    for name in ("first", "second"):
        sources = GitSources(settings(server), tmp_path / "mirrors")
        prepared = sources.prepare(change, (other.project,), tmp_path / name, buildset_id="s1")
        commits.append([project.commit for project in prepared])
        folder = tmp_path / name / "review.example.com" / change.project
        assert git(folder, "fsck", "--connectivity-only") == ""
        sources.close()
        for moved in (upstream, other):
            moved.commit({"nova/z.py": f"{name}\n"}, name, start=moved.tip())
            moved.push("master")
    assert commits[0] == commits[1]
    fresh = GitSources(settings(server), tmp_path / "mirrors")
    assert fresh.resolve(change, buildset_id="s2")[0].project.commit != commits[0][0]
    fresh.close()


def test_what_ended_buildsets_needed_is_let_go_of_and_what_open_ones_need_stays(sources, upstream, tmp_path):
    old = upstream.tip()
    upstream.commit({"nova/c.py": "new\n"}, "meanwhile", start=old)
    upstream.push("master")
    first, second = (upstream.change(n, {"nova/b.py": f"{n}\n"}, start=old) for n in (129, 130))
    kept = sources.resolve(first, buildset_id="open")[0].project.commit
    sources.resolve(second, buildset_id="ended")
    (mirror,) = (tmp_path / "mirrors").glob("*/*.git")
    assert sources.tidy(lambda: {"open"}, lambda: True)
    assert git(mirror, "for-each-ref", "--format=%(refname) %(objectname)", "refs/ci", "refs/changes") == (
        f"refs/ci/open/master {kept}"
    )
    git(mirror, "pack-refs", "--all")
    later = GitSources(sources.mirrors._gerrits, tmp_path / "mirrors")
    assert later.resolve(first, buildset_id="open")[0].project.commit == kept
    later.close()


def test_a_mirror_of_many_packs_is_packed(sources, upstream, tmp_path, monkeypatch):
    monkeypatch.setattr("ci.git.fixed.MANY_LOOSE_OBJECTS", 0)
    sources.resolve(upstream.change(131, {"nova/b.py": "x\n"}), buildset_id="open")
    (mirror,) = (tmp_path / "mirrors").glob("*/*.git")
    assert git(mirror, "count-objects") != "0 objects, 0 kilobytes"
    assert sources.tidy(lambda: {"open"}, lambda: True)
    assert len(list(mirror.glob("objects/pack/*.pack"))) == 1
    assert git(mirror, "count-objects") == "0 objects, 0 kilobytes"


def test_what_nothing_holds_any_more_does_not_ask_for_packing_again_and_again(sources, upstream, tmp_path, monkeypatch):
    monkeypatch.setattr("ci.git.fixed.MANY_LOOSE_OBJECTS", 1)
    monkeypatch.setattr("ci.git.fixed.MANY_PACKS", 0)
    sources.resolve(upstream.change(134, {"nova/b.py": "x\n"}), buildset_id="ended")
    (mirror,) = (tmp_path / "mirrors").glob("*/*.git")
    assert sources.tidy(lambda: (), lambda: True)
    assert git(mirror, "for-each-ref", "refs/ci", "refs/changes") == ""
    assert git(mirror, "count-objects") == "0 objects, 0 kilobytes"


def test_each_mirror_is_tidied_in_its_turn_however_little_time_there_is(server, tmp_path):
    for name in ("a.git", "b.git", "c.git"):
        folder = tmp_path / "mirrors" / "host" / name
        folder.mkdir(parents=True)
        git(folder, "init", "--bare", "--quiet")
        git(folder, "update-ref", "refs/ci/ended/master", git(folder, "commit-tree", git(folder, "mktree"), "-m", "x"))
    sources = GitSources(settings(server), tmp_path / "mirrors")
    assert [sources.tidy(lambda: (), lambda: False) for _ in range(4)] == [False, False, False, True]
    for folder in (tmp_path / "mirrors" / "host").glob("*.git"):
        assert git(folder, "for-each-ref") == ""
    sources.close()


def test_a_prepare_that_waits_for_a_server_or_for_another_ends_when_it_is_told(server, upstream, tmp_path):
    silent = socket.create_server(("127.0.0.2", 0))  # takes connections and says nothing
    sources = GitSources(settings(server, port=silent.getsockname()[1]), tmp_path / "mirrors")
    change = upstream.change(132, {"nova/b.py": "x\n"})
    interrupt = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        waiting = [
            pool.submit(sources.resolve, change, buildset_id=buildset_id, interrupt=interrupt)
            for buildset_id in ("s1", "s1", "s2")
        ]
        held = silent.accept()[0]  # git is there, and waits
        started = time.monotonic()
        interrupt.set()
        for one in waiting:
            with pytest.raises(Interrupted):
                one.result()
    assert time.monotonic() - started < 45
    held.close()
    sources.close()
    silent.close()


def test_connections_of_a_service_that_was_killed_are_closed_by_the_next(server, upstream, tmp_path):
    change = upstream.change(133, {"nova/b.py": "x\n"})
    script = (
        "import os, pickle, signal, sys, pathlib\n"
        "from ci.git.sources import GitSources\n"
        "gerrits, change, folder = pickle.load(sys.stdin.buffer)\n"
        "sources = GitSources(gerrits, folder)\n"
        "sources.resolve(change)\n"
        "print(sources.mirrors._sockets, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    given = pickle.dumps((settings(server), change, tmp_path / "mirrors"))
    done = subprocess.run([sys.executable, "-c", script], input=given, stdout=subprocess.PIPE, check=False)
    sockets = Path(done.stdout.decode().strip())
    assert list(sockets.iterdir())
    ours = ssh_sockets.make()
    ssh_sockets.close_stale()
    assert not sockets.exists()
    assert ours.exists()
    ssh_sockets.close(ours)


def test_a_mirror_that_is_in_use_is_passed_over_and_has_its_turn_the_next_time(server, tmp_path):
    folder = tmp_path / "mirrors" / "host"
    for name in ("a.git", "b.git"):
        (folder / name).mkdir(parents=True)
        git(folder / name, "init", "--bare", "--quiet")
        commit = git(folder / name, "commit-tree", git(folder / name, "mktree"), "-m", "x")
        git(folder / name, "update-ref", "refs/ci/ended/master", commit)
    sources = GitSources(settings(server), tmp_path / "mirrors")
    results = []
    tidying = threading.Thread(target=lambda: results.append(sources.tidy(lambda: (), lambda: True)), daemon=True)
    with Mirror(folder / "a.git", "a", {}).locked():
        tidying.start()
        tidying.join(30)
        assert results == [True]
    assert git(folder / "a.git", "for-each-ref") != ""
    assert git(folder / "b.git", "for-each-ref") == ""
    assert sources.tidy(lambda: (), lambda: True)
    assert git(folder / "a.git", "for-each-ref") == ""
    sources.close()


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid():
        pytest.skip("mounting takes root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_change_that_does_not_fit_on_the_disk_leaves_nothing_there_and_others_go_on(server, upstream, small_disk):
    sources = GitSources(settings(server), small_disk / "mirrors")
    sources.resolve(upstream.change(140, {"nova/b.py": "x\n"}))
    free = shutil.disk_usage(small_disk).free
    with pytest.raises(DiskFull, match=r"^ssh://\S+: .*No space left on device"):
        sources.resolve(upstream.change(141, {"nova/huge": os.urandom(1_200_000).hex()}))
    assert free - shutil.disk_usage(small_disk).free < 100_000
    sources.resolve(upstream.change(142, {"nova/b.py": "y\n"}))
    sources.close()


@pytest.mark.parametrize(("shortage", "is_kept"), [("", True), ("9 MiB free", False)])
def test_what_a_huge_change_has_left_goes_when_there_is_no_room(server, upstream, tmp_path, shortage, is_kept):
    said = [""]
    sources = GitSources(settings(server), tmp_path / "mirrors", lambda: said[0])
    kept, huge = upstream.change(145, {"nova/b.py": "x\n"}), upstream.change(146, {"nova/b.py": "huge\n"})
    sources.resolve(kept, buildset_id="open")
    sources.resolve(huge, buildset_id="ended")
    (mirror,) = (tmp_path / "mirrors").glob("*/*.git")
    for path in mirror.glob("objects/??/*"):
        os.utime(path, (1, 1))
    said[0] = shortage
    assert sources.tidy(lambda: {"open"}, lambda: True)
    objects = git(mirror, "cat-file", "--batch-check", "--batch-all-objects")
    assert (huge.revision in objects, kept.revision in objects) == (is_kept, True)
    sources.close()


RESTS = ("objects/d5/tmp_obj_AbCdEf", "objects/pack/tmp_pack_AbCdEf", "objects/pack/pack-1.keep", "refs/heads/m.lock")


def plant_rests(mirror):
    for name in RESTS:
        (mirror / name).parent.mkdir(exist_ok=True)
        (mirror / name).write_text("x")


def rests_in(mirror):
    return [name for name in RESTS if (mirror / name).exists()]


def test_git_is_ended_when_there_is_no_more_room_and_is_not_begun_when_there_is_none(server, upstream, tmp_path):
    change = upstream.change(144, {"nova/b.py": "x\n"})
    said = iter(["", "", "9 MiB free"])
    with socket.create_server(("127.0.0.2", 0)) as silent:
        gerrits = settings(server, port=silent.getsockname()[1])
        sources = GitSources(gerrits, tmp_path / "mirrors", lambda: next(said))
        mirror = sources.mirrors.of("gerrit", change.project)
        mirror.path.parent.mkdir(parents=True)
        mirror._create()
        plant_rests(mirror.path)
        with pytest.raises(DiskFull, match=r"^ssh://\S+: the source does not fit on the disk: 9 MiB free$"):
            sources.resolve(change)
    assert rests_in(mirror.path) == []
    mirror.shortage = lambda: "8 MiB free"
    with pytest.raises(DiskFull, match=r"^ssh://\S+: not begun: 8 MiB free$"):
        sources.resolve(change)
    sources.close()


def test_a_start_removes_what_a_killed_git_has_left_unless_somebody_is_at_work_there(sources, tmp_path):
    mirrors = [Mirror(tmp_path / "mirrors/host" / f"{name}.git", "", {}) for name in ("idle", "fetched", "packed")]
    mirrors[0].path.parent.mkdir(parents=True)
    for mirror in mirrors:
        mirror._create()
        plant_rests(mirror.path)
    with mirrors[1].locked(), rests.packing(mirrors[2].path):
        sources.remove_rests()
    assert [len(rests_in(mirror.path)) for mirror in mirrors] == [0, 4, 4]
    assert sources.tidy(lambda: (), lambda: True)
    assert [rests_in(mirror.path) for mirror in mirrors] == [[], [], []]
