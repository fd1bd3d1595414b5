"""Releases of several spaces: published side by side, until the old one is ended."""

import hashlib
import json

import numpy as np
import pytest

from catalog_server.curation.coins import retire_coin
from catalog_server.curation.importer import import_photos
from catalog_server.curation.spaces import end_space, publish_space, recommend_space, reembed
from catalog_server.publishing.folder_fetcher import FolderFetcher
from catalog_server.publishing.publish import publish
from catalog_server.publishing.served import current_index, served_manifest, targets_folder
from catalog_server.publishing.verify import verify
from catalog_server.store import CodeRow
from coindex.catalog import open_catalog
from coindex.catalog.release import parse_manifest
from coindex.errors import SpaceMismatch, StoreError, SyncError
from coindex.models import read_index
from coindex.sync import sync


@pytest.fixture
def new_models(other_models):
    """Models of another space: the segmenter is the same, the embedder has the same file name and other bytes."""
    folder = other_models("new-models", checkpoint="d1" * 32)
    document = json.loads((folder / "models.json").read_bytes())
    net = folder / "embedder.int8.tflite"
    content = net.read_bytes() + b"another"  # which LiteRT does not look at
    net.write_bytes(content)
    document["models"]["embedder"] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (folder / "models.json").write_text(json.dumps(document))
    return folder


@pytest.fixture
def both(filled, models, new_models, new_space, new_encoder):
    """A store that has published release 1, and has a second space published beside the first from the next on."""
    publish(filled, models)
    reembed(filled, new_models, actor="test", encode=new_encoder)
    publish_space(filled, new_space, actor="test")
    return filled


def pull(store, home, **options):
    return sync("", home, fetcher=FolderFetcher(store.folder), **options)


def manifest(store, name):
    return parse_manifest((targets_folder(store) / current_index(store).targets[name].stored_name).read_bytes())


def test_a_release_has_a_manifest_for_each_published_space(both, models, space, new_space):
    report = publish(both, models)
    assert (report.version, report.changed) == (2, True)
    recommended, other = manifest(both, "release.json"), manifest(both, f"release-{new_space}.json")
    assert (recommended.space_id, other.space_id) == (space, new_space)
    assert recommended.version == other.version == 2
    assert recommended.rows == other.rows and recommended.state_hash != other.state_hash
    assert recommended.models_index == "models.json" and other.models_index == f"models-{new_space}.json"
    assert recommended.records == other.records and recommended.thumbnails == other.thumbnails
    assert verify(both).problems == ()


def test_nets_that_differ_under_one_name_are_told_apart_and_the_same_net_is_carried_once(both, models, new_space):
    publish(both, models)
    other = manifest(both, f"release-{new_space}.json")
    assert other.models[1:] == ("segmenter.int8.tflite", f"embedder.int8-{new_space}.tflite")
    path = targets_folder(both) / current_index(both).targets[other.models_index].stored_name
    index = read_index(path)
    assert (index.segmenter.file, index.embedder.file) == other.models[1:]
    assert index.space_id == new_space


def test_publishing_two_spaces_again_without_a_change_makes_no_release(both, models):
    publish(both, models)
    assert not publish(both, models).changed
    retire_coin(both, 1, actor="test")
    assert publish(both, models).changed


def test_a_phone_moves_when_the_new_space_is_recommended_and_not_before(
    both, models, new_models, space, new_space, collection, tmp_path
):
    publish(both, models)
    home = tmp_path / "home"
    assert pull(both, home).space_id == space
    recommend_space(both, new_space, actor="test")
    assert publish(both, new_models).version == 3
    report = pull(both, home)
    assert (report.from_space_id, report.space_id) == (space, new_space)
    catalog = open_catalog(home)
    code = np.negative(collection.code("3.png"))
    assert catalog.index.search(code, 1)[0].distance == 0
    catalog.require_space(read_index(catalog._path(catalog.manifest.models_index)))
    assert verify(both).problems == ()


def test_a_phone_may_stay_until_the_old_space_is_ended(both, models, new_models, space, new_space, tmp_path):
    publish(both, models)
    home = tmp_path / "home"
    pull(both, home)
    recommend_space(both, new_space, actor="test")
    publish(both, new_models)
    assert pull(both, home, keep_models=True).space_id == space
    retire_coin(both, 1, actor="test")
    publish(both, new_models)
    report = pull(both, home, keep_models=True)
    assert (report.to_version, report.space_id) == (4, space)
    assert len(open_catalog(home).index) == 4
    end_space(both, space, actor="test")
    assert publish(both, new_models).version == 5
    assert f"release-{space}.json" not in current_index(both).targets
    with pytest.raises(SyncError, match="which this device uses"):
        pull(both, home, keep_models=True)
    assert open_catalog(home).manifest.version == 4
    assert pull(both, home).space_id == new_space


def test_deltas_lead_on_within_each_space(both, models, new_space, space, collection, encoder, new_encoder, tmp_path):
    for number in range(60, 110):
        collection.add("7", seed=number)
    photos, beside = collection.read(), {new_space: new_encoder}
    import_photos(both, photos, encoder, space_id=space, beside=beside, actor="test")
    publish(both, models)
    home = tmp_path / "home"
    pull(both, home)
    retire_coin(both, 1, actor="test")
    publish(both, models)
    recommended, other = manifest(both, "release.json"), manifest(both, f"release-{new_space}.json")
    assert [delta.name for delta in recommended.deltas][:1] == ["delta-from-2.coindelta"]
    assert [delta.name for delta in other.deltas] == [f"delta-{new_space}-from-2.coindelta"]
    assert pull(both, home).route == "delta"
    assert verify(both).problems == ()


def test_a_release_of_the_new_space_takes_over_its_shards_when_it_is_recommended(both, models, new_models, new_space):
    publish(both, models)
    before = manifest(both, f"release-{new_space}.json")
    recommend_space(both, new_space, actor="test")
    publish(both, new_models)
    after = served_manifest(both, current_index(both))
    assert after.shards == before.shards and after.state_hash == before.state_hash


def test_the_recommended_spaces_models_are_asked_for(both, models, new_space):
    recommend_space(both, new_space, actor="test")
    with pytest.raises(SpaceMismatch, match=f"{new_space}.*--models"):
        publish(both, models)
    assert manifest(both, "release.json").version == 1


def test_a_published_space_that_lacks_codes_stops_a_release(both, models, new_space):
    with both.changing() as session:
        session.delete(session.get(CodeRow, (1, new_space)))
    with pytest.raises(StoreError, match=f"1 of 6 photos have no code in space {new_space}"):
        publish(both, models)
    assert current_index(both).version == 1
