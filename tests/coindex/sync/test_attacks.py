"""`coindex sync` under attack: each test is named for what is tried, and each ends with the old catalogue answering.

The attacker is the server: a repository in memory that is the fetcher. What it can sign, the keys say that it has.
"""

import gc
import io
import struct
import tracemalloc
import zipfile
import zlib
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime

import numpy as np
import pytest
from release_server import FRESH_NAME, PACK, SHARD, ReleaseServer, models, some_rows
from tuf_repository import TufRepository, target_file

from coindex.catalog import open_catalog, state_hash
from coindex.catalog.packing import frame, pack_codes, pack_numbers
from coindex.catalog.pointer import read_pointer
from coindex.catalog.sections import section
from coindex.errors import CatalogError, ReleaseRejected, SyncError
from coindex.sync import sync
from coindex.sync.metadata import fingerprint

PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def server():
    return ReleaseServer()


@pytest.fixture
def home(server, tmp_path):
    """A device that has release 5."""
    sync("http://server", tmp_path, fetcher=server.release(5))
    return tmp_path


@pytest.fixture
def repository(server):
    return server.repository


def pull(server, home, **options):
    return sync("http://server", home, fetcher=server, **options)


def assert_answers(home, version):
    catalog = open_catalog(home)
    assert catalog.manifest.version == version
    assert catalog.index.search(some_rows([7]).codes[0], 1)[0].row_id == 7


def refused(server, home, match, *, version=5):
    with pytest.raises(ReleaseRejected, match=match):
        pull(server, home)
    assert_answers(home, version)
    assert not list((home / "targets").glob("*.part"))


def accepted(server, home, version):
    assert pull(server, home).to_version == version
    assert_answers(home, version)


def kept(home, name):
    return (home / "metadata" / name).read_bytes()


# Arbitrary software: files that nobody signed whom the device trusts.


def test_arbitrary_software_signed_by_another_servers_keys(server, home):
    stranger = ReleaseServer(TufRepository(seed=2)).release(6)
    stranger.metadata["1.root.json"] = server.metadata["1.root.json"]
    refused(stranger, home, "not signed by the keys that this device trusts")


def test_arbitrary_software_by_another_server_at_the_same_address(home):
    refused(ReleaseServer(TufRepository(seed=2)).release(6), home, "another --home for another server")


def test_arbitrary_software_under_a_root_that_the_old_root_has_not_signed(server, home, repository):
    repository.signers["root"] = []
    repository.root.roles["root"].keyids.clear()
    repository.add_key("root")
    repository.publish_root()
    server.release(6)
    refused(server, home, "not signed")


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_arbitrary_software_signed_by_the_key_of_another_role(server, home, repository, role):
    repository.signers[role] = repository.signers["snapshot" if role == "timestamp" else "timestamp"]
    server.release(6)
    refused(server, home, "not signed")


