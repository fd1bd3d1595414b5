"""The whole path: import, publish, serve, sync, and search with the server stopped."""

import pytest

from catalog_server.curation import retire_coin
from catalog_server.importer import import_photos
from catalog_server.publisher import publish
from coindex.catalog import open_catalog
from coindex.errors import SyncError
from coindex.sync import RequestsFetcher, sync


def test_a_device_searches_the_catalogue_after_the_server_has_stopped(filled, models, collection, serve, tmp_path):
    publish(filled, models)
    with serve(filled) as url:
        report = sync(url, tmp_path / "home")
    assert (report.from_version, report.to_version) == (None, 1)
    with pytest.raises(SyncError):
        sync(url, tmp_path / "home", fetcher=RequestsFetcher(url, attempts=1))
    catalog = open_catalog(tmp_path / "home")
    hit = catalog.index.search(collection.code("3.png"), 1)[0]
    assert (catalog.records[hit.class_id].name, hit.row_id, hit.distance) == ("Utopia 2 mark", 4, 0)
    assert catalog.thumbnail(4)[8:12] == b"WEBP"


def test_a_second_sync_moves_the_index_alone_and_a_change_only_what_changed(
    filled, models, collection, encoder, space, serve, tmp_path
):
    publish(filled, models)
    with serve(filled) as url:
        first = sync(url, tmp_path / "home")
        second = sync(url, tmp_path / "home")
        assert second.up_to_date and second.bytes_downloaded < 2000
        assert 0 < second.bytes_reused < first.bytes_downloaded
        collection.add("9", seed=90)
        import_photos(filled, collection.read(), encoder, space_id=space, actor="test")
        retire_coin(filled, 1, actor="test")
        publish(filled, models)
        third = sync(url, tmp_path / "home")
    assert (third.from_version, third.to_version, third.up_to_date) == (1, 2, False)
    assert third.bytes_reused > 0
    index = open_catalog(tmp_path / "home").index
    assert index.rows.row_ids.tolist() == [3, 4, 5, 6, 7]
    assert index.search(collection.code("0.png"), 1)[0].distance > 0


def test_a_delta_of_the_publisher_leads_to_what_the_full_files_give(
    filled, models, collection, encoder, space, serve, tmp_path
):
    publish(filled, models)
    with serve(filled) as url:
        sync(url, tmp_path / "home")
        collection.add("9", seed=90)
        import_photos(filled, collection.read(), encoder, space_id=space, actor="test")
        retire_coin(filled, 1, actor="test")
        publish(filled, models)
        report = sync(url, tmp_path / "home")
        sync(url, tmp_path / "other")
    assert report.route == "delta"
    here, there = (open_catalog(tmp_path / home) for home in ("home", "other"))
    assert here.manifest.state_hash == there.manifest.state_hash
    assert here.index.rows.packed() == there.index.rows.packed() and here.records == there.records


def test_a_server_without_a_release_is_told_from_one_that_is_not_there(store, serve, tmp_path):
    with serve(store) as url, pytest.raises(SyncError, match="has it published a release"):
        sync(url, tmp_path / "home")
