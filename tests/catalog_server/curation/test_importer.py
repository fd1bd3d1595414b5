"""Imports: all photos or none."""

import dataclasses
import time

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select, text

from catalog_server.curation.coins import retire_coin
from catalog_server.curation.encoding import THUMBNAIL_SIDE, thumbnail
from catalog_server.curation.importer import import_photos
from catalog_server.store import CoinRow, PhotoRow, open_store
from coindex.errors import PhotoError, SpaceMismatch, StoreError


@pytest.fixture
def run(store, encoder, space):
    def run(photos, **options):
        return import_photos(store, photos, encoder, **{"space_id": space, "actor": "test", **options})

    return run


def content(store):
    """Everything that the store holds, files too."""
    with store.reading() as session:
        tables = {name: session.execute(text(f"select * from {name}")).all() for name in ("coins", "photos", "meta")}
        ids = session.execute(text("select * from sqlite_sequence order by name")).all()
    return tables, ids, sorted(path for path in (store.folder / "photos").rglob("*") if path.is_file())


def test_an_import_adds_a_row_a_photo_with_the_code_of_its_largest_coin(run, store, collection):
    assert dataclasses.astuple(run(collection.read())) == (6, 3, 0, (), (), 0)
    with store.reading() as session:
        state = store.state(session)
        photo = session.get(PhotoRow, 4)
        assert (photo.source, photo.year, photo.specimen) == ("3.png", "1901", "s3")
        assert store.photos.get(photo.photo_sha256) == (collection.folder / "3.png").read_bytes()
    assert state.rows.row_ids.tolist() == [1, 2, 3, 4, 5, 6]
    assert state.rows.class_ids.tolist() == [1, 1, 2, 2, 3, 3]
    assert (state.rows.codes[3] == collection.code("3.png")).all()
    assert state.records[2].name == "Utopia 2 mark"


def test_the_same_photo_of_the_same_class_is_counted_and_not_doubled(run, store, collection):
    run(collection.read())
    before = content(store)
    assert dataclasses.astuple(run(collection.read())) == (0, 0, 6, (), (), 0)
    assert content(store) == before
    collection.add("1", seed=0)
    collection.add("4", seed=77)
    collection.add("4", seed=77)
    assert dataclasses.astuple(run(collection.read(last=3))) == (1, 1, 2, (), (), 0)


def test_one_photo_may_show_two_classes(run, collection):
    run(collection.read())
    collection.add("9", seed=0)
    assert run(collection.read()).rows_added == 1


def test_a_photo_of_two_classes_is_imported_with_a_warning(run, collection):
    run(collection.read())
    collection.add("9", seed=0)
    collection.add("7", seed=70)
    collection.add("8", seed=70)
    collection.add("7", seed=70)
    report = run(collection.read())
    assert (report.rows_added, report.already_there) == (3, 7)
    first, second = report.warnings
    assert "line 8, " in first and "6.png: the same photo is in class 1, Utopia 1 mark, obverse" in first
    assert "line 10, " in second and "8.png: the same photo as line 9, of another class, Utopia 7 mark" in second


def test_a_new_class_that_is_nearly_another_is_imported_with_a_warning(run, collection):
    run(collection.read())
    collection.add("1.0", seed=50)
    collection.add("7", seed=51, currency="Marks")
    collection.add("7", seed=52, currency="mark")
    collection.add("1.0", seed=53)
    report = run(collection.read())
    assert report.classes_added == 3
    first, second = report.warnings
    assert (
        "line 8, " in first and "class 1 is nearly the same, Utopia 1 mark, obverse: it has denomination '1'" in first
    )
    assert "line 10, " in second and "nearly the same as Utopia 7 Marks, obverse of line 9" in second
    assert run(collection.read()).warnings == ()


