"""`check` warns of blocks that should be gone: by the database of the service, which it only reads."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from ci.cli import root
from ci.model.lockstep import WaitState, WaitStatus
from ci.skip_lists.parse import parse_skip_list
from ci.skip_lists.waits import waits
from ci.store.store import SqliteStore
from tests.unit.config.conftest import SiteFolder

LIST = "skip_lists/a.txt"
UNTIL = f"I{'1' * 40}"
ENTRY = "d3114f03-1a2b-4c3d-8e4f-5a6b7c8d9e0f  # a.b.C.test_x\n"
TEXT = f"# about\n\n# reason: r\n# until: {UNTIL}\n{ENTRY}"


@pytest.fixture
def site(tmp_path):
    site = SiteFolder(tmp_path / "site")
    site.write(LIST, TEXT)
    return site


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


def check(site, state, capsys, *more):
    status = root.run(["check", "--site", str(site.folder), "--state-dir", str(state), *more])
    return status, capsys.readouterr().out


def known(state, value, text=TEXT, **more):
    (wait,) = waits(parse_skip_list(LIST, text.encode()))
    with closing(SqliteStore(state / "ci.db")) as store:
        store.lockstep.put(WaitStatus(wait.removal_id, LIST, UNTIL, WaitState(value), since=1.0, **more))


def test_without_a_state_folder_nothing_is_said_and_none_is_made(site, tmp_path, capsys):
    status, out = check(site, tmp_path / "none", capsys)
    assert status == 0
    assert out.startswith("OK: ")
    assert not (tmp_path / "none").exists()


def test_a_state_folder_without_a_database_gets_none(site, state, capsys):
    assert check(site, state, capsys)[1].startswith("OK: ")
    assert list(state.iterdir()) == []


@pytest.mark.parametrize(("value", "more", "expected"), [
    ("open", {"url": "x"}, ", which has merged: the removal of the block is under review at x (review it)"),
    ("due", {}, ", which has merged: the removal of the block is to be pushed"),
    ("waiting", {"note": "it has merged in a, but not in b"}, ": it has merged in a, but not in b"),
])  # fmt: skip
def test_a_block_that_should_be_gone_is_warned_of_at_its_place(site, state, capsys, value, more, expected):
    known(state, value, **more)
    status, out = check(site, state, capsys)
    assert status == 0
    assert out.splitlines()[0] == f"warning: {LIST}:3:1: the block waits for {UNTIL}{expected}"


def test_a_block_that_waits_as_it_should_is_fine(site, state, capsys):
    known(state, "waiting")
    assert check(site, state, capsys)[1].startswith("OK: ")


def test_what_is_known_of_other_tests_says_nothing_of_these(site, state, capsys):
    known(state, "open", TEXT.replace("d3114f03", "d3114f04"))
    assert check(site, state, capsys)[1].startswith("OK: ")


def test_each_block_of_a_wait_is_named(site, state, capsys):
    text = TEXT + f"\n# reason: s\n# until: {UNTIL}\n{ENTRY.replace('d3114f03', 'd3114f05')}"
    site.write(LIST, text)
    known(state, "open", text)
    assert [line.split(": ")[1] for line in check(site, state, capsys)[1].splitlines()[:2]] == [
        f"{LIST}:3:1", f"{LIST}:7:1",
    ]  # fmt: skip


def test_json_has_the_kind_of_warning(site, state, capsys):
    known(state, "open", url="https://g/7")
    (warning,) = json.loads(check(site, state, capsys, "--json")[1])["warnings"]
    assert (warning["path"], warning["line"], warning["code"]) == (LIST, 3, "lockstep-open")


def test_where_it_is_switched_off_nothing_is_said(site, state, capsys):
    known(state, "open")
    site.add("zuul.conf", "lockstep=off\n")
    assert check(site, state, capsys)[1].startswith("OK: ")


def test_a_database_that_is_none_is_one_warning(site, state, capsys):
    (state / "ci.db").write_text("rubbish " * 500)
    status, out = check(site, state, capsys)
    assert status == 0
    assert out.splitlines()[0].startswith(f"warning: {state / 'ci.db'}: ")
    site.write(LIST, f"# reason: r\n{ENTRY}")
    assert check(site, state, capsys)[1].startswith("OK: ")


def test_a_database_of_an_earlier_version_says_nothing(site, state, capsys):
    with closing(sqlite3.connect(state / "ci.db")) as connection:
        connection.execute("create table events (id integer)")
        connection.commit()
    assert check(site, state, capsys)[1].startswith("OK: ")
