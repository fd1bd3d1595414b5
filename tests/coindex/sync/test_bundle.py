"""A release from a file: taken as from a server, and refused as from a server. Each test is named for what is tried."""

import shutil
import struct
import zipfile
from datetime import UTC, datetime

import pytest
from release_server import PACK, SHARD, ReleaseServer, some_rows
from tuf_repository import TufRepository

from coindex.catalog import open_catalog
from coindex.catalog.pointer import read_pointer
from coindex.errors import ReleaseRejected, SyncError
from coindex.sync import sync
from coindex.sync.metadata import METADATA_PATH

PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def server():
    return ReleaseServer()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "release.zip"


@pytest.fixture
def home(server, tmp_path):
    """A device that has release 5, from the network."""
    sync("http://server", tmp_path / "home", fetcher=server.release(5))
    return tmp_path / "home"


def bundled(server, file, *, leave=(), change=None, method=zipfile.ZIP_STORED, more=()):
    """Everything that a server has, in a bundle, less what is left out; `change` gives other bytes by name."""
    files = {f"{METADATA_PATH}/{name}": data for name, data in server.metadata.items()} | server.targets
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files.items():
            if not any(part in name for part in leave):
                archive.writestr(name, (change or {}).get(name.partition(".")[2], data))
        for name, data in more:
            archive.writestr(name, data)
    return file


def assert_answers(home, version):
    catalog = open_catalog(home)
    assert catalog.manifest.version == version
    assert catalog.index.search(some_rows([7]).codes[0], 1)[0].row_id == 7


def refused(file, home, match, *, version=5, kind=ReleaseRejected):
    with pytest.raises(kind, match=match):
        sync(str(file), home)
    assert_answers(home, version)


def test_a_new_device_takes_a_release_from_a_file(server, file, tmp_path):
    report = sync(str(bundled(server.release(5), file)), tmp_path / "home")
    assert (report.from_version, report.to_version, report.root_is_new, report.route) == (None, 5, True, "full")
    assert_answers(tmp_path / "home", 5)


def test_a_device_goes_on_from_the_network_to_a_file_and_back(server, file, home):
    sync(str(bundled(server.release(6, fresh=[50], deltas=[5]), file)), home)
    assert_answers(home, 6)
    sync("http://server", home, fetcher=server.release(7, fresh=[50, 51], deltas=[6]))
    assert_answers(home, 7)


def test_a_file_without_deltas_is_taken_by_the_full_files(server, file, home):
    server.release(6, ids=range(1, 41), deltas=[5])
    report = sync(str(bundled(server, file, leave=["coindelta"])), home)
    assert report.route == "full"
    assert_answers(home, 6)


def test_the_same_release_from_a_file_changes_nothing(server, file, home):
    before = read_pointer(home)
    report = sync(str(bundled(server, file)), home)
    assert report.up_to_date and read_pointer(home) == before


def test_a_file_of_an_older_release_is_refused(server, file, home, tmp_path):
    bundled(server, file)
    sync("http://server", home, fetcher=server.release(6))
    refused(file, home, "older than", version=6)


def test_a_file_of_an_older_release_that_is_signed_anew_is_refused(server, file, home):
    sync("http://server", home, fetcher=server.release(6))
    refused(bundled(server.release(5), file), home, "offers release 5, older than release 6", version=6)


def test_a_file_of_another_catalogue_is_refused(file, home):
    foreign = ReleaseServer(TufRepository(seed=2)).release(9)
    refused(bundled(foreign, file), home, "not signed by the keys|differs from the signed")


def test_a_file_whose_signature_has_run_out_is_refused(server, file, home):
    server.repository.timestamp.expires = PAST
    refused(bundled(server.release(6), file), home, "its signature has expired")


def test_a_file_with_another_root_than_the_one_given_is_refused(server, file, tmp_path):
    other = ReleaseServer(TufRepository(seed=2)).release(9).metadata["1.root.json"]
    with pytest.raises(ReleaseRejected, match="not signed by the keys"):
        sync(str(bundled(server.release(5), file)), tmp_path / "home", root=other)
    assert read_pointer(tmp_path / "home") is None