def test_every_class_with_two_designs_is_told(run, collection):
    for denomination in ("7", "8"):
        for number, design in enumerate(("tree", "eagle")):
            collection.add(denomination, seed=int(denomination) * 10 + number, design=design)
    with pytest.raises(StoreError, match=r"line 9: .*'eagle', an earlier line says 'tree'(.|\n)*line 11: "):
        run(collection.read())


def test_only_the_named_splits_are_imported(run, collection):
    collection.add("5", seed=50, split="extra")
    assert run(collection.read(splits=["extra"])).rows_added == 1


def test_a_bad_photo_at_the_end_leaves_the_store_as_it_was(run, store, collection):
    run(collection.read())
    before = content(store)
    collection.add("5", seed=50)
    (collection.folder / collection.add("6", seed=51)).write_bytes(b"no image")
    with pytest.raises(PhotoError, match=r"1 of 8 photos.*nothing was imported(.|\n)*line 9.*7\.png"):
        run(collection.read())
    assert content(store) == before


def test_every_bad_photo_is_named_with_its_reason(run, collection):
    (collection.folder / "1.png").write_bytes(b"no image")
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(collection.folder / "4.png")
    with pytest.raises(PhotoError) as caught:
        run(collection.read())
    assert "1.png: not an image" in str(caught.value) and "4.png: no coin found" in str(caught.value)


def test_bad_photos_can_be_left_out(run, collection):
    (collection.folder / "1.png").write_bytes(b"no image")
    report = run(collection.read(), skip_bad=True)
    assert report.rows_added == 5 and len(report.skipped) == 1 and "1.png" in report.skipped[0]


@pytest.mark.parametrize("stop_at", [0, 3, 6])
def test_ctrl_c_leaves_the_store_as_it_was(run, store, collection, stop_at):
    before = content(store)

    def stop(done, total):
        if done == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(collection.read(), progress=stop)
    assert content(store) == before


def test_no_thread_keeps_a_photo_after_an_import_was_stopped(store, collection, encoder, space):
    for number in range(20):
        collection.add("4", seed=100 + number)

    def slowly(photo):
        time.sleep(0.01)
        return encoder(photo)

    def stop(done, total):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        import_photos(store, collection.read(), slowly, space_id=space, actor="test", threads=4, progress=stop)
    time.sleep(0.1)
    assert caught and list(store.photos.names()) == []


def test_rows_follow_the_manifest_however_long_each_photo_takes(store, collection, encoder, space):
    for number in range(20):
        collection.add("4", seed=100 + number)

    def at_odds(photo):
        time.sleep(0.01 * (int(photo.rgb[0, 0, 0]) % 3))
        return encoder(photo)

    import_photos(store, collection.read(), at_odds, space_id=space, actor="test", threads=4)
    with store.reading() as session:
        sources = [row.source for row in session.scalars(select(PhotoRow).order_by(PhotoRow.row_id))]
    assert sources == [f"{number}.png" for number in range(26)]


