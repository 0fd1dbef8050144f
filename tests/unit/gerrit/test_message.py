"""Messages made to fit Gerrit's limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ci.gerrit.message import LIMIT_BYTES, fitted

HEAD = "Build failed (check pipeline)."
LINK = "https://ci.example.org/buildset/1"


def size(text: str) -> int:
    return len(text.encode())


def test_a_message_within_the_limit_stays_as_it_is():
    text = f"{HEAD}\n\n{LINK}\n\n- job {LINK} : FAILURE in 1m 2s\n" + "é💥\t" * 100
    assert fitted(text) == text
    assert fitted("x" * LIMIT_BYTES) == "x" * LIMIT_BYTES


def test_head_link_and_both_ends_stay_and_the_gap_is_told():
    text = "\n".join([HEAD, "", *[f"test {n} failed" for n in range(5000)], f"see {LINK}", *["x"] * 3000, "the end"])
    lines = fitted(text).split("\n")

    assert size("\n".join(lines)) <= LIMIT_BYTES
    assert lines[0] == HEAD
    assert lines[2] == "test 0 failed"
    assert f"see {LINK}" in lines
    assert lines[-1] == "the end"
    notes = [line for line in lines if "left out" in line]
    assert len(notes) == 1
    assert int(notes[0].split()[1]) > 0


def test_most_of_the_room_is_used():
    text = "\n".join([HEAD, LINK, *["y" * 50] * 5000])
    assert size(fitted(text)) > LIMIT_BYTES * 0.95


def test_one_endless_line_is_cut():
    text = fitted(HEAD + "\n" + LINK + "\n" + "💥" * 50_000)
    assert size(text) <= LIMIT_BYTES
    assert text.startswith(f"{HEAD}\n{LINK}\n💥")


def test_what_is_no_text_is_replaced():
    assert fitted("a\x00b\x1b[31m\rc\td\ne\ud83d") == "a?b?[31m?c\td\ne?"


@given(st.lists(st.text(max_size=300), max_size=60).map("\n".join), st.integers(400, 3000))
def test_any_message_fits(text, limit_bytes):
    result = fitted(text, limit_bytes)
    assert size(result) <= limit_bytes
    assert fitted(result, limit_bytes) == result
