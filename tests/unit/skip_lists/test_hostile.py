"""What is made up to hurt, or breaks off in the middle, comes to a clear end."""

import errno
import os

import pytest

from ci.skip_lists.against_tests import AgainstTests
from ci.skip_lists.files import new_list
from ci.skip_lists.foreign import Wanted
from ci.skip_lists.known_tests import read_listing
from ci.skip_lists.parse import parse_skip_list
from ci.skip_lists.resolve import NotFoundError, Resolver

ID = "00000000-0000-0000-0000-00000000000"


def test_a_listing_with_the_end_of_a_line_of_a_log_gives_hints_all_the_same():
    known = read_listing(f"at 10:00 u[id-{ID}4]\na.b.C.test_x[id-{ID}1]\n")
    stale = parse_skip_list("x", f"# reason: x\n{ID}9  # a.b.C.test_gone\n".encode())
    assert [finding.code for finding in AgainstTests(known).errors(stale)] == ["stale-id"]


@pytest.mark.parametrize("expression", ["(a+)+$", "^((a|aa|a.*)+)+b$"])
def test_an_expression_made_up_to_hurt_comes_to_an_end(expression):
    known = read_listing("".join(f"a.b.C.test_{'a' * 40}{n}[id-{ID}{n}]\n" for n in range(9)))
    with pytest.raises(NotFoundError):
        Resolver(known).find(Wanted(expression, 1, 1, expression))


def test_a_new_list_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        new_list(tmp_path / "x.txt", b"x")
    assert not list(tmp_path.iterdir())
