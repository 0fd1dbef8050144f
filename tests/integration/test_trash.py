"""What a hostile patch left in its logs is removed, and nothing else."""

import os

import pytest

from ci.services import trash as trash_module
from ci.services.trash import TRASH, Trash


def always():
    return True


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "logs"
    root.mkdir()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep me")
    yield root
    assert (precious / "file").read_text() == "keep me"


def build_folder(root, name="0123456789"):
    folder = root / "11" / "4711" / "2" / "check" / "job" / name
    folder.mkdir(parents=True)
    (folder / "job-output.txt").write_text("text")
    return folder


def removed(root, folder):
    trash = Trash(root)
    there = trash.throw_away(folder.relative_to(root).parts)
    assert not folder.exists()
    assert trash.empty(always)
    assert list((root / TRASH).iterdir()) == []
    return there


def test_a_folder_goes_with_the_parents_that_are_empty_then(root):
    assert removed(root, build_folder(root))
    assert [path.name for path in root.iterdir()] == [TRASH]


def test_a_parent_that_is_not_empty_stays(root):
    other = build_folder(root, "other")
    assert removed(root, build_folder(root))
    assert (other / "job-output.txt").exists()


def test_what_is_not_there_is_no_error(root):
    assert not removed(root, root / "11" / "4711")


def test_links_are_removed_not_followed(root):
    folder = build_folder(root)
    (folder / "to-folder").symlink_to(root.parent / "precious")
    (folder / "to-file").symlink_to(root.parent / "precious" / "file")
    (folder / "up").symlink_to("../../..")
    assert removed(root, folder)


def test_a_link_in_place_of_the_folder_itself_is_removed_not_followed(root):
    folder = root / "11" / "link"
    folder.parent.mkdir()
    folder.symlink_to(root.parent / "precious")
    assert removed(root, folder)


def test_a_link_in_place_of_a_parent_leads_nowhere(root):
    (root / "11").symlink_to(root.parent)
    assert not Trash(root).throw_away(("11", "precious"))


def test_a_very_deep_tree(root):
    folder = build_folder(root)
    here = os.open(folder, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    assert removed(root, folder)


def test_names_that_are_no_text_fifos_and_folders_without_rights(root):
    folder = build_folder(root)
    (folder / os.fsdecode(b"\xff\n\x1b[31m")).write_text("x")
    os.mkfifo(folder / "fifo")
    locked = folder / "locked" / "inner"
    locked.mkdir(parents=True)
    (locked / "file").touch()
    locked.chmod(0)
    locked.parent.chmod(0)
    assert removed(root, folder)


def test_a_slice_that_ends_leaves_the_rest_for_the_next(root):
    folder = build_folder(root)
    for number in range(10):
        (folder / str(number)).touch()
    trash = Trash(root)
    trash.throw_away(folder.relative_to(root).parts)
    left = [3]

    def three_times():
        left[0] -= 1
        return left[0] >= 0

    assert not trash.empty(three_times)
    assert trash.empty(always)


@pytest.mark.parametrize("lines", range(12))
def test_a_crash_at_any_step_leaves_what_the_next_start_removes(root, monkeypatch, lines):
    """Each call to the file system in turn is the last one."""
    folder = build_folder(root)
    (folder / "sub" / "sub").mkdir(parents=True)
    calls = [0]

    class Crash(BaseException):
        pass

    def guarded(call):
        def wrapped(*arguments, **named):
            calls[0] += 1
            if calls[0] > lines:
                raise Crash
            return call(*arguments, **named)

        return wrapped

    with monkeypatch.context() as patch:
        for name in ("rename", "unlink", "rmdir", "mkdir"):
            patch.setattr(trash_module.os, name, guarded(getattr(os, name)))
        try:
            trash = Trash(root)
            trash.throw_away(folder.relative_to(root).parts)
            trash.empty(always)
        except Crash:
            pass
    Trash(root).throw_away(folder.relative_to(root).parts)
    assert Trash(root).empty(always)
    assert not folder.exists()
    assert not any((root / TRASH).iterdir())
