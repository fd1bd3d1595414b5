"""The store: its tables, what it takes over from earlier versions, and its photo files."""

import re
import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from catalog_server.store import CoinRow, Meta, PhotoRow, ReleaseRow, open_store
from catalog_server.store.photo_files import LocalPhotos, photo_files, photo_sha256
from catalog_server.store.store import HEAD
from catalog_server.store.tables import Base
from coindex.errors import StoreError

SCHEMA_2 = """
CREATE TABLE coins (class_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, country VARCHAR NOT NULL, currency VARCHAR
 NOT NULL, denomination VARCHAR NOT NULL, variant VARCHAR NOT NULL, side VARCHAR NOT NULL, name VARCHAR NOT NULL,
 design VARCHAR NOT NULL, retired BOOLEAN NOT NULL, created VARCHAR NOT NULL, CHECK (class_id <= 4294967295));
CREATE UNIQUE INDEX one_live_class_a_label ON coins (country, currency, denomination, variant, side) WHERE retired = 0;
CREATE TABLE photos (row_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, class_id INTEGER NOT NULL, photo_sha256 VARCHAR
 NOT NULL, source VARCHAR NOT NULL, specimen VARCHAR NOT NULL, year VARCHAR NOT NULL, space_id VARCHAR NOT NULL,
 code BLOB NOT NULL, thumbnail BLOB NOT NULL, retired BOOLEAN NOT NULL, created VARCHAR NOT NULL,
 CHECK (row_id <= 4294967295), FOREIGN KEY(class_id) REFERENCES coins (class_id));
CREATE INDEX ix_photos_class_id ON photos (class_id);
CREATE UNIQUE INDEX one_row_a_photo_and_class ON photos (class_id, photo_sha256);
CREATE TABLE releases (version INTEGER NOT NULL PRIMARY KEY, created VARCHAR NOT NULL, space_id VARCHAR NOT NULL,
 state_hash VARCHAR NOT NULL, rows INTEGER NOT NULL, classes INTEGER NOT NULL, recall_at_1 FLOAT, override VARCHAR);
CREATE TABLE meta (name VARCHAR NOT NULL PRIMARY KEY, value VARCHAR NOT NULL);
INSERT INTO meta VALUES ('schema', '2'), ('space_id', 'abcd');
INSERT INTO coins VALUES (3, 'Utopia', 'mark', '1', '', 'obverse', 'Utopia 1 mark', 'oak', 0, '2026-01-01T00:00:00Z');
INSERT INTO coins VALUES (5, 'Utopia', 'mark', '2', '', 'obverse', 'Utopia 2 mark', '', 1, '2026-01-02T00:00:00Z');
INSERT INTO photos VALUES (7, 3, 'aa', 'a.jpg', 's1', '1901', 'abcd', CODE_7, x'01', 0, '2026-01-01T00:00:00Z');
INSERT INTO photos VALUES (8, 5, 'bb', 'b.jpg', 's2', '1902', 'abcd', CODE_8, x'02', 1, '2026-01-02T00:00:00Z');
INSERT INTO photos VALUES (9, 3, 'cc', 'c.jpg', '', '', 'abcd', CODE_9, x'03', 0, '2026-01-03T00:00:00Z');
INSERT INTO releases VALUES (4, '2026-01-04T00:00:00Z', 'abcd', 'ff', 2, 1, NULL, NULL);
DELETE FROM photos WHERE row_id = 9;
"""
"""As version 0.1 made it, with a last row that is gone: its id must not come again."""


def make_old(folder, sql=SCHEMA_2):
    folder.mkdir()
    with sqlite3.connect(folder / "catalog.sqlite") as database:
        database.executescript(re.sub(r"CODE_(\d)", lambda found: f"x'{'00' * 63}0{found[1]}'", sql))
    database.close()


def test_a_store_of_schema_2_is_taken_over_and_nothing_is_lost(tmp_path):
    make_old(tmp_path / "old")
    store = open_store(tmp_path / "old")
    with store.reading() as session:
        assert store.space_id(session) == "abcd" == store.live_spaces(session)[0]
        state = store.state(session)
        assert state.rows.row_ids.tolist() == [7] and state.rows.codes.tolist() == [[0] * 63 + [7]]
        assert state.records[3].design == "oak"
        old = session.get(PhotoRow, 8)
        assert (old.source, old.specimen, old.year, old.thumbnail) == ("b.jpg", "s2", "1902", b"\x02")
        assert old.retired and old.retired_with_coin and old.coin.retired
        assert old.codes[0].code == bytes([*[0] * 63, 8])
        assert (old.coin.revision, old.coin.updated) == (1, "2026-01-02T00:00:00Z")
        assert session.get(ReleaseRow, 4).state_hash == "ff"
    store.close()
    again = open_store(tmp_path / "old")
    with again.changing() as session:
        new = PhotoRow(class_id=3, photo_sha256="dd", source="", specimen="", year="", thumbnail=b"", created="")
        session.add(new)
        session.flush()
        assert new.row_id == 10
    again.close()


