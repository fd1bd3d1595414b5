"""Releases with relief maps: each row's own, made once, few new ones when few photos are."""

import numpy as np
import pytest
from PIL import Image

from catalog_server.curation.importer import import_photos
from catalog_server.curation.photos import retire_photo
from catalog_server.curation.relief_maps import first_of_each_class
from catalog_server.curation.spaces import publish_space, reembed
from catalog_server.publishing.folder_fetcher import FolderFetcher
from catalog_server.publishing.publish import publish
from catalog_server.publishing.served import current_index, read_manifest, served_manifest, targets_folder
from catalog_server.publishing.verify import verify
from catalog_server.store import PhotoRow, ReliefRow
from catalog_server.store.backup import backup, restore
from coindex.catalog import open_catalog
from coindex.errors import NoCoinFound
from coindex.models import read_index
from coindex.relief import pack_map
from coindex.sync import sync


@pytest.fixture
def models(other_models):
    """Models with a relief net, which looks at two references a class."""
    return other_models("with-relief", relief=b"relief" * 9)


@pytest.fixture
def relief_id(models):
    return read_index(models / "models.json").relief.relief_id


@pytest.fixture
def encode(relief_encoder, relief_id):
    return relief_encoder(relief_id)


@pytest.fixture
def mapped(store, collection, encode, space):
    """A store whose photos, two of each of three coins, have maps."""
    import_photos(store, collection.read(), encode, space_id=space, actor="test")
    return store


@pytest.fixture
def made_when_published(monkeypatch):
    """Lets a publish make maps by an encoder; returns what it was told of progress."""

    def by(encode):
        monkeypatch.setattr("catalog_server.curation.relief_maps.photo_encoder", lambda _: encode)

    return by


def rows_with_maps(store):
    """The rows of the served release that a device has maps of, each compared with the store's."""
    home = store.folder.parent / "device"
    sync("", home, fetcher=FolderFetcher(store.folder))
    catalog = open_catalog(home)
    index = read_index(home / "targets" / catalog.targets["models.json"].stored_name)
    maps = catalog.maps(index)
    if maps is None:
        return []
    with store.reading() as session:
        kept = {
            row.row_id: row.map
            for row in session.query(ReliefRow).filter(ReliefRow.relief_id == index.relief.relief_id)
        }
    found = {row: maps.get(row) for row in range(1, 30)}
    assert all(values is None or pack_map(values) == kept[row] for row, values in found.items())
    return [row for row, values in found.items() if values is not None]


def packs(store):
    return served_manifest(store, current_index(store)).relief_packs


def test_a_release_carries_the_maps_that_were_made_when_photos_were_encoded(mapped, models):
    report = publish(mapped, models)
    assert report.maps == 6 and rows_with_maps(mapped) == [1, 2, 3, 4, 5, 6]
    assert verify(mapped).problems == ()
    assert not publish(mapped, models).changed


def test_maps_that_a_store_lacks_are_made_from_its_photos_once(filled, models, encode, made_when_published):
    made_when_published(encode)
    heard = []
    assert publish(filled, models, progress=lambda *of: heard.append(of)).maps == 6
    assert heard[-1] == (6, 6) and rows_with_maps(filled) == [1, 2, 3, 4, 5, 6]
    heard.clear()
    assert not publish(filled, models, progress=lambda *of: heard.append(of)).changed and heard == []


def test_making_maps_goes_on_where_it_was_stopped(filled, models, encode, made_when_published, monkeypatch):
    made_when_published(encode)
    monkeypatch.setattr("catalog_server.curation.encoding.BATCH", 2)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(filled, models, progress=stop)
    assert current_index(filled) is None
    with filled.reading() as session:
        assert session.query(ReliefRow).count() == 2
    heard = []
    publish(filled, models, progress=lambda *of: heard.append(of))
    assert heard[-1] == (4, 4)


def test_a_photo_that_gives_no_map_leaves_its_place_to_the_next(
    filled, collection, models, encode, encoder, space, made_when_published
):
    collection.add("1", seed=41)
    import_photos(filled, collection.read(), encoder, space_id=space, actor="test")
    blind = np.asarray(Image.open(collection.folder / "0.png"))

    def encode_others(photo):
        if np.array_equal(photo.rgb, blind):
            raise NoCoinFound("no coin found")
        return encode(photo)

    made_when_published(encode_others)
    assert publish(filled, models).maps == 6
    assert rows_with_maps(filled) == [2, 3, 4, 5, 6, 7]


