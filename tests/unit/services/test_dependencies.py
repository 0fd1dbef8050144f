"""The chain of a change, found in the site's Gerrits."""

from dataclasses import replace
from pathlib import Path

import pytest

from ci.config.settings import GerritSettings
from ci.errors import AuthenticationFailed, Refused, Unavailable
from ci.services.dependencies import (
    FIRST_SILENCE_SECONDS,
    LONGEST_SILENCE_SECONDS,
    MORE_QUESTIONS,
    MOST_IGNORED,
    Dependencies,
)
from tests.fakes.records import change

CHANGE_ID = "I" + "b2" * 20


class KnownChanges:
    """A Gerrit that knows some changes, and counts what it is asked."""

    def __init__(self, name):
        self.name = name
        self.changes = {}
        self.with_id = {}
        self.at = {}
        self.asked = []
        self.failure = None

    def add(self, number, *needs, parents=(), **values):
        """Add a change that needs others, by their addresses."""
        message = "A change\n\n" + "".join(f"Depends-On: {need}\n" for need in needs)
        known = {"connection": self.name, "patchset": 1, "revision": f"{number:040x}", "message": message}
        one = change(number=number, **(known | values), parents=tuple(f"{n:040x}" for n in parents))
        self.changes[number] = one
        self.at.setdefault(one.revision, one)
        return one

    def change(self, number, patchset=None):
        self._ask(number)
        if number not in self.changes:
            raise Refused(f"change {number}: there is none")
        return self.changes[number]

    def changes_with_id(self, change_id):
        self._ask(change_id)
        return tuple(self.changes[number] for number in self.with_id.get(change_id, ()))

    def changes_at(self, project, commit):
        self._ask(commit)
        return tuple(one for one in [self.at.get(commit)] if one and one.project == project)

    def _ask(self, question):
        self.asked.append(question)
        if self.failure:
            raise self.failure


class World:
    """Two Gerrits, and the chains in them."""

    def __init__(self, **settings):
        self.opendev, self.vendor = KnownChanges("opendev"), KnownChanges("vendor")
        common = {"known_hosts": Path(), "user": "ci", "sshkey": Path()} | settings
        self.dependencies = Dependencies(
            {"opendev": self.opendev, "vendor": self.vendor},
            {
                name: GerritSettings(
                    name=name, server=host, canonical_hostname=host, baseurl=f"https://{host}", **common
                )
                for name, host in (("opendev", "review.opendev.org"), ("vendor", "gerrit.vendor.example"))
            },
        )

    def of(self, one):
        chain = self.dependencies.of(one)
        return chain.problem or [(found.connection, found.name) for found in chain.changes]


@pytest.fixture
def world():
    return World()


def opendev(number):
    return f"https://review.opendev.org/c/openstack/nova/+/{number}"


def vendor(number):
    return f"https://gerrit.vendor.example/{number}"


def test_a_change_that_needs_nothing_asks_nothing(world):
    assert world.of(world.opendev.add(1)) == []
    assert not world.opendev.asked


def test_dependencies_of_dependencies_across_gerrits_come_first(world):
    world.vendor.add(7, opendev(3), project="x/networking-powervm")
    world.opendev.add(3)
    world.opendev.add(2)
    assert world.of(world.opendev.add(1, vendor(7), opendev(2))) == [
        ("opendev", "3,1"),
        ("vendor", "7,1"),
        ("opendev", "2,1"),
    ]


def test_the_same_numbers_in_two_gerrits_are_two_changes(world):
    world.vendor.add(1)
    assert world.of(world.opendev.add(1, vendor(1))) == [("vendor", "1,1")]


def test_the_current_patch_set_is_meant_whatever_the_address_says(world):
    world.opendev.add(2, patchset=3)
    assert world.of(world.opendev.add(1, f"{opendev(2)}/1")) == [("opendev", "2,3")]


def test_what_has_merged_is_needed_no_more_and_neither_is_what_it_needed(world):
    world.opendev.add(3)
    world.opendev.add(2, opendev(3), status="MERGED")
    assert world.of(world.opendev.add(1, opendev(2))) == []


def test_an_abandoned_change_is_part_of_the_chain(world):
    world.opendev.add(2, status="ABANDONED")
    assert world.of(world.opendev.add(1, opendev(2))) == [("opendev", "2,1")]


def test_what_names_no_change_that_we_see_is_passed_over_and_told(world):
    one = world.opendev.add(1, "https://github.com/x/y/pull/1", opendev(99), "I" + "0" * 40, "\x1b[31mrubbish " * 50)
    chain = world.dependencies.of(one)
    assert (chain.changes, chain.problem) == ((), "")
    assert len(chain.ignored) == 4
    assert all(line.isprintable() and len(line) < 400 for line in chain.ignored)
    assert chain.ignored[1] == f"Depends-On: {opendev(99)}: no change that this CI sees"


def test_a_change_id_names_the_open_changes_of_the_same_gerrit(world):
    world.opendev.add(2)
    world.opendev.add(3, status="ABANDONED")
    world.opendev.add(4, branch="stable/pike")
    world.opendev.with_id[CHANGE_ID] = (2, 3, 4)
    assert world.of(world.opendev.add(1, CHANGE_ID)) == [("opendev", "2,1"), ("opendev", "4,1")]


