"""The catalogue written out, and what an import makes of it."""

import json

import pytest

from catalog_server.curation.coins import add_coin, edit_coin, retire_coin
from catalog_server.curation.exporter import export_catalog
from catalog_server.curation.importer import import_photos
from catalog_server.curation.packs import list_packs, load_packs, put_in_pack, set_pack
from catalog_server.curation.photos import retire_photo
from catalog_server.store import PhotoRow, open_store
from catalog_server.store.audit import audit_entries
from coindex.catalog import state_hash
from coindex.errors import StoreError
from coindex.manifest import CoinClass, read_manifest

FACTS = {"title": 'The "old" mark, 1', "weight": 7.5, "links": ["https://a.example/1", "https://a.example/2"]}


def content(store):
    """What a store says of its live photos, whatever their rows and classes are called."""
    with store.reading() as session:
        state = store.state(session)
        codes = dict(zip(state.rows.row_ids.tolist(), state.rows.codes.tolist(), strict=True))
        return sorted(
            (photo.photo_sha256, photo.source, photo.specimen, photo.year, photo.coin.label, photo.coin.name,
             photo.coin.design, sorted(photo.coin.told.items()), codes[photo.row_id])
            for photo in session.query(PhotoRow).where(~PhotoRow.retired)
        )  # fmt: skip


@pytest.fixture
def again(tmp_path, encoder, space):
    """Imports an exported folder into a new store."""
    stores = []

    def run(folder):
        store = open_store(tmp_path / f"again-{len(stores)}", create=True)
        stores.append(store)
        import_photos(store, read_manifest(folder / "manifest.csv"), encoder, space_id=space, actor="test")
        return store

    yield run
    for store in stores:
        store.close()


def test_an_import_of_an_export_gives_the_very_catalogue(filled, again, tmp_path):
    edit_coin(filled, 1, revision=1, actor="test", facts=FACTS, design="oak; leaf")
    label = CoinClass("Utopia", 'mark "new"', "2", "señor, 2\u00bd", "reverse")
    edit_coin(filled, 2, revision=1, actor="test", label=label)
    report = export_catalog(filled, tmp_path / "out")
    assert (report.photos, report.classes, report.without_photos) == (6, 3, ())
    other = again(tmp_path / "out")
    assert content(other) == content(filled)
    with filled.reading() as before, other.reading() as after:
        assert state_hash(filled.state(before)) == state_hash(other.state(after))


def test_what_is_retired_stays_behind_and_a_class_without_photos_is_named(filled, again, tmp_path):
    retire_photo(filled, 1, actor="test")
    retire_coin(filled, 2, actor="test")
    add_coin(filled, CoinClass("Utopia", "mark", "9", "", "obverse"), actor="test")
    report = export_catalog(filled, tmp_path / "out")
    assert (report.photos, report.classes) == (3, 2)
    assert report.without_photos == ("class 4, Utopia 9 mark, obverse",)
    assert content(again(tmp_path / "out")) == content(filled)


def test_a_photo_of_a_name_that_not_every_file_system_takes_has_a_plain_one(filled, tmp_path):
    with filled.changing() as session:
        session.get(PhotoRow, 1).source = "../a:b?.png"
        session.get(PhotoRow, 2).source = "CON.png"
    export_catalog(filled, tmp_path / "out")
    assert (tmp_path / "out" / "photos" / "1" / "photo.jpg").is_file()
    assert (tmp_path / "out" / "photos" / "2" / "photo.jpg").is_file()


def test_a_missing_photo_leaves_no_folder(filled, tmp_path):
    with filled.reading() as session:
        filled.photos.remove(session.get(PhotoRow, 6).photo_sha256)
    with pytest.raises(StoreError, match="cannot be read"):
        export_catalog(filled, tmp_path / "out")
    assert not [path for path in tmp_path.iterdir() if "out" in path.name or "export" in path.name]


def test_a_folder_with_something_in_it_is_left_alone(filled, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(StoreError, match="not empty"):
        export_catalog(filled, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_the_command_says_what_it_wrote(filled, command_line, tmp_path):
    code, out, _ = command_line("catalog", "export", tmp_path / "new" / "out", "--store", filled.folder)
    assert code == 0 and "6 photos of 3 classes" in out
    assert (tmp_path / "new" / "out" / "photos" / "1" / "0.png").is_file()


def test_packs_of_an_export_are_loaded_into_the_catalogue_that_is_made_of_it(filled, again, tmp_path):
    set_pack(filled, "south", {"en": "South", "de": "Süden"}, actor="test")
    set_pack(filled, "rare", {"en": "Rare"}, actor="test")
    put_in_pack(filled, "south", countries=["Utopia"], actor="test")
    put_in_pack(filled, "rare", coins=[2], actor="test")
    report = export_catalog(filled, tmp_path / "out")
    document = json.loads((tmp_path / "out" / "packs.json").read_text("utf-8"))
    assert report.packs == 2 and [pack["pack_id"] for pack in document["packs"]] == ["rare", "south"]
    store = again(tmp_path / "out")
    for _ in range(2):  # loaded again, nothing changes
        assert load_packs(store, document, actor="test") == 2
        assert list_packs(store) == list_packs(filled)
    with store.reading() as session:
        assert len([entry for entry in audit_entries(session) if entry.action == "coin.pack"]) == 1


def test_an_export_without_packs_has_no_file_of_them(filled, tmp_path):
    assert export_catalog(filled, tmp_path / "out").packs == 0 and not (tmp_path / "out" / "packs.json").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"coins": [{"country": "Atlantis", "currency": "mark", "denomination": "1", "variant": ""}]},
            "no coin Atlantis",
        ),
        ({"countries": ["Atlantis"]}, "no coin is of the country"),
        ({"countries": "Utopia"}, "countries must be a list"),
        ({"names": {}}, "a name is needed"),
        ({"coins": [{"country": "Utopia"}]}, "currency is missing"),
    ],
)
def test_packs_that_cannot_be_loaded_are_named_and_change_nothing(filled, change, told):
    good = {"pack_id": "south", "names": {"en": "South"}, "countries": ["Utopia"], "coins": []}
    with pytest.raises(StoreError, match=told):
        load_packs(filled, {"packs": [good, {**good, "pack_id": "north", **change}]}, actor="test")
    assert list_packs(filled) == ()
