"""The files of an attempt, where something else has taken their place."""

import os
import threading
from types import SimpleNamespace

import pytest

from ci.ansible import attempt_files
from ci.ansible.process import NOBODY, AnsibleRunner
from ci.model.build import RESULT_FILE, SPEC_FILE, Fault

STRANGE = {
    "a pipe": os.mkfifo,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": lambda path: path.mkdir(),
    "a huge file": lambda path: (path.touch(), os.truncate(path, attempt_files.LARGEST_BYTES + 1)),
}


@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
def test_a_result_that_is_no_file_is_a_lost_build_and_holds_nobody_up(tmp_path, make):
    (tmp_path / SPEC_FILE).touch()
    make(tmp_path / RESULT_FILE)
    spec = SimpleNamespace(folder=str(tmp_path), build_id="b")
    found = []
    waiter = threading.Thread(
        target=lambda: found.append(AnsibleRunner(test_reader="").wait(spec, NOBODY, threading.Event())), daemon=True
    )
    waiter.start()
    waiter.join(20)
    assert found, "still waiting"
    assert found[0].fault is Fault.LOST
    assert "cannot be read" in found[0].error


@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
def test_a_name_that_is_no_file_is_none(tmp_path, make):
    path = tmp_path / "process.json"
    make(path)
    assert attempt_files.read_identity(path) is None
    (tmp_path / RESULT_FILE).unlink(missing_ok=True)
    make(tmp_path / RESULT_FILE)
    assert not attempt_files.is_cleaned_up(tmp_path)