def test_a_store_of_schema_1_is_taken_over(tmp_path):
    first = SCHEMA_2.replace(", recall_at_1 FLOAT, override VARCHAR", "").replace(", NULL, NULL);", ");")
    make_old(tmp_path / "old", first.replace("('schema', '2')", "('schema', '1')"))
    store = open_store(tmp_path / "old")
    with store.reading() as session:
        assert session.get(ReleaseRow, 4).recall_at_1 is None
    store.close()


def test_a_store_without_facts_gets_them_and_names_that_do_not_repeat_themselves(tmp_path):
    store = open_store(tmp_path / "new", create=True)
    with store.changing() as session:
        for number, name in enumerate(("zl1", "2"), start=1):
            label = {"country": "Poland", "currency": "zloty", "denomination": name, "variant": "", "side": "obverse"}
            session.add(CoinRow(class_id=number, **label, name=f"Poland {name} zloty", design="", created="", facts={}))
        session.flush()
        for later in (
            "work_parts",
            "pack_countries",
            "packs",
            "resets",
            "confirmed",
            "step_changes",
            "steps",
            "proposal_photos",
            "proposals",
        ):
            session.execute(text(f"DROP TABLE {later}"))
        session.execute(text("DROP INDEX photos_of_a_class"))
        later_columns = [("coins", each) for each in ("facts", "words", "pack_id")]
        later_columns += [("users", each) for each in ("second_factor", "second_factor_step")]
        for table, column in later_columns:
            session.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))
        session.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    store.close()
    again = open_store(tmp_path / "new")
    with again.reading() as session:
        coins = session.query(CoinRow).order_by(CoinRow.class_id).all()
        found = [(coin.name, coin.facts) for coin in coins]
        assert "zloty" in coins[0].words
    again.close()
    assert found == [("Poland zl1", {}), ("Poland 2 zloty", {})]


def test_a_database_is_copied_before_its_tables_change_and_a_new_one_is_not(tmp_path):
    open_store(tmp_path / "new", create=True).close()
    assert not list((tmp_path / "new").glob("*.before-*"))
    make_old(tmp_path / "old", SCHEMA_2)
    before = table_names(tmp_path / "old" / "catalog.sqlite")
    open_store(tmp_path / "old").close()
    [copy] = (tmp_path / "old").glob("*.before-*")
    assert copy.name == f"catalog.sqlite.before-{HEAD}" and copy.stat().st_mode & 0o777 == 0o600
    assert table_names(copy) == before != table_names(tmp_path / "old" / "catalog.sqlite")
    copy.unlink()
    open_store(tmp_path / "old").close()
    assert not copy.exists(), "there was nothing to change"


def test_where_the_database_cannot_be_copied_nothing_changes(tmp_path, monkeypatch):
    make_old(tmp_path / "old", SCHEMA_2)

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("catalog_server.store.store.private_file", full)
    before = table_names(tmp_path / "old" / "catalog.sqlite")
    with pytest.raises(StoreError, match="cannot be copied before"):
        open_store(tmp_path / "old")
    assert table_names(tmp_path / "old" / "catalog.sqlite") == before


def table_names(path):
    with sqlite3.connect(path) as database:
        found = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    database.close()
    return found


def test_an_older_coindex_would_refuse_the_store_by_name(tmp_path):
    store = open_store(tmp_path / "new", create=True)
    with store.reading() as session:
        assert session.get(Meta, "schema").value == "3"
    store.close()


def test_the_migrations_lead_to_the_tables_that_the_code_knows(any_store):
    from alembic.script import ScriptDirectory

    assert ScriptDirectory("catalog_server/store/migrations").get_current_head() == HEAD
    with any_store.reading() as session:
        assert compare_metadata(MigrationContext.configure(session.connection()), Base.metadata) == []


def test_a_newer_store_is_refused_and_not_copied(tmp_path):
    store = open_store(tmp_path / "new", create=True)
    with store.changing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreError, match=r"layout 9999.*update coindex"):
        open_store(tmp_path / "new")
    assert not list((tmp_path / "new").glob("*before*"))


