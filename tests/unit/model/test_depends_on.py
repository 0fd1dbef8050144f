"""What Depends-On lines mean, and in which order changes are merged: as Zuul has it."""

import pytest

from ci.model.change import Account, Approval
from ci.model.depends_on import Chain, WebPlace, as_change_id, headers, in_order, key_of, named, told
from tests.fakes.records import change

CHANGE_ID = "I" + "a1" * 20


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Fix it\n\nDepends-On: https://review.example.org/1\nChange-Id: I1", ["https://review.example.org/1"]),
        ("Fix it\n\ndepends-on:https://a/1\nDEPENDS-ON:   https://a/2  ", ["https://a/1", "https://a/2"]),
        ("Depends-On: https://a/1\n\nin the subject too", ["https://a/1"]),
        ("x\n\nDepends-On: https://a/1\nDepends-On: https://a/1", ["https://a/1"]),
        ("x\r\n\r\nDepends-On: https://a/1\r\n", ["https://a/1"]),
        ("x\n\n Depends-On: https://a/1", []),
        ("x\n\n> Depends-On: https://a/1", []),
        ("x\n\nDepends on: https://a/1\nDepends-On https://a/1", []),
        ("x\n\nDepends-On:\nDepends-On:   \n", []),
        ("", []),
    ],
)
def test_which_lines_count(message, found):
    assert list(headers(message)) == found


def test_a_giant_message_takes_moments():
    assert headers("Depends-On: " + "x" * 5_000_000 + "\n" + "Depends-On" * 500_000) == ("x" * 5_000_000,)
    assert len(headers("\n".join(f"Depends-On: https://a/{n}" for n in range(50_000)))) == 50_000


@pytest.mark.parametrize(
    ("header", "found"),
    [(CHANGE_ID, CHANGE_ID), (CHANGE_ID.upper(), CHANGE_ID), (CHANGE_ID + "0", None), ("https://a/1", None)],
)
def test_a_change_id_is_the_older_form(header, found):
    assert as_change_id(header) == found


PLACES = (
    WebPlace.of("opendev", "https://review.opendev.org", "opendev.org", "ssh.opendev.org"),
    WebPlace.of("vendor", "https://gerrit.vendor.example/r", "gerrit.vendor.example"),
    WebPlace.of("lab-one", "http://127.0.0.1:8081", "127.0.0.1"),
    WebPlace.of("lab-two", "http://127.0.0.1:8082/", "two.example", "127.0.0.1"),
)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://review.opendev.org/4711", ("opendev", 4711)),
        ("https://review.opendev.org/#/c/4711/", ("opendev", 4711)),
        ("https://review.opendev.org/#/c/4711/2", ("opendev", 4711)),
        ("https://review.opendev.org/c/openstack/nova/+/4711", ("opendev", 4711)),
        ("https://review.opendev.org/c/openstack/nova/+/4711/2/nova/a.py", ("opendev", 4711)),
        ("https://review.opendev.org/c/openstack/nova/+/4711?usp=dashboard", ("opendev", 4711)),
        ("HTTPS://Review.OpenDev.org:443/4711", ("opendev", 4711)),
        ("http://review.opendev.org/4711", ("opendev", 4711)),
        ("//opendev.org/4711", ("opendev", 4711)),
        ("ssh://ann@ssh.opendev.org:29418/4711", ("opendev", 4711)),
        ("https://gerrit.vendor.example/r/12", ("vendor", 12)),
        ("https://gerrit.vendor.example/r/c/x/networking-powervm/+/12", ("vendor", 12)),
        ("https://gerrit.vendor.example/12", None),
        ("https://gerrit.vendor.example/rest/12", None),
        ("http://127.0.0.1:8082/5", ("lab-two", 5)),
        ("http://127.0.0.1:8081/5", ("lab-one", 5)),
        ("http://127.0.0.1:9999/5", ("lab-one", 5)),
        ("https://two.example/5", ("lab-two", 5)),
        ("review.opendev.org/4711", None),
        ("https://github.com/x/y/pull/4711", None),
        ("https://review.opendev.org.evil.example/4711", None),
        ("https://review.opendev.org/c/4711", None),
        ("https://review.opendev.org/q/4711", None),
        ("https://review.opendev.org/x/4711", None),
        ("https://review.opendev.org/", None),
        ("https://review.opendev.org", None),
        ("https://review.opendev.org/0", None),
        ("https://review.opendev.org/-5", None),
        ("https://review.opendev.org/9999999999", None),
        ("https://review.opendev.org/" + "9" * 5000, None),
        ("https://review.opendev.org/\u0664\u0667", None),
        ("https://[::1/4711", None),
        ("https://review.opendev.org:port/4711", None),
        ("https://review.opendev.org/c/" + "a/+/" * 400 + "x", None),
        ("\x00\x1b[31m", None),
        ("none yet", None),
        (CHANGE_ID, None),
    ],
)
def test_which_addresses_are_changes_of_ours(address, found):
    assert named(address, PLACES) == found


