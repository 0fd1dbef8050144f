"""What is hidden on the console, in task events and in the headline of a build."""

import pytest

from ci.ansible.discretion import Discretion


@pytest.fixture
def discretion():
    made = Discretion({"devstack_localrc": {"ADMIN_PASSWORD": "secretadmin", "HOST": "visible.name"}, "a": ["x: y", 1]})
    assert made.take_rules(["vendor.example"], ["10.0.0.0/8", "fd00::/8"]) == ""
    return made


def test_secrets_of_the_jobs_variables_and_what_the_site_says_are_hidden(discretion):
    text = "secretadmin visible.name ci-7.vendor.example 10.1.2.3 fd00::1 10.1.2.3"
    assert discretion.text(text) == "*** visible.name host-1 address-1 address-2 address-1"


def test_colours_around_a_name_do_not_show_it(discretion):
    assert discretion.text("\x1b[36m10.1.2.3\x1b[0m \x1b[1mci.vendor.example\x1b[0m") == "address-1 host-1"


def test_lines_stay_lines(discretion):
    assert discretion.lines(["10.1.2.3", "", "a\nsecretadmin"]) == ["address-1", "", "a\n***"]
    assert discretion.lines(["10.1.2.3", "", "secretadmin"]) == ["address-1", "", "***"]
    assert discretion.lines([]) == []


def test_rules_are_not_hidden_from_themselves(discretion):
    event = {"event": "play", "hidden_networks": ["10.1.2.3/32"], "name": "on 10.1.2.3", "started": 1.5}
    assert discretion.event(event) == {**event, "name": "on address-1"}


def test_a_network_that_is_none_is_said_and_the_others_count(discretion):
    problem = discretion.take_rules("a.example,", ["nonsense", "192.168.0.0/16"])
    assert problem == "hidden_networks: 'nonsense' does not appear to be an IPv4 or IPv6 network"
    assert discretion.text("b.a.example 192.168.1.1") == "host-1 address-1"
