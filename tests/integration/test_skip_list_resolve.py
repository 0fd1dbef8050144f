"""What a build's lists come to for the source that it has: strictly read, and lifted by what real git says."""

from __future__ import annotations

import pytest

from tests.carried import module
from tests.commit_history import CHANGE, OTHER, History

PAUSE, BOOT, STOP = (f"{digit * 8}-1a2b-4c3d-8e4f-5a6b7c8d9e0f" for digit in "abc")
NO_ENTRY = "is not the ID of a test and its name (uuid, two spaces, #, the full name)"
ONE = f"# reason: no pause\n{PAUSE}  # a.B.test_pause\n"
TWO = f"# reason: not yet\n# until: {CHANGE}\n# bug: 12\n{BOOT}  # a.B.test_boot\n{STOP}  # a.B.test_stop\n"


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "nova")


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    (folder / "skip_lists").mkdir(parents=True)
    return folder


@pytest.fixture
def resolve(site, history):
    def resolve(*excludes, include=None, regex="", sources=None):
        names = [f"skip_lists/{number}.txt" for number in range(len(excludes))]
        for name, text in zip(names, excludes, strict=True):
            (site / name).write_bytes(text.encode() if isinstance(text, str) else text)
        if include is not None:
            (site / "skip_lists/include.txt").write_text(include)
        found = sources or {"review.opendev.org/openstack/nova": str(history.folder)}
        called = "skip_lists/include.txt" if include is not None else ""
        return module("skip_lists.resolve").resolve(str(site), names, called, regex, found)

    return resolve


def errors(resolve, *excludes, **others):
    with pytest.raises(module("skip_lists.resolve").ResolveError) as caught:
        resolve(*excludes, **others)
    return str(caught.value).splitlines()


def test_lists_add_up_and_everything_is_told(resolve):
    plan = resolve(ONE, "# about\n\n" + TWO, regex="compute")
    assert plan["excluded"] == [PAUSE, BOOT, STOP]
    assert (plan["included"], plan["include_list"], plan["test_regex"]) == (None, None, "compute")
    assert [part["path"] for part in plan["exclude_lists"]] == ["skip_lists/0.txt", "skip_lists/1.txt"]
    assert plan["exclude_lists"][1]["blocks"] == [
        {
            "line": 3,
            "head": {"reason": "not yet", "until": CHANGE, "bug": "12"},
            "lifted_by": None,
            "tests": [
                {"line": 6, "id": BOOT, "names": ["a.B.test_boot"]},
                {"line": 7, "id": STOP, "names": ["a.B.test_stop"]},
            ],
        }
    ]


def test_a_block_whose_change_the_source_contains_does_not_count(resolve, history):
    commit = history.commit("Add it", Change_Id=CHANGE)
    plan = resolve(f"{ONE}\n{TWO}")
    assert plan["excluded"] == [PAUSE]
    brought = {"project": "review.opendev.org/openstack/nova", "commit": commit}
    assert [block["lifted_by"] for block in plan["exclude_lists"][0]["blocks"]] == [None, brought]
    assert module("skip_lists.resolve").lifted(plan) == [
        f"skip_lists/0.txt:4: 2 tests run again: {CHANGE} is in review.opendev.org/openstack/nova ({commit[:12]})"
    ]


def test_another_list_still_leaves_a_lifted_test_out(resolve, history):
    history.commit("Add it", Change_Id=CHANGE)
    assert resolve(TWO, f"# reason: flaky\n{BOOT}  # a.B.test_boot\n")["excluded"] == [BOOT]


def test_any_project_of_the_build_may_bring_the_change(resolve, history, tmp_path):
    other = History(tmp_path / "tempest")
    commit = other.commit("Add it", Change_Id=CHANGE)
    plan = resolve(TWO, sources={"nova": str(history.folder), "tempest": str(other.folder)})
    assert plan["exclude_lists"][0]["blocks"][0]["lifted_by"] == {"project": "tempest", "commit": commit}


def test_a_list_without_until_asks_no_repository(resolve, tmp_path):
    assert resolve(ONE, sources={"nova": str(tmp_path / "nowhere")})["excluded"] == [PAUSE]


def test_a_source_that_cannot_be_read_is_named(resolve, tmp_path):
    (tmp_path / "empty").mkdir()
    assert errors(resolve, TWO, sources={"openstack/nova": str(tmp_path / "empty")})[0].startswith(
        "openstack/nova: git log: fatal: not a git repository"
    )


