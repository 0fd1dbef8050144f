"""The process of a build tells the service how it ended, on a full disk too."""

import errno
import os

import pytest

from ci.ansible import attempt_files, build_process, process
from ci.model.build import RESULT_FILE, BuildOutcome, Fault, Result
from ci.model.codec import from_json, to_json


def end(folder, monkeypatch, outcome, no_room_for=RESULT_FILE):
    """Run the process with this outcome on a disk that is full once the playbooks have been."""
    write = attempt_files.write_atomically
    (folder / attempt_files.RESERVE_FILE).write_text(to_json(process._no_room(folder)))

    def write_with_no_room(path, text):
        if path.name == no_room_for:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, text)

    monkeypatch.setattr(build_process, "_outcome", lambda *_: outcome)
    monkeypatch.setattr(build_process, "_listen_for_cancel", lambda: None)
    monkeypatch.setattr(build_process.limits, "be_modest", lambda: None)
    monkeypatch.setattr(attempt_files, "write_atomically", write_with_no_room)
    return build_process.main([str(folder), ""])


@pytest.mark.parametrize("no_room_for", [RESULT_FILE, "process.json"])
def test_a_process_that_finds_no_room_says_so_to_whoever_asks_and_whenever(tmp_path, monkeypatch, no_room_for):
    outcome = BuildOutcome(Result.SUCCESS, 1.0, 2.0)
    assert end(tmp_path, monkeypatch, outcome, no_room_for) == build_process.NO_ROOM
    told = from_json(BuildOutcome, (tmp_path / RESULT_FILE).read_bytes())
    assert (told.result, told.fault) == (None, Fault.DISK)
    assert "no room left" in told.error
    assert attempt_files.is_cleaned_up(tmp_path)


def test_of_nodes_that_were_to_be_kept_it_is_not_said_that_they_are_clean(tmp_path, monkeypatch):
    outcome = BuildOutcome(Result.FAILURE, 1.0, 2.0, is_held=True)
    assert end(tmp_path, monkeypatch, outcome) == build_process.NO_ROOM
    assert not (tmp_path / RESULT_FILE).exists()
    assert not attempt_files.is_cleaned_up(tmp_path)
