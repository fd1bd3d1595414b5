"""A store on a disk that is full, or may only be read: nothing changes, it is said so, and reading goes on."""

import errno
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, text

from catalog_server.curation.coins import retire_coin
from catalog_server.curation.many import rename_coins
from catalog_server.curation.quality import find_mistakes, kept_findings
from catalog_server.curation.steps import take_step
from catalog_server.store import PhotoRow, StepRow, open_store
from catalog_server.store.audit import audit_entries
from coindex.catalog import state_hash
from coindex.errors import StoreError

NOBODY = 65534


@contextmanager
def as_nobody():
    """With the rights of a user that has none here; root may write whatever is said to be read-only."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def read_only(filled):
    """The folder of a filled store that nobody may write to."""
    filled.close()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "store"
        shutil.copytree(filled.folder, folder)
        Path(name).chmod(0o755)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield folder
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_read_only_store_is_read_and_says_that_it_cannot_be_changed(read_only):
    with as_nobody():
        store = open_store(read_only)
        with store.reading() as session:
            assert session.query(PhotoRow).count() == 6
            assert store.state(session)
        with pytest.raises(StoreError, match=r"nothing was changed.*read-only: what only reads goes on"):
            retire_coin(store, 1, actor="test")
        with pytest.raises(StoreError, match="read-only"), store.exclusive("running jobs"):
            pass
        store.close()


def test_a_full_database_is_named_so_and_changes_nothing(filled):
    with filled.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
    filled.engine.dispose()
    event.listen(filled.engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(StoreError, match=r"full.*nothing was changed.*make room"), filled.changing() as session:
        photo = session.get(PhotoRow, 1)
        photo.thumbnail = bytes(10**6)
    with filled.reading() as session:
        assert session.query(PhotoRow).count() == 6


def test_a_great_step_on_a_full_disk_changes_nothing(filled):
    with filled.reading() as session:
        before = state_hash(filled.state(session))
    with filled.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
    filled.engine.dispose()
    event.listen(filled.engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(StoreError, match=r"full.*nothing was changed"):
        for field in range(200):  # until there is no page left
            take_step(filled, rename_coins([1, 2, 3], "country", f"Country {field}" + "x" * 180), actor="test")
            with filled.reading() as session:
                before = state_hash(filled.state(session))
    with filled.reading() as session:
        assert state_hash(filled.state(session)) == before
        entries = [entry for entry in audit_entries(session, limit=1000) if entry.action == "step.rename"]
        assert len(entries) == session.query(StepRow).count()


def test_a_search_for_mistakes_on_a_full_disk_leaves_what_the_last_one_found(filled, monkeypatch):
    found = find_mistakes(filled)

    def full(path, data, **_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("catalog_server.curation.quality.write_whole", full)
    with pytest.raises(StoreError, match="No space left"):
        find_mistakes(filled)
    assert kept_findings(filled) == found


def test_an_import_whose_models_find_no_room_has_changed_nothing(
    command_line, collection, models, tmp_path, monkeypatch, encoder
):
    collection.read()
    monkeypatch.setattr("catalog_server.curation.encoding.photo_encoder", lambda *_, **__: encoder)
    folder = tmp_path / "new-store"

    def full(path, data, **_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    manifest = collection.folder / "manifest.csv"
    arguments = ("catalog", "import", manifest, "--store", folder, "--models", models)
    with monkeypatch.context() as patch:
        patch.setattr("catalog_server.curation.encoding.write_whole", full)
        code, _, said = command_line(*arguments)
    assert (code, "No space left" in said) == (1, True)
    store = open_store(folder)
    with store.reading() as session:
        assert session.query(PhotoRow).count() == 0 and store.space_id(session) is None
    assert not list(store.photos.names()) and not list((folder / "models").rglob("*.json"))
    store.close()
    assert command_line(*arguments)[0] == 0
