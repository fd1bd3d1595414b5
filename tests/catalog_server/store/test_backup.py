"""Backups: everything in one file, and a store again from it, or nothing."""

import json
import os
import stat
import time
import zipfile

import pytest
from sqlalchemy import select, text

from catalog_server import signing
from catalog_server.accounts.accounts import Role, create_user
from catalog_server.accounts.sessions import session_identity, sign_in
from catalog_server.curation.coins import retire_coin
from catalog_server.curation.encoding import keep_models
from catalog_server.curation.importer import import_photos
from catalog_server.jobs.checks import check_store, collect
from catalog_server.publishing.publish import publish
from catalog_server.publishing.verify import verify
from catalog_server.store import PhotoRow, open_store
from catalog_server.store.backup import backup, restore
from catalog_server.store.photo_files import photo_sha256
from catalog_server.store.tables import Base
from coindex.disk import DISK
from coindex.errors import StoreError


@pytest.fixture
def whole(any_store, collection, encoder, space, models):
    """A store with something of everything."""
    import_photos(any_store, collection.read(), encoder, space_id=space, actor="test")
    retire_coin(any_store, 3, actor="test")
    create_user(any_store, "ann", "correct horse", role=Role.PUBLISHER, actor="test")
    publish(any_store, models)
    return any_store


def content(store):
    with store.reading() as session:
        tables = [table for table in Base.metadata.sorted_tables if table.name not in ("sessions", "meta")]
        return {table.name: sorted(map(repr, session.execute(select(table)))) for table in tables}


def files(folder):
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "catalog.sqlite")))
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_a_store_from_a_backup_is_the_store(whole, tmp_path):
    session = sign_in(whole, "ann", "correct horse", address="::1")
    report = backup(whole, tmp_path / "b.zip")
    assert (report.photos, report.with_keys) == (6, False)
    assert restore(tmp_path / "b.zip", tmp_path / "again", database_url="", photos_url="").photos == 6
    again = open_store(tmp_path / "again", database_url="")
    assert content(again) == content(whole)
    kept = {name: data for name, data in files(whole.folder).items() if not name.startswith("keys/")}
    assert files(again.folder) == kept
    assert verify(again).problems == () == check_store(again).problems
    assert session_identity(again, session.token) is None
    assert sign_in(again, "ann", "correct horse", address="::1")
    again.close()


def test_ids_go_on_after_a_restoration_into_either_database(whole, tmp_path, collection, encoder, space, database_url):
    backup(whole, tmp_path / "b.zip")
    if database_url:  # empty, for it to be the place of the second store
        with whole.changing() as session:
            session.execute(text("DROP SCHEMA public CASCADE"))
            session.execute(text("CREATE SCHEMA public"))
    restore(tmp_path / "b.zip", tmp_path / "again", database_url=database_url)
    again = open_store(tmp_path / "again", database_url=database_url)
    assert (tmp_path / "again" / "catalog.sqlite").exists() == (database_url is None)
    collection.add("9", seed=90)
    import_photos(again, collection.read(last=1), encoder, space_id=space, actor="test")
    with again.reading() as session:
        rows = sorted(session.scalars(select(PhotoRow.row_id)))
        assert rows[-1] > rows[-2] and len(rows) == 7
    assert check_store(again).problems == ()
    again.close()


def test_photos_are_restored_to_where_they_are_to_lie(filled, tmp_path):
    backup(filled, tmp_path / "b.zip")
    url = f"memory://{tmp_path.name}/restored"
    restore(tmp_path / "b.zip", tmp_path / "again", photos_url=url)
    assert not (tmp_path / "again" / "photos").exists()
    again = open_store(tmp_path / "again", photos_url=url)
    assert verify(again).photos == 6 and verify(again).problems == ()
    again.close()


def test_keys_are_in_a_backup_only_where_asked_and_come_back_for_their_owner_alone(filled, tmp_path):
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "root").write_bytes(b"secret")
    backup(filled, tmp_path / "without.zip")
    assert b"secret" not in (tmp_path / "without.zip").read_bytes()
    assert backup(filled, tmp_path / "with.zip", keys=keys).with_keys
    restore(tmp_path / "with.zip", tmp_path / "again")
    kept = tmp_path / "again" / "keys"
    assert (kept / "root").read_bytes() == b"secret"
    assert (kept.stat().st_mode & 0o777, (kept / "root").stat().st_mode & 0o777) == (0o700, 0o600)


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}


def test_a_backup_and_a_restored_store_are_for_their_owner_alone_from_the_first_byte(filled, tmp_path):
    keys = tmp_path / "keys"
    signing.begin(filled.releases, keys)
    met = []

    def watch(done, total):
        for building in (*tmp_path.glob(".coindex-backup-*"), *tmp_path.glob(".again.restoring-*")):
            met.append(stat.S_IMODE(building.stat().st_mode))
            met.extend(mode for name, mode in modes(building).items() if name.endswith((".zip", ".sqlite", ".pem")))

    before = os.umask(0o022)
    try:
        backup(filled, tmp_path / "b.zip", keys=keys, progress=watch)
        restore(tmp_path / "b.zip", tmp_path / "again", progress=watch)
    finally:
        os.umask(before)
    assert set(met) == {0o600, 0o700} and len(met) > 20
    assert stat.S_IMODE((tmp_path / "b.zip").stat().st_mode) == 0o600
    restored = modes(tmp_path / "again")
    assert restored["catalog.sqlite"] == 0o600 and all(
        mode == 0o600 for name, mode in restored.items() if "pem" in name
    )


