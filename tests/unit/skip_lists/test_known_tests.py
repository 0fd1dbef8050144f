"""Listings of tests, as `stestr list`, `tempest run -l` and console logs show them."""

from __future__ import annotations

import pytest

from ci.skip_lists.known_tests import read_listing

ID = "d3114f03-1a2b-4c3d-8e4f-5a6b7c8d9e0f"
ODD = "c3d4e5f6-a7b8-9012-cdef-123456789012"


@pytest.mark.parametrize(
    ("line", "name", "ids"),
    [
        (f"a.b.C.test_x[id-{ID}]", "a.b.C.test_x", (ID,)),
        (f"a.b.C.test_x[compute,id-{ODD},smoke]", "a.b.C.test_x", (ODD,)),
        (f"a.b.C.test_x[id-{ID},id-{ODD}]", "a.b.C.test_x", (ODD, ID)),
        (f"a.b.C.test_x[id-{ID}](IPv4, stateful)", "a.b.C.test_x(IPv4, stateful)", (ID,)),
        ("a.b.C.test_x[smoke]", "a.b.C.test_x", ()),
        ("a.b.C.test_x", "a.b.C.test_x", ()),
        (f"2026-11-03 10:00:00.123456 | node | a.b.C.test_x[id-{ID}]", "a.b.C.test_x", (ID,)),
        (f"  a.b.C.test_x[id-{ID}]\r", "a.b.C.test_x", (ID,)),
        (f"a.b.C.test_x[id-{ID.upper()}]", "a.b.C.test_x", ()),
        (f"a.b.C.test_x[xid-{ID}]", "a.b.C.test_x", ()),
        (f"a.b.C.test_x[id-{ID}0]", "a.b.C.test_x", ()),
    ],
)
def test_a_test_of_a_listing(line, name, ids):
    known = read_listing(f"noise before\n{line}\nnoise after\n")
    assert known.names == (name,)
    assert known.ids_of(name) == ids
    assert all(known.names_of(one) == (name,) for one in ids)
    assert known.without_id == (() if ids else (name,))


@pytest.mark.parametrize(
    "line",
    ["", "importing tempest.api.compute", "/usr/lib/python3/site.py:12: DeprecationWarning: x", "tempest", "1.2.3",
     "WARNING oslo.config: a.b.C.test_x is old", "Listing tests: 12", "python -m a.b.c", "setUpClass (a.b.C)"],
)  # fmt: skip
def test_noise_is_no_test(line):
    assert len(read_listing(line)) == 0


def test_an_id_of_several_tests():
    known = read_listing(f"b.m.C.test[id-{ID}]\na.m.C.test[id-{ID},smoke]\na.m.C.other\n")
    assert len(known) == 3
    assert known.names_of(ID) == ("a.m.C.test", "b.m.C.test")
    assert known.names_of(ODD) == ()
    assert known.ids_of("no.such.T.test") == ()
    assert known.with_any_of([ID, ODD]) == {"a.m.C.test", "b.m.C.test"}


def test_an_id_that_is_not_the_tag_is_held_and_not_carried():
    known = read_listing(
        f"a.m.C.test_{ID}\nb.m.C.test[id-{ID}]\nc.m.C.test[id-{ID}](again-{ODD})\nd.m.C.test[id-{ID}0]\n"
    )
    assert known.names_of(ID) == ("b.m.C.test", f"c.m.C.test(again-{ODD})")
    assert known.holders_of(ID) == (f"a.m.C.test_{ID}", "d.m.C.test")
    assert known.holders_of(ODD) == (f"c.m.C.test(again-{ODD})",)


def test_a_module_that_could_not_be_imported_is_no_test():
    known = read_listing("unittest.loader._FailedTest.tempest.api.broken\n")
    assert (len(known), known.failed_imports) == (0, ("tempest.api.broken",))


@pytest.mark.parametrize("line", ["a." * 200_000, "a[" * 200_000, "a(" * 200_000, " [id-" * 100_000, "-" * 400_000])
def test_a_long_hostile_line_takes_linear_time(line):
    assert len(read_listing(line)) == 0  # with a quadratic reader this does not end within the tests' patience
