"""Sync in C++: the golden attacks, the routes of Python's tests, one folder for both, and an end at any moment."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from coindex_native import NativeError
from release_server import CHECKPOINT, PACK, SHARD, ReleaseServer, space_of

from coindex.catalog import CatalogState, open_catalog, state_hash
from coindex.catalog.pointer import read_pointer, read_target
from coindex.errors import CatalogError, SyncError
from coindex.sync import sync

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tuf" / "cases.json").read_text("utf-8"))
NOW = int(datetime.fromisoformat("2026-06-01T00:00:00+00:00").timestamp())
CATALOG, SYNC, NOT_SERVED, REJECTED = 4, 6, 7, 8


def served_text(files):
    """A golden case's server."""

    def get(path, offset):
        name = path.rpartition("/")[2]
        return GOLDEN["texts"][files[name]].encode()[offset:] if name in files else None

    return get


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_a_golden_repository_is_accepted_or_refused_as_it_says(library, case, tmp_path):
    now = int(datetime.fromisoformat(GOLDEN["time"]).timestamp())
    for files in case["before"]:
        library.refresh(tmp_path, served_text(files), now=now)
    if case["expect"] == "refused":
        with pytest.raises(NativeError) as refused:
            library.refresh(tmp_path, served_text(case["server"]), now=now)
        assert refused.value.status in (REJECTED, NOT_SERVED)
        return
    found = library.refresh(tmp_path, served_text(case["server"]), now=now)
    text = GOLDEN["texts"][case["server"][f"{case['version']}.targets.json"]]
    assert found == len(json.loads(text)["signed"]["targets"])
    assert json.loads((tmp_path / "metadata" / "targets.json").read_text())["signed"]["version"] == case["version"]


def served(server, *, spoil=None):
    """A server in memory; `spoil` changes a target's bytes by its name."""

    def get(path, offset):
        server.asked.append(path.rpartition("/")[2])
        if path.startswith("releases/metadata/"):
            data = server.metadata.get(path.rpartition("/")[2])
        else:
            data = server.targets.get(path)
            if data is not None and spoil:
                data = spoil(path.partition(".")[2], data)
        return None if data is None else data[offset:]

    return get


@pytest.fixture
def server():
    return ReleaseServer()


def pull(library, server, home, **options):
    return library.sync(home, served(server, spoil=options.pop("spoil", None)), now=NOW, **options)


def hash_in(home):
    """The state that a folder's catalogue has, computed by Python."""
    catalog = open_catalog(home)
    found = state_hash(CatalogState(catalog.manifest.space_id, catalog.index.rows, catalog.records))
    assert found == catalog.manifest.state_hash
    return found


def test_a_new_device_gets_the_whole_release_and_python_opens_it(library, server, tmp_path):
    server.release(1)
    report = pull(library, server, tmp_path)
    assert (report.from_version, report.to_version, report.up_to_date, report.route) == (0, 1, False, "full")
    assert report.bytes_downloaded == server.metadata_bytes + sum(map(len, server.targets.values()))
    assert report.root_is_new and len(report.root_fingerprint) == 64
    assert hash_in(tmp_path) == state_hash(server.states[1])
    with library.open(tmp_path) as catalog:
        assert catalog.state_hash() == hash_in(tmp_path)


def test_a_second_sync_asks_for_the_next_root_and_the_timestamp_alone(library, server, tmp_path):
    server.release(1)
    pull(library, server, tmp_path)
    before = (tmp_path / "current.json").read_bytes()
    server.asked.clear()
    report = pull(library, server, tmp_path)
    assert report.up_to_date and report.route == "kept"
    assert report.bytes_downloaded == len(server.metadata["timestamp.json"])
    assert server.asked == ["2.root.json", "timestamp.json"]
    assert (tmp_path / "current.json").read_bytes() == before


def changed(server):
    server.release(1, range(1, 13))
    server.release(2, range(1, 13), fresh=[3, 14], tombstones=[3, 4], renamed=[2], deltas=[1])
    return server


