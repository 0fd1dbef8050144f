"""What `/api/builds` cannot read is told in JSON; a shortage of room is told to whoever asks."""

from __future__ import annotations

import dataclasses

import pytest

from ci.web.app import create_app
from tests.unit.web.asking import Asker

SHORTAGE = "/state has 3 MiB free, less than 5120: make room, or lower min_free_mib"


class Full:
    def shortage(self):
        return SHORTAGE


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", "limit=", "change=4711x", "limit=1e3", "change=" + "9" * 30])
def test_a_number_that_is_none_is_refused_in_json(ask, query):
    answer = ask(f"/api/builds?{query}")
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"error": f"{query.partition('=')[0]} must be a whole number"}


def test_a_shortage_of_room_is_told(rows):
    ask = Asker(create_app(dataclasses.replace(rows.sources, room=Full())))
    health = ask("/healthz")
    assert (health.status, health.text) == (200, f"ok\nno build is taken: {SHORTAGE}\n")
    assert ask("/api/status").json()["shortage"] == SHORTAGE


def test_room_enough_is_told_too(ask):
    assert ask("/healthz").text == "ok\n"
    assert ask("/api/status").json()["shortage"] == ""


def test_the_janitor_s_trash_is_not_shown(ask, rows):
    trash = rows.folders.logs / ".trash" / "0123"
    trash.mkdir(parents=True)
    (trash / "secret.txt").write_text("x")
    assert ".trash" not in ask("/logs/").text
    assert ask("/logs/.trash/").status == 404
    assert ask("/logs/.trash/0123/secret.txt").status == 404
    assert ask("/logs/%2etrash/0123/secret.txt").status == 404
