"""Jobs of each kind, from the queue to what they leave."""

import os
import shutil
import time

import pytest

from catalog_server.audit import audit_entries
from catalog_server.encoding import keep_models
from catalog_server.job_kinds import (
    handlers,
    new_staging_folder,
    submit_import,
    submit_publish,
    submit_reembed,
    sweep_staging,
)
from catalog_server.jobs import Worker, cancel_job, find_job
from catalog_server.publisher import current_index
from catalog_server.spaces import list_spaces
from coindex.errors import ManifestError, StoreError
from coindex.models import read_index


@pytest.fixture(autouse=True)
def without_nets(monkeypatch, encoder):
    monkeypatch.setattr("catalog_server.encoding.load_models", lambda folder: object())
    monkeypatch.setattr("catalog_server.encoding.encode_photo", lambda photo, models, **_: encoder(photo))


@pytest.fixture
def upload(store, models, collection, monkeypatch):
    """A staging folder in which the collection lies, in a store that keeps its models."""
    keep_models(store, models)
    monkeypatch.setattr("catalog_server.encoding.DEFAULT_FOLDER", models)
    collection.read()
    folder = new_staging_folder(store)
    shutil.copytree(collection.folder, folder / "album")
    return folder


def run(store):
    assert Worker(store, handlers()).run_one()


def rows(store):
    with store.reading() as session:
        state = store.state(session)
        return len(state.rows) if state else 0


def test_an_uploaded_folder_is_imported_and_gone(store, upload):
    job_id = submit_import(store, upload, actor="user:ann")
    assert find_job(store, job_id).detail["photos"] == 6
    run(store)
    job = find_job(store, job_id)
    assert (job.state, job.done, job.total) == ("done", 6, 6) and job.message.startswith(
        "6 photos added, 3 new classes"
    )
    assert rows(store) == 6 and not upload.exists()
    with store.reading() as session:
        [entry] = audit_entries(session)
    assert (entry.actor, entry.action, entry.detail["rows"]) == ("user:ann", "import", 6)


def test_an_import_that_fails_says_so_and_leaves_nothing(store, upload):
    (upload / "album" / "3.png").write_bytes(b"no image")
    job_id = submit_import(store, upload, actor="user:ann")
    run(store)
    job = find_job(store, job_id)
    assert job.state == "failed" and "3.png: not an image" in job.message
    assert rows(store) == 0 and not upload.exists() and list(store.photos.names()) == []


def test_bad_photos_are_left_out_where_asked_and_named(store, upload):
    (upload / "album" / "3.png").write_bytes(b"no image")
    job_id = submit_import(store, upload, actor="user:ann", skip_bad=True)
    run(store)
    job = find_job(store, job_id)
    assert job.state == "done" and rows(store) == 5 and "3.png" in job.detail["skipped"][0]


def test_an_import_cancelled_at_its_last_moment_leaves_nothing(store, upload, monkeypatch):
    from catalog_server import importer

    job_id = submit_import(store, upload, actor="user:ann")
    encode_all = importer._encode_all

    def encode_and_cancel(*arguments):
        batch = encode_all(*arguments)
        cancel_job(store, job_id, actor="user:bob")
        return batch

    monkeypatch.setattr(importer, "_encode_all", encode_and_cancel)
    run(store)
    assert find_job(store, job_id).state == "cancelled"
    assert rows(store) == 0 and not upload.exists() and list(store.photos.names()) == []


def test_an_upload_without_a_manifest_or_of_elsewhere_is_refused_at_once(store, upload, tmp_path):
    (upload / "album" / "manifest.csv").unlink()
    with pytest.raises(ManifestError, match=r"has no manifest\.csv"):
        submit_import(store, upload, actor="user:ann")
    with pytest.raises(StoreError, match="not a staging folder"):
        submit_import(store, tmp_path, actor="user:ann")


def test_uploads_that_nobody_took_are_swept_after_a_day(store, upload):
    job_id = submit_import(store, upload, actor="user:ann")
    left, fresh = new_staging_folder(store), new_staging_folder(store)
    for folder in (left, upload):
        os.utime(folder, (time.time() - 100_000,) * 2)
    assert sweep_staging(store) == [left]
    assert fresh.exists() and upload.exists()
    cancel_job(store, job_id, actor="user:ann")
    assert sweep_staging(store) == [upload]


def test_a_publication_is_a_job_too(store, upload):
    submit_import(store, upload, actor="user:ann")
    run(store)
    for said in ("release 1", "nothing changed: release 1 is served"):
        job_id = submit_publish(store, actor="user:ann")
        run(store)
        job = find_job(store, job_id)
        assert (job.state, job.message, job.detail["version"]) == ("done", said, 1)
    assert current_index(store).version == 1


def test_a_re_embedding_is_a_job_for_models_that_the_store_keeps(store, upload, other_models):
    submit_import(store, upload, actor="user:ann")
    run(store)
    new = other_models("new-models", checkpoint="d1" * 32)
    space_id = read_index(new / "models.json").space_id
    with pytest.raises(StoreError, match=f"no models of space {space_id}"):
        submit_reembed(store, space_id, actor="user:ann")
    keep_models(store, new)
    job_id = submit_reembed(store, space_id, actor="user:ann")
    run(store)
    assert find_job(store, job_id).message == "6 photos embedded, 0 had codes already"
    assert [(space.state, space.codes) for space in list_spaces(store)] == [("current", 6), ("preparing", 6)]
