"""The console log: harmless whatever a node says, and never larger than it may be."""

import os
import re

import pytest

from ci.ansible import console
from ci.ansible.console import ConsoleLog, clean, one_line


def test_lines_have_their_time_and_host(tmp_path):
    with ConsoleLog(tmp_path) as log:
        log.say("PLAY [all]")
        log.say_for("compute", ["one", "two"])
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"
    expected = rf"{stamp} \| PLAY \[all\]\n{stamp} \| compute \| one\n{stamp} \| compute \| two\n"
    assert re.fullmatch(expected, (tmp_path / "job-output.txt").read_text())


def test_what_is_written_can_be_read_at_once(tmp_path):
    with ConsoleLog(tmp_path) as log:
        log.say("now")
        assert (tmp_path / "job-output.txt").read_text().endswith("| now\n")


def test_the_log_is_cut_between_lines_with_a_note(tmp_path):
    with ConsoleLog(tmp_path, max_bytes=1000) as log:
        for number in range(100):
            log.say_for("compute", [f"line {number}"] * 3)
    lines = (tmp_path / "job-output.txt").read_text().splitlines()
    assert all(re.search(r"\| compute \| line \d+$", line) for line in lines[:-1])
    assert lines[-1].endswith("[the log is cut here: it has reached its largest size]")
    assert (tmp_path / "job-output.txt").stat().st_size < 1200


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\rb\x00c", "a\\x0db\\x00c"),
        ("x\u202ey", "x\\u202ey"),
        ("tab\tstays \u00fc", "tab\tstays \u00fc"),
        ("\ud800", "\\ud800"),
        ("<b>", "<b>"),
        ("abcdef", "abcd..."),
    ],
)
def test_text_from_outside_is_made_harmless(text, shown):
    assert clean(text, 4 if text == "abcdef" else 100) == shown


def test_one_line_is_the_first_that_is_not_blank():
    assert one_line("\n  \n first \nsecond") == "first"
    assert one_line("") == ""


def test_a_link_in_the_place_of_the_log_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "job-output.txt").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic"):
        ConsoleLog(tmp_path)
    assert (tmp_path / "victim").read_text() == "precious"


def test_lines_that_find_no_room_are_lost_and_that_is_known(tmp_path, monkeypatch):
    with ConsoleLog(tmp_path) as log:
        real = os.open("/dev/full", os.O_WRONLY)
        write = os.write
        monkeypatch.setattr(console.os, "write", lambda _file, content: write(real, content))
        assert not log.is_out_of_room
        log.say("x")
        os.close(real)
    assert log.is_out_of_room


def test_what_a_later_process_appends_counts_with_what_is_there(tmp_path):
    for _ in range(2):
        with ConsoleLog(tmp_path, max_bytes=1000) as log:
            for _ in range(10):
                log.say("x" * 30)
    text = (tmp_path / "job-output.txt").read_text()
    assert text.count("the log is cut here") == 1
    assert len(text) < 1200