@pytest.mark.parametrize(
    "name", ["release.json", "models.json", "embedder.int8.tflite", FRESH_NAME, "records.json", PACK]
)
def test_wrong_hash_of_a_target(server, home, name):
    server.release(6, fresh=[50], renamed=[2], files=models(salt=b"x"))
    spoil_last(server, name, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    refused(server, home, f"{name}.*SHA-256")


# Rollback: what was once right, and is old.


def test_rollback_to_an_older_timestamp(server, home):
    old = dict(server.metadata)
    accepted(server.release(6), home, 6)
    server.metadata = old
    refused(server, home, "older than", version=6)


def test_rollback_of_the_snapshot_by_a_thief_of_the_timestamp_key(server, home, repository):
    old = deepcopy(repository.snapshot)
    accepted(server.release(6), home, 6)
    repository.snapshot = old
    repository.publish_timestamp()
    server.serve()
    refused(server, home, "older than", version=6)


def test_rollback_of_the_targets_by_a_thief_of_the_snapshot_and_timestamp_keys(server, home, repository):
    old = deepcopy(repository.targets)
    accepted(server.release(6), home, 6)
    repository.targets = old
    repository.publish_snapshot()
    server.serve()
    refused(server, home, "older than", version=6)


def test_rollback_of_the_release_by_a_thief_of_all_keys_but_the_root(server, home):
    accepted(server.release(6), home, 6)
    refused(server.release(4), home, "release 4, older than release 6", version=6)


def test_rollback_where_the_metadata_of_the_device_are_gone(server, home):
    accepted(server.release(6), home, 6)
    for path in (home / "metadata").iterdir():
        path.unlink()
    refused(server.release(4), home, "release 4, older than release 6", version=6)


def test_another_release_under_the_number_of_the_one_here(server, home):
    refused(server.release(5, fresh=[50]), home, "is not the release 5")


# Freeze: the truth of yesterday, for ever.


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_freeze_at_metadata_that_have_run_out(server, home, repository, role):
    getattr(repository, role).expires = PAST
    server.release(6)
    refused(server, home, f"{role}.* expired.*check the clock")


def test_freeze_at_a_root_that_has_run_out(server, home, repository):
    repository.root.expires = PAST
    repository.publish_root()
    server.release(6)
    refused(server, home, "root.json is expired")


def test_freeze_by_a_server_that_says_nothing(server, home):
    server.metadata.clear()
    with pytest.raises(SyncError, match=r"timestamp\.json"):
        pull(server, home)
    assert_answers(home, 5)


# Mix and match: parts of different releases together.


@pytest.mark.parametrize(("role", "old"), [("snapshot", "1.snapshot.json"), ("targets", "1.targets.json")])
def test_mix_and_match_of_metadata(server, home, role, old):
    server.release(6)
    server.metadata[f"2.{role}.json"] = server.metadata[old]
    refused(server, home, "differs from the signed metadata")


def test_mix_and_match_by_a_thief_of_the_timestamp_key(server, home, repository):
    server.release(6)
    first = deepcopy(repository)
    server.release(7)
    # The snapshot of one release, signed as it should be, under the number of another.
    repository.timestamp.snapshot_meta.length = repository.timestamp.snapshot_meta.hashes = None
    repository.timestamp.version += 1
    repository.write("timestamp", repository.timestamp)
    server.serve()
    old = first.files[f"{first.snapshot.version}.snapshot.json"]
    server.metadata[f"{repository.snapshot.version}.snapshot.json"] = old
    refused(server, home, "rejected")


def test_mix_and_match_of_targets(server, home):
    server.release(6, fresh=[50])
    other = server.targets[server.stored("models.json")]
    spoil_last(server, FRESH_NAME, lambda _: other)
    refused(server, home, FRESH_NAME)


# Endless data, and too little.


@pytest.mark.parametrize(("name", "most"), [("timestamp.json", 16), ("2.root.json", 64)])
def test_endless_metadata(server, home, name, most):
    server.release(6)
    server.metadata[name] = b" " * (most * 1024 + 1)
    refused(server, home, f"longer than the {most * 1024} bytes")


@pytest.mark.parametrize("name", ["2.snapshot.json", "2.targets.json"])
def test_endless_metadata_whose_length_is_signed(server, home, name):
    server.release(6)
    length = len(server.metadata[name])
    server.metadata[name] += b" " * 10_000_000
    refused(server, home, f"longer than the {length} bytes")


def test_wrong_length_of_a_target_that_is_longer(server, home):
    spoil_last(server.release(6, fresh=[50]), FRESH_NAME, lambda data: data + bytes(1000))
    refused(server, home, FRESH_NAME)


def test_wrong_length_of_a_target_that_is_shorter(server, home):
    spoil_last(server.release(6, fresh=[50]), FRESH_NAME, lambda data: data[:-1])
    with pytest.raises(SyncError, match="broke"):
        pull(server, home)
    assert_answers(home, 5)


def test_a_release_of_more_bytes_than_a_phone_has(server, home):
    huge = {f"shard-{n}.coinshard": target_file(f"shard-{n}.coinshard", b"") for n in range(3)}
    for file in huge.values():
        file.length = 2**31
    server.sign({**server.repository.targets.targets, **huge})
    refused(server, home, "GB are allowed")


# Keys: rotation, theft, and the way back.


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_key_rotation_is_followed(server, home, repository, role):
    repository.rotate(role)
    accepted(server.release(6), home, 6)


def test_key_rotation_over_several_roots_that_a_device_has_missed(server, home, repository):
    for roles in (["root"], ["root", "timestamp"], ["root", "targets", "snapshot"]):
        repository.rotate(*roles)
    accepted(server.release(6), home, 6)
    names = sorted(path.name for path in (home / "metadata").glob("*.root.json"))
    assert names == [f"{n}.root.json" for n in range(1, 5)]
    server.asked.clear()
    accepted(server, home, 6)
    assert server.asked == ["5.root.json", "timestamp.json"]


def test_a_chain_of_roots_that_lacks_one_leads_nowhere(server, home, repository):
    for _ in range(3):
        repository.rotate("root", "timestamp")
    server.release(6)
    del server.metadata["3.root.json"]
    refused(server, home, "not signed")


def test_a_root_that_is_not_the_next_one_is_not_believed(server, home, repository):
    repository.rotate("root")
    repository.rotate("root")
    server.release(6)
    server.metadata["2.root.json"] = server.metadata["3.root.json"]
    refused(server, home, "skips one|not signed")


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp"])
def test_key_compromise_a_revoked_key_signs_nothing_any_more(server, home, repository, role):
    thief = repository.signers[role]
    repository.rotate(role)
    server.serve()
    pull(server, home)
    repository.signers[role] = thief
    server.release(6)
    refused(server, home, "not signed by the keys")


def test_fast_forward_is_believed_while_the_keys_are_and_ended_by_new_ones(server, home, repository):
    mine = deepcopy(repository)
    for role in (repository.timestamp, repository.snapshot, repository.targets):
        role.version = 2**31
    accepted(server.release(1_000_000, fresh=[50]), home, 1_000_000)
    # The operator's own next release is behind all that.
    server.repository = mine
    server.serve()
    with pytest.raises(ReleaseRejected, match="older than"):
        pull(server, home)
    mine.rotate("targets", "snapshot", "timestamp")
    accepted(server.release(6), home, 6)


def test_fast_forward_of_the_release_alone_needs_new_targets_keys(server, home, repository):
    mine = deepcopy(repository)
    accepted(server.release(1_000_000, fresh=[50]), home, 1_000_000)
    server.repository = mine
    mine.targets.version = mine.snapshot.version = mine.timestamp.version = 10
    mine.rotate("timestamp", "snapshot")
    server.release(6)
    refused(server, home, "release 6, older than release 1000000", version=1_000_000)
    mine.rotate("targets")
    accepted(server.release(7), home, 7)


def test_threshold_one_signature_of_two_is_too_few(server, home, repository):
    other = repository.add_key("targets")
    repository.root.roles["targets"].threshold = 2
    repository.publish_root()
    accepted(server.release(6), home, 6)
    repository.signers["targets"].remove(other)
    server.release(7)
    refused(server, home, "not signed", version=6)


# The root that is pinned.


def test_wrong_root_given_at_the_first_sync(server, tmp_path):
    wrong = TufRepository(seed=2).files["1.root.json"]
    with pytest.raises(ReleaseRejected, match="not signed"):
        pull(server.release(5), tmp_path, root=wrong)
    assert not list((tmp_path / "metadata").iterdir())
    accepted(server, tmp_path, 5)  # nothing was pinned


def test_wrong_root_given_later(server, home):
    wrong = TufRepository(seed=2).files["1.root.json"]
    with pytest.raises(ReleaseRejected, match=r"not the one that this device trusts.*another --home"):
        pull(server, home, root=wrong)
    assert_answers(home, 5)


@pytest.mark.parametrize("data", [b"", b"{}", b"<html>"])
def test_wrong_root_that_is_none(server, tmp_path, data):
    with pytest.raises(ReleaseRejected, match="not a root signed by its own keys"):
        pull(server.release(5), tmp_path, root=data)


def test_the_right_root_given_pins_it_without_asking_the_server(server, tmp_path):
    report = pull(server.release(5), tmp_path, root=server.metadata["1.root.json"])
    assert "1.root.json" not in server.asked
    assert report.root_is_new and report.root_fingerprint == fingerprint(server.metadata["1.root.json"])
    assert not pull(server, tmp_path, root=server.metadata["1.root.json"]).root_is_new


def test_a_newer_root_given_pins_that_one(server, tmp_path, repository):
    repository.rotate("root")
    server.release(5)
    pull(server, tmp_path, root=server.metadata["2.root.json"])
    assert [path.name for path in (tmp_path / "metadata").glob("*.root.json")] == ["2.root.json"]
    repository.rotate("root")
    accepted(server.release(6), tmp_path, 6)


def test_a_pinned_root_that_is_damaged_is_taken_again_only_where_it_is_the_same(server, home):
    path = home / "metadata" / "1.root.json"
    whole = path.read_bytes()
    for damage in (lambda: path.write_bytes(whole[:-9]), path.unlink):
        damage()
        stranger = ReleaseServer(TufRepository(seed=2)).release(6)
        refused(stranger, home, "fingerprint.*another server, or a forged one")
        accepted(server, home, 5)
        assert kept(home, "1.root.json") == whole


def test_a_pinned_root_that_is_damaged_before_there_is_a_catalogue_is_not_replaced_in_silence(server, home):
    (home / "current.json").unlink()
    (home / "metadata" / "1.root.json").write_bytes(b"{")
    with pytest.raises(SyncError, match="--root FILE"):
        pull(server, home)
    accepted_root = server.metadata["1.root.json"]
    assert pull(server, home, root=accepted_root).to_version == 5


def test_a_wrong_address_pins_nothing(tmp_path):
    nothing = ReleaseServer()
    nothing.serve()
    nothing.metadata = {"1.root.json": nothing.metadata["1.root.json"]}
    with pytest.raises(SyncError, match="timestamp"):
        pull(nothing, tmp_path)
    assert pull(ReleaseServer(TufRepository(seed=2)).release(1), tmp_path).root_is_new


def test_what_was_verified_before_a_refusal_is_kept(server, home, repository):
    """So that nobody leads the device back behind it: a new root counts even where the release is refused."""
    repository.rotate("root")
    server.release(6)
    server.metadata[f"{repository.snapshot.version}.snapshot.json"] = b"{}"
    refused(server, home, "rejected")
    assert (home / "metadata" / "2.root.json").is_file()
    assert kept(home, "timestamp.json") == server.metadata["timestamp.json"]
    assert read_pointer(home).version == 5


def spoil_last(server, name, change):
    """Serve other bytes under the address of a target of the last release."""
    path = server.stored(name)
    server.targets[path] = change(server.targets[path])


def test_the_shards_of_another_state_under_their_own_signature(server, home):
    """A thief of the targets key can sign any file; that the parts are one catalogue is checked apart."""
    wrong = server.targets[server.stored(SHARD)]
    server.release(6, range(5, 60), files={SHARD: wrong})
    refused(server, home, "state hash|rows")


def test_a_pinned_root_that_was_exchanged_for_a_strangers_is_not_believed(server, home):
    stranger = ReleaseServer(TufRepository(seed=2)).release(6)
    (home / "metadata" / "1.root.json").write_bytes(stranger.metadata["1.root.json"])
    refused(stranger, home, "fingerprint")
    accepted(server, home, 5)
    assert kept(home, "1.root.json") == server.metadata["1.root.json"]


HUGE = 300_000
"""Rows that are nothing but zeros: kilobytes in a file, 20 MB and more once unpacked."""


def zeros(count):
    return pack_numbers(np.zeros(count, np.uint32))


def huge_rows():
    parts = (zeros(HUGE), zeros(HUGE), zlib.compress(bytes(64 * HUGE)))
    return b"".join(map(section, parts))


def huge_shard():
    one = pack_numbers(np.array([1], np.uint32))
    parts = (
        one,
        pack_numbers(np.array([HUGE], np.uint32)),
        zeros(HUGE),
        pack_codes(np.zeros((HUGE, 64), np.int8)),
        b"",
    )
    return frame(b"COINSHRD", 1, struct.pack("<II", HUGE, 1) + b"".join(map(section, parts)))


def huge_fresh(tombstones=0, rows=0):
    body = section(zeros(tombstones)) + (huge_rows() if rows else section(zeros(0)) * 2 + section(pack_codes(NO_CODES)))
    return frame(b"COINFRSH", 1, struct.pack("<II", tombstones, rows) + body)


NO_CODES = np.zeros((0, 64), np.int8)


@contextmanager
def in_little_memory(most=8e6):
    """What earlier tests left is collected first: its warnings would read sources within the count."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def assert_refused_in_little_memory(server, home, match):
    with in_little_memory(), pytest.raises(ReleaseRejected, match=match):
        pull(server, home)
    assert open_catalog(home).manifest.version == 5


@pytest.mark.parametrize(
    "file",
    [
        {SHARD: huge_shard()},
        {FRESH_NAME: huge_fresh(tombstones=HUGE)},
        {FRESH_NAME: huge_fresh(rows=HUGE)},
        {"records.json": b"[" + b",".join([b"{}"] * HUGE) + b"]"},
        {"records.json": b"[" + b",".join([b'{"class_id":1}'] * HUGE) + b"]"},
        {"records.json": b'[{"class_id":' + b"[" * 10**6},
    ],
    ids=["shard", "tombstones", "fresh rows", "records", "many records", "one record"],
)
def test_more_than_the_manifest_states_is_not_unpacked(server, home, file):
    server.release(6, ids=range(1, 41), fresh=[50], files=file)
    assert_refused_in_little_memory(server, home, "expected|entries")


@pytest.mark.parametrize("claim", [{"rows": 84_000_000}, {"rows": 1_000_000}, {"classes": 41}])
def test_more_than_so_many_bytes_can_hold_is_not_fetched(server, home, claim):
    server.release(6, ids=range(1, 41), manifest=claim, files={SHARD: huge_shard()})
    server.fetched.clear()
    assert_refused_in_little_memory(server, home, "claims .* rows")
    assert server.fetched == ["release.json"]


@pytest.mark.parametrize("counts", [(HUGE, 0, 0, 2), (0, HUGE, 0, 2), (0, 0, 0, 10**7)])
def test_a_delta_of_more_than_a_device_gathers_is_not_unpacked_and_the_release_itself_taken(server, home, counts):
    held = server.states[5], server.release(6, ids=range(1, 900), deltas=[5]).states[6]
    body = section(zeros(counts[0])) + (
        huge_rows() if counts[1] else section(zeros(0)) * 2 + section(pack_codes(NO_CODES))
    )
    body += section(zeros(0)) + section(zlib.compress(bytes(counts[3])))
    hashes = b"".join(bytes.fromhex(state_hash(state)) for state in held)
    delta = frame(b"COINDELT", 1, hashes + struct.pack("<IIII", *counts) + body)
    server.release(6, ids=range(1, 900), deltas=[5], files={"delta-5-6.coindelta": delta})
    assert len(delta) < len(server.targets[server.stored(SHARD)])
    with in_little_memory():
        report = pull(server, home)
    assert (report.route, report.to_version) == ("full", 6) and "delta-5-6.coindelta" in server.fetched


def test_a_picture_that_is_not_stored_as_it_is_is_not_unpacked(server, home):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("7.webp", bytes(10**8))
    pull(server.release(6, ids=range(1, 41), files={PACK: out.getvalue()}), home)
    catalog = open_catalog(home)
    with in_little_memory(1e6), pytest.raises(CatalogError, match="compressed or too large"):
        catalog.thumbnail(7)
