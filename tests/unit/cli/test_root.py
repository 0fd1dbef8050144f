"""The command line: options, exit statuses, lazy verbs."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ci.cli import root
from ci.errors import CIError, SiteError, UsageError
from tests.unit.config.conftest import SiteFolder

ROOT = Path(__file__).parents[3]


@pytest.fixture
def site(tmp_path):
    return SiteFolder(tmp_path)


def failing(error):
    def body():
        raise error

    return click.Command("x", callback=body)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (CIError("no such change"), 1, "no such change\n"),
        (UsageError("no such job"), 2, "no such job\n"),
        (SiteError([]), 1, "\n"),
        (click.UsageError("what?"), 2, "Error: what?\n"),
        (KeyError("x"), 3, "bug: KeyError: 'x'\nthis is a mistake in powervm-ci, not yours: please report it; --verbose shows where\n"),
    ],
)  # fmt: skip
def test_errors_become_one_line_and_a_status(capsys, error, status, said):
    assert root.run([], failing(error)) == status
    captured = capsys.readouterr()
    assert captured.err.endswith(said)
    assert "Traceback" not in captured.err


def test_an_interrupt_is_quiet(capsys):
    assert root.run([], failing(KeyboardInterrupt())) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_bug(tmp_path):
    events = tmp_path / "events"
    events.write_text('{"type":"x"}\n' * 50_000)
    command = f"{sys.executable} -m ci explain --json --events {events} | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert json.loads(done.stdout)["n"] == 1


def test_help_lists_every_verb_and_imports_none():
    code = (
        "import sys\nfrom ci.cli import root\nstatus = root.run(['--help'])\n"
        "print(sorted(m for m in sys.modules if m in ('pydantic', 'yaml', 're2', 'paramiko', 'ci.config')))\nsys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    for name in root.VERBS:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", root.VERBS)
def test_every_verb_can_be_loaded_and_takes_the_common_options(name):
    command = root.cli.get_command(click.Context(root.cli), name)
    assert {"site", "config", "state_dir", "verbose"} <= {parameter.name for parameter in command.params}


def test_an_unknown_verb_is_wrong_usage(capsys):
    assert root.run(["chek"]) == 2
    assert "No such command 'chek'" in capsys.readouterr().err


@pytest.mark.parametrize("before", [True, False])
def test_the_site_is_named_before_or_after_the_verb(site, capsys, before):
    words = ["--site", str(site.folder)]
    assert root.run([*words, "check"] if before else ["check", *words]) == 0
    assert capsys.readouterr().out.startswith("OK: 1 connection, 1 pipeline")


def test_the_state_folder_of_the_command_line_wins(site):
    chosen = root.Invocation(site=site.folder, state_dir=Path("/elsewhere")).load_site()
    assert chosen.settings.state_dir == Path("/elsewhere")


def test_another_config_file(site, tmp_path_factory, capsys):
    other = tmp_path_factory.mktemp("etc") / "zuul.conf"
    other.write_text("[connection gerrit]\ndriver=gerrit\nserver=h\nuser=u\n")
    assert root.run(["check", "--site", str(site.folder), "--config", str(other)]) == 1
    assert f"{other}:1:1: `sshkey` is missing" in capsys.readouterr().out


def test_version(capsys):
    assert root.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("powervm-ci ")


def test_python_m_ci(site):
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "ci", "check", "--site", str(site.folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