def numbered(*numbers):
    return {number: change(number=number, patchset=1) for number in numbers}


def chain(**needs):
    """The chain of change 1, where `c1=[2]` says what changes need."""
    edges = {int(name[1:]): numbers for name, numbers in needs.items()}
    known = numbered(1, *edges, *(number for numbers in edges.values() for number in numbers))
    keys = {number: key_of(one) for number, one in known.items()}
    needs = {keys[n]: [keys[m] for m in to] for n, to in edges.items()}
    found = in_order(known[1], {keys[n]: one for n, one in known.items()}, needs)
    return found.problem or [one.number for one in found.changes]


@pytest.mark.parametrize(
    ("needs", "order"),
    [
        ({}, []),
        ({"c1": [2]}, [2]),
        ({"c1": [2, 3]}, [2, 3]),
        ({"c1": [3, 2]}, [3, 2]),
        ({"c1": [2], "c2": [3], "c3": [4]}, [4, 3, 2]),
        ({"c1": [2, 3], "c2": [4], "c3": [4]}, [4, 2, 3]),
        ({"c1": [2, 3], "c3": [2], "c2": []}, [2, 3]),
        ({"c1": [3, 2], "c3": [2]}, [2, 3]),
        ({"c1": [1]}, []),
        ({"c1": [1, 2], "c2": [2]}, [2]),
    ],
)
def test_each_change_comes_after_those_that_it_needs(needs, order):
    assert chain(**needs) == order


@pytest.mark.parametrize(
    ("needs", "numbers"),
    [
        ({"c1": [2], "c2": [1]}, [1, 2, 1]),
        ({"c1": [2], "c2": [3], "c3": [2]}, [2, 3, 2]),
        ({"c1": [4, 2], "c4": [], "c2": [3], "c3": [1]}, [1, 2, 3, 1]),
    ],
)
def test_a_cycle_is_named(needs, numbers):
    names = " -> ".join(f"{number},1 of openstack/nova" for number in numbers)
    assert chain(**needs) == f"Dependency cycle detected: {names}"


def test_a_chain_of_thousands_is_no_trouble_and_neither_is_such_a_cycle():
    length = 5000
    line = {f"c{n}": [n + 1] for n in range(1, length)}
    assert chain(**line) == list(range(length, 1, -1))
    told_of = chain(**line, **{f"c{length}": [1]})
    assert told_of.startswith("Dependency cycle detected: 1,1 of openstack/nova -> 2,1 of")
    assert "4991 more" in told_of
    assert len(told_of) < 1000


def test_a_change_keeps_of_its_dependencies_only_what_tells_them_from_others():
    one = change(message="x" * 100_000, approvals=(Approval("Verified", 1, Account("zuul")),), parents=("a" * 40,))
    (kept,) = Chain((one,)).put_on(change(number=5)).dependencies
    assert (kept.name, kept.project, kept.revision, kept.url) == (one.name, one.project, one.revision, one.url)
    assert (kept.message, kept.files, kept.approvals, kept.parents) == ("", None, (), ())


def test_changes_are_told_by_number_and_project():
    assert told([change(), change(number=3, project="x/y")]) == "4711,2 of openstack/nova, 3,2 of x/y"