def test_a_delta_is_followed_and_gives_the_same_state_as_pythons(library, server, tmp_path):
    server.release(1, range(1, 13))
    pull(library, server, tmp_path / "mine")
    sync("http://server", tmp_path / "python", fetcher=server)
    server.release(2, range(1, 13), fresh=[3, 14], tombstones=[3, 4], renamed=[2], deltas=[1])
    report = pull(library, server, tmp_path / "mine")
    expected = sync("http://server", tmp_path / "python", fetcher=server)
    assert report.route == expected.route == "delta"
    assert report.bytes_saved == expected.bytes_saved
    assert hash_in(tmp_path / "mine") == hash_in(tmp_path / "python") == state_hash(server.states[2])


def test_facts_come_whole_and_by_a_delta_as_in_python(library, server, tmp_path):
    facts = {1: {"title": "First", "weight": 7.0, "later": ("a", "b")}, 4: {"text": "“Fourth”"}}
    server.release(1, range(1, 13), facts=facts)
    assert pull(library, server, tmp_path).route == "full"
    assert hash_in(tmp_path) == state_hash(server.states[1])
    server.release(2, range(1, 13), facts={1: {"title": "First", "diameter": 24.25}}, deltas=[1])
    assert pull(library, server, tmp_path).route == "delta"
    assert hash_in(tmp_path) == state_hash(server.states[2])
    with library.open(tmp_path) as catalog:
        found = {each.class_id: each.facts for each in catalog.search(np.zeros(64, np.int8), 5)}
    assert found == {1: '{"diameter":24.25,"title":"First"}', 2: None, 3: None, 4: None, 5: None}


def test_one_folder_serves_both_in_turns(library, server, tmp_path):
    server.release(1, range(1, 13))
    sync("http://server", tmp_path, fetcher=server)
    server.release(2, range(1, 13), fresh=[3, 14], tombstones=[3, 4], renamed=[2], deltas=[1])
    assert pull(library, server, tmp_path).route == "delta"
    server.release(3, range(5, 20), renamed=[2, 5], deltas=[1, 2])
    assert sync("http://server", tmp_path, fetcher=server).route == "delta"
    assert hash_in(tmp_path) == state_hash(server.states[3])
    server.release(4, range(5, 22))
    assert pull(library, server, tmp_path).route == "full"
    with library.open(tmp_path) as catalog:
        assert catalog.state_hash() == hash_in(tmp_path) == state_hash(server.states[4])
    names = {path.name.partition(".")[2] for path in (tmp_path / "targets").iterdir()}
    assert not any(name.endswith((".part", ".tmp")) for name in names)


@pytest.mark.parametrize("name", ["release.json", "models.json", SHARD, "records.json", PACK])
def test_a_spoiled_target_is_rejected_and_the_old_catalogue_stays(library, server, tmp_path, name):
    server.release(1, range(1, 13))
    pull(library, server, tmp_path)
    old = hash_in(tmp_path)
    server.release(2, range(3, 30))
    server.targets = {
        path: data if not path.endswith(f".{name}") else data[:-1] + bytes([data[-1] ^ 1])
        for path, data in server.targets.items()
    }
    fresh_device = tmp_path / "another"
    with pytest.raises(NativeError, match="the server sent another file than the one that is signed") as refused:
        pull(library, server, fresh_device)
    assert refused.value.status == REJECTED
    assert read_pointer(fresh_device) is None
    if name in ("release.json", SHARD):
        with pytest.raises(NativeError):
            pull(library, server, tmp_path)
    assert hash_in(tmp_path) in (old, state_hash(server.states[2]))


def test_a_delta_that_is_not_right_is_left_for_the_whole_release(library, server, tmp_path):
    server.release(1, range(1, 13))
    pull(library, server, tmp_path)
    changed_server = server.release(2, range(1, 13), fresh=[14], deltas=[1], files={"delta-1-2.coindelta": b"no delta"})
    report = pull(library, changed_server, tmp_path)
    assert report.route == "full"
    assert hash_in(tmp_path) == state_hash(server.states[2])


