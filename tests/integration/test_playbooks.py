"""The playbooks' own pieces, without a cloud: syntax, skip lists, ports, processes, archives, selection."""

import io
import os
import re
import socket
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.carried import module

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = ROOT / "playbooks"
SKIP_LINE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}  # [A-Za-z_][\w.]*(?:, [A-Za-z_][\w.]*)*")


@pytest.mark.parametrize("playbook", sorted(path.name for path in PLAYBOOKS.glob("*.yaml")))
def test_each_playbook_has_correct_syntax(playbook):
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), "--syntax-check", "-i", "node,", playbook]
    done = subprocess.run(argv, cwd=PLAYBOOKS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "skip_lists").glob("*.txt")), ids=lambda path: path.name)
def test_each_skip_list_is_an_exclude_list_with_a_reason_for_each_line(path):
    content = path.read_bytes()
    assert not content.startswith(b"\xef\xbb\xbf")
    reason, seen = None, set()
    for line in content.decode("utf-8").splitlines():
        if not line:
            reason = None
        elif line.startswith("# reason: "):
            reason = line
        elif not line.startswith("#"):
            assert SKIP_LINE.fullmatch(line), line
            assert reason, f"no reason above {line}"
            assert line[:36] not in seen, f"twice: {line}"
            seen.add(line[:36])
    assert seen


@pytest.fixture
def ports(monkeypatch):
    """Ports of the tests alone: builds on this machine claim those that builds claim."""
    ports = module("cloud.ports")
    monkeypatch.setattr(ports, "FIRST", ports.LAST)
    monkeypatch.setattr(ports, "LAST", ports.LAST + 8 * ports.SIZE)
    return ports


def test_owners_claim_different_ports_and_a_gone_owner_loses_them(ports, tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir(), second.mkdir()
    claims = str(tmp_path / "claims")
    mine = ports.claim(claims, str(first))
    assert ports.claim(claims, str(first)) == mine
    assert ports.claim(claims, str(second)) != mine
    first.rmdir()
    (tmp_path / "c").mkdir()
    assert ports.claim(claims, str(tmp_path / "c")) == mine


def test_a_port_that_somebody_listens_on_is_not_claimed(ports, tmp_path):
    owner = tmp_path / "a"
    owner.mkdir()
    free = ports.claim(str(tmp_path / "claims"), str(owner))
    ports.release(str(tmp_path / "claims"), str(owner))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free + 3))
        taken.listen()
        assert ports.claim(str(tmp_path / "claims"), str(owner)) != free


def test_a_builds_processes_are_ended_and_no_others(tmp_path):
    processes = module("cloud.processes")
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    log = str(tmp_path / "log")
    marked = processes.start(str(tmp_path), "marked", sleep, {**os.environ, processes.MARK: "b1"}, log)
    recorded = processes.start(str(tmp_path), "recorded", sleep, dict(os.environ), log)
    other = subprocess.Popen(sleep, env={**os.environ, processes.MARK: "b10"})
    try:
        assert processes.kill_all("b1", str(tmp_path)) == []
        assert marked.wait(5) < 0
        assert recorded.wait(5) < 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_modules_second_start_waits_for_the_first(tmp_path):
    once = module("cloud.once")

    def enter():
        with once.alone(str(tmp_path), "task"):
            return (tmp_path / "first-ended").exists()

    def waits():
        inode = next((tmp_path / "once").iterdir()).stat().st_ino
        return re.search(rf"-> FLOCK .*:{inode} ", Path("/proc/locks").read_text())

    with ThreadPoolExecutor(1) as pool:
        with once.alone(str(tmp_path), "task"):
            second = pool.submit(enter)
            while not waits():
                assert not second.done()
            (tmp_path / "first-ended").touch()
        assert second.result()


def test_a_service_that_ends_is_named_with_its_log_at_once(tmp_path):
    services = module("cloud.services")
    (tmp_path / "logs").mkdir()
    broken = services.Service("broken", [sys.executable, "-c", "raise SystemExit('no such option: x')"], port=1)
    group = services.ServiceGroup(str(tmp_path), dict(os.environ))
    with pytest.raises(services.ServiceError, match=r"(?s)broken ended by itself.*no such option: x"):
        group.start([broken], timeout_seconds=30)


def test_the_last_line_that_is_told_of_a_service_says_something(tmp_path):
    services = module("cloud.services")
    (tmp_path / "logs").mkdir()
    prefix = "2026-11-26 13:48:30.441 17716 ERROR nova"
    text = f"{prefix} ModuleNotFoundError: No module named 'x'\n{prefix}\n{prefix} [None req-1 - -]\n\n"
    broken = services.Service("broken", [sys.executable, "-c", f"raise SystemExit({text!r})"], port=1)
    with pytest.raises(services.ServiceError) as failed:
        services.ServiceGroup(str(tmp_path), dict(os.environ)).start([broken], timeout_seconds=30)
    assert str(failed.value).endswith(f"\n{prefix} ModuleNotFoundError: No module named 'x'")


