"""`powervm-ci db`: a backup of a database in use, and what must hold of one."""
# ruff: noqa: S608 - the statements are ours

import json
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from ci.cli import root
from ci.errors import CIError
from ci.store.health import FINDINGS, check
from ci.store.store import SqliteStore
from tests.fakes.records import event
from tests.integration.test_janitor import NOW, Desk, Limits
from tests.unit.config.conftest import SiteFolder


@pytest.fixture
def site(tmp_path):
    return SiteFolder(tmp_path / "site")


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "state").mkdir()
    desk = Desk(tmp_path / "state", Limits(30, 365))
    desk.ended(1)
    desk.ended(2)
    yield desk
    desk.store.close()


def db(site, desk, *arguments):
    return root.run(["db", *arguments, "--site", str(site.folder), "--state-dir", str(desk.folders.state)])


def test_a_backup_is_whole_while_others_write(site, desk, tmp_path, capsys):
    stop, written = threading.Event(), threading.Event()

    def write():
        store, number = SqliteStore(desk.folders.database), 0
        while not stop.is_set():
            number += 1
            store.events.add([event(key=f"w{number}")], NOW)
            written.set()
        store.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert written.wait(10)
        assert db(site, desk, "backup", str(tmp_path / "copy.db")) == 0
    finally:
        stop.set()
        writer.join()
    assert check(tmp_path / "copy.db") == []
    copy = SqliteStore(tmp_path / "copy.db")
    assert [view.build.id for view in copy.views.builds()] == [view.build.id for view in desk.store.views.builds()]
    copy.close()
    assert "MiB" in capsys.readouterr().out


def test_a_backup_replaces_no_file_unless_it_is_told_to(site, desk, tmp_path, capsys):
    target = tmp_path / "copy.db"
    target.write_text("precious")
    assert db(site, desk, "backup", str(target)) == 1
    assert "--force" in capsys.readouterr().err
    assert target.read_text() == "precious"
    assert db(site, desk, "backup", str(target), "--force") == 0
    assert check(target) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "site", "state"]


def test_a_backup_never_goes_over_the_database_itself(site, desk, capsys):
    assert db(site, desk, "backup", str(desk.folders.database), "--force") == 1
    assert "is the database itself" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["ci.db-wal", "ci.db-shm", "ci.db-journal", "serve.lock"])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_backup_never_goes_over_what_belongs_to_the_database(site, desk, name, is_there, capsys):
    target = desk.folders.state / name
    if is_there:
        target.touch()
    before = {path.name: path.stat().st_ino for path in desk.folders.state.iterdir()}
    assert db(site, desk, "backup", str(target), "--force") == 1
    assert "belongs to the database" in capsys.readouterr().err
    assert {path.name: path.stat().st_ino for path in desk.folders.state.iterdir()} == before
    assert len(desk.store.views.builds()) == 2


def test_a_backup_never_takes_the_place_of_what_is_no_file(site, desk, tmp_path, capsys):
    target = tmp_path / "device"
    os.mkfifo(target)
    assert db(site, desk, "backup", str(target), "--force") == 1
    assert "is no file" in capsys.readouterr().err
    assert target.is_fifo()


@pytest.mark.parametrize("target", ["no/such/folder/x.db", "state"])
def test_a_target_that_cannot_be_written_is_one_line(site, desk, tmp_path, target, capsys):
    assert db(site, desk, "backup", str(tmp_path / target)) in (1, 2)
    assert "Traceback" not in capsys.readouterr().err


def test_a_backup_that_fails_leaves_nothing_behind(site, desk, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "ci.store.backup._sync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    assert db(site, desk, "backup", str(tmp_path / "copy.db")) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site", "state"]


def test_a_good_database(site, desk, capsys):
    assert db(site, desk, "check") == 0
    assert capsys.readouterr().out.endswith(": OK\n")
    assert db(site, desk, "check", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"findings": []}


BUILD = "(select id from builds limit 1)"
BREAKS = {
    "check_leases_of_ended_builds": f"insert into leases values ('n', '{{}}', {BUILD}, 'n', 0, 1)",
    "check_leases_of_nobody": "insert into leases values ('n', '{}', 'gone', 'n', 0, 1)",
    "check_leases_of_ended_holds": "insert into leases values ('n', '{}', 'hold-99', 'n', 0, 1)",
    "check_builds_without_nodes": f"update builds set state = 'running', pid = 1 where id = {BUILD}",
    "check_buildsets_without_end": "update buildsets set state = 'running' where id = 's1'",
    "check_buildsets_ended_too_early": f"update builds set state = 'waiting' where id = {BUILD}",
    "check_ends_without_result": f"update builds set result = null where id = {BUILD}",
    "check_results_without_end": f"update builds set state = 'waiting' where id = {BUILD}",
    "check_running_without_process": f"update builds set state = 'running', pid = null where id = {BUILD}",
    "check_reviews_without_end": "update reviews set sent_at = null",
    "check_steps_that_differ": f"update builds set state = 'waiting' where id = {BUILD}",
}


