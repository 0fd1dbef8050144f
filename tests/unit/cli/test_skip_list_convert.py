"""`skip-list convert`: from files and stdin, to files and stdout, and what is said beside it."""

from __future__ import annotations

import io
import json
import sys

import pytest

from ci.cli import root
from tests.unit.skip_lists.lists import identity

ONE, TWO = identity(1), identity(2)
LISTING = f"a.b.C.test_one[id-{ONE},smoke]\na.b.C.test_two[id-{TWO}]\n"
YAML = """\
known_failures:
  - test: a.b.C.test_one
    reason: here
    releases: [{name: master, lp: 'http://x/1'}]
    jobs: [j]
  - test: a.b.C.test_two
    reason: there
    releases: [{name: train}]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests.txt").write_text(LISTING)
    (tmp_path / "old.txt").write_text("# slow\na.b.C.test_one\n")
    (tmp_path / "skip.yaml").write_text(YAML)
    return tmp_path


def convert(*arguments):
    return root.run(["skip-list", "convert", "--tests", "tests.txt", *arguments])


def test_to_stdout(folder, capsys):
    assert convert("old.txt") == 0
    told = capsys.readouterr()
    assert told.out == f"# reason: slow\n{ONE}  # a.b.C.test_one\n"
    assert told.err == "1 ID in 1 block\n"


def test_to_a_file_that_is_there_already_only_by_force(folder, capsys):
    (folder / "new.txt").write_text("precious\n")
    assert convert("old.txt", "-o", "new.txt") == 1
    assert capsys.readouterr().err == "new.txt: is there already: --force replaces it\n"
    assert (folder / "new.txt").read_text() == "precious\n"
    assert convert("old.txt", "-o", "new.txt", "--force") == 0
    assert (folder / "new.txt").read_text().endswith(f"{ONE}  # a.b.C.test_one\n")
    assert root.run(["skip-list", "check", "new.txt", "--tests", "tests.txt"]) == 0


def test_a_list_may_replace_itself(folder):
    assert convert("old.txt", "-o", "old.txt", "--force") == 0
    assert (folder / "old.txt").read_text() == f"# reason: slow\n{ONE}  # a.b.C.test_one\n"


def test_what_could_not_be_converted_is_told_and_the_rest_written(folder, capsys):
    (folder / "old.txt").write_text("# slow\n  x.y.Z.test_no\n\na.b.C.test_t\n")
    assert convert("old.txt", "-o", "new.txt") == 1
    told = capsys.readouterr()
    assert told.err.splitlines() == [
        "old.txt:2:3: matches no test (was it removed, or is a plugin missing?)",
        "note: old.txt:4:1: no reason is said (write one in place of TODO in the new list, or give --reason)",
        "new.txt: 1 ID in 1 block, 1 could not be converted",
    ]
    assert TWO in (folder / "new.txt").read_text()


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ([], [ONE, TWO]),
        (["--release", "master"], [ONE]),
        (["--release", "train"], [TWO]),
        (["--job", "other"], [TWO]),
        (["--job", "j", "--installer", "osp", "--deployment", "overcloud"], [ONE, TWO]),
    ],
)
def test_yaml_with_filters(folder, capsys, options, ids):
    assert convert("skip.yaml", *options) == 0
    assert [line[:36] for line in capsys.readouterr().out.splitlines() if line[:1] not in {"#", ""}] == ids


def test_filters_are_for_yaml(folder, capsys):
    assert convert("old.txt", "--job", "j") == 2
    assert capsys.readouterr().err == "old.txt is a list of names: only tempest-skip's YAML says what tests are for\n"


def test_stdin(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.b.C.test_two\nnone\n")))
    assert convert("-", "--reason", "old") == 1
    told = capsys.readouterr()
    assert told.out == f"# reason: old\n# not converted (no such test): none\n{TWO}  # a.b.C.test_two\n"
    assert told.err.startswith("<stdin>:2:1: matches no test")


def test_stdin_is_one_thing(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LISTING.encode())))
    assert root.run(["skip-list", "convert", "-", "--tests", "-"]) == 2
    assert capsys.readouterr().err == "FILE and --tests cannot both come from stdin\n"


def test_json_is_about_the_written_list(folder, capsys):
    assert convert("old.txt", "--json") == 2
    assert "-o OUT" in capsys.readouterr().err
    (folder / "old.txt").write_text("a.b.C\nno\n")
    assert convert("old.txt", "--json", "-o", "new.txt") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["path"], told["entries"], told["blocks"]) == ("new.txt", 2, 1)
    assert [(one["line"], one["code"]) for one in told["errors"]] == [(2, "matches-nothing")]
    assert [(one["line"], one["code"]) for one in told["notes"]] == [(1, "matches-several"), (1, "no-reason")]


def test_files_that_cannot_be_read_are_one_line(folder, capsys):
    assert convert("none.txt") == 1
    assert (
        capsys.readouterr().err == "none.txt: cannot be read: No such file or directory (name a list that is there)\n"
    )


def test_a_folder_that_is_not_there_is_one_line(folder, capsys):
    assert convert("old.txt", "-o", "none/new.txt") == 1
    assert "none/new.txt: cannot be written: No such file or directory\n" in capsys.readouterr().err


def test_without_known_tests_it_says_how_to_name_them(folder, capsys):
    assert root.run(["skip-list", "convert", "old.txt"]) == 1
    told = capsys.readouterr().err
    assert "the IDs of its tests are not known (say which tests there are by --tests FILE or --tempest)" in told
