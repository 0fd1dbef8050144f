"""What is hidden on the console, in task events and in the headline of a build."""

import json

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


def test_a_secret_of_the_jobs_variables_is_hidden_whatever_it_holds():
    variables = {
        "devstack_localrc": {"ADMIN_PASSWORD": '{"a": b, $c <d>'},
        "tokens": [{"x_token": "first-one"}, "more-one"],
        "post_config": "[x]\nsan_password = third=one\n",
    }
    text = '{"a": b, $c <d> first-one more-one third=one'
    assert Discretion(variables).text(text) == "*** *** *** ***"


def test_what_a_build_shows_of_options_hides_their_secrets(discretion):
    lines = [
        "--- before/x",
        "-DATABASE_PASSWORD=one",
        "+  DATABASE_PASSWORD=two",
        "HOST=a",
        '{"cmd": ["x", "token=b"]}',
    ]
    told = [
        "--- before/x",
        "-DATABASE_PASSWORD=***",
        "+  DATABASE_PASSWORD=***",
        "HOST=a",
        '{"cmd": ["x", "token=***"]}',
    ]
    assert discretion.lines(lines) == told
    message = json.dumps({"msg": lines}, indent=2)
    assert discretion.event({"event": "result", "message": message})["message"] == json.dumps({"msg": told}, indent=2)


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