@pytest.mark.parametrize(
    ("stated", "match"),
    [
        ({"rows": 20}, "shard-00000.coinshard: 39 rows in .*; at most 20 rows were expected"),
        ({"rows": 5}, "fresh.coinfresh: it claims 6 entries; 5 are the most"),
    ],
)
def test_more_rows_than_the_manifest_states_are_not_unpacked(library, server, tmp_path, stated, match):
    server.release(1, fresh=range(50, 56) if stated["rows"] == 5 else [], manifest=stated)
    with pytest.raises(NativeError, match=match):
        pull(library, server, tmp_path)
    assert read_pointer(tmp_path) is None


def test_an_older_release_is_rejected(library, server, tmp_path):
    server.release(5)
    pull(library, server, tmp_path)
    server.release(4)
    with pytest.raises(NativeError, match="older than release 5 here"):
        pull(library, server, tmp_path)


def test_another_servers_root_is_rejected(library, server, tmp_path):
    server.release(1)
    pull(library, server, tmp_path)
    stranger = ReleaseServer()
    stranger.repository = type(server.repository)(9)
    stranger.release(2)
    with pytest.raises(NativeError) as refused:
        pull(library, stranger, tmp_path)
    assert refused.value.status == REJECTED
    with pytest.raises(NativeError, match="the given root is not the one that this device trusts"):
        pull(library, server, tmp_path, root=stranger.metadata["1.root.json"])


def test_a_given_root_is_pinned(library, server, tmp_path):
    server.release(1)
    pull(library, server, tmp_path, root=server.metadata["1.root.json"])
    with pytest.raises(NativeError, match="no root that signs itself"):
        pull(library, server, tmp_path / "other", root=b"{}")


