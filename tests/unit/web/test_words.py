from __future__ import annotations

import jinja2
import pytest

from ci.web.words import Templates, file_name, one_line, size, utc, vote, web_url


def test_what_cannot_be_seen_is_written_as_an_escape():
    assert one_line("a\nb\x00\x1b[31m\u202ec\u2028") == r"a\nb\x00\x1b[31m\u202ec\u2028"


def test_a_long_text_is_cut_with_dots():
    assert one_line("x" * 20, 5) == "xxxxx..."


def test_a_file_name_that_is_not_utf8_is_shown_with_escapes():
    assert file_name("caf\udce9\n") == r"caf\xe9\n"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "", " https://x"])
def test_only_web_addresses_become_links(url):
    assert web_url(url) == ""


def test_a_web_address_stays():
    assert web_url("https://review.opendev.org/1") == "https://review.opendev.org/1"


def test_votes_times_and_sizes_are_written_for_people():
    assert vote({"Verified": 1, "Code-Review": -2, "Other": 0}) == "Verified+1, Code-Review-2, Other 0"
    assert utc(0.0) == "1970-01-01 00:00:00 UTC"
    assert utc(None) == ""
    assert [size(1), size(1536), size(3 * 1024**4)] == ["1 B", "1.5 KiB", "3.0 TiB"]


def test_a_misspelt_value_in_a_template_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        Templates(base="").render("error.html", status=404)


def test_a_lone_surrogate_does_not_break_a_page():
    assert "\\ud800" in Templates(base="").render("error.html", status=404, text="\ud800")
    assert Templates(base="").render("error.html", status="\ud800", text="").encode()
