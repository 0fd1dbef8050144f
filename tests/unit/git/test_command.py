"""What git and ssh complain about becomes one line of the right kind."""

import stat

import pytest

from ci.errors import AuthenticationFailed, CIError, DiskFull, HostKeyMismatch, Refused, Unavailable
from ci.git.command import GitFailed, check_version, git

TAIL = "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n"


@pytest.fixture
def fake_git(tmp_path, monkeypatch):
    def install(errors, status=128):
        program = tmp_path / "git"
        (tmp_path / "errors").write_text(errors)
        program.write_text(f"#!/bin/sh\ncat {tmp_path}/errors >&2\nexit {status}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr("ci.git.command.ENVIRONMENT", {"PATH": f"{tmp_path}:/usr/bin:/bin"})
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return install


@pytest.mark.parametrize(
    ("errors", "kind", "line"),
    [
        (f"Host key verification failed.\n{TAIL}", HostKeyMismatch, "Host key verification failed."),
        (f"ci@host: Permission denied (publickey).\n{TAIL}", AuthenticationFailed, "ci@host: Permission denied"),
        (f"ssh: connect to host h port 1: Connection refused\n{TAIL}", Unavailable, "ssh: connect to host h port 1"),
        (TAIL, Unavailable, "Could not read from remote"),
        ("fatal: couldn't find remote ref refs/changes/01/1/1\n", Refused, "couldn't find remote ref"),
        ("fatal: write error: No space left on device\nfatal: index-pack failed\n", DiskFull, "No space left"),
        ("fatal: something new\n", GitFailed, "something new"),
        ("Total 4766 (delta 883), reused 4766 (delta 883)\n", GitFailed, "exit status"),
        ("Total 47 (delta 8)\nfatal: the remote end hung up unexpectedly\n", Unavailable, "hung up unexpectedly"),
    ],
)
def test_causes(fake_git, tmp_path, errors, kind, line):
    fake_git(errors)
    with pytest.raises(kind) as caught:
        git(["fetch"], cwd=tmp_path, about="ssh://h/p")
    assert type(caught.value) is kind
    assert str(caught.value).startswith("ssh://h/p: ")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damage_is_told_from_other_failures(fake_git, tmp_path):
    fake_git("fatal: bad object deadbeef\n")
    with pytest.raises(GitFailed) as caught:
        git(["fetch"], cwd=tmp_path)
    assert caught.value.is_damage
    fake_git("fatal: Not a valid commit name deadbeef\n")
    with pytest.raises(GitFailed) as caught:
        git(["merge-base"], cwd=tmp_path)
    assert not caught.value.is_damage


def test_a_git_that_hangs_is_ended_with_its_children(tmp_path, fake_git):
    fake_git("")
    (tmp_path / "git").write_text("#!/bin/sh\nsleep 60 &\nsleep 60\n")
    with pytest.raises(Unavailable, match="git fetch did not end in 0 s"):
        git(["fetch"], cwd=tmp_path, timeout_seconds=0.2)


def test_an_old_git_is_named(tmp_path):
    program = tmp_path / "oldgit"
    program.write_text("#!/bin/sh\necho git version 2.34.1\n")
    program.chmod(0o755)
    with pytest.raises(CIError, match=r"git version 2.34.1 is too old: .* git 2.38 or newer"):
        check_version(str(program))
    with pytest.raises(CIError, match="git does not run"):
        check_version(str(tmp_path / "none"))
