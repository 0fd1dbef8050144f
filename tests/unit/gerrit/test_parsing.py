"""Lines of a stream: recorded from a Gerrit 3.10, as older and newer servers send them, and garbage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ci.gerrit import fields
from ci.gerrit.fields import MalformedJSON, load_object
from ci.gerrit.parsing import change_from_query, parse_event, query_row
from ci.model import codec
from ci.model.event import Event, EventType

DATA = Path(__file__).parents[2] / "data" / "gerrit"
RECORDED = sorted(DATA.glob("*.json"))


def recorded(name: str) -> str:
    return (DATA / f"{name}.json").read_text(encoding="utf-8")


def changed(name: str, path: str, value: object) -> str:
    """Return a recorded event with one field set to another value."""
    event = json.loads(recorded(name))
    *parents, last = path.split(".")
    place = event
    for parent in parents:
        place = place[parent]
    place[last] = value
    return json.dumps(event)


def parse(line: str) -> Event:
    return parse_event("lab", line, 5.5)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_event_is_read_and_survives_storage(path):
    event = parse(path.read_text(encoding="utf-8"))

    assert event.connection == "lab"
    assert event.created_at == json.loads(event.raw)["eventCreatedOn"]
    assert (event.change is None) == (event.type is EventType.OTHER)
    assert codec.from_json(Event, codec.to_json(event)) == event


def test_recorded_events_have_keys_of_their_own():
    keys = {}
    for path in RECORDED:
        key = parse(path.read_text(encoding="utf-8")).natural_key
        assert key not in keys, f"{path.stem} has the key of {keys.get(key)}"
        keys[key] = path.stem


def test_a_patchset_is_read():
    event = parse(recorded("patchset-created"))

    assert event.type is EventType.PATCHSET_CREATED
    change = event.change
    assert (change.project, change.branch, change.name) == ("openstack/nova", "master", "1,1")
    assert change.revision == "106c301873c69b020bc8cb300487c038ebfb70e7"
    assert change.ref == "refs/changes/01/1/1"
    assert change.subject == "Add <b>é</b> driver"
    assert change.topic == "powervm"
    assert "Depends-On: I0000" in change.message
    assert change.url == "https://review.example.org/c/openstack/nova/+/1"
    assert change.owner.email == "dev@example.com"
    assert event.author.username == "dev"
    assert event.natural_key == "patchset-created openstack/nova 1,1 106c301873c69b020bc8cb300487c038ebfb70e7"


@pytest.mark.parametrize(
    ("name", "comment"),
    [
        ("comment-message", "Patch Set 1:\n\nrecheck"),
        ("comment-web", "Patch Set 1:\n\nrecheck"),
        ("comment-web-vote", "Patch Set 1:\n\nrecheck"),
        ("comment-inline", "Patch Set 1:\n\n(1 comment)"),
        ("comment-inline-message", "Patch Set 1:\n\n(1 comment)\n\nrecheck"),
        ("comment-quoted", "Patch Set 1:\n\n> recheck\n\nno"),
        ("comment-vote", "Patch Set 3: Code-Review+2"),
    ],
)
def test_a_recorded_comment_is_read(name, comment):
    assert parse(recorded(name)).comment == comment


@pytest.mark.parametrize(
    ("comment", "beside", "normalised"),
    [
        ("Patch Set 1:\n\n(1 comment)", ["recheck"], "Patch Set 1:\n\nrecheck"),
        ("Patch Set 1: Code-Review+1\n\n(1 comment)", ["recheck"], "Patch Set 1: Code-Review+1\n\nrecheck"),
        ("Patch Set 1:\n\n(3 comments)\n\nplease", ["recheck", "ok"], "Patch Set 1:\n\nrecheck\n\nok\n\nplease"),
        ("Patch Set 1:\n\nrecheck", ["recheck"], "Patch Set 1:\n\nrecheck"),
        ("(1 comment)", ["recheck"], "recheck"),
        ("Patch Set 1:\n\n(1 comment)", [" "], "Patch Set 1:\n\n(1 comment)"),
    ],
)
def test_text_beside_the_comment_takes_the_place_of_its_count(comment, beside, normalised):
    event = json.loads(recorded("comment-message")) | {"comment": comment}
    event["patchSetComments"] = {"/PATCHSET_LEVEL": [{"message": text} for text in beside], "a.py": [{"message": "x"}]}
    assert parse(json.dumps(event)).comment == normalised


def test_a_comment_has_one_key_whichever_way_the_server_tells_it():
    told = parse(changed("comment-web", "eventCreatedOn", 7))
    event = json.loads(recorded("comment-web")) | {"comment": "Patch Set 1:\n\n(2 comments)", "eventCreatedOn": 7}
    event["patchSetComments"] = {"/PATCHSET_LEVEL": [{"message": "recheck\n"}]}

    assert parse(json.dumps(event)).natural_key == told.natural_key
    head_with_vote = json.dumps(event | {"comment": "Patch Set 1: Code-Review+1\n\n(2 comments)\n\na message"})
    assert parse(head_with_vote).natural_key == told.natural_key
    assert parse(changed("comment-web", "eventCreatedOn", 8)).natural_key != told.natural_key
    assert parse(changed("comment-quoted", "eventCreatedOn", 7)).natural_key != told.natural_key


def test_votes_are_read():
    event = parse(recorded("review-failed"))
    assert event.author.username == "powervmci"
    assert {approval.label: approval.value for approval in event.approvals} == {"Verified": -1, "Code-Review": 0}


def test_flags_and_states_are_read():
    assert parse(recorded("wip-state-changed")).change.wip
    assert not parse(recorded("wip-state-changed-off")).change.wip
    assert parse(recorded("private-state-changed")).change.private
    assert parse(recorded("change-merged")).change.status == "MERGED"
    assert parse(recorded("change-abandoned")).author.username == "admin"


def test_old_servers_write_numbers_as_text():
    event = json.loads(recorded("patchset-created"))
    event["change"]["number"], event["patchSet"]["number"] = "1", "1"
    del event["eventCreatedOn"]
    parsed = parse(json.dumps(event))
    assert (parsed.change.number, parsed.change.patchset, parsed.created_at) == (1, 1, 5)
    assert parsed.natural_key == parse(recorded("patchset-created")).natural_key


@pytest.mark.parametrize("kind", ["enqueue", "dequeue", "other", "ref-updated", "something-new"])
def test_a_server_gives_no_orders(kind):
    event = parse(json.dumps({"type": kind, "pipeline": "check", "change": 5}))
    assert (event.type, event.type_name, event.pipeline, event.change) == (EventType.OTHER, kind, None, None)


def test_an_address_that_is_no_web_address_is_left_out():
    assert parse(changed("patchset-created", "change.url", "javascript:alert(1)")).change.url == ""
    assert parse(changed("patchset-created", "change.url", "https://x/<script>")).change.url == ""


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("type", 5, "type: text expected, not a number"),
        ("type", "a b", "type: type of an event expected, not 'a b'"),
        ("eventCreatedOn", -1, "eventCreatedOn: number between"),
        ("eventCreatedOn", "soon", "eventCreatedOn: whole number expected, not text"),
        ("change", [], "change: object expected, not a list"),
        ("change", None, "change: missing"),
        ("change.number", 0, "change.number: number between 1 and 2147483647 expected, not 0"),
        ("change.number", 2**31, "change.number: number between"),
        ("change.number", 1.0, "change.number: whole number expected"),
        ("change.number", True, "change.number: whole number expected, not true or false"),
        ("change.number", "1e3", "change.number: whole number expected"),
        ("change.number", "\u0661", "change.number: whole number expected"),
        ("change.project", "../etc", "change.project: not a name"),
        ("change.project", "a/../b", "change.project: not a name"),
        ("change.project", "/etc", "change.project: not a name"),
        ("change.project", "-x", "change.project: not a name"),
        ("change.project", "a/-x", "change.project: not a name"),
        ("change.project", "", "change.project: not a name"),
        ("change.project", "a\nb", "change.project: not a name"),
        ("change.project", "a" * 501, "change.project: not a name"),
        ("change.branch", "--upload-pack=x", "change.branch: not a name"),
        ("change.branch", "a b", "change.branch: not a name"),
        ("change.status", "new", "change.status: state of a change expected"),
        ("change.wip", "yes", "change.wip: true or false expected"),
        ("change.subject", {}, "change.subject: text expected, not an object"),
        ("change.subject", "\ud800", "change.subject: half of a surrogate pair"),
        ("change.owner", "dev", "change.owner: object expected, not text"),
        ("change.owner.name", 3, "change.owner.name: text expected"),
        ("patchSet.revision", "HEAD", "patchSet.revision: commit expected, not 'HEAD'"),
        ("patchSet.revision", "A" * 40, "patchSet.revision: commit expected"),
        ("patchSet.ref", "refs/heads/master", "patchSet.ref: refs/changes/01/1/1 expected"),
        ("patchSet.number", "2", "patchSet.ref: refs/changes/01/1/2 expected"),
        ("approvals", {}, "approvals: list expected, not an object"),
        ("approvals", [1], "approvals[0]: object expected, not a number"),
        ("approvals", [{"type": "V", "value": "x"}], "approvals[0].value: whole number expected"),
        ("approvals", [{"type": "V", "value": "1001"}], "approvals[0].value: number between"),
        ("comment", 1, "comment: text expected"),
        ("patchSetComments", {"/PATCHSET_LEVEL": "x"}, "patchSetComments./PATCHSET_LEVEL: list expected"),
    ],
)
def test_a_wrong_field_is_named(path, value, complaint):
    with pytest.raises(MalformedJSON) as found:
        parse(changed("comment-message", path, value))
    assert str(found.value).startswith(f"column 1: {complaint}")
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("line", "column", "complaint"),
    [
        ("", 1, "not JSON: Expecting value"),
        ("nonsense", 1, "not JSON: Expecting value"),
        ('{"type": "x",}', 14, "not JSON"),
        ('{"type": "x"} {"type": "y"}', 15, "not JSON: Extra data"),
        ("[]", 1, "object expected, not a list"),
        ("null", 1, "object expected, not null"),
        ("{}", 1, "type: missing"),
        ('{"type": "x", "a": NaN}', 1, "not JSON: NaN is no number"),
        ('{"type": "x", "a": -Infinity}', 1, "not JSON: -Infinity is no number"),
        ('{"type": "x", "a": 1e999}', 1, "number out of range: '1e999'"),
        ('{"type": "x", "a": ' + "9" * 5000 + "}", 1, "number of 5000 digits"),
        ('{"a":' * 100_000, 1, "nested too deeply"),
        ("[" * 100_000, 1, "nested too deeply"),
        ('{"type": "x", "a": "\ud800"}', 21, "half of a surrogate pair"),
        ('{"type": "' + "x" * fields.LINE_LIMIT_BYTES + '"}', 1, "longer than 16777216 bytes"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_garbage_is_told_with_its_column(line, column, complaint):
    with pytest.raises(MalformedJSON, match=rf"^column {column}: ") as found:
        parse(line)
    assert found.value.column == column
    assert found.value.reason.startswith(complaint)


def test_a_complaint_cannot_forge_a_line_of_the_log():
    with pytest.raises(MalformedJSON) as found:
        parse(changed("comment-message", "patchSet.revision", "\n\x1b[31m2026 error\u2028" + "x" * 500))
    assert str(found.value).isprintable()
    assert len(str(found.value)) < 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
paths = st.sampled_from(
    [
        *("type", "eventCreatedOn", "change", "patchSet", "author", "approvals", "comment", "patchSetComments"),
        *("change.number", "change.project", "change.branch", "change.url", "change.topic", "change.owner"),
        *("change.status", "change.wip", "change.private", "change.subject", "change.commitMessage"),
        *("patchSet.number", "patchSet.revision", "patchSet.ref", "patchSet.files", "patchSet.approvals"),
    ]
)


def parses_or_complains(line: str) -> None:
    try:
        event = parse(line)
    except MalformedJSON:
        return
    assert codec.from_json(Event, codec.to_json(event)) == event


@given(st.text() | st.binary().map(lambda line: line.decode(errors="replace")))
@example("\x00")
def test_any_text_is_an_event_or_malformed(line):
    parses_or_complains(line)


@given(json_values)
def test_any_json_is_an_event_or_malformed(value):
    parses_or_complains(json.dumps(value))


@settings(max_examples=400)
@given(paths, json_values)
def test_an_event_with_any_field_replaced_is_an_event_or_malformed(path, value):
    parses_or_complains(changed("comment-message", path, value))


@settings(max_examples=200)
@given(st.integers(0, 2000), st.text(max_size=4))
def test_a_damaged_event_is_an_event_or_malformed(place, inserted):
    line = recorded("comment-message")
    parses_or_complains(line[:place] + inserted + line[place + len(inserted) // 2 :])


def test_a_row_of_a_query_is_a_change():
    event = json.loads(recorded("patchset-created"))
    file_list = [{"file": name} for name in ("/COMMIT_MSG", "/MERGE_LIST", "nova/a.py")]
    patchset = event["patchSet"] | {
        "files": file_list,
        "approvals": [
            {"type": "SUBM", "value": "1", "grantedOn": 9},
            {"type": "Verified", "value": "-1", "grantedOn": "9", "by": {"username": "ci"}},
        ],
    }
    row = query_row(json.dumps(event["change"] | {"currentPatchSet": patchset}))

    change = change_from_query("lab", row)

    assert change.files == ("nova/a.py",)
    [approval] = change.approvals
    assert (approval.label, approval.value, approval.granted_at, approval.by.username) == ("Verified", -1, 9, "ci")
    with pytest.raises(MalformedJSON, match="no patch set 2"):
        change_from_query("lab", row, 2)


def test_the_closing_row_of_a_query_is_none():
    assert query_row('{"type":"stats","rowCount":0}') is None


def test_an_integer_at_the_edge_is_still_read():
    assert load_object('{"a": -9223372036854775808}').integer("a", -(2**63), 0) == -(2**63)
