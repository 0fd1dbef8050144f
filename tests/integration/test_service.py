"""The service as it starts: what its pages show before the first loop runs."""

import json
import threading
import urllib.request
from dataclasses import replace

import pytest
from lab.sshd_node import free_port

from ci import bootstrap
from ci.config.site import load_site
from ci.model.connection import ConnectionState
from tests.unit.config.conftest import SiteFolder


@pytest.fixture
def engine(tmp_path):
    site = load_site(SiteFolder(tmp_path / "site").folder)
    settings = replace(site.settings, node_private_key=tmp_path / "key", port=free_port(("127.0.0.1",)))
    engine = bootstrap.build_engine(replace(site, settings=settings), bootstrap.state_folder(tmp_path))
    yield engine
    engine.store.close()


def test_the_pages_show_each_gerrit_from_the_first_answer_on_and_none_as_a_run_that_died_has_left_it(engine):
    for name in ("gerrit", "a-gerrit-that-zuul.conf-named-once"):
        engine.store.connections.set_state(name, ConnectionState.CONNECTED, "", 1.0)
    stop, shown = threading.Event(), []

    def started():
        with urllib.request.urlopen(f"{engine.web.url}/api/status", timeout=10) as answer:
            shown.extend((one["name"], one["state"]) for one in json.load(answer)["connections"])
        stop.set()

    engine.service.run(started, stop)
    assert shown == [("gerrit", "connecting")]
