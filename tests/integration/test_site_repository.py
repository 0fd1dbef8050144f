"""The site's own repository and what branches contain, by real git over a real sshd."""

import stat

import pytest

from ci.errors import HostKeyMismatch, Refused, Unavailable
from ci.git.ancestry import GitHistory
from ci.git.mirrors import Mirrors
from ci.git.site_repository import Author, GitSiteRepository
from tests.integration.upstream import Upstream, git, settings

ONE, OTHER, NEITHER = (f"I{digit * 40}" for digit in "123")
TARGET = "refs/for/master%topic=a-topic"
PATH = "lists/a list.txt"
# What Gerrit says (3.10) to a commit with an address that is not the account's.
UNKNOWN_ADDRESS = """\
#!/bin/sh
while read old new ref; do
  if git cat-file commit "$new" | grep -q '^committer .*<mine@example.com>'; then exit 0; fi
done
echo "ERROR: commit 1234567: email address someone@example.com is not registered in your account, and you lack 'forge committer' permission." >&2
echo "The following addresses are currently registered:" >&2
echo "   mine@example.com" >&2
exit 1
"""  # noqa: E501
REFUSES = """\
#!/bin/sh
echo "ERROR: the project is \x1b[31mread only\x1b[0m" >&2
exit 1
"""


@pytest.fixture
def upstream(tmp_path):
    upstream = Upstream(tmp_path / "upstream")
    upstream.commit({PATH: "one\ntwo\n", "other": "stays\n"}, "the site")
    upstream.push("master")
    return upstream


@pytest.fixture
def mirrors(server, tmp_path):
    made = Mirrors(settings(server), tmp_path / "mirrors")
    yield made
    made.close()


def repository(mirrors, upstream, branch=None, author=Author("A CI", "ci@example.com")):  # noqa: B008 - frozen
    return GitSiteRepository(mirrors, "gerrit", upstream.project, branch, author)


@pytest.fixture
def site(mirrors, upstream):
    return repository(mirrors, upstream)


def hook(upstream, text):
    path = upstream.folder / "nova/hooks/pre-receive"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(stat.S_IRWXU)


# --- the site's own files


def test_a_file_is_read_from_the_tip_each_time(site, upstream):
    first = site.file(PATH)
    assert (first.path, first.branch, first.tip, first.content) == (PATH, "master", upstream.tip(), b"one\ntwo\n")
    upstream.commit({PATH: "more\n"}, "later")
    upstream.push("master")
    assert (site.file(PATH).content, site.file(PATH).tip) == (b"more\n", upstream.tip())


def test_a_file_that_is_not_there_is_none(site):
    assert site.file("lists/b.txt") is None
    assert site.file("lists/*") is None


def test_a_folder_or_a_link_is_no_file(site, upstream):
    (upstream.work / "link").symlink_to("other")
    upstream.commit({}, "a link")
    upstream.push("master")
    for path in ("lists", "link"):
        with pytest.raises(Refused, match="is no file of"):
            site.file(path)


def test_the_branch_may_be_named(mirrors, upstream):
    upstream.commit({PATH: "of the branch\n"}, "a branch")
    upstream.push("stable/pike")
    assert repository(mirrors, upstream, "stable/pike").file(PATH).content == b"of the branch\n"
    with pytest.raises(Refused, match="has no branch none"):
        repository(mirrors, upstream, "none").file(PATH)


def test_a_proposal_is_one_commit_on_the_tip_that_edits_the_file_alone(site, upstream):
    (upstream.work / PATH).chmod(0o755)
    upstream.commit({PATH: "one\ntwo\n\xe4\n"}, "with rights")
    upstream.push("master")
    file = site.file(PATH)
    site.propose(file, b"two\n\xff\r\n", f"Say why\n\nAt length.\n\nChange-Id: {ONE}\n", "a-topic")
    server = upstream.folder / "nova"
    assert git(server, "rev-parse", f"{TARGET}^") == upstream.tip()
    assert git(server, "diff-tree", "-r", "--raw", "--no-commit-id", TARGET).split()[:2] == [":100755", "100755"]
    assert git(server, "diff-tree", "-r", "--name-only", "--no-commit-id", TARGET) == PATH
    raw = upstream.folder / "raw"
    raw.write_bytes(b"two\n\xff\r\n")
    assert git(server, "rev-parse", f"{TARGET}:{PATH}") == git(server, "hash-object", str(raw))
    assert git(server, "log", "-1", "--format=%an|%ae|%cn|%ce|%B", TARGET) == (
        f"A CI|ci@example.com|A CI|ci@example.com|Say why\n\nAt length.\n\nChange-Id: {ONE}"
    )


