"""Jobs of each kind, from the queue to what they leave."""

import os
import shutil
import time

import pytest

from catalog_server.curation import kept_encodings
from catalog_server.curation.encoding import keep_models
from catalog_server.curation.import_check import read_checked
from catalog_server.curation.spaces import list_spaces
from catalog_server.jobs.kinds import (
    handlers,
    new_staging_folder,
    staged_folder,
    submit_check,
    submit_import,
    submit_publish,
    submit_reembed,
    sweep_staging,
)
from catalog_server.jobs.queue import Worker, cancel_job, find_job
from catalog_server.publishing.served import current_index
from catalog_server.store.audit import audit_entries
from coindex.errors import ManifestError, StoreError
from coindex.models import read_index


@pytest.fixture(autouse=True)
def without_nets(monkeypatch, encoder):
    monkeypatch.setattr("catalog_server.curation.encoding.load_models", lambda folder: object())
    monkeypatch.setattr("catalog_server.curation.encoding.encode_photo", lambda photo, models, **_: encoder(photo))


@pytest.fixture
def upload(store, models, collection, monkeypatch):
    """A staging folder in which the collection lies, in a store that keeps its models."""
    keep_models(store, models)
    monkeypatch.setattr("catalog_server.curation.encoding.DEFAULT_FOLDER", models)
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


def test_an_import_under_which_the_models_change_says_so_without_a_path_of_the_server(
    store, upload, encoder, monkeypatch
):
    again = shutil.copytree(upload, new_staging_folder(store), dirs_exist_ok=True)
    submit_import(store, upload, actor="user:ann")
    run(store)
    job_id = submit_import(store, again, actor="user:ann")
    monkeypatch.setattr("catalog_server.jobs.kinds.live_encoders", lambda store: {"e" * 16: encoder})
    run(store)
    job = find_job(store, job_id)
    assert job.state == "failed" and "models changed" in job.message and "import them again" in job.message
    assert str(store.folder) not in job.message and "--" not in job.message
    assert rows(store) == 6 and not again.exists()


def test_bad_photos_are_left_out_where_asked_and_named(store, upload):
    (upload / "album" / "3.png").write_bytes(b"no image")
    job_id = submit_import(store, upload, actor="user:ann", skip_bad=True)
    run(store)
    job = find_job(store, job_id)
    assert job.state == "done" and rows(store) == 5 and "3.png" in job.detail["skipped"][0]


def test_an_import_cancelled_at_its_last_moment_leaves_nothing(store, upload, monkeypatch):
    from catalog_server.curation import importer

    job_id = submit_import(store, upload, actor="user:ann")
    encode_all = importer.encode_all

    def encode_and_cancel(*arguments, **options):
        batch = encode_all(*arguments, **options)
        cancel_job(store, job_id, actor="user:bob")
        return batch

    monkeypatch.setattr(importer, "encode_all", encode_and_cancel)
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


def test_an_upload_is_looked_at_before_it_is_imported(store, upload):
    (upload / "album" / "3.png").write_bytes(b"no image")
    job_id = submit_check(store, upload, actor="user:ann")
    run(store)
    job = find_job(store, job_id)
    assert job.message == "5 photos would come, 3 new coin sides, 1 line cannot be used"
    assert rows(store) == 0 and list(store.photos.names()) == [] and staged_folder(store, job) == upload
    checked = read_checked(upload)
    assert (checked.new, checked.there, checked.new_classes) == (5, 0, 3)
    assert [each.photos for each in checked.classes] == [2, 1, 2] and "3.png: not an image" in checked.problems[0]
    submit_import(store, upload, actor="user:ann", skip_bad=True)
    run(store)
    assert rows(store) == 5 and staged_folder(store, job) is None


def test_what_was_looked_at_is_not_encoded_again(store, upload, monkeypatch):
    encoded = []
    encode_file = kept_encodings.encode_file
    monkeypatch.setattr(kept_encodings, "encode_file", lambda *given: (encoded.append(1), encode_file(*given))[1])
    submit_check(store, upload, actor="user:ann")
    run(store)
    assert len(encoded) == 6
    submit_import(store, upload, actor="user:ann")
    run(store)
    assert rows(store) == 6 and len(encoded) == 6


def test_an_import_whose_server_died_goes_on_where_it_was(store, upload, monkeypatch):
    encoded = []
    encode_file = kept_encodings.encode_file

    def encode_until_death(*given):
        if len(encoded) == 4:
            raise KeyboardInterrupt
        encoded.append(1)
        return encode_file(*given)

    monkeypatch.setattr(kept_encodings, "encode_file", encode_until_death)
    monkeypatch.setattr("catalog_server.curation.encoding.encoding_threads", lambda: 1)  # one thread: in order
    job_id = submit_import(store, upload, actor="user:ann")
    with pytest.raises(KeyboardInterrupt):
        run(store)
    assert find_job(store, job_id).state == "running" and rows(store) == 0
    monkeypatch.setattr(kept_encodings, "encode_file", lambda *given: (encoded.append(1), encode_file(*given))[1])
    run(store)
    assert find_job(store, job_id).state == "done" and rows(store) == 6 and len(encoded) == 6


def test_facts_that_an_upload_would_change_are_told(store, upload, collection):
    submit_import(store, upload, actor="user:ann")
    run(store)
    again = new_staging_folder(store)
    for row in collection.rows:
        row["metal"] = "tin"
    collection.read()
    shutil.copytree(collection.folder, again / "album")
    submit_check(store, again, actor="user:ann")
    run(store)
    checked = read_checked(again)
    assert (checked.new, checked.there) == (0, 6)
    assert [each.facts for each in checked.classes] == [(("metal", "", "tin"),)] * 3


def test_what_could_not_be_imported_is_told_by_the_look(store, upload, collection):
    collection.rows[0]["design"] = "lion"
    collection.read()
    again = new_staging_folder(store)
    shutil.copytree(collection.folder, again / "album")
    submit_check(store, again, actor="user:ann")
    run(store)
    assert "a class has one design" in read_checked(again).refused
    with pytest.raises(StoreError, match="not a staging folder"):
        submit_check(store, collection.folder, actor="user:ann")


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
