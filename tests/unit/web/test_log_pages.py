from __future__ import annotations

import gzip
import os
import socket
from pathlib import Path
from urllib.parse import quote

import pytest

from ci.web import log_files
from tests.unit.web.test_pages import Page

NAMES = [
    b"plain.txt", b'quo"te.txt', b"<b>bold.txt", b"new\nline.txt", b"caf\xe9.txt", "caf\u00e9.txt".encode(),
    b"a%2fb.txt", b"a b?c#d.txt", b"javascript:alert(1)", b"-rf", b"...", b" ", "\u202egnp.txt".encode(),
    b"&amp;.txt", b"\\..\\x",
]  # fmt: skip


@pytest.fixture
def logs(rows):
    (rows.folders.state / "secret.txt").write_text("secret")
    return rows.folders.logs


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_listed_escaped_and_its_link_opens_it(ask, logs, name):
    (logs / os.fsdecode(name)).write_bytes(b"content of " + name)
    listing = ask("/logs/").text
    page = Page(listing)
    [link] = [link for link in page.links if link.startswith("/logs/") and link != "/logs/"]
    assert ask(link).body == b"content of " + name
    assert "b" not in page.tags
    assert not [sign for sign in listing if not sign.isprintable() and sign != "\n"]


@pytest.mark.parametrize("path", [
    "..", "../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "%2e%2e%2fsecret.txt", ".%2e/secret.txt",
    "x/../../secret.txt", "//secret.txt", "%2Fetc/passwd", "/etc/passwd", "x%00.txt", "%00", ".", "./x", "x//y",
    "%252e%252e/secret.txt", "%c0%ae%c0%ae/secret.txt", "..\\secret.txt", "x/%2e%2e/%2e%2e/secret.txt",
    "a/" * 100 + "b", "y" * 300,
])  # fmt: skip
def test_no_path_leads_out_of_the_folder(ask, logs, path):
    (logs / "x").mkdir()
    answer = ask(f"/logs/{path}")
    assert answer.status == 404
    assert "secret" not in answer.text.replace("secret.txt", "")


def test_symbolic_links_are_shown_but_never_followed(ask, logs):
    (logs / "file").symlink_to(logs.parent / "secret.txt")
    (logs / "folder").symlink_to(logs.parent)
    (logs / "near").symlink_to("plain")
    (logs / "plain").write_text("x")
    for path in ("file", "folder", "folder/", "folder/secret.txt", "near"):
        assert ask(f"/logs/{path}").status == 404
    listing = ask("/logs/").text
    assert "near" in listing
    assert "/logs/near" not in listing


@pytest.mark.parametrize("raced", ["name", "name/below"])
def test_a_name_that_becomes_a_link_while_it_is_opened_is_refused(ask, logs, monkeypatch, raced):
    outside = logs.parent / "outside"
    outside.mkdir()
    (outside / "below").write_text("secret")
    target, before = (outside / "below", logs / "name") if raced == "name" else (outside, logs / "name")
    if raced == "name":
        before.write_text("harmless")
    else:
        before.mkdir()
    real_stat = os.stat

    def stat_then_swap(name, **options):
        status = real_stat(name, **options)
        if name == b"name":
            before.rename(logs.parent / "gone")
            before.symlink_to(target)
        return status

    monkeypatch.setattr("ci.web.log_files.os.stat", stat_then_swap)
    answer = ask(f"/logs/{raced}")
    assert answer.status == 404
    assert (logs / "name").is_symlink()


def test_devices_fifos_and_sockets_are_refused(ask, logs):
    os.mkfifo(logs / "fifo")
    os.mknod(logs / "null", 0o20666, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(logs / "socket"))
        for name in ("fifo", "null", "socket"):
            assert ask(f"/logs/{name}").status == 404


def test_a_large_folder_is_cut_and_says_so(ask, logs, monkeypatch):
    monkeypatch.setattr(log_files, "LONGEST_LISTING", 5)
    for n in range(9):
        (logs / f"f{n}").touch()
    text = ask("/logs/").text
    assert "very large" in text
    assert text.count('href="/logs/f') == 5


def test_a_folder_without_a_slash_is_sent_on(ask, logs):
    (logs / "a?b").mkdir()
    answer = ask("/logs/a%3Fb")
    assert (answer.status, answer.headers["location"]) == (301, "/logs/a%3Fb/")
    assert ask("/logs//evil.example/..").status == 404


