"""Files that are whole or absent, and the disk that the crash tests rest on: it must lose what a real one loses."""

from pathlib import Path

import pytest
from crash_disk import KEPT, LOST, SURVIVALS, CrashDisk, PowerCut, Survival

from coindex.disk import DISK, exclusive, file_sha256, move_into_place, write_whole
from coindex.errors import Busy

ROOT = Path("/")
FILE, BESIDE = ROOT / "file", ROOT / "beside"
OLD, NEW = b"the old content", b"the content that is new"


def read(disk, path=FILE):
    with disk.open(path) as file:
        return file.read()


def content(disk, path=FILE):
    return None if disk.size(path) is None else read(disk, path)


@pytest.fixture
def disk():
    """A disk that has the old file, durably."""
    disk = CrashDisk()
    write_whole(FILE, OLD, disk=disk)
    return disk.after_power_cut(LOST)


def left_by(writer, disk):
    """What may be in the file after a power cut at any operation of a writer, and after its last."""
    trial = disk.after_power_cut()
    writer(trial)
    found = {content(trial.after_power_cut(survival)) for survival in SURVIVALS}
    for at in range(len(trial.done)):
        trial = disk.after_power_cut(stop_at=at)
        with pytest.raises(PowerCut):
            writer(trial)
        found |= {content(trial.after_power_cut(survival)) for survival in SURVIVALS}
    return found


def test_a_file_written_whole_is_the_old_or_the_new_after_a_power_cut_at_any_operation(disk):
    assert left_by(lambda disk: write_whole(FILE, NEW, disk=disk), disk) == {OLD, NEW}


def test_a_file_written_whole_is_the_new_one_once_that_is_said(disk):
    write_whole(FILE, NEW, disk=disk)
    assert {content(disk.after_power_cut(survival)) for survival in SURVIVALS} == {NEW}


def test_a_writer_that_does_not_sync_its_file_is_caught(disk):
    def careless(disk):
        disk.write(BESIDE, NEW)
        move_into_place(BESIDE, FILE, disk=disk)

    assert left_by(careless, disk) - {OLD, NEW}


def test_a_writer_that_writes_in_place_is_caught(disk):
    def careless(disk):
        disk.write(FILE, NEW)
        disk.sync_file(FILE)

    assert left_by(careless, disk) - {OLD, NEW}


def test_a_writer_that_does_not_sync_the_folder_has_not_kept_its_word(disk):
    disk.write(BESIDE, NEW)
    disk.sync_file(BESIDE)
    disk.rename(BESIDE, FILE)
    assert content(disk) == NEW
    assert content(disk.after_power_cut(LOST)) == OLD
    assert content(disk.after_power_cut(KEPT)) == NEW


def test_what_was_not_synced_may_be_gone_torn_zero_or_noise():
    disk = CrashDisk()
    disk.write(FILE, OLD)
    disk.sync_file(FILE)
    disk.sync_folder(ROOT)
    disk.append(FILE, NEW)
    left = {
        kind: content(disk.after_power_cut(Survival("all", kind)))
        for kind in ("none", "all", "zeros", "prefix", "noise")
    }
    assert left["none"] == OLD and left["all"] == OLD + NEW
    assert left["zeros"] == OLD + bytes(len(NEW))
    assert left["prefix"].startswith(OLD) and len(left["prefix"]) < len(OLD + NEW)
    assert left["noise"].startswith(OLD) and left["noise"] not in (left["all"], left["zeros"])


def test_a_folder_that_was_not_synced_may_be_gone_with_all_that_is_in_it():
    disk, folder = CrashDisk(), ROOT / "folder"
    disk.make_folder(folder)
    write_whole(folder / "file", NEW, disk=disk)
    assert disk.after_power_cut(LOST).names(ROOT) == []
    assert content(disk.after_power_cut(KEPT), folder / "file") == NEW


def test_names_that_were_not_synced_may_each_be_old_or_new():
    disk = CrashDisk()
    for name in "abcd":
        disk.write(ROOT / name, b"")
    left = {tuple(disk.after_power_cut(Survival("some", "all", seed)).names(ROOT)) for seed in range(200)}
    assert len(left) == 2**4


def test_bytes_whose_sync_failed_are_not_saved_by_another(disk):
    failing = disk.after_power_cut(fail_at=1)
    failing.write(BESIDE, NEW)
    with pytest.raises(OSError, match="Input/output"):
        failing.sync_file(BESIDE)
    failing.sync_file(BESIDE)
    move_into_place(BESIDE, FILE, disk=failing)
    assert content(failing) == NEW
    assert content(failing.after_power_cut(LOST)) == b""


def test_nothing_happens_after_the_power_is_gone(disk):
    stopped = disk.after_power_cut(stop_at=1)
    with pytest.raises(PowerCut):
        write_whole(FILE, NEW, disk=stopped)
    for act in (lambda: stopped.remove(FILE), lambda: stopped.size(FILE), lambda: stopped.names(ROOT)):
        with pytest.raises(PowerCut):
            act()


def test_a_full_disk_takes_what_fits_and_the_writer_leaves_nothing_beside(disk):
    full = disk.after_power_cut(room=5)
    with pytest.raises(OSError, match="No space left"):
        full.write(BESIDE, NEW)
    assert content(full, BESIDE) == NEW[:5]
    full = disk.after_power_cut(room=5)
    with pytest.raises(OSError, match="No space left"):
        write_whole(FILE, NEW, disk=full)
    assert (full.names(ROOT), content(full)) == (["file"], OLD)


def test_a_reader_goes_on_reading_the_file_that_it_opened(disk):
    with disk.open(FILE) as opened:
        write_whole(FILE, NEW, disk=disk)
        assert opened.read() == OLD


def test_the_systems_disk_does_what_the_simulated_one_does(tmp_path):
    def act(disk, folder):
        path, beside = folder / "a" / "file", folder / "a" / "beside"
        disk.make_folder(path.parent)
        disk.make_folder(path.parent)
        write_whole(path, OLD, disk=disk)
        disk.write(beside, NEW)
        disk.append(beside, OLD)
        disk.sync_file(beside)
        seen = [disk.names(path.parent), disk.size(path), disk.size(folder), disk.size(folder / "none")]
        move_into_place(beside, path, disk=disk)
        disk.remove(beside)
        return [*seen, disk.names(path.parent), read(disk, path), file_sha256(path, disk=disk)]

    assert act(DISK, tmp_path) == act(CrashDisk(), ROOT)


def test_one_lock_is_held_at_a_time_and_given_back(tmp_path):
    for disk, folder in ((DISK, tmp_path / "new"), (CrashDisk(), ROOT / "new")):
        for _ in range(2):
            with (
                exclusive(folder, "syncing", disk=disk),
                pytest.raises(Busy, match="another process is syncing"),
                exclusive(folder, "syncing", disk=disk),
            ):
                pass
