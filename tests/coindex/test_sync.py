"""Sync against a repository in memory, which is the fetcher: each test is named for what goes wrong."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from coindex.catalog import CoinRecord, Rows, open_catalog, state_hash
from coindex.catalog.files import exclusive
from coindex.catalog.local import read_pointer
from coindex.catalog.release import ReleaseManifest, Target, thumbnail_pack
from coindex.catalog.shard import build_shard, write_shard
from coindex.catalog.state import CatalogState, records_bytes
from coindex.codes import space_id
from coindex.cutout import CUTOUT_VERSION
from coindex.errors import CatalogError, ModelError, ReleaseRejected, SpaceMismatch, SyncError
from coindex.sync import sync
from coindex.sync.metadata import INDEX_PATH, ReleaseIndex

CHECKPOINT = "c0" * 32
OPEN_SET = {
    "limit": 9e5, "shift": 1e4, "bias": 4, "distance": -5e-5, "ratio": -5.5, "rows": -0.1, "photos": 1, "far": 129032
}  # fmt: skip


def models(checkpoint=CHECKPOINT, scale=254.0):
    """The files of models that nobody can run, with an index that is right about them."""
    nets = {name: f"{name}.int8.tflite" for name in ("segmenter", "embedder")}
    files = {file: file.encode() * 50 for file in nets.values()}
    index = {
        "format": 2,
        "space_id": space_id(checkpoint, CUTOUT_VERSION, scale),
        "code_scale": scale,
        "cutout_version": CUTOUT_VERSION,
        "embedder_checkpoint_sha256": checkpoint,
        "models": {name: describe(file, files[file]) for name, file in nets.items()},
        "open_set": OPEN_SET,
    }
    return {"models.json": json.dumps(index).encode(), **files}


def describe(file, data):
    return {"file": file, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def some_rows(ids, seed=0):
    codes = np.random.default_rng(seed).integers(-127, 128, (1000, 64)).astype(np.int8)
    return Rows.of(ids, [row % 5 + 1 for row in ids], codes[list(ids)])


class Repository:
    """A server in memory; `cut` breaks the download after so many bytes, once."""

    def __init__(self):
        self.index = None
        self.targets = {}
        self.cut = None
        self.fetched = []

    def release(self, version, ids=range(1, 40), *, fresh=(), tombstones=(), manifest=None, files=None):
        """Publish a release; `manifest` changes fields of release.json, `files` replaces or adds targets."""
        shard, added = some_rows(ids), some_rows(fresh, seed=1)
        left = [row for row in ids if row not in tombstones]
        records = {n: CoinRecord(n, "Utopia", "mark", str(n), "", "obverse", f"Utopia {n}", "") for n in range(1, 6)}
        rows = Rows.of([*left, *fresh], [row % 5 + 1 for row in (*left, *fresh)], merged_codes(left, added))
        state = CatalogState(space_id(CHECKPOINT, CUTOUT_VERSION, 254.0), rows, records)
        described = ReleaseManifest(
            version=version,
            created="2026-01-01T00:00:00Z",
            space_id=state.space_id,
            code_scale=254.0,
            open_set=None,
            models=tuple(models()),
            shards=("shard-00000.coinshard",),
            fresh="fresh.coinshard" if fresh else None,
            tombstones=tuple(tombstones),
            records="records.json",
            thumbnails=("thumbnails-00000.zip",),
            state_hash=state_hash(state),
            rows=len(rows),
            classes=5,
            ef=50,
        )
        contents = {
            **models(),
            "release.json": replace(described, **(manifest or {})).to_bytes(),
            "shard-00000.coinshard": write_shard(build_shard(shard)),
            "records.json": records_bytes(records.values()),
            "thumbnails-00000.zip": pack(left),
            **({"fresh.coinshard": write_shard(build_shard(added, graph=False))} if fresh else {}),
            **(files or {}),
        }
        contents = {name: data for name, data in contents.items() if data is not None}
        named = {name: Target(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in contents.items()}
        self.index = ReleaseIndex(version, named).to_bytes()
        self.targets |= {f"releases/targets/{named[name].stored_name}": data for name, data in contents.items()}
        return self

    def get(self, path, *, most):
        assert path == INDEX_PATH
        return self.index

    def download(self, path, partial, *, length, progress):
        self.fetched.append(path.partition(".")[2])
        data = self.targets[path]
        offset = partial.stat().st_size if partial.exists() else 0
        end = len(data)
        if self.cut and self.cut < end:
            end, self.cut = self.cut, None
        with partial.open("ab") as file:
            file.write(data[offset:end])
        progress(end - offset)
        if end < length:
            raise SyncError("the connection broke")
        return end - offset

    def spoil(self, name, data):
        """Serve other bytes under a target's address."""
        [path] = [path for path in self.targets if path.endswith("." + name)]
        self.targets[path] = data(self.targets[path])