def test_a_database_is_for_its_owner_alone_from_the_first_byte(store, tmp_path):
    create_user(store, "ann", "correct horse", role=Role.PUBLISHER, actor="test")
    found = {name: mode for name, mode in modes(store.folder).items() if name.startswith("catalog.sqlite")}
    assert set(found.values()) == {0o600} and "catalog.sqlite-wal" in found


def test_what_a_killed_backup_left_goes_with_the_next_and_one_under_way_stays(filled, tmp_path):
    left, going = tmp_path / ".coindex-backup-left", tmp_path / ".coindex-backup-going"
    for folder in (left, going):
        folder.mkdir()
        (folder / ".lock").touch()
        (folder / "backup.zip").write_bytes(b"keys and all")
    with DISK.lock(going / ".lock"):
        backup(filled, tmp_path / "b.zip")
    assert not left.exists() and going.exists()
    assert not [path for path in tmp_path.glob(".coindex-backup-*") if path != going]


def test_a_place_that_is_not_empty_is_left_alone(filled, tmp_path):
    backup(filled, tmp_path / "b.zip")
    with pytest.raises(StoreError, match="not empty"):
        restore(tmp_path / "b.zip", filled.folder)
    with pytest.raises(StoreError, match="exists already"):
        backup(filled, tmp_path / "b.zip")
    assert verify(filled).problems == ()


def damaged(path, out, change):
    """A copy of an archive whose entries went through `change(name, data)`; None leaves one out."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            changed = change(name, source.read(name))
            if changed is not None:
                target.writestr(*changed)


def without_index(name, data):
    return None if name == "backup.json" else (name, data)


def without_a_photo(name, data):
    return None if name.startswith("photos/") else (name, data)


def with_another_photo(name, data):
    return name, (data[:-1] + b"?" if name.startswith("photos/") else data)


def of_a_newer_format(name, data):
    return name, (json.dumps({**json.loads(data), "format": 99}) if name == "backup.json" else data)


def without_database(name, data):
    index = json.loads(data) if name == "backup.json" else None
    if index:
        index["files"].pop("catalog.sqlite")
    return name, (json.dumps(index) if index else data)


def with_a_way_out(name, data):
    if name != "backup.json":
        return name, data
    index = json.loads(data)
    index["files"]["../out"] = {"bytes": 0, "sha256": photo_sha256(b"")}
    return name, json.dumps(index)


@pytest.mark.parametrize(
    "change, said",
    [
        (without_index, "cut off"),
        (without_a_photo, "cannot be restored|damaged"),
        (with_another_photo, "damaged"),
        (of_a_newer_format, "format 99"),
        (without_database, "without a database"),
        (with_a_way_out, "not a file of a store"),
    ],
)
def test_a_damaged_backup_is_refused_and_leaves_nothing(filled, tmp_path, change, said):
    backup(filled, tmp_path / "b.zip")
    place = tmp_path / "place"
    place.mkdir()
    damaged(tmp_path / "b.zip", tmp_path / "bad.zip", change)
    with pytest.raises(StoreError, match=said):
        restore(tmp_path / "bad.zip", place / "again")
    assert list(place.iterdir()) == [] and not (tmp_path / "out").exists()


def test_a_file_that_is_cut_off_or_no_archive_is_refused(filled, tmp_path):
    backup(filled, tmp_path / "b.zip")
    data = (tmp_path / "b.zip").read_bytes()
    for cut in (0, 100, len(data) - 10):
        (tmp_path / "cut.zip").write_bytes(data[:cut])
        with pytest.raises(StoreError, match="cannot be restored"):
            restore(tmp_path / "cut.zip", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_store_whose_photo_is_damaged_gives_no_backup(filled, tmp_path):
    [path, *_] = (path for path in (filled.folder / "photos").rglob("*") if path.is_file())
    path.write_bytes(b"other")
    with pytest.raises(StoreError, match="damaged"):
        backup(filled, tmp_path / "b.zip")
    assert [path.name for path in tmp_path.iterdir() if "b.zip" in path.name] == []


def test_photo_files_that_nothing_needs_are_told_and_collected(filled):
    filled.photos.add(b"left by a crash")
    assert check_store(filled).orphans == (photo_sha256(b"left by a crash"),)
    assert collect(filled) == 1 and collect(filled) == 0
    assert check_store(filled).orphans == () == verify(filled).problems


def test_half_written_files_go_after_a_day_and_whole_ones_stay(filled):
    folder = filled.folder / "photos" / "ab"
    folder.mkdir(exist_ok=True)
    old, new = folder / ".abcd.12345678.tmp", folder / ".abce.12345678.tmp"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 100_000,) * 2)
    collect(filled)
    assert new.exists() and not old.exists() and verify(filled).problems == ()


def test_a_photo_without_a_code_and_a_reference_to_nothing_are_problems(filled):
    with filled.changing() as session:
        session.execute(text("DELETE FROM codes WHERE row_id = 2"))
        session.execute(text("UPDATE codes SET code = x'00' WHERE row_id = 4"))
        session.execute(text("UPDATE coins SET retired = 1 WHERE class_id = 3"))
    found = "\n".join(check_store(filled).problems)
    assert "photo 2 and 0 more have no code" in found and "photo 4 and 0 more have a code that is not 64" in found
    assert "photo 5 is live and its class is retired" in found


def test_models_that_are_kept_and_damaged_are_a_problem(filled, models, space):
    keep_models(filled, models)
    assert check_store(filled).problems == ()
    (filled.models_folder(space) / "embedder.int8.tflite").write_bytes(b"other")
    [problem] = check_store(filled).problems
    assert "embedder.int8.tflite: missing or damaged" in problem
