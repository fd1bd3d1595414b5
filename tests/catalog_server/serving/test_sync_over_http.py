"""The whole path: import, publish, serve, sync, and search with the server stopped."""

import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from catalog_server import signing
from catalog_server.curation.coins import retire_coin
from catalog_server.curation.importer import import_photos
from catalog_server.publishing.publish import publish
from coindex.catalog import open_catalog
from coindex.errors import CatalogError, ReleaseRejected, SyncError
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
    with serve(store) as url, pytest.raises(SyncError, match="has published a release"):
        sync(url, tmp_path / "home")


@contextmanager
def watched(url):
    """The address of a relay to a server, and what goes through it both ways."""
    host, port = url.removeprefix("http://").split(":")
    seen = {"up": b"", "down": b""}
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source, target, way):
        while data := source.recv(1 << 16):
            seen[way] += data
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    def run():
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection((host, int(port)))
            threading.Thread(target=pump, args=(near, far, "up"), daemon=True).start()
            threading.Thread(target=pump, args=(far, near, "down"), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
    finally:
        listener.close()


def test_nothing_new_is_two_requests_and_two_kilobytes_with_all_headers(filled, models, serve, tmp_path):
    publish(filled, models)
    with serve(filled) as url:
        sync(url, tmp_path / "home")
        with watched(url) as (relay, seen):
            assert sync(relay, tmp_path / "home").up_to_date
    asked = [line.split()[1] for line in seen["up"].split(b"\r\n") if line.endswith(b"HTTP/1.1")]
    assert asked == [b"/releases/metadata/2.root.json", b"/releases/metadata/timestamp.json"]
    total = len(seen["up"]) + len(seen["down"])
    print(f"\nnothing new: {len(seen['up'])} bytes up, {len(seen['down'])} bytes down")
    assert total <= 2000


def test_a_rollback_of_the_served_files_is_refused_and_the_catalogue_kept(filled, models, serve, tmp_path):
    publish(filled, models)
    metadata = filled.releases / "metadata"
    old = (metadata / "timestamp.json").read_bytes()
    retire_coin(filled, 2, actor="test")
    publish(filled, models)
    with serve(filled) as url:
        sync(url, tmp_path / "home")
        (metadata / "timestamp.json").write_bytes(old)
        with pytest.raises(ReleaseRejected, match="older than"):
            sync(url, tmp_path / "home")
    assert open_catalog(tmp_path / "home").manifest.version == 2


def test_a_signature_that_is_changed_on_the_server_is_refused(filled, models, serve, tmp_path):
    publish(filled, models)
    path = filled.releases / "metadata" / "1.targets.json"
    path.write_bytes(path.read_bytes().replace(b'"sig":"', b'"sig":"0', 1))
    with serve(filled) as url, pytest.raises(ReleaseRejected, match="longer than"):
        sync(url, tmp_path / "home")
    with pytest.raises(CatalogError, match="coindex sync URL"):
        open_catalog(tmp_path / "home")


def test_a_phone_follows_new_keys_and_a_renewed_timestamp(filled, models, serve, tmp_path):
    publish(filled, models)
    ring = signing.read_keys(filled.folder / "keys")
    with serve(filled) as url:
        sync(url, tmp_path / "home")
        for role in signing.ROLES:
            ring = signing.rotate(filled.releases, ring, [role])
            assert sync(url, tmp_path / "home").up_to_date
        soon = datetime.now(UTC) + timedelta(days=4)
        assert signing.renew(filled.releases, ring, now=soon) == ("timestamp",)
        assert sync(url, tmp_path / "home").up_to_date