def test_packed_logs_arrive_and_a_long_one_says_what_is_missing(tmp_path):
    workspace, target = tmp_path / "w", tmp_path / "t"
    (workspace / "logs").mkdir(parents=True)
    (workspace / "etc" / "nova").mkdir(parents=True)
    (workspace / "results").mkdir()
    target.mkdir()
    (workspace / "logs" / "nova-api.txt").write_text("a" * 5000)
    (workspace / "logs" / "link.txt").symlink_to("/etc/passwd")
    (workspace / "etc" / "nova" / "nova.conf").write_text("password = x\n")
    (workspace / "results" / "tests-run.txt").write_text("t\n")
    module("archive.pack").pack(str(workspace), str(workspace / "p.tar.gz"), 1000)
    module("archive.unpack").unpack(str(workspace / "p.tar.gz"), str(target))
    found = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert found == ["logs/etc/nova/nova.conf.txt", "logs/nova-api.txt", "tests-run.txt"]
    assert "4000 bytes left out" in (target / "logs" / "nova-api.txt").read_text()


def test_what_files_of_options_differ_in_and_arguments_of_processes_show_no_secret(tmp_path):
    workspace, target = tmp_path / "w", tmp_path / "t"
    difference = "--- before/x\n+++ after/x\n-ADMIN_PASSWORD={}\n+ADMIN_PASSWORD={}\n+HOST=x\n"
    files = {
        "results/local-conf.diff": difference.format("old secret", "new/secret"),
        "results/stale.txt": "old secret, new/secret",
        "logs/system.txt": "1 2 00:01 nova --os-password other --os-token=third -x\n",
    }
    target.mkdir()
    for name, text in files.items():
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text(text)
    module("archive.pack").pack(str(workspace), str(workspace / "p.tar.gz"), 1000)
    module("archive.unpack").unpack(str(workspace / "p.tar.gz"), str(target))
    assert (target / "local-conf.diff").read_text() == difference.format("***", "***")
    assert (target / "stale.txt").read_text() == "***, ***"
    assert (target / "logs/system.txt").read_text() == "1 2 00:01 nova --os-password *** --os-token=*** -x\n"


def test_a_result_stream_travels_whole_where_a_log_loses_its_middle(tmp_path):
    workspace, target = tmp_path / "w", tmp_path / "t"
    (workspace / "results").mkdir(parents=True)
    target.mkdir()
    for name in ("testrepository.subunit", "tempest-console.txt"):
        (workspace / "results" / name).write_bytes(b"a" * 5000)
    module("archive.pack").pack(str(workspace), str(workspace / "p.tar.gz"), 1000)
    module("archive.unpack").unpack(str(workspace / "p.tar.gz"), str(target))
    assert (target / "testrepository.subunit").read_bytes() == b"a" * 5000
    assert "4000 bytes left out" in (target / "tempest-console.txt").read_text()


def hostile_archive(path):
    def add(name, content=b"x", **attributes):
        member = tarfile.TarInfo(name)
        member.size = len(content)
        for key, value in attributes.items():
            setattr(member, key, value)
        archive.addfile(member, io.BytesIO(content))

    with tarfile.open(path, "w:gz") as archive:
        add("../outside")
        add("/absolute")
        add("logs/../../outside")
        add("logs/\x1b]0;x\x07")
        add("-rf")
        add(".htaccess")
        add("job-output.txt")
        add("skip-list.json")
        add("tests.json")
        add("zuul-info/inventory.yaml")
        add("link", b"", type=tarfile.SYMTYPE, linkname="/etc")
        add("link/passwd")
        add("hard", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd")
        add("device", b"", type=tarfile.CHRTYPE)
        add("logs/good.txt", b"good")
        add("logs/good.txt", b"again")
        add("logs/good.txt/below", b"x")


def test_a_hostile_archive_writes_only_harmless_files(tmp_path):
    target = tmp_path / "deep" / "logs"
    target.mkdir(parents=True)
    (target / "planted").symlink_to(tmp_path)
    hostile_archive(tmp_path / "a.tar.gz")
    outcome = module("archive.unpack").unpack(str(tmp_path / "a.tar.gz"), str(target))
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"deep/logs/logs/good.txt", "deep/logs/link/passwd"}
    assert (target / "logs" / "good.txt").read_bytes() == b"good"
    assert len(outcome["left_out"]) == 15


def test_a_cut_archive_gives_what_is_whole(tmp_path):
    with tarfile.open(tmp_path / "whole.tar.gz", "w:gz") as archive:
        for name in ("first.txt", "second.txt"):
            content = os.urandom(200_000)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    cut = (tmp_path / "whole.tar.gz").read_bytes()[:-100_000]
    (tmp_path / "cut.tar.gz").write_bytes(cut)
    (tmp_path / "t").mkdir()
    outcome = module("archive.unpack").unpack(str(tmp_path / "cut.tar.gz"), str(tmp_path / "t"))
    assert outcome["files"] == 1
    assert outcome["left_out"]
