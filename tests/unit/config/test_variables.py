"""Job variables are held against the site's schema, and each error stands where the variable is written."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

import json

import pytest

SCHEMA, JOBS, PROJECTS = "jobs/variables.schema.json", "jobs/zuul.d/jobs.yaml", "jobs/zuul.d/projects.yaml"
RULES = {
    "if": {"properties": {"kind": {"const": "fancy"}}, "required": ["kind"]},
    "then": {"required": ["size"], "properties": {"name": {"const": "pearl", "errorMessage": "fancy ones are pearls (say so)"}}},
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "zuul": True,
        "size": {"type": "integer", "minimum": 1},
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "kind": {"enum": ["plain", "fancy"]},
        "list": {"type": "array", "items": {"type": "string"}},
        "nested": {"type": "object", "additionalProperties": False, "properties": {"deep": {"type": "boolean"}}},
        "form": {"anyOf": [{"type": "boolean"}, {"type": "array"}]},
        "one": {"oneOf": [{"minimum": 1}, {"minimum": 2}]},
        "never": {"not": {}},
        "file": {"type": "string", "format": "site-path"},
        "free": True,
    },
}  # fmt: skip


@pytest.fixture
def with_rules(site):
    site.write(SCHEMA, json.dumps(RULES))
    return site


def job(variables, name="x"):
    lines = "".join(f"      {line}\n" for line in variables.splitlines())
    return f"- job:\n    name: {name}\n    vars:\n{lines}"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ("sise: 1", "9:7: unknown variable `sise` (did you mean `size`?)"),
        ("size: big", "9:13: `size` must be a whole number, not 'big'"),
        ("size: 0", "9:13: `size` must be at least 1, not 0"),
        ("name: 7", '9:13: `name` must be text, not 7 (quote it: "7")'),
        ("name: A", "9:13: `name` must fit ^[a-z]+$, not 'A'"),
        ('name: "a\\n"', "9:13: `name` must fit ^[a-z]+$, not 'a\\n'"),
        ("kind: plian", "9:13: `kind` must be plain or fancy, not 'plian' (did you mean `plain`?)"),
        ("list: [a, 2]", '9:17: `list[1]` must be text, not 2 (quote it: "2")'),
        ("nested:\n  deep: 3", "10:15: `nested.deep` must be true or false, not 3"),
        ("nested:\n  depth: true", "10:9: unknown key `nested.depth` (did you mean `deep`?)"),
        ("nested: 1", "9:15: `nested` must be a mapping, not 1"),
        ("form: x", "9:13: `form` must be true or false, not 'x'"),
        ("one: 3", "9:12: `one` fits several forms of which only one may fit"),
        ("never: 1", "9:14: `never` has no place here (remove it)"),
        ("file: playbooks/no.yaml", "9:13: `file` names no file of the site: no file playbooks/no.yaml (paths start at the site's folder)"),
        ("file: playbooks/run", "9:13: `file` names no file of the site: no file playbooks/run (did you mean `playbooks/run.yaml`?)"),
        ("file: ../../etc/passwd", "9:13: `file` names no file of the site: '../../etc/passwd' is not a path inside the site (write it relative to the site's folder, without `..`)"),
        ("file: /etc/passwd", "9:13: `file` names no file of the site: '/etc/passwd' is not a path inside the site (write it relative to the site's folder, without `..`)"),
        ("file: playbooks", "9:13: `file` names no file of the site: playbooks is not a file (name a file)"),
        ("kind: fancy", "7:5: `size` is missing (add it)"),
        ("kind: fancy\nsize: 1\nname: ruby", "11:13: fancy ones are pearls (say so)"),
        ("kind: fancy\nsize: 1\nname: 7", '11:13: `name` must be text, not 7 (quote it: "7")'),
    ],
)  # fmt: skip
def test_errors(with_rules, variables, expected):
    with_rules.add(JOBS, "- job: {name: other}\n" + job(variables))
    assert with_rules.errors() == [f"{JOBS}:{expected}"]


@pytest.mark.parametrize("value", ["playbooks/run.yaml", '""', '"{{ made }}.yaml"'])
def test_a_file_of_the_site_that_is_there_or_none_or_one_that_is_known_later(with_rules, value):
    with_rules.add(JOBS, job(f"file: {value}"))
    assert with_rules.errors() == []


def test_each_wrong_variable_is_told_once_however_many_jobs_have_it(with_rules):
    with_rules.add(JOBS, job("size: big\nname: 7") + "- job: {name: y, parent: x}\n- job: {name: z, parent: x}\n")
    with_rules.write(PROJECTS, "- project:\n    name: nova\n    check:\n      jobs: [x, y, z]\n")
    assert len(with_rules.errors()) == 2


def test_a_job_that_no_project_asks_for_is_held_against_it_too(with_rules):
    with_rules.add(JOBS, job("size: big"))
    assert "jobs: [x]" not in (with_rules.folder / PROJECTS).read_text()
    assert len(with_rules.errors()) == 1


def test_an_abstract_job_is_held_against_it_with_its_children_alone(with_rules):
    with_rules.add(JOBS, job("kind: fancy").replace("name: x", "name: x\n    abstract: true"))
    assert with_rules.errors() == []
    with_rules.add(JOBS, "- job: {name: y, parent: x}\n")
    assert with_rules.errors() == [f"{JOBS}:10:8: `size` is missing (add it)"]


def test_the_definition_that_has_the_last_word_is_named(with_rules):
    with_rules.add(JOBS, job("size: 1") + "- job: {name: x, branches: stable/pike, vars: {size: big}}\n")
    assert with_rules.errors() == [f"{JOBS}:9:54: `size` must be a whole number, not 'big'"]
    with_rules.add(JOBS, "- job: {name: x, branches: stable/pike, vars: {size: 2}}\n")
    assert with_rules.errors() == []


@pytest.mark.parametrize(
    "branches",
    [
        r"'^stable/2025\.[12]$'",
        "'^stable/(newton|ocata)$'",
        "'^stable/[a-o].*$'",
        r"['^stable/.*-eol$', '^v\d+\.\d+$']",
        "stable/",
        "{regex: ^(master|stable/pike)$, negate: true}",
        "{regex: stable/pike, negate: true}",
        "[{regex: '^stable/.*', negate: true}]",
    ],
)  # fmt: skip
def test_a_variant_for_branches_that_no_file_spells_out_is_looked_at(with_rules, branches):
    others = "".join(f"- job: {{name: x, branches: {name}, vars: {{size: 1}}}}\n" for name in ("master", "stable/pike"))
    with_rules.add(
        JOBS, job("size: 1") + f"- job:\n    name: x\n    branches: {branches}\n    vars: {{size: big}}\n{others}"
    )
    assert with_rules.errors() == [f"{JOBS}:12:18: `size` must be a whole number, not 'big'"]


def test_a_job_that_cannot_be_frozen_on_such_a_branch_is_an_error(with_rules):
    with_rules.add(
        JOBS, "- job: {name: base, branches: '^stable/[a-c].*$', final: true}\n- job: {name: base, vars: {size: 1}}\n"
    )
    assert with_rules.errors() == [f"{JOBS}:6:8: the job base is final and cannot take `vars` at {JOBS}:6"]


def test_an_expression_that_no_name_is_found_for_is_a_warning_at_its_place(with_rules):
    with_rules.add(
        JOBS,
        "- job: {name: x, branches: [master, '^a b$'], vars: {size: 1}}\n- job: {name: x, branches: {regex: '.*', negate: true}}\n",
    )
    told = [str(one) for one in with_rules.load().warnings if one.path == JOBS]
    assert [line.partition(":")[2] for line in told] == [
        "5:37: no name of a branch is found that fits `^a b$`: what is said for it is not checked (correct it, or write it more simply)",
        "6:28: no name of a branch is found that fits `not .*`: what is said for it is not checked (correct it, or write it more simply)",
    ]


def test_a_nested_variable_is_named_where_that_part_of_it_is_written(with_rules):
    text = job("nested:\n  deep: 3") + "- job: {name: y, parent: x, vars: {free: 1}}\n"
    with_rules.add(JOBS, text.replace("name: x", "name: x\n    abstract: true"))
    assert with_rules.errors() == [f"{JOBS}:10:15: `nested.deep` must be true or false, not 3"]


def test_what_is_missing_is_told_once_for_a_job_and_its_variants(with_rules):
    variant = "- job: {name: x, branches: stable/pike, vars: {free: 1}}\n"
    with_rules.add(JOBS, job("kind: fancy") + variant + "- job: {name: x, vars: {free: 2}}\n")
    assert with_rules.errors() == [f"{JOBS}:6:5: `size` is missing (add it)"]


@pytest.mark.parametrize(
    ("branches", "line", "places"),
    [
        ("", "- base:\n            vars: {size: big}", ("3:18", "7:26")),
        (
            "    branches: '^stable/.*$'\n",
            "- base: {branches: '^stable/[a-c].*$', vars: {size: big}}",
            ("4:18", "7:61"),
        ),
    ],
    ids=["every branch", "branches that no file spells out"],
)
def test_variables_of_a_project_and_of_its_pipeline_are_looked_at(with_rules, branches, line, places):
    text = f"- project:\n    name: nova\n{branches}    vars: {{name: 7}}\n    check:\n      jobs:\n        {line}\n"
    with_rules.write(PROJECTS, text)
    assert with_rules.errors() == [
        f'{PROJECTS}:{places[0]}: `name` must be text, not 7 (quote it: "7")',
        f"{PROJECTS}:{places[1]}: `size` must be a whole number, not 'big'",
    ]


def test_variables_of_a_template(with_rules):
    with_rules.write(
        PROJECTS,
        "- project-template:\n    name: t\n    vars: {size: big}\n    check:\n      jobs: [base]\n"
        "- project:\n    name: nova\n    templates: [t]\n",
    )
    assert with_rules.errors() == [f"{PROJECTS}:3:18: `size` must be a whole number, not 'big'"]


def test_what_a_tag_replaces_is_not_looked_at(with_rules):
    with_rules.add(JOBS, job("size: big").replace("name: x", "name: x\n    abstract: true"))
    with_rules.add(JOBS, "- job: {name: y, parent: x, vars: !override {size: 1}}\n")
    assert with_rules.errors() == []
    with_rules.add(JOBS, "- job: {name: z, parent: y, vars: !override {sise: 1}}\n")
    assert with_rules.errors() == [f"{JOBS}:11:46: unknown variable `sise` (did you mean `size`?)"]


def test_the_schema_sees_the_branch_and_the_job(site):
    wrong = {"const": "master", "errorMessage": "not here"}
    branches = {"properties": {"zuul": {"properties": {"branch": wrong, "job": {"enum": ["base", "x"]}}}}}
    site.write(SCHEMA, json.dumps(branches))
    site.add(JOBS, "- job: {name: x, branches: master}\n- job: {name: z, branches: stable/pike}\n")
    assert site.errors() == [
        f"{JOBS}:2:5: not here",
        f"{JOBS}:6:8: `zuul.job` must be base or x, not 'z'",
        f"{JOBS}:6:8: not here",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{\n  x\n}", ":2:3: is not JSON: Expecting property name enclosed in double quotes (correct it)"),
        ("", ":1:1: is not JSON: Expecting value (correct it)"),
        ("[" * 100_000, ": cannot be read as JSON (save it as UTF-8, not too deeply nested)"),
        (b"\xff", ": cannot be read as JSON (save it as UTF-8, not too deeply nested)"),
        ('{"type": "objekt"}', ": is not a JSON Schema: `type`: 'objekt' is not valid under any of the given schemas (correct it)"),
        ("[]", ": is not a JSON Schema: [] is not of type 'object', 'boolean' (correct it)"),
        ('{"type": "object", "type": "array"}', ": the key `type` is there twice in one mapping (keep one)"),
        ('{"properties": {"zuul": {"properties": {"job":\n {"pattern": "(?=é\\\\)"}}}}}', ":2:14: `properties.zuul.properties.job.pattern`: not an RE2 regular expression: invalid perl operator: (?= (correct it)"),
        ('{"patternProperties": {"(a": true}}', ":1:24: `patternProperties`: not an RE2 regular expression: missing ): (a (correct it)"),
        ('{"propertyNames": {"pattern": "a**"}}', ":1:31: `propertyNames.pattern`: not an RE2 regular expression: bad repetition operator: ** (correct it)"),
        ('{"unevaluatedProperties": false}', ": `unevaluatedProperties` is not read here (write additionalProperties)"),
        ('{"$ref": "#"}', ": refers to itself without an end (break the circle of `$ref`)"),
        ('{"$ref": "https://example.org/schema"}', ": leads out of this file: Unresolvable: https://example.org/schema (write `#/$defs/...`)"),
        ('{"$ref": "#/$defs/no"}', ": leads out of this file: PointerToNowhere: '/$defs/no' does not exist within "),
    ],
)  # fmt: skip
def test_a_broken_schema_is_one_clear_line(site, text, expected):
    site.write(SCHEMA, text)
    (error,) = site.errors()
    assert error.startswith(SCHEMA + expected)


_SLOW = "^(a+)+$"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"properties": {"free": {"pattern": _SLOW}}}, "`free` must fit"),
        ({"properties": {"free": {"additionalProperties": False, "patternProperties": {_SLOW: False}}}}, "unknown key `free.aaa"),
        ({"properties": {"free": {"additionalProperties": {"type": "null"}, "patternProperties": {_SLOW: True}}}}, "`free.aaa"),
        ({"properties": {"free": {"propertyNames": {"pattern": _SLOW}}}}, "`free` must fit"),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {"a": {"$schema": "https://json-schema.org/draft/2020-12/schema", "pattern": _SLOW}}, "properties": {"free": {"$ref": "#/$defs/a"}}}, "`free` must fit"),
    ],
)  # fmt: skip
def test_an_expression_cannot_take_for_ever(site, rule, says):
    long = "a" * 40 + "b"
    site.write(SCHEMA, json.dumps(rule))
    written = long if says.startswith("`free` must fit") and "propertyNames" not in str(rule) else f"{{{long}: 1}}"
    site.add(JOBS, job(f"free: {written}"))
    (error,) = site.errors()
    assert f": {says}" in error


def test_the_end_of_an_expression_is_the_very_end(site):
    names = {"type": "object", "additionalProperties": False, "patternProperties": {"^[a-z]+$": {"pattern": "^x$"}}}
    site.write(SCHEMA, json.dumps({"properties": {"free": names}}))
    site.add(JOBS, job('free: {"reboot\\n": x, other: "x\\n", fine: x}'))
    assert site.errors() == [
        f"{JOBS}:8:14: unknown key `free.reboot\\n` (remove it)",
        f"{JOBS}:8:36: `free.other` must fit ^x$, not 'x\\n'",
    ]


def test_nothing_is_asked_of_the_net(site, monkeypatch):
    asked = []
    monkeypatch.setattr("urllib.request.urlopen", asked.append)
    site.write(SCHEMA, '{"$ref": "https://example.org/schema"}')
    assert len(site.errors()) == 1
    assert asked == []


def test_a_site_without_a_schema_has_whatever_variables_it_likes(site):
    site.add(JOBS, job("anything: {goes: here}"))
    assert site.errors() == []


def test_the_setting_names_another_schema(site):
    site.add("zuul.conf", "job_variables_schema=rules.json\n")
    assert site.errors() == [
        "rules.json: no such file or directory (name the schema of the job variables, or remove the setting)"
    ]
    site.write("rules.json", json.dumps(RULES))
    site.write(SCHEMA, "broken, and not read")
    assert site.errors() == []
    assert "rules.json" in site.load().files
    site.add(JOBS, job("sise: 1"))
    assert len(site.errors()) == 1


def test_a_large_schema_is_not_read(site):
    site.write(SCHEMA, "{" + " " * (1 << 20) + "}")
    assert site.errors() == [f"{SCHEMA}: is larger than 1048576 bytes (split it)"]