def test_a_class_has_maps_of_its_oldest_photos_and_a_new_photo_changes_none(mapped, collection, models, encode, space):
    publish(mapped, models)
    before = packs(mapped)
    collection.add("1", seed=41)
    import_photos(mapped, collection.read(), encode, space_id=space, actor="test")
    publish(mapped, models)
    assert packs(mapped) == before and 7 not in rows_with_maps(mapped)
    retire_photo(mapped, 1, actor="test")
    report = publish(mapped, models)
    assert report.maps == 7 and rows_with_maps(mapped) == [1, 2, 3, 4, 5, 6, 7]  # the pack that has row 1 stays
    assert set(packs(mapped)) > set(before)


def test_new_coins_cost_their_own_maps_alone(mapped, collection, models, encode, space, relief_id):
    publish(mapped, models)
    before = current_index(mapped).targets
    collection.add("4", seed=41)
    import_photos(mapped, collection.read(), encode, space_id=space, actor="test")
    publish(mapped, models)
    new = current_index(mapped).targets.keys() - before.keys()
    assert {name for name in new if name.endswith(".coinrelief")} == {f"relief-{relief_id}-7-7.coinrelief"}
    assert len(rows_with_maps(mapped)) == 7


@pytest.mark.parametrize(("references", "expected"), [(1, [1, 3, 5]), (0, []), (9, [1, 2, 3, 4, 5, 6])])
def test_a_publisher_says_how_many_references_a_class_have_a_map(mapped, models, references, expected):
    publish(mapped, models, relief_references=references)
    assert rows_with_maps(mapped) == expected
    assert (served_manifest(mapped, current_index(mapped)).relief is None) == (references == 0)


def test_another_relief_net_makes_maps_and_packs_of_its_own(
    mapped, models, other_models, relief_encoder, made_when_published
):
    publish(mapped, models)
    newer = other_models("newer", relief=b"newer")
    made_when_published(relief_encoder(read_index(newer / "models.json").relief.relief_id))
    before = packs(mapped)
    assert publish(mapped, newer).maps == 6
    assert set(packs(mapped)).isdisjoint(before) and rows_with_maps(mapped) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("shared", [True, False])
def test_each_space_has_the_maps_of_its_relief_net_and_spaces_share_one(
    mapped, models, other_models, new_encoder, relief_encoder, shared
):
    other = other_models("other", checkpoint="d1" * 32, relief=b"relief" * 9 if shared else b"another")
    index = read_index(other / "models.json")
    reembed(mapped, other, actor="test", encode=relief_encoder(index.relief.relief_id, new_encoder))
    publish_space(mapped, index.space_id, actor="test")
    publish(mapped, models)
    served = current_index(mapped)
    one, two = (read_manifest(mapped, served, name) for name in ("release.json", f"release-{index.space_id}.json"))
    assert sum(pack.maps for pack in one.relief.packs) == sum(pack.maps for pack in two.relief.packs) == 6
    assert (one.relief == two.relief) == shared and two.relief.relief_id == index.relief.relief_id
    assert verify(mapped).problems == ()


def test_a_damaged_pack_is_found_and_mended_by_the_next_publish(mapped, models):
    publish(mapped, models)
    [name] = packs(mapped)
    path = targets_folder(mapped) / current_index(mapped).targets[name].stored_name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"x")
    assert len(verify(mapped).problems) == 1
    publish(mapped, models)
    assert path.read_bytes() == whole


def test_a_backup_has_the_maps(mapped, tmp_path):
    backup(mapped, tmp_path / "backup.zip")
    restore(tmp_path / "backup.zip", tmp_path / "restored", database_url="", photos_url="")
    from catalog_server.store import open_store

    again = open_store(tmp_path / "restored")
    with mapped.reading() as one, again.reading() as two:
        kept, restored = ([(row.row_id, row.map) for row in each.query(ReliefRow)] for each in (one, two))
        assert kept == restored and len(kept) == one.query(PhotoRow).count()
    again.close()


def test_the_first_rows_of_each_class_are_chosen_whatever_their_order():
    rows, classes = np.array([9, 1, 4, 3, 7], np.uint32), np.array([2, 1, 1, 1, 2], np.uint32)
    assert first_of_each_class(rows, classes, 2).tolist() == [1, 3, 7, 9]
    assert first_of_each_class(rows[:0], classes[:0], 2).tolist() == []
