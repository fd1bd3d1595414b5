"""Releases: made whole, once for each state, and sound."""

import json
import zipfile

import numpy as np
import pytest

from catalog_server import signing
from catalog_server.curation.coins import retire_coin
from catalog_server.curation.importer import import_photos
from catalog_server.publishing import compaction, deltas
from catalog_server.publishing.publish import publish
from catalog_server.publishing.served import current_index, served_manifest, targets_folder
from catalog_server.publishing.shelf import Shelf
from catalog_server.publishing.verify import release_problems, verify
from catalog_server.store import CodeRow, PhotoRow, ReleaseRow
from coindex.catalog.delta import apply_delta, read_delta
from coindex.catalog.graph_quality import EfChoice
from coindex.catalog.release import thumbnail_pack
from coindex.disk import write_whole
from coindex.errors import ModelError, SpaceMismatch, StoreError


def files(store):
    return {path.name: path.read_bytes() for path in store.releases.rglob("*.*") if path.is_file()}


def served(store):
    """What is signed last."""
    return signing.current(store.releases).targets_bytes


def stored(store, name):
    return targets_folder(store) / current_index(store).targets[name].stored_name


def manifest_of(store):
    return served_manifest(store, current_index(store))


def state_of(store):
    with store.reading() as session:
        return store.state(session)


def served_problems(store):
    """As `verify`, but of stores whose photos were never imported."""
    return release_problems(store, current_index(store))


def stock(store, count, *, seed=0):
    """Add photos of class 1 without encoding any."""
    codes = np.random.default_rng(seed).integers(-127, 128, (count, 64)).astype(np.int8)
    with store.changing() as session:
        template = session.get(PhotoRow, 1)
        for number, code in enumerate(codes):
            row = {name: getattr(template, name) for name in ("class_id", "source", "specimen", "year")}
            data = {"thumbnail": b"picture %d %d" % (seed, number), "created": template.created}
            codes = [CodeRow(space_id=template.codes[0].space_id, code=code.tobytes())]
            session.add(PhotoRow(photo_sha256=f"{seed}-{number}", codes=codes, **row, **data))


def test_the_first_release_is_number_one_and_states_the_catalogue(filled, models):
    report = publish(filled, models)
    assert (report.version, report.changed, report.rows, report.classes) == (1, True, 6, 3)
    manifest = served_manifest(filled, current_index(filled))
    with filled.reading() as session:
        assert len(filled.state(session).rows) == manifest.rows
    assert manifest.state_hash == report.state_hash
    assert verify(filled).problems == ()


def test_publishing_again_without_a_change_makes_no_release(filled, models):
    publish(filled, models)
    before = files(filled)
    report = publish(filled, models)
    assert (report.version, report.changed, report.new_bytes) == (1, False, 0)
    assert files(filled) == before


def test_a_change_makes_the_next_release_and_keeps_the_files_of_the_last(filled, models):
    publish(filled, models)
    before = files(filled)
    retire_coin(filled, 2, actor="test")
    report = publish(filled, models)
    assert (report.version, report.changed, report.rows, report.classes) == (2, True, 4, 2)
    after = files(filled)
    assert all(after[name] == data for name, data in before.items() if name != "timestamp.json")


def test_retired_rows_and_their_pictures_are_not_in_the_release(filled, models):
    retire_coin(filled, 2, actor="test")
    publish(filled, models)
    index = current_index(filled)
    records = (filled.releases / "targets" / index.targets["records.json"].stored_name).read_bytes()
    assert [record["class_id"] for record in json.loads(records)] == [1, 3]
    assert b"3.webp" not in (filled.releases / "targets" / index.targets["thumbnails-1-6.zip"].stored_name).read_bytes()


def test_other_nets_of_the_same_space_make_a_release(filled, models, other_models):
    publish(filled, models)
    assert publish(filled, other_models("newer", salt=b"x")).version == 2


def test_an_empty_catalogue_is_not_published(store, filled, models):
    for class_id in (1, 2, 3):
        retire_coin(filled, class_id, actor="test")
    with pytest.raises(StoreError, match="empty"):
        publish(filled, models)
    assert current_index(filled) is None


def test_models_of_another_space_are_not_published(filled, other_models, space):
    with pytest.raises(SpaceMismatch, match=f"{space}.*--models"):
        publish(filled, other_models("foreign", checkpoint="d1" * 32))
    assert current_index(filled) is None


def test_damaged_models_are_not_published(filled, models):
    (models / "embedder.int8.tflite").write_bytes(b"damaged")
    with pytest.raises(ModelError, match=r"embedder\.int8\.tflite"):
        publish(filled, models)
    assert current_index(filled) is None


