"""Sync against a repository in memory, which is the fetcher: each test is named for what goes wrong."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from release_server import FRESH_NAME, PACK, SHARD, ReleaseServer, models, relief_map, relief_of, relief_pack, some_rows
from tiny_nets import tiny_net
from tuf.api.metadata import TargetFile

from coindex.catalog import open_catalog
from coindex.catalog.pointer import read_pointer, target_path, write_pointer
from coindex.catalog.relief_pack import write_pack
from coindex.disk import exclusive
from coindex.errors import Busy, CatalogError, ReleaseRejected, SpaceMismatch, SyncError
from coindex.models import read_index
from coindex.relief import pack_map
from coindex.sync import rules, sync


@pytest.fixture
def server():
    return ReleaseServer()


@pytest.fixture
def synced(server, tmp_path):
    """A device that has release 5."""
    sync("http://server", tmp_path, fetcher=server.release(5))
    server.fetched.clear()
    server.asked.clear()
    return tmp_path


def pull(server, home):
    return sync("http://server", home, fetcher=server)


def assert_still_works(home, version):
    catalog = open_catalog(home)
    assert catalog.manifest.version == version
    code = some_rows([7]).codes[0]
    assert catalog.index.search(code, 1)[0].row_id == 7
    assert catalog.thumbnail(7) == b"picture 7"
    assert pack_map(maps_of(catalog).get(7)) == relief_map(7)


def maps_of(catalog):
    """The maps that the models which came with a catalogue look at."""
    index = catalog.targets[catalog.manifest.models_index]
    return catalog.maps(read_index(target_path(catalog.home, index)))


def test_a_new_device_gets_the_whole_release(server, tmp_path):
    heard = []
    server.release(1)
    report = sync("http://server", tmp_path, fetcher=server, progress=lambda *of: heard.append(of))
    assert (report.from_version, report.to_version, report.up_to_date) == (None, 1, False)
    assert report.bytes_downloaded == server.metadata_bytes + sum(map(len, server.targets.values()))
    assert report.bytes_reused == 0
    assert heard[-1] == (sum(map(len, server.targets.values())),) * 2
    assert_still_works(tmp_path, 1)


def test_a_second_sync_asks_for_the_next_root_and_the_timestamp_alone(server, synced):
    report = pull(server, synced)
    assert report.up_to_date and report.bytes_downloaded == len(server.metadata["timestamp.json"])
    assert (server.asked, server.fetched) == (["2.root.json", "timestamp.json"], [])


def test_a_renewed_timestamp_is_no_new_release(server, synced):
    server.repository.publish_timestamp()
    server.serve()
    before = (synced / "current.json").read_bytes()
    assert pull(server, synced).up_to_date
    assert server.asked == ["2.root.json", "timestamp.json"]
    assert (synced / "current.json").read_bytes() == before
    kept = synced / "metadata" / "timestamp.json"
    assert kept.read_bytes() == server.metadata["timestamp.json"]


def test_a_release_that_is_signed_anew_is_no_new_release(server, synced):
    server.sign()
    assert pull(server, synced).up_to_date
    assert server.asked == ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"]
    assert server.fetched == []


def test_only_the_files_that_changed_are_fetched(server, synced):
    report = pull(server.release(6, fresh=[50]), synced)
    assert report.route == "full"
    assert sorted(server.fetched) == [FRESH_NAME, "release.json", relief_pack(50), PACK]
    assert (report.from_version, report.to_version) == (5, 6)
    assert report.bytes_reused > 5000
    assert_still_works(synced, 6)


def test_fresh_rows_and_tombstones_of_a_release_are_searched(server, synced):
    pull(server.release(6, fresh=[3, 50], tombstones=[3, 4]), synced)
    index = open_catalog(synced).index
    assert index.rows.row_ids.tolist() == [1, 2, 3, *range(5, 40), 50]
    assert index.search(some_rows([50], seed=1).codes[0], 1)[0].row_id == 50
    assert index.search(some_rows([4]).codes[0], 1)[0].distance > 0


def test_an_opened_catalogue_stays_as_it_was_while_a_sync_moves_on(server, synced):
    opened = open_catalog(synced)
    pull(server.release(6, ids=range(5, 60)), synced)
    assert opened.manifest.version == 5 and opened.thumbnail(1) == b"picture 1"
    assert open_catalog(synced).thumbnail(1) is None


def test_a_reader_that_met_the_pointer_of_a_release_now_deleted_opens_the_new_one(server, synced, monkeypatch):
    old = read_pointer(synced)
    pull(server.release(6, ids=range(1, 50)), synced)
    pull(server.release(7, ids=range(1, 60)), synced)
    answers = iter([old, read_pointer(synced)])
    monkeypatch.setattr("coindex.catalog.local.read_pointer", lambda home, disk: next(answers))
    assert open_catalog(synced).manifest.version == 7


def test_files_of_releases_before_the_last_are_deleted(server, synced):
    pull(server.release(6, ids=range(1, 50)), synced)
    pull(server.release(7, ids=range(1, 60)), synced)
    kept = {path.name.partition(".")[2]: 0 for path in (synced / "targets").iterdir()}
    assert len(list((synced / "targets").glob("*.release.json"))) == 2
    packs = {pack.name for pack in relief_of(range(1, 60))[0].packs}
    assert set(kept) == {*models(), "release.json", SHARD, "records.json", PACK, *packs}


def test_an_interrupted_download_goes_on_where_it_stopped(server, synced):
    server.release(6, ids=range(1, 400))
    server.cut = 1000
    with pytest.raises(SyncError, match="broke"):
        pull(server, synced)
    assert_still_works(synced, 5)
    [partial] = (synced / "targets").glob("*.part")
    assert partial.stat().st_size > 0
    wanted = {server.stored(name).rpartition("/")[2]: file.length for name, file in offered(server).items()}
    reused = sum(path.stat().st_size for path in (synced / "targets").iterdir() if path.name in wanted)
    report = pull(server, synced)
    assert report.bytes_downloaded <= server.metadata_bytes + sum(wanted.values()) - reused
    assert_still_works(synced, 6)
    assert not list((synced / "targets").glob("*.part"))


def test_a_partial_file_that_is_damaged_is_fetched_again_from_its_start(server, synced):
    server.release(6, ids=range(1, 400))
    server.cut = 1000
    with pytest.raises(SyncError):
        pull(server, synced)
    [partial] = (synced / "targets").glob("*.part")
    partial.write_bytes(b"x" * partial.stat().st_size)
    pull(server, synced)
    assert_still_works(synced, 6)


def test_a_damaged_file_on_the_device_is_noticed_and_mended_by_the_next_sync(server, synced):
    [shard] = (synced / "targets").glob("*.coinshard")
    shard.write_bytes(shard.read_bytes()[:-1] + b"\xff")
    with pytest.raises(CatalogError, match="sync again"):
        open_catalog(synced)
    pull(server, synced)
    assert server.fetched == [SHARD]
    assert_still_works(synced, 5)


def offered(server):
    return server.repository.targets.targets


def refused(server, home, match, error=ReleaseRejected):
    with pytest.raises(error, match=match):
        pull(server, home)
    assert_still_works(home, 5)
    assert not list((home / "targets").glob("*.part"))


def test_a_file_with_the_wrong_hash_is_refused(server, synced):
    server.release(6, fresh=[50]).spoil(FRESH_NAME, lambda data: data[:-1] + b"\xff")
    refused(server, synced, "fresh.coinfresh.*SHA-256")


def test_an_older_version_is_refused(server, synced):
    refused(server.release(4), synced, "release 4, older than release 5")


def test_another_release_under_the_same_number_is_refused(server, synced):
    refused(server.release(5, fresh=[50]), synced, "is not the release 5")


def test_metadata_that_are_none_are_refused(server, synced):
    for data in (
        b"<html>",
        b"{}",
        b"[]",
        b"\xff",
        b'{"signatures": [], "signed": {"_type": "timestamp"}}',
        b"[" * 9000,
    ):
        server.release(6)
        server.metadata["timestamp.json"] = data
        refused(server, synced, "coindex server")


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "x" * 101, ""])
def test_a_target_whose_name_is_not_plain_is_refused(server, synced, name):
    server.sign({**offered(server), name: TargetFile(1, {"sha256": "0" * 64}, name)})
    refused(server, synced, "not a plain file name")


def test_a_target_without_a_sha256_is_refused(server, synced):
    server.sign({**offered(server), "x": TargetFile(1, {"md5": "0" * 32}, "x")})
    refused(server, synced, "no SHA-256")


def test_a_release_too_large_is_refused_before_anything_is_fetched(server, synced):
    huge = {f"shard-{n}.coinshard": TargetFile(2**31, {"sha256": "0" * 64}, "") for n in range(3)}
    server.sign({**offered(server), **huge})
    refused(server, synced, "GB are allowed")
    server.sign({"release.json": TargetFile(2**31 + 1, {"sha256": "0" * 64}, "")})
    refused(server, synced, "is the most")
    assert server.fetched == []


def test_a_release_that_takes_more_than_may_come_is_not_fetched(server, synced):
    server.release(6, range(1, 400))
    with pytest.raises(SyncError, match=r"\d{5} bytes, --max-bytes allows 20000"):
        sync("http://server", synced, fetcher=server, max_bytes=20_000)
    assert server.fetched == ["release.json", "models.json"] or server.fetched == ["release.json"]
    assert_still_works(synced, 5)
    sync("http://server", synced, fetcher=server, max_bytes=200_000)
    assert_still_works(synced, 6)


def test_what_lies_there_from_a_sync_that_was_cut_off_does_not_count_as_more_to_come(server, synced):
    server.release(6, ids=range(1, 400))
    server.cut = 25_000
    with pytest.raises(SyncError, match="broke"):
        pull(server, synced)
    [partial] = (synced / "targets").glob("*.part")
    held = {path.name for path in (synced / "targets").iterdir()}
    names = {name: server.stored(name).rpartition("/")[2] for name in offered(server)}
    missing = sum(offered(server)[name].length for name, stored in names.items() if stored not in held)
    sync("http://server", synced, fetcher=server, max_bytes=missing - partial.stat().st_size)
    assert_still_works(synced, 6)


@pytest.mark.parametrize("name", ["release.json", "models.json", "records.json", "embedder.int8.tflite"])
def test_a_release_that_lacks_a_file_is_refused(server, synced, name):
    refused(server.release(6, files={name: None}), synced, name.replace(".", r"\."))


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"state_hash": "0" * 64}, "state hash"),
        ({"rows": 38}, "39 rows"),
        ({"classes": 6}, "5 classes"),
        ({"space_id": "0" * 16}, "of space"),
        ({"code_scale": 127.0}, "scale 127"),
    ],
)
def test_a_release_that_is_not_what_its_manifest_says_is_refused(server, synced, changed, match):
    refused(server.release(6, manifest=changed), synced, match)


def test_models_of_another_space_are_refused(server, synced):
    refused(server.release(6, files=models("d1" * 32)), synced, "models of space")


def test_a_net_that_models_json_does_not_describe_is_refused(server, synced):
    refused(server.release(6, files={"embedder.int8.tflite": b"another"}), synced, r"embedder\.int8\.tflite")


def test_a_shard_of_a_newer_format_asks_for_an_update(server, synced, monkeypatch):
    monkeypatch.setattr("coindex.catalog.shard.FORMAT_VERSION", 2)
    server.release(6, ids=range(1, 41))
    monkeypatch.undo()
    refused(server, synced, r"shard-00000.*format 2.*update coindex")


def test_a_disk_that_cannot_be_written_leaves_the_old_catalogue(server, synced, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("coindex.disk.os.fsync", full)
    refused(server.release(6, fresh=[50]), synced, "No space left", error=SyncError)
    monkeypatch.undo()
    pull(server, synced)
    assert_still_works(synced, 6)


def test_two_syncs_of_one_folder_at_once_are_refused(server, synced):
    with exclusive(synced, "syncing"), pytest.raises(Busy, match="another process is syncing"):
        pull(server, synced)


def test_a_device_that_never_synced_says_how_to(tmp_path):
    with pytest.raises(CatalogError, match="coindex sync URL"):
        open_catalog(tmp_path)


def test_a_damaged_pointer_says_what_to_do(server, synced):
    (synced / "current.json").write_bytes(b"{")
    for act in (lambda: open_catalog(synced), lambda: pull(server, synced)):
        with pytest.raises(CatalogError, match="delete it and sync again"):
            act()


def test_models_of_another_space_than_the_catalogue_are_refused_by_both_names(server, synced):
    catalog = open_catalog(synced)
    other = replace_space(catalog)
    with pytest.raises(SpaceMismatch, match=f"{catalog.manifest.space_id}.*{other.space_id}.*use the models"):
        catalog.require_space(other)


def replace_space(catalog):
    from coindex.models import read_index

    [path] = (catalog.home / "targets").glob("*.models.json")
    return replace(read_index(path), space_id="f" * 16)


def test_models_come_from_the_release(server, synced):
    nets = open_catalog(synced).models()
    assert nets.index.embedder.sha256 == hashlib.sha256(models()["embedder.int8.tflite"]).hexdigest()
    assert nets.embedder(np.zeros((1, 256, 256, 3), np.uint8)).shape == (1, 64)


def test_thumbnail_packs_are_found_by_row_id(server, synced):
    catalog = open_catalog(synced)
    assert PACK in catalog.targets
    assert catalog.thumbnail(39) == b"picture 39"
    assert catalog.thumbnail(40) is None and catalog.thumbnail(5000) is None


CHANGE = {"ids": range(1, 40), "fresh": [3, 50], "tombstones": [3, 4], "renamed": [2]}
"""Row 4 goes, row 3 changes its code, row 50 comes, class 2 has another name."""


def test_a_delta_is_followed_over_the_shards_that_are_here(server, synced):
    report = pull(server.release(6, **CHANGE, deltas=[5]), synced)
    assert sorted(server.fetched) == ["delta-5-6.coindelta", "release.json", relief_pack(50), PACK]
    sizes = {path.partition(".")[2]: len(data) for path, data in server.targets.items()}
    assert report.route == "delta"
    assert report.bytes_saved == sizes[FRESH_NAME] + sizes["records.json"] - sizes["delta-5-6.coindelta"]
    catalog = open_catalog(synced)
    assert catalog.index.rows.row_ids.tolist() == [1, 2, 3, *range(5, 40), 50]
    assert catalog.records[2].name == "Utopia 2 renamed"
    code = some_rows([3], seed=1).codes[0]
    assert (catalog.index.search(code, 1)[0].row_id, catalog.index.search(code, 1)[0].distance) == (3, 0)
    assert_still_works(synced, 6)


def test_a_delta_leads_across_a_compaction_without_its_shards(server, synced):
    report = pull(server.release(6, range(2, 60), deltas=[5]), synced)
    assert report.route == "delta" and SHARD not in server.fetched
    assert open_catalog(synced).index.rows.row_ids.tolist() == [*range(2, 60)]
    pointer = read_pointer(synced)
    assert SHARD not in pointer.targets and pointer.layout.fresh is not None
    server.fetched.clear()
    assert pull(server, synced).up_to_date and server.fetched == []


def test_a_release_of_the_state_that_is_here_costs_its_manifest_alone(server, synced):
    pull(server.release(6, **CHANGE, deltas=[5]), synced)
    server.fetched.clear()
    # The server has rewritten its shard; the state is the same.
    left = [row for row in range(1, 40) if row not in (3, 4)]
    server.release(7, ids=left, fresh=[3, 50], renamed=[2])
    report = pull(server, synced)
    assert (report.route, server.fetched) == ("kept", ["release.json"])
    sizes = {path.partition(".")[2]: len(data) for path, data in server.targets.items()}
    assert report.bytes_saved == sizes[SHARD] + sizes[FRESH_NAME]
    assert_still_works(synced, 7)


def test_a_device_that_was_away_takes_the_delta_of_its_own_release(server, synced):
    server.release(6, **CHANGE, deltas=[5])
    pull(server.release(7, range(1, 50), deltas=[5, 6]), synced)
    assert "delta-5-7.coindelta" in server.fetched
    assert_still_works(synced, 7)


def test_a_delta_from_another_state_is_not_asked_for(server, synced):
    server.release(6, **CHANGE)
    report = pull(server.release(7, range(1, 50), deltas=[6]), synced)
    assert report.route == "full" and not [name for name in server.fetched if "delta" in name]


def test_a_delta_larger_than_the_files_that_it_saves_is_not_asked_for(server, synced):
    # The release's own fresh file says the same of the same shard without the two hashes of a delta.
    report = pull(server.release(6, fresh=[50], deltas=[5]), synced)
    assert report.route == "full" and FRESH_NAME in server.fetched


def test_too_much_fresh_makes_the_device_take_the_releases_shards(server, synced, monkeypatch):
    monkeypatch.setattr(rules, "MAX_CHANGES", 2)
    report = pull(server.release(6, range(2, 60), deltas=[5]), synced)
    assert (report.route, report.bytes_saved) == ("full", 0)
    assert SHARD in server.fetched
    assert_still_works(synced, 6)


@pytest.mark.parametrize("change", [lambda data: data[:-1] + b"!", lambda data: data + b"!"])
def test_a_damaged_delta_makes_way_for_the_full_files(server, synced, change):
    server.release(6, **CHANGE, deltas=[5]).spoil("delta-5-6.coindelta", change)
    assert pull(server, synced).route == "full"
    assert_still_works(synced, 6)


def test_a_delta_that_leads_elsewhere_makes_way_for_the_full_files(server, synced):
    server.release(6, range(1, 45), deltas=[5])
    [wrong] = [data for path, data in server.targets.items() if path.endswith("delta-5-6.coindelta")]
    server.release(7, **CHANGE, deltas=[5], files={"delta-5-7.coindelta": wrong})
    assert pull(server, synced).route == "full"
    assert_still_works(synced, 7)
    assert open_catalog(synced).index.rows.row_ids.tolist() == [1, 2, 3, *range(5, 40), 50]


def test_a_pointer_with_any_byte_changed_is_refused(synced):
    path = synced / "current.json"
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(CatalogError, match=r"sync again|update coindex"):
            read_pointer(synced)


def test_a_pointer_of_the_first_format_asks_to_be_deleted(server, synced):
    (synced / "current.json").write_bytes(b'{"format": 1, "targets": {}, "version": 5}')
    for act in (lambda: open_catalog(synced), lambda: pull(server, synced)):
        with pytest.raises(CatalogError, match=r"format 1.*delete it and sync again"):
            act()
    (synced / "current.json").unlink()
    server.fetched.clear()
    pull(server, synced)
    assert server.fetched == []
    assert_still_works(synced, 5)


def test_a_catalogue_from_before_releases_were_signed_pins_the_root_at_its_next_sync(server, synced):
    write_pointer(synced, replace(read_pointer(synced), trust=None))
    for path in (synced / "metadata").iterdir():
        path.unlink()
    report = pull(server, synced)
    assert report.up_to_date and report.root_is_new and server.fetched == []
    assert read_pointer(synced).trust.root_fingerprint == report.root_fingerprint
    write_pointer(synced, replace(read_pointer(synced), trust=None))
    with pytest.raises(ReleaseRejected, match="older than release 5"):
        pull(server.release(4), synced)


@pytest.mark.parametrize("home", [None, ""])
def test_a_user_without_a_home_directory_is_told_to_name_a_folder(server, tmp_path, monkeypatch, home):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COINDEX_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("HOME") if home is None else monkeypatch.setenv("HOME", home)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])  # as in a container, whose user has no name
    server.release(1)
    for command in (lambda: sync("http://server", fetcher=server), open_catalog):
        with pytest.raises(CatalogError, match=r"no home directory .* COINDEX_HOME"):
            command()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "nets",
    [
        {"segmenter": b"no net at all"},
        {"embedder": tiny_net("segmenter")},
        {"segmenter": tiny_net("embedder")},
        {"embedder": tiny_net("embedder")[:-40]},
    ],
    ids=["none", "another's embedder", "another's segmenter", "cut off"],
)
def test_a_signed_release_whose_nets_cannot_be_run_is_refused_before_its_catalogue_comes(server, synced, nets):
    files = models(salt=b"new", **nets)
    server.release(6, ids=range(1, 60), files=files)
    with pytest.raises(ReleaseRejected, match=r"nets of release 6 .* still works"):
        pull(server, synced)
    assert set(server.fetched) <= {"release.json", *files}
    assert_still_works(synced, 5)
    assert pull(server.release(7, files=models(salt=b"newer")), synced).to_version == 7


def test_nets_that_a_device_has_run_are_not_run_again(server, synced, monkeypatch):
    monkeypatch.setattr("coindex.sync.updater.try_nets", lambda models: pytest.fail("they are here already"))
    assert pull(server.release(6, fresh=[50]), synced).to_version == 6


def test_each_row_has_its_own_map_and_no_other_has_any(server, synced):
    maps = maps_of(open_catalog(synced))
    assert [pack_map(maps.get(row)) for row in (1, 9, 10, 39)] == [relief_map(row) for row in (1, 9, 10, 39)]
    assert [maps.get(row) for row in (40, 1000, 2**32 - 1)] == [None] * 3


def test_a_release_without_maps_is_followed_and_has_none(server, synced):
    pull(server.release(6, manifest={"relief": None}), synced)
    assert maps_of(open_catalog(synced)) is None
    assert not [name for name in read_pointer(synced).targets if name.endswith(".coinrelief")]


def test_maps_that_the_models_cannot_be_compared_with_are_not_fetched(server, tmp_path):
    document = json.loads(models()["models.json"])
    del document["relief"]
    server.release(1, files={"models.json": json.dumps(document).encode()})
    sync("http://server", tmp_path, fetcher=server)
    assert not [name for name in server.fetched if name.endswith(".coinrelief")]
    assert maps_of(open_catalog(tmp_path)) is None


@pytest.mark.parametrize(
    ("pack", "problem"),
    [
        (
            lambda relief: write_pack("ab" * 8, {row: relief_map(row) for row in range(1, 10)}),
            "maps are of relief abab",
        ),
        (lambda relief: write_pack(relief, {row: relief_map(row) for row in range(2, 10)}), "claims 8 maps"),
        (lambda relief: write_pack(relief, {row: relief_map(row) for row in range(2, 11)}), "maps of rows 2 to 10"),
        (lambda relief: write_pack(relief, dict.fromkeys(range(1, 10), b"\x08" * 1024)), "holds -8"),
        (lambda relief: b"no pack", "not a COINRLIF file"),
    ],
)
def test_a_pack_that_is_not_what_the_manifest_says_is_refused(server, synced, pack, problem):
    server.release(6, files={relief_pack(1): pack(relief_of([1])[0].relief_id)})
    with pytest.raises(ReleaseRejected, match=f"{relief_pack(1)}.*{problem}"):
        pull(server, synced)
    assert_still_works(synced, 5)


def test_maps_of_another_relief_than_the_models_are_refused(server, synced):
    other = replace(relief_of([1])[0], relief_id="ab" * 8, packs=())
    with pytest.raises(ReleaseRejected, match=r"maps of relief abab.*publish it again"):
        pull(server.release(6, manifest={"relief": other}), synced)
    assert_still_works(synced, 5)


def test_a_damaged_pack_says_so_and_a_sync_mends_it(server, synced):
    [path] = (synced / "targets").glob(f"*.{relief_pack(1)}")
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(CatalogError, match="damaged; sync again to repair it"):
        maps_of(open_catalog(synced)).get(7)
    pull(server, synced)
    assert_still_works(synced, 5)


def test_maps_whose_pack_is_gone_are_missing_and_codes_answer(synced):
    maps = maps_of(open_catalog(synced))
    for path in (synced / "targets").glob("*.coinrelief"):
        path.unlink()
    assert maps.get(7) is None
