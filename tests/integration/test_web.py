"""The web server over real sockets: hostile requests as they are on the wire, live events, start and stop."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from ci.errors import CIError
from ci.model.site import SiteState
from ci.web import events, server
from ci.web.app import create_app
from ci.web.server import Listen, WebServer
from tests.unit.web.rows import Rows, fill

DEADLINE_SECONDS = 20.0


@pytest.fixture
def rows(tmp_path):
    rows = Rows(tmp_path)
    yield rows
    rows.store.close()


@contextmanager
def serving(rows):
    web = WebServer(create_app(rows.sources), Listen("127.0.0.1", 0))
    web.start()
    try:
        yield web
    finally:
        web.stop()


@pytest.fixture
def web(rows):
    with serving(rows) as web:
        yield web


def until(condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


@pytest.fixture
def get():
    """Ask for a path; what was opened is closed at the end of the test."""
    with ExitStack() as opened:

        def ask(web, path, **headers):
            connection = opened.enter_context(
                closing(http.client.HTTPConnection("127.0.0.1", web.port, timeout=DEADLINE_SECONDS))
            )
            connection.request("GET", path, headers=headers)
            return opened.enter_context(connection.getresponse())

        yield ask


def asked(web, path):
    """Return a socket on which a request was sent."""
    connection = socket.create_connection(("127.0.0.1", web.port), DEADLINE_SECONDS)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection


def is_open(name):
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(descriptor.readlink().name)
    return name in links


def raw(web, request: bytes) -> bytes:
    """Send bytes as they are and read until the server closes."""
    with socket.create_connection(("127.0.0.1", web.port), DEADLINE_SECONDS) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


def test_every_page_opens_over_http(web, get, rows):
    ids = fill(rows)
    for path in ("/", f"/build/{ids['failed']}", f"/buildset/{ids['waiting']}", "/logs/", "/api/status", "/metrics"):
        answer = get(web, path)
        assert answer.status == 200
        body = answer.read()
        assert body
        assert b"<<<" not in body  # a merge left in a template
        assert answer.getheader("server") is None


@pytest.mark.parametrize("target", [
    b"/logs/../secret.txt", b"/logs/%2e%2e/secret.txt", b"/logs/..%2fsecret.txt", b"/../secret.txt", b"//secret.txt",
    b"/logs/x/../../secret.txt", b"/logs/%00", b"/logs/..\\secret.txt", b"/static/../app.py", b"/static/..%2fapp.py",
    b"http://other.example/logs/../secret.txt", b"/logs/" + b"a/" * 3000, b"*", b"/logs/\xff\xfe",
])  # fmt: skip
def test_no_request_on_the_wire_leads_out(web, rows, target):
    (rows.folders.state / "secret.txt").write_text("top secret")
    answer = raw(web, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert re.match(rb"HTTP/1.1 40[04] ", answer)
    assert b"top secret" not in answer
    assert b"Traceback" not in answer


@pytest.mark.parametrize("request_bytes", [
    b"NONSENSE\r\n\r\n", b"GET  / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 3_000_000 + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
])  # fmt: skip
def test_garbage_is_refused_and_the_server_goes_on(web, get, request_bytes):
    try:
        answer = raw(web, request_bytes)
    except ConnectionResetError:
        answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert get(web, "/healthz").status == 200


def test_a_growing_log_is_sent_as_long_as_it_was_at_the_start(web, get, rows):
    log = rows.folders.logs / "job-output.txt"
    log.write_bytes(b"x" * 3_000_000)
    stop = threading.Event()

    def grow():
        with log.open("ab") as console:
            while not stop.is_set():
                console.write(b"y" * 10_000)
                console.flush()
                stop.wait(0.001)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        for _ in range(5):
            answer = get(web, "/logs/job-output.txt")
            assert len(answer.read()) == int(answer.getheader("content-length"))
    finally:
        stop.set()
        writer.join()


def test_a_huge_file_is_streamed_and_a_client_that_leaves_ends_it(web, get, rows):
    with (rows.folders.logs / "huge.txt").open("wb") as huge:
        huge.truncate(2 << 30)
    with asked(web, "/logs/huge.txt") as connection:
        assert b"2147483648" in connection.recv(4096)
        assert is_open("huge.txt")
    until(lambda: not is_open("huge.txt"))
    answer = get(web, "/logs/huge.txt", range="bytes=2147483640-")
    assert (answer.status, len(answer.read())) == (206, 8)


def test_an_open_page_hears_of_a_beat(web, get, rows):
    stream = get(web, "/events")
    assert stream.getheader("content-type").startswith("text/event-stream")
    assert stream.readline() == b"retry: 3000\n"
    rows.pulse.beat()
    lines = [stream.readline() for _ in range(3)]
    assert b"event: change\n" in lines
    stream.close()


def test_clients_beyond_the_bound_are_refused_until_others_leave(web, get, monkeypatch):
    monkeypatch.setattr(events, "MOST_CLIENTS", 2)
    streams = [asked(web, "/events") for _ in range(2)]
    assert all(stream.recv(15) == b"HTTP/1.1 200 OK" for stream in streams)
    refused = get(web, "/events")
    assert (refused.status, refused.getheader("retry-after")) == (503, "60")
    for stream in streams:
        stream.close()
    until(lambda: get(web, "/events").status == 200)


def test_a_client_that_asks_by_the_drop_is_let_go(rows, monkeypatch):
    monkeypatch.setattr(server, "SILENT_SECONDS", 0.2)
    with serving(rows) as web, socket.create_connection(("127.0.0.1", web.port), DEADLINE_SECONDS) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert connection.recv(1) == b""


def test_a_slow_stream_is_not_taken_for_a_silent_client(rows, get, monkeypatch):
    monkeypatch.setattr(server, "SILENT_SECONDS", 0.1)
    with serving(rows) as web:
        stream = get(web, "/events")
        assert stream.readline() == b"retry: 3000\n"
        time.sleep(0.6)  # several looks of the watch
        rows.pulse.beat()
        assert b"event: change\n" in [stream.readline() for _ in range(3)]
        stream.close()


def test_stop_ends_open_streams(rows, get):
    with serving(rows) as web:
        stream = get(web, "/events")
        assert stream.status == 200
        web.stop()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", web.port), DEADLINE_SECONDS)
        stream.close()
    assert "web" not in {thread.name for thread in threading.enumerate()}


def test_a_port_in_use_is_one_clear_line(rows, web):
    second = WebServer(create_app(rows.sources), Listen("127.0.0.1", web.port))
    with pytest.raises(CIError) as caught:
        second.start()
    assert str(caught.value) == (
        f"127.0.0.1:{web.port}: cannot listen: another program listens there: stop it, "
        "or set `port` under [powervm-ci] in zuul.conf"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_ours_is_one_clear_line(rows, host):
    with pytest.raises(CIError, match=r"cannot listen: .*listen_address"):
        WebServer(create_app(rows.sources), Listen(host, 0)).start()


def test_a_server_stops_without_having_started(rows):
    WebServer(create_app(rows.sources), Listen()).stop()


def test_the_first_page_tells_which_state_of_the_site_is_in_force_and_of_one_that_is_refused(web, get, rows):
    good, bad = "1" * 40, "2" * 40
    assert b"Site: commit" not in get(web, "/").read()
    rows.store.site.put(SiteState(good, 86400.0, refused=bad, reason="jobs/a.yaml:1:2: <b>no</b>"))
    page = get(web, "/").read()
    assert b"Site: commit <code>1111111111</code>" in page
    assert b"Commit 2222222222 of the site is refused, the state before stays: jobs/a.yaml:1:2: &lt;b&gt;no" in page
    status = json.loads(get(web, "/api/status").read())
    assert status["site"] == {"commit": good, "since": "1970-01-02T00:00:00Z", "refused": bad}
