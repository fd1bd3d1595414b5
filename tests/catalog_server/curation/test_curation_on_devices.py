"""What curators change, as a device finds it after its next sync."""

from dataclasses import replace

from sqlalchemy import select

from catalog_server.curation.coins import edit_coin, restore_coin, retire_coin
from catalog_server.curation.importer import import_photos
from catalog_server.curation.photos import restore_photo, retire_photo
from catalog_server.publishing.publish import publish
from catalog_server.store import CoinRow
from coindex.catalog import open_catalog, state_hash
from coindex.sync import sync


def test_what_was_retired_and_comes_back_is_found_again_under_its_old_row(
    filled, models, collection, encoder, space, serve, tmp_path
):
    for number in range(20):  # enough that a delta pays
        collection.add(str(9 + number % 3), seed=100 + number)
    import_photos(filled, collection.read(), encoder, space_id=space, actor="test")
    publish(filled, models)
    routes = set()
    with serve(filled) as url:
        sync(url, tmp_path / "home")
        for change, found in (
            (lambda: retire_photo(filled, 4, actor="test"), False),
            (lambda: restore_photo(filled, 4, actor="test"), True),
            (lambda: retire_coin(filled, 2, actor="test"), False),
            (lambda: restore_coin(filled, 2, actor="test"), True),
        ):
            change()
            publish(filled, models)
            routes.add(sync(url, tmp_path / "home").route)
            catalog = open_catalog(tmp_path / "home")
            hit = catalog.index.search(collection.code("3.png"), 1)[0]
            assert (hit.row_id == 4 and hit.distance == 0) is found
            assert (4 in catalog.index.rows.row_ids.tolist()) is found
            with filled.reading() as session:
                assert catalog.manifest.state_hash == state_hash(filled.state(session))
    assert "delta" in routes


def test_an_edited_coin_has_its_new_name_on_the_device_and_its_rows_unmoved(filled, models, serve, tmp_path):
    publish(filled, models)
    with filled.reading() as session:
        label = session.scalar(select(CoinRow).where(CoinRow.class_id == 2)).label
    with serve(filled) as url:
        sync(url, tmp_path / "home")
        before = open_catalog(tmp_path / "home").index.rows.packed()
        edit_coin(filled, 2, revision=1, actor="test", label=replace(label, denomination="5"), design="oak")
        publish(filled, models)
        sync(url, tmp_path / "home")
    catalog = open_catalog(tmp_path / "home")
    assert (catalog.records[2].name, catalog.records[2].design) == ("Utopia 5 mark", "oak")
    assert catalog.index.rows.packed() == before