def test_a_history_that_is_cut_off_is_no_answer(resolve, history, tmp_path):
    history.commit("Add it", Change_Id=CHANGE)
    history.commit("Later", Change_Id=OTHER)
    clone = tmp_path / "shallow"
    history.git("clone", "-q", "--depth", "1", f"file://{history.folder}", str(clone))
    told = errors(resolve, TWO, sources={"openstack/nova": str(clone)})
    assert told == [f"openstack/nova: its history is cut off (shallow): whether it has {CHANGE} is not known"]
    there = TWO.replace(CHANGE, OTHER)
    assert resolve(there, sources={"openstack/nova": str(clone)})["excluded"] == []


def test_an_include_list_says_what_runs(resolve):
    plan = resolve(ONE, include=f"# reason: vSCSI\n{BOOT}  # a.B.test_boot\n{PAUSE}  # a.B.test_pause\n")
    assert (plan["included"], plan["excluded"]) == ([PAUSE, BOOT], [PAUSE])


def test_a_skip_list_may_be_the_include_list_of_a_job_that_tries_what_others_skip(resolve, history):
    history.commit("Add it", Change_Id=CHANGE)
    plan = resolve(include=f"{ONE}\n{TWO}")
    assert (plan["included"], plan["excluded"]) == ([PAUSE, BOOT, STOP], [])


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ("", "skip_lists/include.txt: a list of what runs without a single test"),
        ("# reason: nothing\n\n", "skip_lists/include.txt: a list of what runs without a single test"),
        (
            "# reason: r\nx\n",
            "skip_lists/include.txt:2: is not the ID of a test and its name (uuid, two spaces, #, the full name)",
        ),
    ],
)
def test_an_include_list_that_says_nothing_is_refused(resolve, include, expected):
    assert errors(resolve, include=include) == [expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (PAUSE.upper() + "  # a.B.c", "2: is not the ID of a test and its name"),
        (PAUSE, "2: is not the ID of a test and its name"),
        (f"[id-{PAUSE}]  # a.B.c", "2: is not the ID of a test and its name"),
        ("a.B.test_pause", "2: is not the ID of a test and its name"),
        (".*", "2: is not the ID of a test and its name"),
        (f"{PAUSE}  # a.B.c\f", "2: a character that tempest may read otherwise"),
        (f"\ufeff{PAUSE}  # a.B.c", "2: a character that tempest may read otherwise"),
        (f"{PAUSE}  # a.B.c\n{PAUSE}  # a.B.c", f"3: {PAUSE} is there twice, first on line 2"),
        (f"# until: soon\n{PAUSE}  # a.B.c", "2: `until:` is not a Change-Id: I and 40 digits"),
        (f"# reason: again\n{PAUSE}  # a.B.c", "2: `reason:` is there twice in the block"),
        (f"\n{PAUSE}  # a.B.c", "3: the block has no `# reason:`"),
        (f"{PAUSE}  # caf\u00e9", "2: a character that tempest may read otherwise"),
        (f"# untill: {CHANGE}\n{PAUSE}  # a.B.c", "2: unknown key: `# until: ...` may be meant"),
        (f"# bug:\n{PAUSE}  # a.B.c", "2: `bug:` says nothing"),
        (f"# expires: 2027-02-30\n{PAUSE}  # a.B.c", "2: `expires:` is not a date: YYYY-MM-DD"),
        (f"{PAUSE}  # a.B.c\n# bug: 12\n", "3: the block has no `# reason:`"),
    ],
)
def test_a_line_that_is_not_wholly_clear_stops_the_build_before_it_costs_anything(resolve, line, expected):
    assert errors(resolve, f"# reason: r\n{line}\n")[0].startswith(f"skip_lists/0.txt:{expected}")


def test_all_errors_are_told_at_once_up_to_a_bound(resolve):
    told = errors(resolve, "x\n" * 30, "y\n", regex="*", include="")
    assert told[0] == f"skip_lists/0.txt:1: {NO_ENTRY}"
    assert (len(told), told[-1]) == (21, "and 15 more")


def test_a_regex_that_is_none_is_named(resolve):
    assert errors(resolve, regex="*x") == [
        "tempest_test_regex: not a regular expression: nothing to repeat at position 0"
    ]


@pytest.mark.parametrize("path", ["skip_lists/gone.txt", "../secret", "skip_lists/out", "skip_lists", "/etc/passwd"])
def test_a_path_that_leads_to_no_file_of_the_site_is_refused(site, tmp_path, path):
    (tmp_path / "secret").write_text(ONE)
    (site / "skip_lists/out").symlink_to(tmp_path / "secret")
    resolve = module("skip_lists.resolve")
    with pytest.raises(resolve.ResolveError, match=f"^{path}: no such file in the site$"):
        resolve.resolve(str(site), [path], "", "", {})
