"""Releases: made whole, once for each state, and sound."""

import json

import pytest

from catalog_server.importer import import_photos
from catalog_server.publisher import current_index, publish, served_manifest, verify
from coindex.errors import ModelError, SpaceMismatch, StoreError


def files(store):
    return {path.name: path.read_bytes() for path in store.releases.rglob("*.*") if path.is_file()}


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
    filled.retire(2)
    report = publish(filled, models)
    assert (report.version, report.changed, report.rows, report.classes) == (2, True, 4, 2)
    after = files(filled)
    assert all(after[name] == data for name, data in before.items() if name != "current.json")


def test_retired_rows_and_their_pictures_are_not_in_the_release(filled, models):
    filled.retire(2)
    publish(filled, models)
    index = current_index(filled)
    records = (filled.releases / "targets" / index.targets["records.json"].stored_name).read_bytes()
    assert [record["class_id"] for record in json.loads(records)] == [1, 3]
    assert (
        b"3.webp" not in (filled.releases / "targets" / index.targets["thumbnails-00000.zip"].stored_name).read_bytes()
    )


def test_other_nets_of_the_same_space_make_a_release(filled, models, other_models):
    publish(filled, models)
    assert publish(filled, other_models("newer", salt=b"x")).version == 2


def test_an_empty_catalogue_is_not_published(store, filled, models):
    for class_id in (1, 2, 3):
        filled.retire(class_id)
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
    before = current_index(filled)
    filled.retire(2)

    def stop(*_):
        raise KeyboardInterrupt

    for place in ("_release", "_thumbnail_files", "current_index"):
        with monkeypatch.context() as patch:
            patch.setattr(f"catalog_server.publisher.{place}", stop)
            with pytest.raises(KeyboardInterrupt):
                publish(filled, models)
        assert current_index(filled).to_bytes() == before.to_bytes()
        assert verify(filled).problems == ()
    assert publish(filled, models).version == 2


def test_a_full_disk_leaves_the_old_release_served(filled, models, monkeypatch):
    publish(filled, models)
    before = current_index(filled)
    filled.retire(2)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("coindex.catalog.files.os.fsync", full)
        with pytest.raises(StoreError, match="No space left"):
            publish(filled, models)
    assert current_index(filled).to_bytes() == before.to_bytes()


def test_a_release_recorded_but_never_served_costs_its_number_alone(filled, models, monkeypatch):
    def stop(path, data):
        if path.name == "current.json":
            raise KeyboardInterrupt
        write(path, data)

    from catalog_server import publisher

    write = publisher.write_whole
    with monkeypatch.context() as patch:
        patch.setattr("catalog_server.publisher.write_whole", stop)
        with pytest.raises(KeyboardInterrupt):
            publish(filled, models)
    assert current_index(filled) is None
    assert publish(filled, models).version == 2


def test_the_same_catalogue_gives_the_same_files_in_another_store(filled, models, collection, encoder, space, tmp_path):
    from catalog_server.store import open_store

    other = open_store(tmp_path / "other", create=True)
    import_photos(other, collection.read(), encoder, space_id=space)
    publish(filled, models)
    publish(other, models)
    one, two = current_index(filled).targets, current_index(other).targets
    assert {**one, "release.json": 0} == {**two, "release.json": 0}
    other.close()


def test_verify_tells_of_unpublished_changes(filled, models):
    assert (verify(filled).version, verify(filled).unpublished) == (None, True)
    publish(filled, models)
    assert not verify(filled).unpublished
    filled.retire(1)
    assert verify(filled).unpublished


def test_verify_finds_damaged_and_missing_files(filled, models):
    publish(filled, models)
    index = current_index(filled)
    targets = filled.releases / "targets"
    shard = targets / index.targets["shard-00000.coinshard"].stored_name
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    [photo, *_] = (path for path in (filled.folder / "photos").rglob("*") if path.is_file())
    photo.unlink()
    problems = verify(filled).problems
    assert len(problems) == 2
    assert photo.name in problems[0] and shard.name in problems[1]


def test_a_damaged_target_is_written_anew_by_the_next_publish(filled, models):
    publish(filled, models)
    index = current_index(filled)
    shard = filled.releases / "targets" / index.targets["shard-00000.coinshard"].stored_name
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    publish(filled, models)
    assert shard.read_bytes() == whole