def test_a_publish_that_is_stopped_leaves_the_old_release_served(filled, models, monkeypatch):
    publish(filled, models)
    before = served(filled)
    retire_coin(filled, 2, actor="test")

    def stop(*_, **__):
        raise KeyboardInterrupt

    places = (
        *("parts.shelve_thumbnails", "parts._measure", "parts.shelve_deltas"),
        *("publish._newest", "publish._release", "publish.signing.begin"),
    )
    for place in places:
        with monkeypatch.context() as patch:
            patch.setattr(f"catalog_server.publishing.{place}", stop)
            with pytest.raises(KeyboardInterrupt):
                publish(filled, models)
        assert served(filled) == before
        assert verify(filled).problems == ()
    assert publish(filled, models).version == 3  # the last of those was recorded already


def test_a_full_disk_leaves_the_old_release_served(filled, models, monkeypatch):
    publish(filled, models)
    before = served(filled)
    retire_coin(filled, 2, actor="test")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("coindex.disk.os.fsync", full)
        with pytest.raises(StoreError, match="No space left"):
            publish(filled, models)
    assert served(filled) == before


def test_a_release_recorded_but_never_served_costs_its_number_alone(filled, models, monkeypatch):
    def stop(path, data):
        if path.name == "timestamp.json":
            raise KeyboardInterrupt
        write(path, data)

    write = write_whole
    with monkeypatch.context() as patch:
        patch.setattr("catalog_server.signing.repository.write_whole", stop)
        with pytest.raises(KeyboardInterrupt):
            publish(filled, models)
    assert current_index(filled) is None
    assert publish(filled, models).version == 2


def test_the_same_catalogue_gives_the_same_files_in_another_store(filled, models, collection, encoder, space, tmp_path):
    from catalog_server.store import open_store

    other = open_store(tmp_path / "other", create=True)
    import_photos(other, collection.read(), encoder, space_id=space, actor="test")
    publish(filled, models)
    publish(other, models)
    one, two = current_index(filled).targets, current_index(other).targets
    assert {**one, "release.json": 0} == {**two, "release.json": 0}
    other.close()


def test_verify_tells_of_unpublished_changes(filled, models):
    assert (verify(filled).version, verify(filled).unpublished) == (None, True)
    publish(filled, models)
    assert not verify(filled).unpublished
    retire_coin(filled, 1, actor="test")
    assert verify(filled).unpublished


def test_verify_finds_damaged_and_missing_files(filled, models):
    publish(filled, models)
    index = current_index(filled)
    targets = filled.releases / "targets"
    damaged = targets / index.targets["records.json"].stored_name
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    [photo, *_] = (path for path in (filled.folder / "photos").rglob("*") if path.is_file())
    photo.unlink()
    problems = verify(filled).problems
    assert len(problems) == 2
    assert photo.name in problems[0] and damaged.name in problems[1]


def test_a_damaged_target_is_written_anew_by_the_next_publish(filled, models):
    publish(filled, models)
    index = current_index(filled)
    damaged = filled.releases / "targets" / index.targets["records.json"].stored_name
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    publish(filled, models)
    assert damaged.read_bytes() == whole


def test_a_release_offers_a_delta_from_each_recent_one(filled, models):
    stock(filled, 30)
    states = []
    for retired in (None, 2, 3):
        if retired:
            retire_coin(filled, retired, actor="test")
        publish(filled, models)
        states.append(state_of(filled))
    manifest = manifest_of(filled)
    assert [(delta.version, delta.name) for delta in manifest.deltas] == [
        (2, "delta-from-2.coindelta"),
        (1, "delta-from-1.coindelta"),
    ]
    for offered in manifest.deltas:
        delta = read_delta(stored(filled, offered.name).read_bytes())
        assert offered.from_hash == delta.from_hash
        after = apply_delta(states[offered.version - 1], delta)
        assert after.rows.packed() == states[-1].rows.packed()
    assert served_problems(filled) == []


def test_deltas_start_from_the_last_releases_only(filled, models, monkeypatch):
    monkeypatch.setattr(deltas, "RELEASES_WITH_DELTAS", 2)
    for seed in range(4):
        stock(filled, 1, seed=seed)
        publish(filled, models)
    assert [delta.version for delta in manifest_of(filled).deltas] == [3, 2]


def test_a_delta_that_saves_too_little_is_not_offered(filled, models, monkeypatch):
    publish(filled, models)
    stock(filled, 500)
    publish(filled, models)
    assert manifest_of(filled).deltas == ()  # nearly all rows are new


def test_a_state_that_comes_back_needs_no_delta_from_itself(filled, models):
    for retired in (False, True, False):
        with filled.changing() as session:
            session.get(PhotoRow, 6).retired = retired
        publish(filled, models)
    assert [delta.version for delta in manifest_of(filled).deltas] == [2]