def test_a_migration_that_fails_leaves_the_old_store_as_it_was(tmp_path):
    make_old(tmp_path / "old", SCHEMA_2 + "CREATE TABLE jobs (job_id INTEGER);")
    with pytest.raises(StoreError, match="jobs"):
        open_store(tmp_path / "old")
    with sqlite3.connect(tmp_path / "old" / "catalog.sqlite") as database:
        names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert "codes" not in names and "alembic_version" not in names
        assert database.execute("SELECT count(code) FROM photos").fetchone() == (2,)
    database.close()


def test_a_reader_is_unmoved_by_a_change_and_a_failed_change_is_none(any_store):
    store = any_store
    count = text("SELECT count(*) FROM meta")
    with store.reading() as session:
        assert session.scalar(count) == 1
        with store.changing() as change:
            change.add(Meta(name="a", value="b"))
        assert session.scalar(count) == 1
    with pytest.raises(KeyError), store.changing() as change:
        change.add(Meta(name="c", value="d"))
        change.flush()
        raise KeyError
    with store.reading() as session:
        assert session.scalar(count) == 2


def test_who_reads_cannot_change_on_postgresql(any_store):
    if not any_store.on_postgres:
        pytest.skip("SQLite has no transactions that only read")
    with pytest.raises(StoreError, match="read-only"), any_store.reading() as session:
        session.add(Meta(name="a", value="b"))
        session.flush()


def test_a_database_that_is_not_there_is_told_without_its_password(tmp_path):
    url = "postgresql://coindex:sesame@127.0.0.1:9/nothing"
    with pytest.raises(StoreError, match=r"127\.0\.0\.1") as caught:
        open_store(tmp_path / "new", create=True, database_url=url)
    assert "sesame" not in str(caught.value)


def test_a_postgresql_database_without_tables_is_no_store_until_one_is_made(tmp_path, database_url):
    with pytest.raises(StoreError, match="no store here"):
        open_store(tmp_path / "new", database_url=database_url)
    open_store(tmp_path / "new", create=True, database_url=database_url).close()
    open_store(tmp_path / "new", database_url=database_url).close()


@pytest.fixture(params=["folder", "file", "memory", "s3"])
def photos(request, tmp_path):
    urls = {"folder": None, "file": f"file://{tmp_path}/elsewhere", "memory": f"memory://{tmp_path.name}/photos"}
    url = request.getfixturevalue("bucket_url") if request.param == "s3" else urls[request.param]
    return photo_files(tmp_path / "photos", url)


def test_a_photo_is_kept_once_by_its_content_wherever_it_lies(photos):
    assert list(photos.names()) == []
    for _ in range(2):
        photos.add(b"one")
    photos.add(b"two")
    assert sorted(photos.names()) == sorted(map(photo_sha256, (b"one", b"two")))
    assert photos.get(photo_sha256(b"one")) == b"one"
    for _ in range(2):
        photos.remove(photo_sha256(b"one"))
    assert list(photos.names()) == [photo_sha256(b"two")]
    with pytest.raises(StoreError, match="cannot be read"):
        photos.get(photo_sha256(b"one"))


@pytest.mark.parametrize("url", [None, "file"])
def test_a_damaged_photo_is_told_wherever_it_lies(tmp_path, url):
    photos = photo_files(tmp_path / "photos", url and f"file://{tmp_path}/photos")
    photos.add(b"one")
    name = photo_sha256(b"one")
    (tmp_path / "photos" / name[:2] / name).write_bytes(b"two")
    with pytest.raises(StoreError, match="damaged"):
        photos.get(name)


def test_what_a_crash_left_is_no_photo(tmp_path):
    photos = LocalPhotos(tmp_path)
    photos.add(b"one")
    name = photo_sha256(b"one")
    (tmp_path / name[:2] / f".{name}.12345678.tmp").write_bytes(b"on")
    assert list(photos.names()) == [name]


@pytest.mark.parametrize("url", ["nosuchscheme://bucket", "gcs://bucket"])
def test_a_photo_url_that_cannot_be_used_is_refused_with_its_reason(tmp_path, url):
    with pytest.raises(StoreError, match=r"COINDEX_PHOTOS_URL.*docs/store.md"):
        photo_files(tmp_path, url)


@pytest.mark.parametrize("url", ["mysql://here/db", "no url", "sqlite:///x"])
def test_a_database_that_is_not_postgresql_is_refused(tmp_path, url):
    with pytest.raises(StoreError, match=r"COINDEX_DATABASE_URL.*postgresql://"):
        open_store(tmp_path / "new", create=True, database_url=url)