def test_a_full_disk_is_an_error_of_the_store_and_not_of_a_photo(run, store, collection, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = content(store)
    monkeypatch.setattr("coindex.disk.os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        run(collection.read(), skip_bad=True)
    assert content(store) == before


def test_a_failure_does_not_take_photos_that_were_there_before(run, store, collection):
    run(collection.read())
    collection.add("8", seed=0)  # the first photo again, under a new class
    (collection.folder / collection.add("9", seed=90)).write_bytes(b"no image")
    before = content(store)
    with pytest.raises(PhotoError):
        run(collection.read())
    assert content(store) == before


def test_models_of_another_space_are_refused_by_both_names(run, store, collection, space):
    run(collection.read())
    before = content(store)
    with pytest.raises(SpaceMismatch, match=f"{space}.*{'e' * 16}.*--models.*--store") as told:
        run(collection.read(), space_id="e" * 16)
    assert str(told.value).startswith(f"{store.folder}: ")
    assert content(store) == before


def test_a_class_has_one_design(run, store, collection):
    collection.add("7", seed=70, design="tree")
    run(collection.read())
    collection.add("7", seed=71, design="eagle")
    for photos in (collection.read(), collection.read(last=1)):
        with pytest.raises(StoreError, match="design"):
            run(photos)


def test_progress_is_told_for_every_photo(run, collection):
    heard = []
    run(collection.read(), progress=lambda *of: heard.append(of))
    assert heard == [(done, 6) for done in range(7)]


def test_a_retired_class_is_gone_and_its_ids_are_never_given_again(run, store, collection):
    run(collection.read())
    record, photos = retire_coin(store, 3, actor="test")
    assert (record.denomination, photos) == ("3", 2)
    with store.reading() as session:
        assert store.state(session).rows.row_ids.tolist() == [1, 2, 3, 4]
    assert dataclasses.astuple(run(collection.read())) == (2, 1, 4, (), (), 0)
    with store.reading() as session:
        state = store.state(session)
    assert state.rows.row_ids.tolist() == [1, 2, 3, 4, 7, 8]
    assert sorted(state.records) == [1, 2, 4]


def test_retiring_nothing_or_twice_is_refused(run, store, collection):
    run(collection.read())
    retire_coin(store, 1, actor="test")
    with pytest.raises(StoreError, match="retired already"):
        retire_coin(store, 1, actor="test")
    with pytest.raises(StoreError, match="no class 99"):
        retire_coin(store, 99, actor="test")


def test_a_store_is_found_again_and_a_missing_one_says_how_to_make_it(run, store, collection, tmp_path):
    run(collection.read())
    again = open_store(store.folder)
    with again.reading() as session:
        assert len(again.state(session).rows) == 6
    again.close()
    with pytest.raises(StoreError, match="coindex catalog import"):
        open_store(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_newer_store_and_a_file_that_is_none_are_refused(store, tmp_path):
    with store.changing() as session:
        session.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(StoreError, match="update coindex"):
        open_store(store.folder)
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "catalog.sqlite").write_bytes(b"junk" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        open_store(tmp_path / "junk")


def test_a_damaged_photo_file_is_noticed(run, store, collection):
    run(collection.read())
    [path, *_] = (path for path in (store.folder / "photos").rglob("*") if path.is_file())
    path.write_bytes(b"other")
    with pytest.raises(StoreError, match="damaged"):
        store.photos.get(path.name)
    with pytest.raises(StoreError, match="cannot be read"):
        store.photos.get("0" * 64)


def test_thumbnails_are_small_webp_and_the_same_every_time():
    picture = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    data = thumbnail(picture)
    assert data == thumbnail(picture)
    import io

    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("WEBP", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))


def facts(store):
    with store.reading() as session:
        return {coin.class_id: dict(coin.told) for coin in session.query(CoinRow)}


def test_an_import_gives_new_coins_and_those_that_are_there_their_facts(run, store, collection):
    run(collection.read())
    collection.rows[0] |= {"metal": "tin", "weight": "7,5"}
    collection.rows[1] |= {"years": "1921-1923"}
    collection.add("9", seed=90, title="The bridge")
    report = run(collection.read())
    assert (report.rows_added, report.classes_added, report.coins_described) == (1, 1, 2)
    assert facts(store) == {
        1: {"years": "1921-1923", "metal": "tin", "weight": 7.5},
        2: {},
        3: {},
        4: {"title": "The bridge"},
    }
    assert run(collection.read()).coins_described == 0
    del collection.rows[0]["metal"]
    run(collection.read())
    assert facts(store)[1]["metal"] == "tin", "a blank cell changes nothing"


def test_two_facts_of_one_name_are_refused_by_their_lines(run, store, collection):
    collection.rows[0] |= {"metal": "tin"}
    collection.rows[1] |= {"metal": "silver"}
    with pytest.raises(StoreError, match="line 3: Utopia 1 mark has metal 'silver', an earlier line says 'tin'"):
        run(collection.read())
    assert facts(store) == {}
