"""The served release in one file."""

import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from tuf.api.metadata import Metadata, Timestamp

from catalog_server.curation.coins import edit_coin
from catalog_server.publishing.bundle import bundle
from catalog_server.publishing.publish import publish
from catalog_server.publishing.served import current_index, targets_folder
from catalog_server.signing import current, fingerprints
from coindex.catalog import open_catalog
from coindex.errors import StoreError, SyncError
from coindex.sync import sync


@pytest.fixture
def published(filled, models):
    publish(filled, models)
    return filled


def test_a_device_without_a_network_has_what_one_with_a_network_has(published, serve, tmp_path):
    report = bundle(published, tmp_path / "coins.zip")
    assert (report.version, report.bytes) == (1, (tmp_path / "coins.zip").stat().st_size)
    assert report.root_fingerprint == fingerprints(published.releases)[0]
    sync(str(tmp_path / "coins.zip"), tmp_path / "offline")
    with serve(published) as url:
        sync(url, tmp_path / "online")
    offline, online = open_catalog(tmp_path / "offline"), open_catalog(tmp_path / "online")
    assert offline.manifest == online.manifest and offline.records == online.records


def test_a_later_bundle_leads_on_and_an_earlier_one_does_not_lead_back(published, models, tmp_path):
    first = tmp_path / "1.zip"
    bundle(published, first)
    edit_coin(published, 1, revision=1, actor="test", facts={"metal": "tin"})
    publish(published, models)
    second = tmp_path / "2.zip"
    assert bundle(published, second).version == 2
    sync(str(first), tmp_path / "home")
    assert sync(str(second), tmp_path / "home").to_version == 2
    assert open_catalog(tmp_path / "home").records[1].facts == {"metal": "tin"}
    with pytest.raises(SyncError):
        sync(str(first), tmp_path / "home")
    assert open_catalog(tmp_path / "home").manifest.version == 2


def timestamp_of(path):
    with zipfile.ZipFile(path) as archive:
        return Metadata[Timestamp].from_bytes(archive.read("releases/metadata/timestamp.json")).signed


def test_a_bundle_for_months_is_taken_and_the_network_leads_on_from_it(published, models, serve, tmp_path):
    path, before = tmp_path / "coins.zip", datetime.now(UTC)
    report = bundle(published, path, days=90)
    expires = timestamp_of(path).expires
    assert timedelta(days=89) < expires - before < timedelta(days=91)
    assert report.expires == expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert current(published.releases).timestamp.expires - before < timedelta(days=8), "what is served is unchanged"
    sync(str(path), tmp_path / "home")
    with serve(published) as url:
        assert sync(url, tmp_path / "home").up_to_date
        edit_coin(published, 1, revision=1, actor="test", design="oak")
        publish(published, models)
        assert sync(url, tmp_path / "home").to_version == 2


def test_a_bundle_for_months_needs_the_key_of_the_timestamp(published, tmp_path):
    with pytest.raises(StoreError, match="no keys here to sign with"):
        bundle(published, tmp_path / "coins.zip", days=90, keys=tmp_path / "none")
    assert not (tmp_path / "coins.zip").exists()


def test_the_same_release_gives_the_same_bytes(published, tmp_path):
    for name in ("a.zip", "b.zip"):
        bundle(published, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_nothing_published_or_a_damaged_file_gives_no_bundle(filled, models, tmp_path):
    with pytest.raises(StoreError, match="nothing is published"):
        bundle(filled, tmp_path / "coins.zip")
    publish(filled, models)
    target = current_index(filled).targets["records.json"]
    (targets_folder(filled) / target.stored_name).write_bytes(b"x" * target.length)
    with pytest.raises(StoreError, match="damaged or gone"):
        bundle(filled, tmp_path / "coins.zip")
    assert not [path for path in tmp_path.iterdir() if "coins.zip" in path.name]


def test_a_file_that_is_there_is_not_replaced(published, tmp_path):
    (tmp_path / "coins.zip").write_bytes(b"mine")
    with pytest.raises(StoreError, match="exists already"):
        bundle(published, tmp_path / "coins.zip")
    assert (tmp_path / "coins.zip").read_bytes() == b"mine"


def test_the_commands_say_what_they_wrote_and_took(published, command_line, tmp_path):
    code, out, _ = command_line("catalog", "bundle", tmp_path / "coins.zip", "--store", published.folder)
    assert code == 0 and "release 1" in out and "devices accept it until" in out
    code, out, _ = command_line("sync", tmp_path / "coins.zip", "--home", tmp_path / "home")
    assert code == 0 and out.startswith("release 1")