@pytest.mark.parametrize("name", sorted(FINDINGS))
def test_what_must_not_be_is_found_and_named(site, desk, name, capsys):
    connection = sqlite3.connect(desk.folders.database)
    connection.execute(BREAKS[name])
    connection.commit()
    connection.close()
    assert db(site, desk, "check") == 1
    start = FINDINGS[name].format_map(_Anything()).split("*")[-1]
    lines = capsys.readouterr().out.splitlines()
    assert any(line.endswith(start) for line in lines), lines


class _Anything(dict):
    def __missing__(self, key):
        return "sent, but at no time" if key == "what" else "*"

    def __getitem__(self, key):
        return self.__missing__(key)


def test_a_row_that_refers_to_nothing_is_found(desk):
    connection = sqlite3.connect(desk.folders.database)
    connection.execute("delete from builds")
    connection.commit()
    connection.close()
    assert any("task_events" in line and "builds" in line for line in check(desk.folders.database))


def test_damage_is_told(site, desk, tmp_path, capsys):
    desk.store.close()
    copy = tmp_path / "state" / "ci.db"
    sqlite3.connect(copy).execute("pragma wal_checkpoint(truncate)")
    content = bytearray(copy.read_bytes())
    for place in range(8 * 4096, len(content) - 4096, 4096):
        content[place : place + 64] = b"\xff" * 64
    copy.write_bytes(content)
    assert db(site, desk, "check") == 1
    told = capsys.readouterr()
    assert "damaged" in told.out + told.err
    assert "Traceback" not in told.err


def test_another_schema_is_told(desk, tmp_path):
    path = tmp_path / "other.db"
    sqlite3.connect(path).execute("pragma user_version = 1")
    assert check(path)[0].startswith("schema 1, this version has ")
    assert len(check(path)) == 1


def test_a_long_list_is_cut(desk):
    connection = sqlite3.connect(desk.folders.database)
    connection.executemany("insert into leases values (?, '{}', 'gone', 'n', 0, 1)", [(str(n),) for n in range(30)])
    connection.commit()
    connection.close()
    assert len(check(desk.folders.database)) == 21
    assert check(desk.folders.database)[-1].startswith("... and more")


def test_the_folder_of_nobody_is_one_line(site, tmp_path, capsys):
    arguments = ["db", "check", "--site", str(site.folder), "--state-dir", str(tmp_path / "none")]
    assert root.run(arguments) == 1
    assert "no CI has run" in capsys.readouterr().err
    assert Path(tmp_path / "none").exists() is False


def test_a_table_that_is_gone_is_damage_and_no_bug(site, desk, capsys):
    with sqlite3.connect(desk.folders.database) as connection:
        connection.execute("alter table builds rename to lost_builds")
    assert db(site, desk, "check") == 1
    assert "damaged: no such table" in capsys.readouterr().out
    with pytest.raises(CIError, match=r"no such table.*damaged"):
        SqliteStore(desk.folders.database).views.builds()


def test_tables_under_a_wrong_schema_number_are_no_bug(desk):
    with sqlite3.connect(desk.folders.database) as connection:
        connection.execute("pragma user_version = 0")
    with pytest.raises(CIError, match=r"already exists.*not a database of this CI"):
        SqliteStore(desk.folders.database)


def test_a_backup_of_a_damaged_database_leaves_the_last_good_one_alone(site, desk, tmp_path, capsys):
    good = tmp_path / "good.db"
    assert db(site, desk, "backup", str(good)) == 0
    kept = good.read_bytes()
    desk.store.close()
    with closing(sqlite3.connect(desk.folders.database)) as database:
        database.execute("pragma wal_checkpoint(truncate)")
    damaged = bytearray(desk.folders.database.read_bytes())
    damaged[4 * 4096 : 12 * 4096] = os.urandom(8 * 4096)
    desk.folders.database.write_bytes(damaged)
    capsys.readouterr()
    assert db(site, desk, "backup", "--force", str(good)) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "no backup was made" in line or "not a database of this CI, or damaged" in line
    assert good.read_bytes() == kept
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")] == []
