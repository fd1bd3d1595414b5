"""The photos of a store in S3, over a socket."""

import pytest
from s3_server import bucket
from sqlalchemy import func, select

from catalog_server.curation.importer import import_photos
from catalog_server.publishing.publish import publish
from catalog_server.publishing.verify import verify
from catalog_server.store import PhotoRow, open_store
from catalog_server.store.backup import backup, restore
from catalog_server.store.photo_files import photo_files, photo_sha256
from coindex.errors import StoreError


@pytest.fixture
def elsewhere(bucket_url, tmp_path):
    """A store whose photos lie in a bucket."""
    store = open_store(tmp_path / "store", create=True, photos_url=bucket_url)
    yield store
    store.close()


def another_machine(tmp_path, url):
    """The bucket as a process beside this one sees it, which shares no memory."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    return photo_files(tmp_path, url)


def test_what_another_machine_does_is_seen(tmp_path, bucket_url):
    here, there = photo_files(tmp_path, bucket_url), another_machine(tmp_path, bucket_url)
    here.add(b"one")
    assert list(there.names()) == list(here.names()) == [photo_sha256(b"one")]
    there.remove(photo_sha256(b"one"))
    assert list(here.names()) == []
    here.add(b"one")
    assert there.get(photo_sha256(b"one")) == b"one"


def test_a_damaged_photo_is_told(tmp_path, bucket_url):
    import s3fs

    photos = photo_files(tmp_path, bucket_url)
    photos.add(b"one")
    name = photo_sha256(b"one")
    s3fs.S3FileSystem(skip_instance_cache=True).pipe_file(f"{bucket_url}/{name[:2]}/{name}", b"two")
    with pytest.raises(StoreError, match="damaged"):
        photos.get(name)


def test_a_store_imports_publishes_and_is_backed_up_and_restored_with_its_photos_there(
    elsewhere, collection, encoder, space, models, tmp_path, s3
):
    import_photos(elsewhere, collection.read(), encoder, space_id=space, actor="test")
    assert not (tmp_path / "store" / "photos").exists()
    assert len(list(elsewhere.photos.names())) == 6
    assert publish(elsewhere, models).version == 1
    backup(elsewhere, tmp_path / "b.zip")
    with bucket(s3) as another:
        restore(tmp_path / "b.zip", tmp_path / "again", photos_url=another)
        again = open_store(tmp_path / "again", photos_url=another)
        assert verify(again).photos == 6 and verify(again).problems == ()
        again.close()


def test_an_import_into_a_bucket_that_is_gone_changes_nothing(elsewhere, collection, encoder, space, bucket_url):
    import s3fs

    import_photos(elsewhere, collection.read(last=1), encoder, space_id=space, actor="test")
    s3fs.S3FileSystem(skip_instance_cache=True).rm(bucket_url.removesuffix("/photos"), recursive=True)
    with pytest.raises(StoreError, match="cannot be written; the store is unchanged"):
        import_photos(elsewhere, collection.read(), encoder, space_id=space, actor="test")
    with elsewhere.reading() as session:
        assert session.scalar(select(func.count(PhotoRow.row_id))) == 1
