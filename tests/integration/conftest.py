"""What several integration tests start."""

import pytest
from lab.sshd_node import SshdNode


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A private sshd that serves whatever repository is asked for."""
    with SshdNode(tmp_path_factory.mktemp("sshd")) as node:
        (node.folder / "known_hosts").write_text(node.known_hosts())
        yield node
