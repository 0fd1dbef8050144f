"""The health check of nodes, against a real sshd and against what only pretends to be one."""

import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from lab.sshd_node import SshdNode, free_port

from ci.errors import CIError
from ci.model.node import Node
from ci.nodes import health
from ci.nodes.health import SshProber

ADDRESS = "127.0.0.4"


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with SshdNode(tmp_path_factory.mktemp("node"), (ADDRESS,)) as sshd:
        yield sshd


@pytest.fixture
def node(sshd):
    return Node(ADDRESS, "lab", ("powervm",), sshd.username, sshd.port, (sshd.host_key,), "auto")


def prober(sshd, *, check=None, min_free_mib=1, folder=None):
    path = None
    if check is not None:
        path = folder / "check.sh"
        path.write_text(check)
    return SshProber(sshd.private_key, min_free_mib, lambda: path)


def test_a_healthy_node_has_no_problem(sshd, node):
    assert prober(sshd).problem(node) == ""


def test_a_site_check_that_is_content_is_no_problem(sshd, node, tmp_path):
    assert prober(sshd, check="echo all fine\nexit 0\n", folder=tmp_path).problem(node) == ""
    assert prober(sshd, check="true # without a newline", folder=tmp_path).problem(node) == ""


def test_another_host_key_is_refused(sshd, node):
    key = sshd.private_key.with_suffix(".pub").read_text().rsplit(" ", 1)[0]
    assert prober(sshd).problem(replace(node, host_keys=(key,))) == "ssh: Host key verification failed."


def test_a_node_without_host_key_is_not_even_asked(sshd, node):
    assert "host-key" in prober(sshd).problem(replace(node, host_keys=(), port=1))


def test_a_node_that_refuses_the_connection(sshd, node):
    problem = prober(sshd).problem(replace(node, port=free_port((ADDRESS,))))
    assert problem.startswith("ssh: ")
    assert "Connection refused" in problem


def test_a_key_that_the_node_does_not_know(sshd, node, tmp_path):
    key = tmp_path / "key"
    key.write_bytes((sshd.folder / "host_key").read_bytes())
    key.chmod(0o600)
    assert "Permission denied" in SshProber(key, 1).problem(node)


def listening(answer):
    """A server that accepts, says something and then nothing more, until the test ends."""
    server = socket.create_server((ADDRESS, 0))
    server.settimeout(15)

    def serve():
        taken = []
        try:
            while True:
                connection, _ = server.accept()
                taken.append(connection)
                connection.sendall(answer)
        except OSError:
            for connection in taken:
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return server


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-Gone\r\n"])
def test_a_server_that_hangs_is_left_in_bounded_time(sshd, node, answer, monkeypatch):
    monkeypatch.setattr(health, "LIMIT_SECONDS", 2.0)
    with listening(answer) as server:
        problem = prober(sshd).problem(replace(node, port=server.getsockname()[1]))
        server.shutdown(socket.SHUT_RDWR)
    assert problem.startswith(("the health check took longer than 2 s", "ssh: "))


def test_a_check_that_hangs_is_left_in_bounded_time(sshd, node, tmp_path, monkeypatch):
    monkeypatch.setattr(health, "LIMIT_SECONDS", 2.0)
    begin = time.monotonic()
    problem = prober(sshd, check="echo looking at the disk array; sleep 60", folder=tmp_path).problem(node)
    assert problem == "the health check took longer than 2 s, its last line: looking at the disk array"
    assert time.monotonic() - begin < 45


def test_too_little_disk(sshd, node):
    problem = prober(sshd, min_free_mib=10**9).problem(node)
    assert problem.startswith("disk almost full: ")
    assert problem.endswith("node_min_free_mib is 1000000000")


def test_no_disk_check_where_none_is_asked_for(sshd, node):
    assert prober(sshd, min_free_mib=0).problem(node) == ""


def test_a_python_that_is_not_there(sshd, node):
    problem = prober(sshd).problem(replace(node, python_path="/opt/none/bin/python3"))
    assert problem == "no Python on it: /opt/none/bin/python3"


def test_a_python_that_is_there(sshd, node):
    assert prober(sshd).problem(replace(node, python_path="/usr/bin/python3")) == ""


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ("echo first; echo 'the HMC does not answer'; exit 3", "node_check: the HMC does not answer"),
        ("echo on stderr >&2; exit 1", "node_check: on stderr"),
        ("exit 7", "node_check: exit status 7"),
        ("false", "node_check: exit status 1"),
        ("cat; read -r line; exit 9", "node_check: exit status 9"),  # it cannot eat the script
        ("set -e\nfalse\necho never", "node_check: exit status 1"),
        ("exit 255", "node_check: exit status 255"),
        ("echo '$(touch x)`touch y`'; exit 1", "node_check: $(touch x)`touch y`"),
    ],
)
def test_a_site_check_that_fails_says_why(sshd, node, tmp_path, check, expected):
    assert prober(sshd, check=check, folder=tmp_path).problem(node) == expected


def test_a_site_check_with_a_syntax_error_is_a_problem(sshd, node, tmp_path):
    assert "broke off" in prober(sshd, check="if then (", folder=tmp_path).problem(node)


def test_a_check_that_kills_its_shell_is_a_problem(sshd, node, tmp_path):
    assert prober(sshd, check="kill -9 $PPID; kill -9 $$", folder=tmp_path).problem(node)


def test_what_a_node_prints_is_told_as_printable_text_of_bounded_length(sshd, node, tmp_path):
    hostile = "printf '\\033[2J\\033]0;title\\007\\342\\200\\256 <script> %0500d\\n' 7; exit 1"
    problem = prober(sshd, check=hostile, folder=tmp_path).problem(node)
    assert problem.startswith("node_check: \\x1b[2J")
    assert problem.isprintable()
    assert len(problem) < 300


def test_output_without_end_is_cut_off(sshd, node, tmp_path):
    problem = prober(sshd, check="head -c 10485760 /dev/zero | tr '\\0' x; exit 1", folder=tmp_path).problem(node)
    assert problem.startswith("the health check printed more than 1 MiB")
    assert len(problem) < 400


def test_a_node_cannot_tell_our_own_lines(sshd, node, tmp_path):
    """It does not know the mark of this session, and what it repeats of another is only text."""
    check = "echo 'ci-0000000000000000 check 0'; exit 1"
    assert prober(sshd, check=check, folder=tmp_path).problem(node) == "node_check: ci-0000000000000000 check 0"


def test_what_is_missing_here_is_not_held_against_the_node(sshd, node, tmp_path):
    with pytest.raises(CIError, match=r"no key for the nodes: .*gone is no file"):
        SshProber(tmp_path / "gone", 1).problem(node)
    with pytest.raises(CIError, match=r"node_check: .*gone\.sh: No such file"):
        SshProber(sshd.private_key, 1, lambda: tmp_path / "gone.sh").problem(node)


def test_it_leaves_nothing_behind(sshd, node, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert prober(sshd).problem(node) == ""
    assert list(Path(tmp_path).iterdir()) == []
