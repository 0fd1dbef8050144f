"""What servers, networks and files do wrong, as only a fake does it on demand."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from prometheus_client import REGISTRY

from ci.errors import AuthenticationFailed, CIError, HostKeyMismatch, Refused, Unavailable
from ci.gerrit import connection, stream
from ci.model.vote import Review
from tests.contract.gerrit_sides import PROJECT, FakeSide, Listening
from tests.fakes.gerrit import make_key

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def side(tmp_path) -> Iterator[FakeSide]:
    with FakeSide(tmp_path / "gerrit") as started:
        yield started


def review(number: int) -> Review:
    return Review("lab", PROJECT, number, 1, "Build succeeded (check pipeline).", "marker", {"Verified": 1})


def garbage_lines() -> float:
    return REGISTRY.get_sample_value("powervm_ci_gerrit_garbage_lines_total", {"connection": "lab"}) or 0.0


def test_garbage_lines_are_counted_and_passed_over(side):
    before = garbage_lines()
    with Listening(side.adapter()) as listening:
        lines = [b"", b"  ", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"type":"patchset-created"}', b'{"type":NaN}']
        for line in lines:
            side.gerrit.send_line(line)
        number, _ = side.push({"a.py": "1"})
        listening.wait_for("patchset-created", number)
    assert listening.error is None
    assert garbage_lines() - before == 5


def test_an_endless_line_is_passed_over_in_bounded_memory(side, monkeypatch):
    before = garbage_lines()
    # the real limit takes a fake so long on a busy machine that the link counts as frozen
    monkeypatch.setattr(stream, "LINE_LIMIT_BYTES", 1 << 20)
    said, pass_over = [], stream._pass_over
    monkeypatch.setattr(stream, "_pass_over", lambda *words: said.append(words[1]) or pass_over(*words))
    with Listening(side.adapter(keepalive=5)) as listening:
        side.gerrit.send_line(b"x" * (2 << 20))
        number, _ = side.push({"a.py": "1"})
        listening.wait_for("patchset-created", number, timeout_seconds=60)
    assert listening.error is None
    assert said == [f"longer than {1 << 20} bytes"]
    assert garbage_lines() - before == 1


def test_an_event_in_pieces_is_put_together(side):
    event = json.dumps({"type": "ref-updated", "eventCreatedOn": 1, "text": "é" * 100_000}, ensure_ascii=False)
    stop = threading.Event()
    events = side.adapter().events(stop)
    assert next(events) == ()
    side.gerrit.send_line(event.encode())
    assert [one.raw for one in next(events)] == [event]
    events.close()


def test_a_stream_that_the_server_ends_is_unavailable(side):
    with Listening(side.adapter()) as listening:
        side.gerrit.close_streams()
        listening.thread.join(5)
    assert isinstance(listening.error, Unavailable)
    assert "the stream ended" in str(listening.error)


def test_a_slow_server_is_waited_for(side):
    number, _ = side.push({"a.py": "1"})
    side.gerrit.answer_delay_seconds = 1.5
    assert side.adapter(keepalive=0.2).change(number).number == number


def test_a_server_that_never_answers_is_unavailable(side, monkeypatch):
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(connection.CommandLine.run, "__defaults__", (b"", 0.5))
    number, _ = side.push({"a.py": "1"})
    side.gerrit.answer_delay_seconds = 30
    with pytest.raises(Unavailable, match="no answer to a command"):
        side.adapter().change(number)


def test_a_server_that_never_shows_its_banner_is_unavailable(side, monkeypatch):
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.5)
    side.proxy.freeze()
    with pytest.raises(Unavailable, match="cannot connect"):
        side.adapter().change(1)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("fatal: internal server error while reviewing 1,1", Unavailable),
        ("error: Update failure: LOCK_FAILURE", Unavailable),
        ("", Unavailable),
        ("error: Exceeding maximum number of comments: 5001 (limit: 5000)", Refused),
    ],
)
def test_answers_are_told_apart_by_whether_another_try_makes_sense(side, answer, error):
    number, _ = side.push({"a.py": "1"})
    side.gerrit.error_on_review = answer
    with pytest.raises(error) as found:
        side.adapter().post_review(review(number))
    assert type(found.value) is error
    assert f"review of change {number},1: " in str(found.value)


def test_nothing_that_others_wrote_is_on_a_command_line(side):
    number, _ = side.push({"a.py": "1"}, "$(id) `id` ; rm")
    gerrit = side.adapter()
    gerrit.change(number)
    gerrit.post_review(Review("lab", "a; b", number, 1, "$(id)", "m", {"Verified": 1, "; id": 1}, "tag; id"))
    gerrit.has_review(number, 1, "; id")
    words = {word for command in side.gerrit.commands for word in command.split()}
    assert not any("id" in word or ";" in word or "$" in word for word in words), words


def test_a_key_that_is_withdrawn_is_refused_at_the_next_connection(side):
    number, _ = side.push({"a.py": "1"})
    gerrit = side.adapter()
    gerrit.change(number)
    side.gerrit.refuse_auth = True
    assert gerrit.change(number).number == number
    gerrit.close()
    with pytest.raises(AuthenticationFailed):
        gerrit.change(number)


@pytest.mark.parametrize(
    "content",
    [
        b"garbage\n",
        b"\xff\xfe\x00binary",
        b"[127.0.0.1]:PORT ssh-ed25519 not-base64!\n",
        b"[127.0.0.1]:PORT ssh-ed25519 AAAA\n",
        b"[127.0.0.1]:PORT ssh-dss AAAAB3NzaC1kc3MAAAAB\n",
        b"[127.0.0.1]:PORT ssh-rsa AAAAB3NzaC1yc2EAAAAB\n",
        b"@revoked [127.0.0.1]:PORT KEY\n",
        b"[127.0.0.1]:PORT KEY\n@revoked [127.0.0.1]:PORT KEY\n",
        b"@cert-authority [127.0.0.1]:PORT KEY\n",
        b"* KEY\n",
        b"|1|AAAA|AAAA KEY\n",
    ],
)
def test_a_broken_known_hosts_file_lets_nobody_in(side, tmp_path, content):
    known_hosts = tmp_path / "known_hosts"
    key = " ".join(side.known_hosts_line().split()[1:]).encode()
    known_hosts.write_bytes(content.replace(b"PORT", str(side.proxy.port).encode()).replace(b"KEY", key))
    with pytest.raises(HostKeyMismatch) as found:
        side.adapter(known_hosts=known_hosts).change(1)
    assert "\n" not in str(found.value)


def test_the_key_is_found_among_broken_lines_and_other_keys(side, tmp_path):
    number, _ = side.push({"a.py": "1"})
    other = make_key(tmp_path / "other").get_base64()
    name = f"[127.0.0.1]:{side.proxy.port}"
    known_hosts = tmp_path / "known_hosts"
    mine = side.known_hosts_line()
    known_hosts.write_text(f"# keys\n\xff garbage\n{name} ssh-ed25519 {other}\n{name} ssh-ed25519 ?\nother,{mine}")
    assert side.adapter(known_hosts=known_hosts).change(number).number == number


def test_a_hashed_name_is_known(side, tmp_path):
    number, _ = side.push({"a.py": "1"})
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(side.known_hosts_line())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known_hosts)], check=True)
    assert known_hosts.read_text().startswith("|1|")
    assert side.adapter(known_hosts=known_hosts).change(number).number == number


def test_a_key_file_with_a_passphrase_is_said(side, tmp_path):
    path = tmp_path / "locked"
    private = Ed25519PrivateKey.generate()
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(b"x")))
    with pytest.raises(AuthenticationFailed, match="protected by a passphrase"):
        side.adapter(sshkey=path).change(1)


def test_a_name_that_does_not_resolve_is_unavailable(side):
    with pytest.raises(CIError) as found:
        side.adapter(server="nowhere.invalid").change(1)
    assert isinstance(found.value, Unavailable)


def test_threads_end_with_their_connections(side):
    before = {thread for thread in threading.enumerate() if thread.name.startswith("keepalive")}
    gerrit = side.adapter()
    number, _ = side.push({"a.py": "1"})
    gerrit.change(number)
    with Listening(gerrit):
        pass
    gerrit.close()
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("keepalive"):
            thread.join(5)
            assert not thread.is_alive()