def test_a_tampered_file_of_the_release_is_refused(server, file, home):
    server.release(6, ids=range(1, 41))
    name, shard = next((name, data) for name, data in reversed(server.targets.items()) if name.endswith(SHARD))
    server.targets[name] = shard[:-1] + bytes([shard[-1] ^ 1])
    refused(bundled(server, file), home, "another file than the signed one")


def test_a_tampered_signature_is_refused(server, file, home):
    server.release(6)
    change = {"targets.json": server.metadata["2.targets.json"].replace(b'"version":2', b'"version":3')}
    refused(bundled(server, file, change=change), home, "signed metadata is rejected")


def test_a_file_that_lacks_a_part_of_the_release_is_refused(server, file, home):
    server.release(6, ids=range(1, 41))
    refused(bundled(server, file, leave=[PACK]), home, f"has no releases/targets/.*{PACK}; write it again")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_refused(server, file, home, part):
    bundled(server.release(6), file)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * part)])
    refused(file, home, "is not a bundle, or is truncated")
    assert not list((home / "targets").glob("*.part"))


def test_any_byte_of_the_file_may_be_wrong_and_nothing_that_is_not_signed_is_taken(server, file, home, tmp_path):
    """A wrong byte in the archive's own structure, such as a date, may also be without effect."""
    bundled(server.release(6), file)
    data = file.read_bytes()
    for place in range(0, len(data), max(len(data) // 60, 1)):
        device = tmp_path / "device"
        shutil.copytree(home, device)
        file.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            sync(str(file), device)
        except SyncError:
            assert_answers(device, 5)
        else:
            assert_answers(device, 6)
        shutil.rmtree(device)


def test_a_compressed_file_is_refused_before_it_is_unpacked(server, file, home):
    refused(bundled(server.release(6), file, method=zipfile.ZIP_DEFLATED), home, "has .* compressed")


def test_a_file_that_claims_to_be_larger_than_signed_is_not_read_on(server, file, home):
    server.release(6)
    refused(bundled(server, file, change={"json": b" " * 20_000}), home, "is longer than|rejected")


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "releases/targets/../../x", "releases/targets/a/b", "C:\\x", "readme.txt", "é"],
)
def test_a_name_that_no_release_has_is_refused(server, file, home, name):
    refused(bundled(server.release(6), file, more=[(name, b"x")]), home, "which no release has")


def test_a_name_that_is_there_twice_is_refused(server, file, home):
    server.release(6)
    with pytest.warns(UserWarning, match="Duplicate name"):
        bundled(server, file, more=[(f"{METADATA_PATH}/timestamp.json", server.metadata["timestamp.json"])])
    refused(file, home, "timestamp.json twice")


def test_an_encrypted_entry_is_refused(server, file, home):
    bundled(server.release(6), file)
    data = bytearray(file.read_bytes())
    place = data.rindex(b"PK\x01\x02")
    (flags,) = struct.unpack_from("<H", data, place + 8)
    struct.pack_into("<H", data, place + 8, flags | 1)
    file.write_bytes(data)
    refused(file, home, "encrypted")


@pytest.mark.parametrize("data", [b"", b"text", b"PK\x05\x06" + bytes(18)])
def test_any_other_file_is_refused(file, home, data):
    file.write_bytes(data)
    refused(file, home, "is not a bundle")


def test_a_file_that_is_not_there_is_no_address_either(home, tmp_path):
    refused(tmp_path / "nothing.zip", home, "is neither an address nor an existing file", kind=SyncError)


def test_a_sync_from_a_file_that_was_cut_off_goes_on(server, file, home):
    server.release(6, ids=range(1, 41))
    bundled(server, file)
    name = next(name for name in server.targets if name.endswith(SHARD) and not (home / "targets" / name[17:]).exists())
    partial = home / "targets" / (name.rpartition("/")[2] + ".part")
    partial.write_bytes(server.targets[name][:100])
    sync(str(file), home)
    assert_answers(home, 6)
