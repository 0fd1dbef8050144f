"""tempest-skip's YAML: what is asked for, and what of it becomes reasons, bugs and comments."""

from __future__ import annotations

import pytest

from ci.skip_lists.tempest_skip import Filter, is_tempest_skip, read_tempest_skip

TEXT = """\
known_failures:
  # networks
  - test: 'a.B.test_x'
    reason: everywhere
    lp: https://launchpad.net/bugs/1
    deployment: [overcloud]
    releases:
      - name: master
        reason: on master
        lp: https://launchpad.net/bugs/2
        bz: https://bugzilla.redhat.com/3
      - name: train
        installers: [osp]
    jobs: []
  - test: a.B.test_y
    reason: on two
      lines
    bz: https://bugzilla.redhat.com/4
    jobs: [one, two]
    deployment: [undercloud]
"""


def read(text=TEXT, wanted=None):
    return read_tempest_skip("x.yml", text.encode(), wanted or Filter())


def blocks(text=TEXT, **wanted):
    return [
        ([one.text for one in block.wanted], block.head, block.comments)
        for block in read(text, Filter(**wanted)).blocks
    ]


def test_without_a_filter_all_and_what_each_is_for():
    assert blocks() == [
        (
            ["a.B.test_x"],
            {
                "reason": "master: on master; train: everywhere",
                "bug": "https://launchpad.net/bugs/2, https://bugzilla.redhat.com/3",
            },
            ["networks", "only in the releases master, train", "only with the installers osp"],
        ),
        (
            ["a.B.test_y"],
            {"reason": "on two lines", "bug": "https://bugzilla.redhat.com/4"},
            ["only in the jobs one, two", "only in the deployments undercloud"],
        ),
    ]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"release": "master"}, ["a.B.test_x", "a.B.test_y"]),
        ({"release": "train", "installer": "osp"}, ["a.B.test_x", "a.B.test_y"]),
        ({"release": "train", "installer": "tripleo"}, ["a.B.test_y"]),
        ({"release": "zed"}, ["a.B.test_y"]),
        ({"job": "one"}, ["a.B.test_x", "a.B.test_y"]),
        ({"job": "three"}, ["a.B.test_x"]),
        ({"deployment": "overcloud"}, ["a.B.test_x"]),
        ({"deployment": "undercloud", "job": "two", "release": "master"}, ["a.B.test_y"]),
    ],
)
def test_filters(wanted, expected):
    assert [name for names, _, _ in blocks(**wanted) for name in names] == expected


def test_what_was_asked_for_is_not_said_again():
    assert blocks(job="one", deployment="undercloud")[0][2] == []
    assert blocks(release="master", installer="osp")[0][2] == ["networks"]


def test_a_release_has_its_own_reason_and_bug_and_else_those_of_the_test():
    assert blocks(release="master")[0][1]["reason"] == "on master"
    assert blocks(release="train")[0][1] == {"reason": "everywhere", "bug": "https://launchpad.net/bugs/1"}


def test_equal_heads_become_one_block():
    text = "known_failures:\n" + "".join(
        f"  - test: a.B.test_{name}\n    reason: {name[0]}\n" for name in ("r1", "s1", "r2")
    )
    assert [names for names, _, _ in blocks(text)] == [["a.B.test_r1", "a.B.test_r2"], ["a.B.test_s1"]]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("known_failures: x\n", "x.yml:1:1: has no list `known_failures:` (that is tempest-skip's format)"),
        ("- a\n", "x.yml:1:1: has no list `known_failures:` (that is tempest-skip's format)"),
        ("", "x.yml:1:1: has no list `known_failures:` (that is tempest-skip's format)"),
        ("known_failures: []\ngroups: []\n", "x.yml:2:1: `groups` is not converted (only `known_failures` is)"),
        ("known_failures:\n  - reason: r\n", "x.yml:2:5: `test` is missing (add it)"),
        ("known_failures:\n  - test: a\n    raeson: r\n", "x.yml:3:5: unknown key `raeson` (did you mean `reason`?)"),
        ("known_failures:\n  - test: [a]\n", "x.yml:2:11: `test` must be text, not a list"),
        ("known_failures: [\n", "x.yml:2:1: not YAML: did not find expected node content while parsing a flow node"),
    ],
)
def test_what_is_of_no_use_is_told_with_its_place(text, finding):
    assert [str(one) for one in read(text).findings] == [finding]


def test_an_item_with_an_error_stays_as_a_comment():
    found = read("known_failures:\n  # why\n  - test: a.B.test_x\n    lq: 3\n").blocks
    assert [(block.wanted, block.comments) for block in found] == [
        ([], ["why", "not converted: {'test': 'a.B.test_x', 'lq': 3}"])
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.yml", b"", True),
        ("x.yaml", b"a.B.test\n", True),
        ("x.txt", b"# about\n\n---\nknown_failures:\n", True),
        ("x.txt", b"a.B.test\nknown_failures:\n", False),
        ("-", b"\xff\n", False),
    ],
)
def test_which_files_are_such_yaml(name, content, expected):
    assert is_tempest_skip(name, content) is expected
