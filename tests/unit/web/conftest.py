from __future__ import annotations

import pytest

from ci.web.app import create_app
from tests.unit.web.asking import Asker
from tests.unit.web.rows import Rows, fill


@pytest.fixture
def rows(tmp_path):
    rows = Rows(tmp_path)
    yield rows
    rows.store.close()


@pytest.fixture
def ids(rows):
    return fill(rows)


@pytest.fixture
def ask(rows):
    """Ask the application without a network: `ask(path, method=..., **headers)`."""
    return Asker(create_app(rows.sources))
