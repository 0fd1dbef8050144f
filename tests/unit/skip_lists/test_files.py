"""Lists are replaced in one step or not at all."""

from __future__ import annotations

import pytest

from ci.errors import CIError
from ci.skip_lists.files import replace_list


def test_a_list_that_was_changed_meanwhile_stays(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"theirs")
    with pytest.raises(CIError, match="changed by somebody else"):
        replace_list(path, b"ours", b"better")
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_beside_a_list_that_could_not_be_replaced(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")

    def fail(_descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("ci.skip_lists.files.os.fsync", fail)
    with pytest.raises(CIError, match="cannot be written: Input/output error"):
        replace_list(path, b"old", b"new")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"
