"""Below the watermark no build is taken; it goes on by itself."""

import os

import pytest
from structlog.testing import capture_logs

from ci.observability import BUILDS_HELD_BACK
from ci.services.folders import Folders
from ci.services.room import FEWEST_FREE_FILES, MIB, DiskRoom


class Disk:
    """What `statvfs` would say; logs may lie on a disk of their own."""

    def __init__(self, free_mib, *, logs_mib=None, files=10**9):
        self.free_mib, self.logs_mib, self.files, self.has_files = free_mib, logs_mib, files, True

    def __call__(self, place):
        if place.name == "git":
            raise FileNotFoundError
        free = self.logs_mib if place.name == "logs" and self.logs_mib is not None else self.free_mib
        files = self.files if self.has_files else 0
        return os.statvfs_result((4096, MIB, 10**6, free, free, files and 10**9, files, files, 0, 255))


def room(tmp_path, disk, least=100):
    return DiskRoom(Folders(tmp_path), least, disk)


def test_room_enough(tmp_path):
    assert room(tmp_path, Disk(100)).shortage() == ""


def test_a_state_folder_that_is_too_full_is_named_with_figures(tmp_path):
    text = room(tmp_path, Disk(99)).shortage()
    assert text.startswith(f"{tmp_path} has 99 MiB free, less than 100")
    assert "\n" not in text


def test_a_disk_of_its_own_for_the_logs_counts_too(tmp_path):
    assert room(tmp_path, Disk(1000, logs_mib=99)).shortage().startswith(str(tmp_path / "logs"))


def test_it_goes_on_by_itself_with_some_more_than_the_least_and_says_each_once(tmp_path):
    disk = Disk(99)
    watched = room(tmp_path, disk)
    with capture_logs() as lines:
        said = [bool(watched.shortage())]
        for disk.free_mib in (98, 105, 111, 111):
            said.append(bool(watched.shortage()))
    assert said == [True, True, True, False, False]
    assert [line["action"] for line in lines] == ["room.short", "room.enough"]
    assert BUILDS_HELD_BACK._value.get() == 0


def test_a_file_system_without_room_for_files_counts_too(tmp_path):
    assert "more files" in room(tmp_path, Disk(1000, files=FEWEST_FREE_FILES - 1)).shortage()


def test_a_file_system_that_does_not_count_files_is_fine(tmp_path):
    disk = Disk(1000)
    disk.has_files = False
    assert room(tmp_path, disk).shortage() == ""


@pytest.mark.parametrize("free", [0, 5])
def test_nought_turns_it_off(tmp_path, free):
    assert room(tmp_path, Disk(free), least=0).shortage() == ""
