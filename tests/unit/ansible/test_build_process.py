"""The process of a build tells the service how it ended, on a full disk too."""

import errno
import os

from ci.ansible import attempt_files, build_process
from ci.model.build import RESULT_FILE, BuildOutcome, Fault, Result
from ci.model.codec import from_json


def end(folder, monkeypatch, outcome):
    """Run the process with this outcome on a disk that is full once the playbooks have been."""
    write = attempt_files.write_atomically

    def write_with_no_room_for_results(path, text):
        if path.name == RESULT_FILE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, text)

    monkeypatch.setattr(build_process, "_outcome", lambda *_: outcome)
    monkeypatch.setattr(build_process, "_listen_for_cancel", lambda: None)
    monkeypatch.setattr(build_process.limits, "be_modest", lambda: None)
    monkeypatch.setattr(attempt_files, "write_atomically", write_with_no_room_for_results)
    return build_process.main([str(folder), ""])


def test_a_result_that_finds_no_room_says_so_to_whoever_asks_and_whenever(tmp_path, monkeypatch):
    assert end(tmp_path, monkeypatch, BuildOutcome(Result.SUCCESS, 1.0, 2.0)) == build_process.NO_ROOM
    told = from_json(BuildOutcome, (tmp_path / RESULT_FILE).read_bytes())
    assert (told.result, told.fault) == (None, Fault.DISK)
    assert "no room left" in told.error
    assert attempt_files.is_cleaned_up(tmp_path)


def test_of_nodes_that_were_to_be_kept_it_is_not_said_that_they_are_clean(tmp_path, monkeypatch):
    outcome = BuildOutcome(Result.FAILURE, 1.0, 2.0, is_held=True)
    assert end(tmp_path, monkeypatch, outcome) == build_process.NO_ROOM
    assert not (tmp_path / RESULT_FILE).exists()
    assert not attempt_files.is_cleaned_up(tmp_path)