def test_the_open_changes_that_a_change_stands_on_count_with_what_they_need(world):
    world.vendor.add(7)
    world.opendev.add(3, vendor(7))
    world.opendev.add(2, parents=[3])
    world.opendev.add(5)
    assert world.of(world.opendev.add(1, opendev(5), parents=[2])) == [
        ("vendor", "7,1"),
        ("opendev", "3,1"),
        ("opendev", "2,1"),
        ("opendev", "5,1"),
    ]


def test_a_commit_of_another_project_or_of_nobody_is_no_dependency(world):
    world.opendev.add(2, project="openstack/other")
    assert world.of(world.opendev.add(1, parents=[2, 99])) == []


def test_a_parent_that_was_replaced_and_its_successor_are_both_there(world):
    world.opendev.add(2)
    world.opendev.add(2, patchset=2, revision="f" * 40)
    assert world.of(world.opendev.add(1, opendev(2), parents=[2])) == [("opendev", "2,1"), ("opendev", "2,2")]


def test_a_change_that_names_itself_needs_nothing(world):
    old = world.opendev.add(1, opendev(1))
    world.opendev.add(1, opendev(1), patchset=2)
    assert world.of(old) == []
    assert not world.opendev.asked


def test_a_cycle_over_two_gerrits_is_told(world):
    world.vendor.add(7, opendev(1), project="x/y")
    assert world.of(world.opendev.add(1, vendor(7))) == (
        "Dependency cycle detected: 1,1 of openstack/nova -> 7,1 of x/y -> 1,1 of openstack/nova"
    )


def test_each_change_is_read_once(world):
    for number in (2, 3, 4):
        world.opendev.add(number, opendev(9), opendev(8))
    world.opendev.add(9)
    world.of(world.opendev.add(1, opendev(2), opendev(3), opendev(4), f"{opendev(2)}/1"))
    assert sorted(world.opendev.asked) == [2, 3, 4, 8, 9]


def test_a_message_with_a_thousand_lines_is_refused_before_all_are_read(world):
    for number in range(2, 1002):
        world.opendev.add(number)
    told = world.of(world.opendev.add(1, *(opendev(number) for number in range(2, 1002))))
    assert told == "It depends on too many changes: more than 100 (max_dependencies)"
    assert len(world.opendev.asked) == 101


def test_of_many_lines_that_name_nothing_the_first_ones_are_told(world):
    chain = world.dependencies.of(world.opendev.add(1, *(f"https://github.com/{n}" for n in range(1000))))
    assert (chain.problem, len(chain.ignored)) == ("", MOST_IGNORED)


def test_a_thousand_lines_that_name_nothing_end_the_questions_too(world):
    told = world.of(world.opendev.add(1, *(opendev(number) for number in range(2, 1002))))
    assert "too many" in told
    assert len(world.opendev.asked) == 100 + MORE_QUESTIONS + 1


def test_a_deep_chain_of_commits_is_refused_at_the_limit(world):
    for number in range(2, 500):
        world.opendev.add(number, parents=[number + 1])
    assert "more than 100" in world.of(world.opendev.add(1, parents=[2]))


@pytest.mark.parametrize(("limit", "fits"), [(2, True), (1, False), (0, False)])
def test_the_limit_is_that_of_the_change_s_own_gerrit(limit, fits):
    world = World(max_dependencies=limit)
    world.opendev.add(2)
    world.vendor.add(3)
    assert (world.of(world.opendev.add(1, opendev(2), vendor(3))) != []) is True
    assert isinstance(world.of(world.opendev.changes[1]), list) is fits


def test_with_a_limit_of_none_what_has_merged_still_does_no_harm():
    world = World(max_dependencies=0)
    world.opendev.add(2, status="MERGED")
    assert world.of(world.opendev.add(1, opendev(2), parents=[2])) == []


@pytest.mark.parametrize("failure", [Unavailable("away"), AuthenticationFailed("no such user")])
def test_a_gerrit_that_does_not_answer_is_not_taken_for_one_without_the_change(world, failure):
    world.vendor.failure = failure
    with pytest.raises(type(failure)):
        world.of(world.opendev.add(1, vendor(7)))


def test_a_gerrit_that_did_not_answer_is_left_alone_for_a_while_and_then_asked_again(world, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("ci.services.dependencies.time.monotonic", lambda: now[0])
    one = world.opendev.add(1, vendor(7))
    world.vendor.add(7)
    world.vendor.failure = Unavailable("away")
    for seconds in (0, FIRST_SILENCE_SECONDS - 1, 1, FIRST_SILENCE_SECONDS, FIRST_SILENCE_SECONDS):
        now[0] += seconds
        with pytest.raises(Unavailable):
            world.of(one)
    assert len(world.vendor.asked) == 3
    now[0] += LONGEST_SILENCE_SECONDS
    world.vendor.failure = None
    assert world.of(one) == [("vendor", "7,1")]
    world.vendor.add(8)
    assert world.of(world.opendev.add(2, vendor(8))) == [("vendor", "8,1")]


def test_a_question_that_the_change_s_own_gerrit_left_open_is_asked_again_at_once(world):
    one = world.opendev.add(1, opendev(2))
    world.opendev.add(2)
    world.opendev.failure = Unavailable("the link broke")
    with pytest.raises(Unavailable):
        world.of(one)
    world.opendev.failure = None
    assert world.of(one) == [("opendev", "2,1")]


def test_a_later_look_finds_the_next_patch_set(world):
    one = world.opendev.add(1, opendev(2))
    world.opendev.add(2)
    assert world.of(one) == [("opendev", "2,1")]
    world.opendev.changes[2] = replace(world.opendev.changes[2], patchset=2)
    assert world.of(one) == [("opendev", "2,2")]
