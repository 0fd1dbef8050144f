"""`freeze-job`: the job as it would run, or why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ci.cli import root

ROOT = str(Path(__file__).parents[3])
NOVA = ["--project", "openstack/nova", "--branch", "master"]


def freeze(*words):
    return root.run(["freeze-job", "--site", ROOT, *words])


def test_json_names_what_runs(capsys):
    assert freeze("nova-in-tree", *NOVA, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["run"] == ["playbooks/nova_run.yaml"]
    assert told["variables"]["deployment"] == "devstack"


def test_text_is_yaml(capsys):
    assert freeze("nova-in-tree", *NOVA) == 0
    assert capsys.readouterr().out.startswith("name: nova-in-tree\n")


def test_a_canonical_project_name(capsys):
    assert freeze("nova-in-tree", "--project", "opendev.org/openstack/nova", "--branch", "master") == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (
            ["nova-in-tree", *NOVA, "--files", "doc/x", "--files", "a.rst"],
            1,
            "all changed files match `irrelevant-files`",
        ),
        (["nova-tempest", *NOVA], 1, "openstack/nova does not list it in the pipeline check"),
        (["nova-in", *NOVA], 2, "no job nova-in (did you mean `nova-in-tree`?)"),
        (["nova-in-tree", "--project", "nova", "--branch", "b"], 2, "no project nova in the tenant"),
        (["nova-in-tree", *NOVA, "--pipeline", "chek"], 2, "no pipeline chek (did you mean `check`?)"),
        (["nova-in-tree"], 2, "Missing option '--project'"),
    ],
)
def test_what_cannot_be_shown(capsys, words, status, said):
    assert freeze(*words) == status
    captured = capsys.readouterr()
    assert said in captured.err
    # what is switched on later can be looked at before
    assert captured.out.startswith(f"name: {words[0]}\n") if status == 1 else captured.out == ""