def test_an_earlier_release_whose_files_are_gone_costs_its_delta_alone(filled, models):
    stock(filled, 30)
    publish(filled, models)
    stored(filled, "records.json").unlink()
    retire_coin(filled, 2, actor="test")
    publish(filled, models)
    retire_coin(filled, 3, actor="test")
    publish(filled, models)
    assert [delta.version for delta in manifest_of(filled).deltas] == [2]


def test_a_damaged_delta_is_found_and_mended_by_the_next_publish(filled, models):
    publish(filled, models)
    retire_coin(filled, 2, actor="test")
    publish(filled, models)
    stored(filled, "delta-from-1.coindelta").write_bytes(b"damaged")
    assert len(verify(filled).problems) == 1
    publish(filled, models)
    assert verify(filled).problems == () and len(manifest_of(filled).deltas) == 1


def test_new_photos_travel_without_the_shards_and_pictures_that_are_there(filled, models, monkeypatch):
    monkeypatch.setattr(compaction, "MIN_FRESH", 100)
    stock(filled, 200)
    publish(filled, models)
    before = current_index(filled).targets
    stock(filled, 20, seed=1)
    retire_coin(filled, 2, actor="test")
    publish(filled, models)
    after, manifest = current_index(filled).targets, manifest_of(filled)
    [shard] = manifest.shards
    assert after[shard] == before[shard]
    new = after.keys() - before.keys()
    assert new == {"fresh.coinfresh", "delta-from-1.coindelta", "thumbnails-207-226.zip"}
    assert served_problems(filled) == []


def test_new_photos_past_the_bound_become_a_shard_beside_a_much_larger_one(filled, models, monkeypatch):
    monkeypatch.setattr(compaction, "MIN_FRESH", 20)
    stock(filled, 200)
    publish(filled, models)
    [large] = manifest_of(filled).shards
    stock(filled, 20, seed=1)
    publish(filled, models)
    assert manifest_of(filled).shards == (large,) and manifest_of(filled).fresh
    stock(filled, 1, seed=2)
    publish(filled, models)
    after = manifest_of(filled)
    assert len(after.shards) == 2 and after.shards[0] == large and after.fresh is None
    assert served_problems(filled) == []


def test_every_live_row_has_its_picture_and_packs_come_together_when_they_are_many(filled, models, monkeypatch):
    monkeypatch.setattr(compaction, "MAX_SMALL_PACKS", 2)
    for seed in range(4):
        stock(filled, 2, seed=seed)
        publish(filled, models)
        manifest = manifest_of(filled)
        with filled.reading() as session:
            for row in session.query(PhotoRow).filter(~PhotoRow.retired):
                with zipfile.ZipFile(stored(filled, thumbnail_pack(row.row_id, manifest.thumbnails))) as pack:
                    assert pack.read(f"{row.row_id}.webp") == row.thumbnail
    assert manifest.thumbnails == ("thumbnails-1-12.zip", "thumbnails-13-14.zip")


@pytest.fixture
def poor_graphs(monkeypatch):
    monkeypatch.setattr(
        "catalog_server.publishing.parts.choose_ef", lambda *_, **__: EfChoice(ef=800, recall_at_1=0.95, queries=2000)
    )


def test_graphs_that_find_too_little_are_not_published(filled, models, poor_graphs):
    with pytest.raises(StoreError, match=r"95\.00% of 2000 queries.*--override REASON"):
        publish(filled, models)
    assert current_index(filled) is None and verify(filled).version is None


def test_an_override_is_recorded_with_its_reason(filled, models, poor_graphs):
    report = publish(filled, models, override="a fair is on tomorrow")
    assert (report.recall_at_1, report.override) == (0.95, "a fair is on tomorrow")
    validation = manifest_of(filled).validation
    assert (validation.recall_at_1, validation.queries, validation.override) == (0.95, 2000, "a fair is on tomorrow")
    with filled.reading() as session:
        row = session.get(ReleaseRow, 1)
        assert (row.recall_at_1, row.override) == (0.95, "a fair is on tomorrow")


def test_an_override_without_need_is_not_recorded_and_one_without_a_reason_refused(filled, models):
    with pytest.raises(StoreError, match="needs a reason"):
        publish(filled, models, override=" ")
    report = publish(filled, models, override="to be safe")
    assert report.override is None and report.recall_at_1 >= 0.999
    assert manifest_of(filled).ef == report.ef


def test_a_release_of_an_older_format_is_followed_by_one_of_today(filled, models):
    publish(filled, models)
    manifest, index = stored(filled, "release.json"), current_index(filled)
    old = json.dumps({**json.loads(manifest.read_bytes()), "format": 2}).encode()
    shelf = Shelf(targets_folder(filled))
    shelf.add("release.json", old)
    targets = {**index.targets, **shelf.targets}
    signing.publish_targets(filled.releases, signing.read_keys(filled.folder / "keys"), targets)
    assert publish(filled, models).version == 2
    assert verify(filled).problems == ()
