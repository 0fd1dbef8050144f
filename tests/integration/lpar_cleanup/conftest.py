"""A PowerVM system with CI nodes on it, and its REST server."""

import pytest

from tests.fakes.powervm_guests import Guests


@pytest.fixture
def guests():
    return Guests()


@pytest.fixture
def rest(guests, tmp_path):
    with guests.served(tmp_path) as server:
        yield server
