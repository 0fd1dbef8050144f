"""Orders about machines and about nodes to be kept, from the command line alone."""

# ruff: noqa: E501 - in a table of cases a row is a line

import json
import time

import pytest

from ci.cli import root
from ci.model.build import ProcessIdentity, Result
from ci.model.job import NodeRequest
from ci.store.store import SqliteStore
from tests.fakes.records import build, buildset, change, job
from tests.unit.config.conftest import SiteFolder


@pytest.fixture
def powervm_ci(tmp_path, capsys):
    """Call a command for a small site; returns exit status, output and errors."""
    site = SiteFolder(tmp_path / "site")

    def call(*arguments):
        options = ["--site", str(site.folder), "--state-dir", str(tmp_path / "state")]
        status = root.run([*options, *arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return status, said.out, said.err

    call.site = site
    return call


@pytest.fixture
def store(powervm_ci, tmp_path):
    powervm_ci("nodes")
    store = SqliteStore(tmp_path / "state" / "ci.db")
    yield store
    store.close()


def listed(powervm_ci):
    return json.loads(powervm_ci("nodes", "--json")[1])


def test_a_fresh_site_has_its_nodes_ready(powervm_ci):
    assert listed(powervm_ci) == [
        {"machine": "static/node-1", "labels": ["powervm"], "places": 1, "state": "ready", "failures": 0,
         "reason": "", "since": None, "retry_at": None, "used_by": []}
    ]  # fmt: skip
    assert "node-1" in powervm_ci("nodes")[1]


@pytest.mark.parametrize("name", ["node-1", "static/node-1"])
def test_drain_and_enable(powervm_ci, name):
    assert powervm_ci("nodes", "drain", name, "--reason", "new disk") == (
        0,
        "static/node-1 gets no new builds and is free\n",
        "",
    )
    assert [(one["state"], one["reason"]) for one in listed(powervm_ci)] == [("draining", "new disk")]
    assert "draining" in powervm_ci("nodes")[1]
    assert powervm_ci("nodes", "enable", name)[0] == 0
    assert [(one["state"], one["reason"]) for one in listed(powervm_ci)] == [("ready", "")]


def test_a_node_that_is_not_there(powervm_ci):
    status, _, said = powervm_ci("nodes", "drain", "node-7")
    assert (status, said) == (2, "no node node-7 in nodepool.yaml: there is static/node-1\n")


def test_the_site_may_be_named_after_the_verb_of_a_verb(powervm_ci):
    assert powervm_ci("nodes", "drain", "node-1", "--site", str(powervm_ci.site.folder))[0] == 0


def test_who_has_a_node_and_why_a_machine_pauses_is_listed(powervm_ci, store):
    (node,) = powervm_ci.site.load().nodes
    store.buildsets.hold_nodes("run-1-2", [(NodeRequest("node", "powervm"), node)], time.time())
    store.nodes.failed("static/node-1", "\x1b[2Jno route", time.time(), is_ill=True)
    (one,) = listed(powervm_ci)
    assert one["used_by"][0]["holder"] == "run-1-2"
    shown = powervm_ci("nodes")[1]
    assert "run-1-2" in shown
    assert "\x1b" not in shown


def autohold(powervm_ci, *more):
    return powervm_ci("autohold", "--project", "nova", "--job", "base", "--reason", "to look", *more)


def test_an_autohold_is_asked_for_listed_shown_and_deleted(powervm_ci):
    assert autohold(powervm_ci, "--change", "4711", "--count", "2") == (
        0,
        "autohold 1: nodes of the next 2 failed builds of base for change 4711 of nova are kept\n",
        "",
    )
    (one,) = json.loads(powervm_ci("autohold-list", "--json")[1])
    assert (one["id"], one["change"], one["max_count"], one["node_hold_expiration"]) == (1, 4711, 2, 86400)
    assert "to look" in powervm_ci("autohold-list")[1]
    assert "change: 4711" in powervm_ci("autohold-info", "1")[1]
    assert powervm_ci("autohold-delete", "1") == (0, "autohold 1 is deleted\n", "")
    assert powervm_ci("autohold-list", "--json")[1] == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--project", "cinder", "--job", "base"), 2, "no project cinder: there is site, nova\n"),
        (("--project", "nova", "--job", "basis"), 2, "no job basis: there is base\n"),
        (("--project", "nova", "--job", "base", "--connection", "x"), 2, "no connection x in zuul.conf: there is gerrit\n"),
    ],
)  # fmt: skip
def test_names_that_are_not_there(powervm_ci, arguments, status, said):
    found = powervm_ci("autohold", "--reason", "r", *arguments)
    assert (found[0], found[2]) == (status, said)


@pytest.mark.parametrize("verb", ["autohold-info", "autohold-delete"])
def test_an_autohold_that_is_not_there(powervm_ci, verb):
    autohold(powervm_ci)
    assert powervm_ci(verb, "7") == (1, "", "no autohold 7: there is 1\n")


def test_what_is_kept_is_shown_with_the_way_to_it(powervm_ci, store):
    autohold(powervm_ci)
    (node,) = powervm_ci.site.load().nodes
    about = change(project="nova")
    store.buildsets.add(buildset(build("abc", of=job("base")), about=about), None, 1.0)
    store.buildsets.lease(store.buildsets.build("abc"), [(NodeRequest("node", "powervm"), node)], 2.0)
    store.buildsets.run(store.buildsets.build("abc"), ProcessIdentity(7, 99), 3.0)
    one = store.buildsets.build("abc")
    with store.transaction():
        store.holds.keep(one, time.time())
        store.buildsets.end_build(one, Result.FAILURE, None, "", time.time())
    assert "ssh -p 22 zuul@node-1" in powervm_ci("autohold-info", "1")[1]
    assert "hold-1" in powervm_ci("nodes")[1]
    assert listed(powervm_ci)[0]["used_by"][0]["held_build"] == "abc"
    said = powervm_ci("autohold-delete", "1")[1]
    assert said == (
        "autohold 1 is deleted; 1 kept for it: cleaned up and given back: when the service starts, it does not run\n"
    )
    assert listed(powervm_ci)[0]["used_by"][0]["holder"] == "hold-1"


def test_a_list_of_autoholds_makes_no_database(powervm_ci):
    status, _, said = powervm_ci("autohold-list")
    assert (status, "no CI has run in" in said) == (1, True)
    assert not list(powervm_ci.site.folder.parent.rglob("ci.db"))