def merged_codes(left, added):
    shard = some_rows(left)
    by_id = dict(zip(shard.row_ids.tolist(), shard.codes, strict=True))
    by_id |= dict(zip(added.row_ids.tolist(), added.codes, strict=True))
    return np.array([by_id[row] for row in (*left, *added.row_ids.tolist())])


def pack(ids):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for row in ids:
            archive.writestr(zipfile.ZipInfo(f"{row}.webp"), f"picture {row}")
    return out.getvalue()


@pytest.fixture
def server():
    return Repository()


@pytest.fixture
def synced(server, tmp_path):
    """A device that has release 5."""
    sync("http://server", tmp_path, fetcher=server.release(5))
    server.fetched.clear()
    return tmp_path


def pull(server, home):
    return sync("http://server", home, fetcher=server)


def assert_still_works(home, version):
    catalog = open_catalog(home)
    assert catalog.manifest.version == version
    code = some_rows([7]).codes[0]
    assert catalog.index.search(code, 1)[0].row_id == 7
    assert catalog.thumbnail(7) == b"picture 7"


def test_a_new_device_gets_the_whole_release(server, tmp_path):
    heard = []
    server.release(1)
    report = sync("http://server", tmp_path, fetcher=server, progress=lambda *of: heard.append(of))
    assert (report.from_version, report.to_version, report.up_to_date) == (None, 1, False)
    assert report.bytes_downloaded == len(server.index) + sum(map(len, server.targets.values()))
    assert report.bytes_reused == 0
    assert heard[-1] == (sum(map(len, server.targets.values())),) * 2
    assert_still_works(tmp_path, 1)


def test_a_second_sync_fetches_the_index_alone(server, synced):
    report = pull(server, synced)
    assert report.up_to_date and report.bytes_downloaded == len(server.index)
    assert server.fetched == []


def test_only_the_files_that_changed_are_fetched(server, synced):
    report = pull(server.release(6, fresh=[50]), synced)
    assert sorted(server.fetched) == ["fresh.coinshard", "release.json"]
    assert (report.from_version, report.to_version) == (5, 6)
    assert report.bytes_reused > report.bytes_downloaded - len(server.index)
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
    monkeypatch.setattr("coindex.catalog.local.read_pointer", lambda home: next(answers))
    assert open_catalog(synced).manifest.version == 7


def test_files_of_releases_before_the_last_are_deleted(server, synced):
    pull(server.release(6, ids=range(1, 50)), synced)
    pull(server.release(7, ids=range(1, 60)), synced)
    kept = {path.name.partition(".")[2]: 0 for path in (synced / "targets").iterdir()}
    assert len(list((synced / "targets").glob("*.release.json"))) == 2
    assert set(kept) == {*models(), "release.json", "shard-00000.coinshard", "records.json", "thumbnails-00000.zip"}


def test_an_interrupted_download_goes_on_where_it_stopped(server, synced):
    server.release(6, ids=range(1, 400))
    server.cut = 1000
    with pytest.raises(SyncError, match="broke"):
        pull(server, synced)
    assert_still_works(synced, 5)
    [partial] = (synced / "targets").glob("*.part")
    assert partial.stat().st_size > 0
    missing = sum(len(data) for path, data in server.targets.items() if f'"{path[17:81]}"'.encode() in server.index)
    reused = sum(
        path.stat().st_size for path in (synced / "targets").iterdir() if f'"{path.name[:64]}"'.encode() in server.index
    )
    report = pull(server, synced)
    assert report.bytes_downloaded <= len(server.index) + missing - reused
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
    assert server.fetched == ["shard-00000.coinshard"]
    assert_still_works(synced, 5)