def test_what_a_killed_git_left_is_not_in_the_way(site, upstream, mirrors):
    file = site.file(PATH)
    folder = mirrors.of("gerrit", upstream.project).path
    (folder / "proposal.index").write_text("rubbish")
    (folder / "proposal.index.lock").write_text("rubbish")
    site.propose(file, b"", "Empty it", "a-topic")
    assert git(upstream.folder / "nova", "rev-parse", f"{TARGET}^") == upstream.tip()


def test_gerrit_is_asked_for_the_address_that_it_takes(mirrors, upstream):
    hook(upstream, UNKNOWN_ADDRESS)
    ours = repository(mirrors, upstream, author=Author("A CI"))
    ours.propose(ours.file(PATH), b"", "Empty it", "a-topic")
    assert git(upstream.folder / "nova", "log", "-1", "--format=%ae %ce", TARGET) == "mine@example.com mine@example.com"


def test_an_address_that_somebody_chose_is_kept_to(site, upstream):
    hook(upstream, UNKNOWN_ADDRESS)
    with pytest.raises(Refused, match=r"email address someone@example\.com is not registered"):
        site.propose(site.file(PATH), b"", "Empty it", "a-topic")


def test_a_push_that_is_refused_says_why_in_one_printable_line(site, upstream):
    hook(upstream, REFUSES)
    with pytest.raises(Refused, match=r"nova: the project is \?\[31mread only\?\[0m: pre-receive hook declined$"):
        site.propose(site.file(PATH), b"", "Empty it", "a-topic")


def test_a_repository_that_is_not_there_is_refused(mirrors):
    with pytest.raises(Refused):
        GitSiteRepository(mirrors, "gerrit", "no/such", None, Author("A CI")).file(PATH)


def test_an_open_change_that_does_not_merge_any_more_says_so(site, upstream):
    change = upstream.change(7, {PATH: "two\n"})
    assert site.conflict(change) == ""
    upstream.commit({PATH: "one\nthree\n"}, "meanwhile", start=upstream.tip())
    upstream.push("master")
    assert "does not merge: conflicts in lists/a list.txt" in site.conflict(change)


# --- what branches contain


def test_changes_are_found_in_the_branches_that_have_them(mirrors, upstream):
    start = upstream.tip()
    one = upstream.commit({"nova/a.py": "new\n"}, f"Add it\n\nChange-Id: {ONE}")
    upstream.commit({"nova/b.py": "new\n"}, f"Mention {OTHER}\n\nChange-Id: {NEITHER}")
    upstream.push("master")
    upstream.commit({"nova/c.py": "x\n"}, f"On the branch\n\nChange-Id: {OTHER}", start=start)
    upstream.push("stable/pike")
    history = GitHistory(mirrors)
    branches = history.branches("gerrit", upstream.project)
    assert sorted(branches) == ["master", "stable/pike"]
    assert history.default_branch("gerrit", upstream.project) == "master"
    found = {branch: history.merged("gerrit", upstream.project, tip, {ONE, OTHER}) for branch, tip in branches.items()}
    assert {branch: set(merged) for branch, merged in found.items()} == {"master": {ONE}, "stable/pike": {OTHER}}
    assert (found["master"][ONE].commit, found["master"][ONE].subject) == (one, "Add it")


def test_a_revert_by_git_itself_takes_a_change_back_and_its_revert_brings_it_again(mirrors, upstream):
    history = GitHistory(mirrors)

    def contains():
        upstream.push("master")
        tip = history.branches("gerrit", upstream.project)["master"]
        return set(history.merged("gerrit", upstream.project, tip, {ONE}))

    upstream.commit({"nova/a.py": "new\n"}, f"Add it\n\nChange-Id: {ONE}")
    assert contains() == {ONE}
    git(upstream.work, "revert", "--no-edit", "HEAD", date="1700000001 +0000")
    assert contains() == set()
    git(upstream.work, "revert", "--no-edit", "HEAD", date="1700000002 +0000")
    assert contains() == {ONE}


def test_a_tip_that_was_looked_at_is_not_looked_at_again(mirrors, upstream, monkeypatch):
    history = GitHistory(mirrors)
    tip = history.branches("gerrit", upstream.project)["master"]
    first = history.merged("gerrit", upstream.project, tip, {ONE})
    monkeypatch.setattr(type(mirrors.of("gerrit", upstream.project)), "git", None)
    assert history.merged("gerrit", upstream.project, tip, {ONE}) is first


def test_what_is_not_to_be_reached_is_unavailable_or_refused(server, upstream, tmp_path):
    nobody = Mirrors(settings(server, port=1), tmp_path / "one")
    with pytest.raises(Unavailable):
        GitHistory(nobody).branches("gerrit", upstream.project)
    (tmp_path / "none").write_text("")
    stranger = Mirrors(settings(server, known_hosts=tmp_path / "none"), tmp_path / "two")
    with pytest.raises(HostKeyMismatch):
        repository(stranger, upstream).file(PATH)
