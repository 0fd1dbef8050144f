"""zuul.conf: Zuul's connection keys, our own section, and its errors with their places."""

# ruff: noqa: E501 - in a table of cases a row is a line

from __future__ import annotations

from pathlib import Path

import pytest

from ci.model.lockstep import LockstepMode
from ci.model.policy import InfraFailure, InfraPolicy

GERRIT = "[connection gerrit]\ndriver=gerrit\nserver=review.example.org\nuser=ci\nsshkey=key\n"


def test_defaults_are_zuuls(site):
    site.write("zuul.conf", GERRIT)
    settings = site.load().settings
    gerrit = settings.gerrits["gerrit"]
    assert (gerrit.port, gerrit.keepalive, gerrit.canonical_hostname) == (29418, 60, "review.example.org")
    assert (gerrit.baseurl, gerrit.ssh_server) == ("https://review.example.org", "review.example.org")
    assert (settings.listen_address, settings.port, settings.log_days) == ("127.0.0.1", 8080, 30)
    assert settings.public_url == "http://127.0.0.1:8080"


def test_relative_paths_start_at_the_file_and_home_is_expanded(site, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ci")
    own = "[powervm-ci]\nstate_dir=state\nknown_hosts=~/hosts\nnode_private_key=$HOME/key\n"
    site.write("zuul.conf", GERRIT + own)
    settings = site.load().settings
    assert settings.state_dir == site.folder / "state"
    assert settings.known_hosts == Path("/home/ci/hosts") == settings.gerrits["gerrit"].known_hosts
    assert settings.node_private_key == site.folder / "$HOME/key"
    assert settings.gerrits["gerrit"].sshkey == site.folder / "key"


def test_what_only_zuul_needs_is_passed_over_and_shared_keys_are_taken(site):
    zuul = (
        "[executor]\nprivate_key_file=/keys/node\n[scheduler]\ntenant_config=jobs/tenant.yaml\n[zookeeper]\nhosts=z\n"
    )
    site.write("zuul.conf", GERRIT + zuul)
    settings = site.load().settings
    assert settings.node_private_key == Path("/keys/node")
    assert settings.tenant_config == site.folder / "jobs/tenant.yaml"


def test_the_password_is_never_shown(site):
    site.write("zuul.conf", GERRIT + "password=hunter2%%\n")
    settings = site.load().settings
    assert settings.gerrits["gerrit"].password == "hunter2%"
    assert "hunter2" not in repr(settings)


def test_a_secret_may_come_from_the_environment(site, monkeypatch):
    monkeypatch.setenv("ZUUL_PASSWORD", "from-outside")
    site.write("zuul.conf", GERRIT + "password=%(ZUUL_PASSWORD)s\n")
    assert site.load().settings.gerrits["gerrit"].password == "from-outside"


def test_several_connections_in_their_order(site):
    site.write("zuul.conf", GERRIT + "[connection a]\ndriver=gerrit\nserver=a\nuser=u\nsshkey=k\nport=1\n")
    assert list(site.load().settings.gerrits) == ["gerrit", "a"]


def test_files_that_are_not_on_this_machine_are_warnings(site):
    (site.folder / "key").unlink()
    warnings = [str(warning) for warning in site.load().warnings]
    assert warnings == [f"zuul.conf: sshkey of gerrit: no file {site.folder / 'key'} on this machine"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GERRIT + "servr=x\n", "6:1: unknown key `servr` in [connection gerrit] (did you mean `server`?)"),
        (GERRIT + "port=ssh\n", "6:6: `port` must be a whole number, not 'ssh'"),
        (GERRIT + "port = 99999\n", "6:8: `port` is out of range: 99999"),
        (GERRIT + "verify_ssl=maybe\n", "6:12: `verify_ssl` must be true or false, not 'maybe'"),
        (GERRIT + "baseurl=review\n", "6:9: `baseurl` is not a web address (for example: https://ci.example.com)"),
        (GERRIT + "password=a%b\n", "6:10: `password` holds a % that means nothing (write %% for a per cent sign; %(ZUUL_NAME)s takes a variable of the environment)"),
        (GERRIT + "kafka_topic=x\n", "6:1: `kafka_topic`: Zuul knows this key, this engine does not (events come from the ssh stream alone)"),
        (GERRIT + "user=b\n", "6:1: `user` is there twice in [connection gerrit] (keep one)"),
        (GERRIT + "port=\n", "6:6: `port` is empty (give it a value or remove the line)"),
        (GERRIT + "[powervm-ci]\ncolour=red\n", "7:1: unknown key `colour` in [powervm-ci]"),
        (GERRIT + "[powervm-ci]\ninfra-failure=ignore\n", "7:15: `infra-failure` must be retry, comment or vote, not 'ignore'"),
        (GERRIT + "[powervm-ci]\ninfra_failure=vote\ninfra-failure=vote\n", "8:1: `infra-failure` is there twice in [powervm-ci] (keep one)"),
        (GERRIT + "[powervm-ci]\nlockstep=on\n", "7:10: `lockstep` must be push, warn or off, not 'on'"),
        (GERRIT + "[powervm-ci]\ngit_user_email=a b@c\n", "7:16: `git_user_email` is none that git takes: 'a b@c' (correct it)"),
        (GERRIT + "[merger]\ngit_user_name=<>\n", "7:15: `git_user_name` is none that git takes: '<>' (correct it)"),
        (GERRIT + "nonsense\n", "6:1: is neither a [section] nor a line `key = value` (correct it)"),
        ("x=1\n" + GERRIT, "1:1: a line before the first [section] (begin with a section in brackets)"),
        (GERRIT + GERRIT, "6:1: the section [connection gerrit] is there twice (join them)"),
        ("[connection g]\ndriver=github\n", "2:8: the driver 'github' is not run by this engine (driver=gerrit is the only one)"),
        ("[connection g]\nserver=x\n", "1:1: `driver` is missing (driver=gerrit is the only one)"),
        ("[connection g]\ndriver=gerrit\nserver=x\nsshkey=k\n", "1:1: `user` is missing in [connection g] (add it)"),
    ],
)  # fmt: skip
def test_errors(site, text, expected):
    site.write("zuul.conf", text)
    errors = [error.removeprefix("zuul.conf:") for error in site.errors() if error.startswith("zuul.conf:")]
    assert errors[0].startswith(expected)