def refused(server, home, match, error=ReleaseRejected):
    with pytest.raises(error, match=match):
        pull(server, home)
    assert_still_works(home, 5)
    assert not list((home / "targets").glob("*.part"))


def test_a_file_with_the_wrong_hash_is_refused(server, synced):
    server.release(6, fresh=[50]).spoil("fresh.coinshard", lambda data: data[:-1] + b"\xff")
    refused(server, synced, "fresh.coinshard.*SHA-256")


def test_an_older_version_is_refused(server, synced):
    refused(server.release(4), synced, "release 4, older than release 5")


def test_another_release_under_the_same_number_is_refused(server, synced):
    refused(server.release(5, fresh=[50]), synced, "is not the release 5")


def test_an_index_that_is_none_is_refused(server, synced):
    for data in (b"<html>", b'{"format": 2}', b'{"format": 1, "version": 6, "targets": {"../x": {}}}'):
        server.index = data
        refused(server, synced, "current.json")


def test_a_release_too_large_is_refused_before_anything_is_fetched(server, synced):
    huge = {f"shard-{n}.coinshard": Target("", 2**31, "0" * 64) for n in range(3)}
    named = {name: Target(name, target.length, target.sha256) for name, target in huge.items()}
    named |= {name: Target(name, 1, "1" * 64) for name in ("release.json", "models.json")}
    server.index = ReleaseIndex(6, named).to_bytes()
    refused(server, synced, "GB is the most")
    assert server.fetched == []


@pytest.mark.parametrize("name", ["release.json", "models.json", "records.json", "embedder.int8.tflite"])
def test_a_release_that_lacks_a_file_is_refused(server, synced, name):
    refused(server.release(6, files={name: None}), synced, name.replace(".", r"\."))


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"state_hash": "0" * 64}, "state hash"),
        ({"rows": 38}, "39 rows"),
        ({"classes": 6}, "5 classes"),
        ({"version": 7}, "release 7, the index"),
        ({"space_id": "0" * 16}, "of space"),
        ({"code_scale": 127.0}, "scale 127"),
        ({"tombstones": (3,)}, "38 rows"),
    ],
)
def test_a_release_that_is_not_what_its_manifest_says_is_refused(server, synced, changed, match):
    refused(server.release(6, manifest=changed), synced, match)


def test_models_of_another_space_are_refused(server, synced):
    refused(server.release(6, files=models("d1" * 32)), synced, "models of space")


def test_a_net_that_models_json_does_not_describe_is_refused(server, synced):
    refused(server.release(6, files={"embedder.int8.tflite": b"another"}), synced, r"embedder\.int8\.tflite")


def test_a_shard_of_a_newer_format_asks_for_an_update(server, synced, monkeypatch):
    monkeypatch.setattr("coindex.catalog.shard.FORMAT_VERSION", 1)
    server.release(6)
    monkeypatch.undo()
    refused(server, synced, r"shard format 1.*update coindex")


def test_a_disk_that_cannot_be_written_leaves_the_old_catalogue(server, synced, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("coindex.catalog.files.os.fsync", full)
    refused(server.release(6, fresh=[50]), synced, "No space left", error=SyncError)
    monkeypatch.undo()
    pull(server, synced)
    assert_still_works(synced, 6)


def test_two_syncs_of_one_folder_at_once_are_refused(server, synced):
    with exclusive(synced, "syncing"), pytest.raises(CatalogError, match="another process is syncing"):
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
    # They are no real nets, so loading gets as far as LiteRT, which is behind every check of size and hash.
    with pytest.raises(ModelError, match=r"not a \.tflite model"):
        open_catalog(synced).models()


def test_thumbnail_packs_are_found_by_row_id(server, synced):
    catalog = open_catalog(synced)
    assert thumbnail_pack(7) in catalog.targets
    assert catalog.thumbnail(39) == b"picture 39"
    assert catalog.thumbnail(40) is None and catalog.thumbnail(5000) is None