def test_what_has_come_is_not_fetched_again(library, server, tmp_path):
    server.release(1)
    sizes, shard = [], server.stored(SHARD)

    def get(path, offset):
        data = served(server)(path, offset)
        if path == shard:
            sizes.append(len(data))
            if len(sizes) == 1:
                return data[: len(data) // 2]
        return data

    with pytest.raises(NativeError, match=r"bytes of \d+ came; sync again to go on") as refused:
        library.sync(tmp_path, get, now=NOW)
    assert refused.value.status == SYNC
    library.sync(tmp_path, get, now=NOW)
    assert sizes[1] == sizes[0] - sizes[0] // 2
    assert hash_in(tmp_path) == state_hash(server.states[1])


def test_more_than_may_come_does_not_come(library, server, tmp_path):
    server.release(1)
    with pytest.raises(NativeError, match="is the most that may come; the catalogue here is as it was"):
        pull(library, server, tmp_path, max_bytes=1000)
    assert read_pointer(tmp_path) is None


def test_models_that_are_to_be_kept_are_kept(library, server, tmp_path):
    newer = "d1" * 32
    server.side_by_side(1, CHECKPOINT)
    pull(library, server, tmp_path)
    server.side_by_side(2, newer, CHECKPOINT)
    report = pull(library, server, tmp_path, keep_models=True)
    assert report.space_id == space_of(CHECKPOINT) and not report.up_to_date
    report = pull(library, server, tmp_path)
    assert report.space_id == space_of(newer)
    server.side_by_side(3, CHECKPOINT)
    with pytest.raises(NativeError) as native:
        pull(library, server, tmp_path, keep_models=True)
    with pytest.raises(SyncError) as python:
        sync("http://server", tmp_path, fetcher=server, keep_models=True)
    assert str(python.value).replace("--keep-models", "keep_models") == str(native.value)


def test_a_folder_in_use_is_told(library, server, tmp_path):
    from coindex.disk import exclusive

    server.release(1)
    with (
        exclusive(tmp_path, "syncing"),
        pytest.raises(NativeError, match="another process is syncing here; wait for it to end"),
    ):
        pull(library, server, tmp_path)


# An end at any moment: the program is killed before each of its operations on files in turn.


def lay_out(server, folder):
    """What a server serves, as files."""
    for path, data in [*server.targets.items(), *((f"releases/metadata/{n}", d) for n, d in server.metadata.items())]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def synced(built, home, folder, **environment):
    command = [built.program("sync_folder"), home, folder, str(NOW)]
    preload = next(built.folder.rglob("libcrash_at.*"))
    return subprocess.run(
        command,
        env={**os.environ, "LD_PRELOAD": str(preload), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def scenarios(tmp_path):
    """Of each its name, a server before (None at a first sync) and one after."""
    server = ReleaseServer()
    server.release(1, range(1, 13))
    first = lay_out(server, tmp_path / "1")
    server.release(2, range(1, 13), fresh=[3, 14], tombstones=[3, 4], renamed=[2], deltas=[1])
    second = lay_out(server, tmp_path / "2")
    server.release(3, range(5, 22))
    third = lay_out(server, tmp_path / "3")
    server.repository.rotate("root", "targets", "snapshot", "timestamp")
    server.serve()
    rotated = lay_out(server, tmp_path / "4")
    hashes = {version: state_hash(state) for version, state in server.states.items()}
    yield "a first sync", None, first, (None, hashes[1])
    yield "a delta", first, second, (hashes[1], hashes[2])
    yield "new shards", second, third, (hashes[2], hashes[3])
    yield "new keys", third, rotated, (hashes[3], hashes[3])


def copied(home, to):
    subprocess.run(["cp", "-a", str(home), str(to)], check=True)
    return to


EVERY = int(os.environ.get("COINDEX_NATIVE_EVERY", "5"))
"""Of each way of ending but the first, so many-th operations are tried; with 1, all."""


@pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is Linux's")
@pytest.mark.parametrize("mode", ["kill", "power", "full", "fsync"])
def test_an_end_or_a_fault_at_any_operation_leaves_the_old_state_or_the_new(built, library, tmp_path, mode):
    ends = 0
    for name, before, after, states in scenarios(tmp_path):
        start = tmp_path / f"start {name}"
        start.mkdir()
        if before:
            assert synced(built, start, before).returncode == 0
        whole = synced(built, copied(start, tmp_path / f"whole {name}"), after, COINDEX_CRASH_COUNT="1")
        count = int(whole.stderr.rpartition("operations ")[2])
        assert count > 10
        for at in range(0, count, 1 if mode == "kill" else EVERY):
            home, keep = copied(start, tmp_path / f"{name} {at}"), tmp_path / f"replaced {name} {at}"
            keep.mkdir()
            faults = {"COINDEX_CRASH_AT": str(at), "COINDEX_CRASH_MODE": mode, "COINDEX_CRASH_KEEP": str(keep)}
            done = synced(built, home, after, **faults)
            if mode in ("kill", "power"):
                assert done.returncode == -9
            elif done.returncode:  # the operation was no sync, or nothing was written after it
                assert done.returncode == 1 and "cannot be" in done.stderr, (name, at, done.stderr)
                ends += 1
            assert left_in(home, library) in states, (name, at)
            done = synced(built, home, after)
            assert done.returncode == 0, (name, at, done.stderr)
            assert left_in(home, library) == states[1], (name, at)
            for folder in (home, keep):
                subprocess.run(["rm", "-rf", str(folder)], check=True)
            ends += mode in ("kill", "power")
    print(f"{ends} ends by {mode}")
    assert ends > 10


def left_in(home, library):
    """The state of a folder's catalogue, by Python and by the core; None where both say that there is none."""
    try:
        found = hash_in(home)
    except CatalogError as error:
        assert "no catalogue here yet" in str(error)
        with pytest.raises(NativeError, match="no catalogue here yet"):
            library.open(home)
        return None
    with library.open(home) as catalog:
        assert catalog.state_hash() == found
    pointer = read_pointer(home)
    for target in pointer.files:
        read_target(home, target)
    return found