@pytest.mark.parametrize("name", ["a.txt", "a.log", "a.svg", "a.xml", "a.js", "a.xhtml", "a", "a.html.txt", "a.css"])
def test_text_is_plain_text_whatever_its_name(ask, logs, name):
    (logs / name).write_text("<script>alert(1)</script>")
    headers = ask(f"/logs/{name}").headers
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["a.html", "a.HTM", "testr_results.html"])
def test_html_comes_in_a_sandbox(ask, logs, name):
    (logs / name).write_text("<script>alert(1)</script>")
    headers = ask(f"/logs/{name}").headers
    assert headers["content-type"].startswith("text/html")
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy == {
        "sandbox": "allow-scripts",  # a test report unfolds by them; no `allow-same-origin`, no forms, no pop-ups
        "default-src": "'none'", "script-src": "'unsafe-inline'", "style-src": "'unsafe-inline'", "img-src": "data:",
    }  # fmt: skip


def test_what_is_no_text_is_a_download(ask, logs):
    name = 'x"\r\nset-cookie: a=b.html'
    (logs / name).write_bytes(b"\x7fELF\0\0")
    headers = ask(f"/logs/{quote(name)}").headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''x%22%0D%0Aset-cookie%3A%20a%3Db.html"
    assert "set-cookie" not in headers


def test_packed_text_is_unpacked_by_the_browser(ask, logs):
    packed = gzip.compress(b"hello\n" * 100)
    (logs / "n-cpu.txt.gz").write_bytes(packed)
    (logs / "r.html.gz").write_bytes(packed)
    (logs / "binary.gz").write_bytes(gzip.compress(bytes(1000)))
    (logs / "false.gz").write_bytes(b"\x1f\x8bnot gzip at all")
    text = ask("/logs/n-cpu.txt.gz", accept_encoding="gzip, br")
    assert (text.headers["content-encoding"], text.headers["content-type"]) == ("gzip", "text/plain; charset=utf-8")
    assert text.body == packed
    assert "sandbox" in ask("/logs/r.html.gz", accept_encoding="gzip").headers["content-security-policy"]
    assert "content-encoding" not in ask("/logs/n-cpu.txt.gz").headers
    for name in ("binary.gz", "false.gz"):
        assert "content-encoding" not in ask(f"/logs/{name}", accept_encoding="gzip").headers


@pytest.mark.parametrize(("asked", "status", "body"), [
    ("bytes=0-3", 206, b"0123"), ("bytes=8-", 206, b"89"), ("bytes=-3", 206, b"789"), ("bytes=5-99", 206, b"56789"),
    ("bytes=-99", 206, b"0123456789"), ("bytes=10-", 416, b""), ("bytes=-0", 416, b""),
    ("bytes=3-2", 200, b"0123456789"), ("bytes=0-1,3-4", 200, b"0123456789"), ("bytes=-", 200, b"0123456789"),
    ("lines=1-2", 200, b"0123456789"),
    ("bytes=0-" + "9" * 50, 200, b"0123456789"),
])  # fmt: skip
def test_parts_of_a_file_can_be_asked_for(ask, logs, asked, status, body):
    (logs / "digits").write_bytes(b"0123456789")
    answer = ask("/logs/digits", range=asked)
    assert (answer.status, answer.body) == (status, body)
    if status == 206:
        start = b"0123456789".index(body)
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(body) - 1}/10"


def test_an_unchanged_file_is_not_sent_again(ask, logs):
    (logs / "a").write_bytes(b"x")
    first = ask("/logs/a").headers
    assert ask("/logs/a", if_none_match=f'"other", W/{first["etag"]}').status == 304
    assert ask("/logs/a", if_modified_since=first["last-modified"]).status == 304
    assert ask("/logs/a", if_none_match='"other"').status == 200
    assert ask("/logs/a", range="bytes=0-0", if_range='"other"').status == 200
    assert ask("/logs/a", range="bytes=0-0", if_range=first["etag"]).status == 206


def test_head_tells_the_size_and_sends_nothing(ask, logs):
    (logs / "a").write_bytes(b"x" * 1000)
    answer = ask("/logs/a", method="HEAD")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "1000", b"")


def test_an_empty_file_is_sent(ask, logs):
    (logs / "a").touch()
    assert (ask("/logs/a").status, ask("/logs/a").body) == (200, b"")


def test_no_descriptor_is_left_open(ask, logs):
    (logs / "a").write_bytes(b"x" * 1000)
    (logs / "b").mkdir()
    ask("/logs/")
    before = len(list(Path("/proc/self/fd").iterdir()))
    etag = ask("/logs/a").headers["etag"]
    for path in ("", "a", "b", "b/", "a/", "c", "b/c", "../x"):
        ask(f"/logs/{path}")
        ask(f"/logs/{path}", method="HEAD")
        ask(f"/logs/{path}", if_none_match=etag)
        ask(f"/logs/{path}", range="bytes=9999-")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