def test_no_connection_at_all(site):
    site.write("zuul.conf", "[powervm-ci]\nport=1\n")
    assert site.errors() == ["zuul.conf: no Gerrit connection (add a section such as [connection opendev])"]


@pytest.mark.parametrize("key", ["infra-failure", "infra_failure"])
def test_what_follows_a_fault_of_the_ci_may_be_said(site, key):
    site.write("zuul.conf", f"{GERRIT}[powervm-ci]\n{key}=comment\ninfra_retries=5\ninfra_retry_delay=60\n")
    assert site.load().settings.infra_policy == InfraPolicy(InfraFailure.COMMENT, 60.0, 5)


def test_a_fault_of_the_ci_is_retried_unless_the_site_says_otherwise(site):
    site.write("zuul.conf", GERRIT)
    assert site.load().settings.infra_policy == InfraPolicy(InfraFailure.RETRY, 300.0, 3)


def test_removals_are_pushed_unless_the_site_says_otherwise(site):
    site.write("zuul.conf", GERRIT)
    settings = site.load().settings
    assert (settings.lockstep, settings.git_user_name, settings.git_user_email) == (LockstepMode.PUSH, None, None)
    site.write("zuul.conf", GERRIT + "[powervm-ci]\nlockstep=warn\n")
    assert site.load().settings.lockstep is LockstepMode.WARN


def test_their_author_is_zuul_s_unless_we_say_another(site):
    merger = "[merger]\ngit_user_name=Zuul\ngit_user_email=zuul@example.org\n"
    site.write("zuul.conf", GERRIT + merger)
    settings = site.load().settings
    assert (settings.git_user_name, settings.git_user_email) == ("Zuul", "zuul@example.org")
    site.write("zuul.conf", GERRIT + merger + "[powervm-ci]\ngit_user_name=Ours\n")
    settings = site.load().settings
    assert (settings.git_user_name, settings.git_user_email) == ("Ours", "zuul@example.org")


def test_keys_that_have_no_effect_here_are_accepted(site):
    site.write("zuul.conf", GERRIT + "replication_delay=3\ngitweb_url_template={baseurl}\n")
    assert site.errors() == []


@pytest.mark.parametrize("key", ["build_disk_limit_mib", "build_memory_limit_mib"])
def test_a_limit_that_no_build_could_live_with_is_out_of_range(site, key):
    site.write("zuul.conf", f"{GERRIT}[powervm-ci]\n{key}=0\n")
    (error,) = site.errors()
    assert f"`{key}` is out of range: 0" in error


def test_a_folder_that_we_may_not_look_into_has_no_files_for_us(site, monkeypatch):
    look = Path.is_file

    def is_file(path):
        if path.name == "key":
            raise PermissionError(13, "Permission denied")
        return look(path)

    site.write("zuul.conf", GERRIT)
    monkeypatch.setattr(Path, "is_file", is_file)
    assert any("no file" in str(warning) for warning in site.load().warnings)
